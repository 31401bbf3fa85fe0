"""The store on Redis or Valkey: few function calls, and a server that is known by its identity.

A restart or fail-over is noticed before anything is written: another server means another connection,
and every new connection compares run id and replication id with the adopted ones. So no worker
ever writes a profile it computed from what a server forgot.
"""

import struct
from collections.abc import Awaitable, Iterable, Mapping, Sequence
from typing import Any, TypeVar

import redis.asyncio as redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streams import keys
from streams.store import checks
from streams.store.contract import (
    HISTORY,
    Entry,
    Store,
    Stored,
    StoreError,
    StoreRestarted,
    StoreUnfit,
    Superseded,
    Write,
)
from streams.store.redis_catalogue import RedisCatalogue

CALL_CUSTOMERS = 128  # customers in one function call: bounds how long the server is busy with it (~2 ms)
TIMEOUT_S = 10.0  # of one command; the barrier waits inside it
ROW = struct.Struct(">Hq7I")  # head of a row of `ps_commit`: bucket, wake-up, seven lengths
SET = struct.Struct(">h")  # a set of members in it
NEWS = struct.Struct(">HI")  # head of a customer's news for its history: which row, how many bytes
T = TypeVar("T")


class _OtherServer(RedisError):
    """A connection reached a server with another identity than the adopted one."""


class RedisStore(RedisCatalogue, Store):
    """See `Store`.

    Args:
        url: redis:// or rediss:// address.
        buckets: how many buckets the deployment has.
        replicas: how many replicas must have a write on disk before the barrier lets it pass.
        history: lines kept of a customer's history; 0 = none.
    """

    def __init__(self, url: str, buckets: int, *, replicas: int = 0, history: int = HISTORY) -> None:
        self.buckets = buckets
        self.history = history
        self.epoch = ""
        self.durable = True
        self.replaced = False
        self._identity: str | None = None
        self._replicas = replicas
        self._url = url
        self._client = redis.Redis.from_url(
            url,
            # A retry hides a restart of the server from us; ours is the only one (processor).
            retry=Retry(NoBackoff(), 0),
            socket_timeout=TIMEOUT_S,
            socket_connect_timeout=2.0,
            redis_connect_func=self._on_connect,
            max_connections=16,
            protocol=2,
        )

    async def _on_connect(self, connection: Any) -> None:
        await connection.on_connect()
        await connection.send_command("INFO", "server", "replication")
        identity = checks.identity(await connection.read_response())
        if self._identity is None:
            self._identity = identity
        elif identity != self._identity:
            self.replaced = True
            raise _OtherServer("the server was restarted or replaced")

    async def adopt(self) -> bool:
        """See `Store`.

        Raises:
            StoreUnfit: policy, version, bucket count or role forbid using this server.
        """
        self._identity = None  # a connection made from here on is welcome whatever server it reaches
        existed: bool = await self._ask(self._adopt())
        return existed

    async def _adopt(self) -> bool:
        self._identity = checks.identity(await self._client.info("server", "replication"))
        self.replaced = False
        report = await checks.inspect(self._client, self.buckets)
        problems = [finding.sentence for finding in report if finding.fatal]
        if problems:
            raise StoreUnfit("; ".join(problems))
        self.durable = not any(finding.name == "waitaof" for finding in report)
        await checks.load_functions(self._client)
        self.epoch, existed = await checks.register(self._client, self.buckets)
        return existed

    async def load(self, customer_ids: Sequence[str]) -> dict[str, Stored]:
        """See `Store`."""
        calls = _calls(customer_ids)
        pipe = self._client.pipeline(transaction=False)
        for ids in calls:
            names = [keys.profile(keys.bucket(cid, self.buckets), cid) for cid in ids]
            pipe.execute_command("FCALL_RO", "ps_load", len(ids), *names)
        out: dict[str, Stored] = {}
        for ids, reply in zip(calls, await self._ask(pipe.execute()), strict=True):
            for i, cid in enumerate(ids):
                out[cid] = Stored(reply[2 * i], reply[2 * i + 1])
        return out

    async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
        """See `Store`."""
        calls = _calls(writes)
        pipe = self._client.pipeline(transaction=False)
        for some in calls:
            news = (self.history, self._news(some))
            pipe.execute_command("FCALL", "ps_commit", *self._commit_args(some), revision, *news)
        replies = await self._ask(pipe.execute())
        if [-1] in replies:
            raise Superseded("something newer is in force")
        return [some[i].customer_id for some, stale in zip(calls, replies, strict=True) for i in stale]

    def _commit_args(self, writes: Sequence[Write]) -> list[Any]:
        """Number of keys, keys and the first two arguments of `ps_commit`."""
        slots: dict[int, int] = {}
        sets: dict[str, int] = {}
        fixed: list[str] = []
        profiles: list[str] = []
        rows: list[bytes] = []
        for customer_id, expect, token, state, doc, wake_ms, changes, members, *_ in writes:
            b = keys.bucket(customer_id, self.buckets)
            slot = slots.get(b)
            if slot is None:
                slot = slots[b] = len(slots)
                fixed += (keys.due(b), keys.outbox(b), keys.revision(b))
            profiles.append(keys.profile(b, customer_id))
            wake = -1 if wake_ms is None else wake_ms
            cid, lines = customer_id.encode(), b"\n".join(changes)
            joins = b""
            for name, is_member in members:
                n = sets.setdefault(keys.members(b, name), len(sets) + 1)
                joins += SET.pack(n if is_member else -n)
            lengths = len(cid), len(expect), len(token), len(state), len(doc), len(lines), len(joins)
            rows += (ROW.pack(slot, wake, *lengths), cid, expect, token, state, doc, lines, joins)
        names = [*fixed, *profiles, *sets]
        return [len(names), *names, b"".join(rows), len(slots)]

    def _news(self, writes: Sequence[Write]) -> bytes:
        """What `ps_commit` is told of histories: nothing of those that stay as they are."""
        out: list[bytes] = []
        for n, write in enumerate(writes):
            lines = write.history
            if lines is None or lines:
                text = b"\n".join(lines) if lines and self.history else b""
                out += (NEWS.pack(n, len(text)), text)
        return b"".join(out)

    async def due(self, buckets: Iterable[int], until_ms: int, limit: int) -> list[str]:
        """See `Store`."""
        names = [keys.due(b) for b in buckets]
        found = await self._ask(self._client.fcall_ro("ps_due", len(names), *names, until_ms, limit))
        return [cid.decode() for cid in found]

    async def outbox(self, buckets: Iterable[int], limit: int) -> list[Entry]:
        """See `Store`."""
        buckets = list(buckets)
        names = [keys.outbox(b) for b in buckets]
        # Through a function: the client would make a dictionary of every entry.
        reply = await self._ask(self._client.fcall_ro("ps_outbox", len(names), *names, limit))
        return [
            Entry(b, entry_id, customer_id.decode(), changes.split(b"\n"))
            for b, found in zip(buckets, reply, strict=True)
            for entry_id, (_, customer_id, _, changes) in found
        ]

    async def delivered(self, entries: Sequence[Entry]) -> None:
        """See `Store`."""
        by_bucket: dict[int, list[bytes]] = {}
        for entry in entries:
            by_bucket.setdefault(entry.bucket, []).append(entry.entry_id)
        args = [arg for ids in by_bucket.values() for arg in (len(ids), *ids)]
        names = [keys.outbox(b) for b in by_bucket]
        await self._ask(self._client.fcall("ps_delivered", len(names), *names, *args))

    async def outbox_size(self) -> int:
        """See `Store`."""
        pipe = self._client.pipeline(transaction=False)
        for b in range(self.buckets):
            pipe.xlen(keys.outbox(b))
        return sum(await self._ask(pipe.execute()))

    async def watermark(
        self, generation: int, offsets: Mapping[str, int | None], *, void_newer: bool = False
    ) -> dict[str, int | None]:
        """See `Store`."""
        if not offsets:
            return {}
        args: list[Any] = [generation, "1" if void_newer else "0"]
        for source, offset in offsets.items():
            args += (source, "" if offset is None else offset)
        reply = await self._ask(self._client.fcall("ps_watermark", 1, keys.WATERMARKS, *args))
        pairs = zip(offsets, reply, strict=True)
        return {source: int(value) if value else None for source, value in pairs if value != b"fenced"}

    async def watermarks(self) -> dict[str, int]:
        """See `Store`."""
        stored = await self._ask(self._client.hgetall(keys.WATERMARKS))
        split = ((source.decode(), value.partition(b":")[0]) for source, value in stored.items())
        return {source: int(offset) for source, offset in split if offset}

    async def barrier(self, timeout_s: float) -> bool:
        """See `Store`.

        WAITAOF speaks for the writes of its own connection, and a write's position in the log covers
        every earlier write of any connection: so a small write first, on the same connection.
        """
        if not self.durable:
            return False
        pipe = self._client.pipeline(transaction=False)
        pipe.hset(keys.META, "barrier", "1")
        pipe.execute_command("WAITAOF", 1, self._replicas, int(timeout_s * 1000))
        local, replicas = (await self._ask(pipe.execute()))[1]
        return bool(local >= 1 and replicas >= self._replicas)

    async def report_clock(self, marks: Mapping[str, tuple[bool, int]]) -> None:
        """See `Store`."""
        if marks:
            mapping: dict[Any, Any] = {
                source: f"{int(done)}:{at_ms}" for source, (done, at_ms) in marks.items()
            }
            await self._ask(self._client.hset(keys.CLOCK, mapping=mapping))

    async def clock(self) -> dict[str, tuple[bool, int]]:
        """See `Store`."""
        stored = await self._ask(self._client.hgetall(keys.CLOCK))
        return {source.decode(): (value[:1] == b"1", int(value[2:])) for source, value in stored.items()}

    async def heartbeat(self, worker: str, now_ms: int, ttl_ms: int) -> list[str]:
        """See `Store`."""
        pipe = self._client.pipeline(transaction=False)
        pipe.zadd(keys.WORKERS, {worker: now_ms + ttl_ms})
        pipe.zremrangebyscore(keys.WORKERS, "-inf", now_ms - 1)
        pipe.zrange(keys.WORKERS, 0, -1)
        return sorted(name.decode() for name in (await self._ask(pipe.execute()))[2])

    async def retire(self, worker: str) -> None:
        """See `Store`."""
        await self._ask(self._client.zrem(keys.WORKERS, worker))

    async def close(self) -> None:
        """See `Store`."""
        await self._client.aclose()

    async def _ask(self, question: Awaitable[Any]) -> Any:
        """Await a reply; what the client raises becomes one of our errors, without payloads in its text."""
        try:
            return await question
        except _OtherServer as error:
            raise StoreRestarted(str(error)) from None
        except (TimeoutError, RedisError, OSError) as error:
            # A pipeline's error begins with the command, that is with somebody's profile.
            said = str(error).rpartition("of pipeline caused error: ")[2]
            raise StoreError(f"{checks.address(self._url)}: {type(error).__name__}: {said}") from None


def _calls(items: Sequence[T]) -> list[Sequence[T]]:
    """What goes into one function call each."""
    return [items[i : i + CALL_CUSTOMERS] for i in range(0, len(items), CALL_CUSTOMERS)]
