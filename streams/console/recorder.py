"""Follows what goes out on Kafka and keeps bounded counts of it in the store; one console at a time does.

Offsets move with the counts, in one transaction that fails where somebody else has moved them: a restart, a
store that went back and a second recorder all go on where the counts stand.
"""

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict, deque
from collections.abc import Awaitable
from typing import Any

import orjson
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from redis.exceptions import ResponseError, WatchError

from streams import keys
from streams.config import Config
from streams.console.answers import STORE_AWAY
from streams.console.known import wall_ms
from streams.console.moves import KEPT, LATE, is_late, steps_of
from streams.console.notes import Change, Notes, Row, letter, net
from streams.population.lease import Lease
from streams.topics import DEAD_LETTER, TAG_CHANGES

log = logging.getLogger(__name__)
FEED = 2_000  # tag changes kept for the feed
SAMPLES = 5  # dead letters kept of each reason
LEASE_S = 10.0
AGAIN_S = 1.0
MOST_RECORDS = 2_000  # of one round
SMALL = 50_000  # records of a partition that are all read where nothing was read before
DAY_MS = 24 * 3_600_000


class Moved(Exception):
    """The counts stand elsewhere than believed."""


class Leases:
    """The recorder's lease in the store, as `Lease` wants it."""

    def __init__(self, client: Any) -> None:
        self._client = client

    async def lease(self, holder: str, ttl_ms: int) -> bool:
        """See `Store`; nobody holds it as long as no worker has used the store."""
        try:
            return bool(await self._client.fcall("ps_lease", 1, keys.console("lease"), holder, ttl_ms))
        except ResponseError:
            return False


class Recorder:
    """See above.

    Args:
        config: brokers.
        client: asyncio Redis client.
    """

    def __init__(self, config: Config, client: Any) -> None:
        self.lease = Lease(Leases(client), LEASE_S)
        self._config, self._client = config, client
        self._at: dict[TopicPartition, int] = {}

    async def run(self) -> None:
        """Until cancelled."""
        try:
            while True:
                try:
                    if await self.lease.take():
                        await self._record()
                except Moved:
                    log.info("the counts were moved by another console")
                except (*STORE_AWAY, KafkaError) as error:
                    log.info("recording waits: %s", type(error).__name__)
                await asyncio.sleep(AGAIN_S)
        finally:
            await asyncio.shield(_quietly(self.lease.let_go()))

    async def _record(self) -> None:
        """As long as the lease is ours."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._config.brokers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=self._config.fetch_wait_ms,
        )
        notes = Notes()
        try:
            await consumer.start()
            self._at = await self._begin(consumer)
            renewed_s = asyncio.get_running_loop().time()
            while True:
                now_s = asyncio.get_running_loop().time()
                if now_s - renewed_s > LEASE_S / 3:
                    if not await self.lease.take():
                        return
                    renewed_s = now_s
                found = await consumer.getmany(timeout_ms=250, max_records=MOST_RECORDS)
                if found:
                    await self._take(notes, found)
        finally:
            await consumer.stop()

    async def _begin(self, consumer: Any) -> dict[TopicPartition, int]:
        """Assign everything, each partition from where the counts stand; gives these offsets."""
        parts = {topic: await _partitions(consumer, topic) for topic in (TAG_CHANGES, DEAD_LETTER)}
        tps = [TopicPartition(topic, p) for topic, some in parts.items() for p in some]
        if not tps:
            raise KafkaError("the topics are still to be created")
        consumer.assign(tps)
        stored = await self._client.hgetall(keys.console("at"))
        known = {tp: int(stored[_name(tp)]) for tp in tps if _name(tp) in stored}
        unknown = [tp for tp in tps if tp not in known]
        known |= await _recent(consumer, unknown)
        if unknown:
            mapping = {_name(tp): known[tp] for tp in unknown}
            await self._client.hset(keys.console("at"), mapping=mapping)
        for tp, offset in known.items():
            consumer.seek(tp, offset)
        return known

    async def _take(self, notes: Notes, found: dict[TopicPartition, list[Any]]) -> None:
        new = News(wall_ms())
        for tp, records in found.items():
            new.at[tp] = records[-1].offset + 1
            for record in records:
                if tp.topic == TAG_CHANGES:
                    new.change(notes.change(record.value))
                else:
                    new.letter(letter(record.value), record.timestamp)
        await self._write(new)
        self._at |= new.at

    async def _write(self, new: "News") -> None:
        """All or nothing.

        Raises:
            Moved: the counts do not stand where they are believed to.
        """
        at = keys.console("at")
        async with self._client.pipeline(transaction=True) as pipe:
            await pipe.watch(at)
            stored = await pipe.hmget(at, [_name(tp) for tp in new.at])
            if [None if one is None else int(one) for one in stored] != [self._at[tp] for tp in new.at]:
                raise Moved
            pipe.multi()
            pipe.hset(at, mapping={_name(tp): offset for tp, offset in new.at.items()})
            new.write(pipe)
            try:
                await pipe.execute()
            except WatchError:
                raise Moved from None


class News:
    """What came of some records, to be added to what is stored.

    Args:
        now_ms: the clock.

    Attributes:
        at: partition -> offset to read next.
    """

    def __init__(self, now_ms: int) -> None:
        self.at: dict[TopicPartition, int] = {}
        self._now_ms = now_ms
        self._rows: deque[bytes] = deque(maxlen=FEED)
        self._steps: defaultdict[tuple[int, int], Counter[str]] = defaultdict(Counter)
        self._letters: defaultdict[str, list[bytes]] = defaultdict(list)
        self._last: dict[str, int] = {}

    def change(self, change: Change | None) -> None:
        """Take in a tag change."""
        if change is not None:
            self._rows.append(orjson.dumps(change.row))
            for step in steps_of(change.row["known_ms"], self._now_ms):
                self._steps[step].update(change.counts)

    def letter(self, row: Row | None, at_ms: int) -> None:
        """Take in a dead letter."""
        if row is not None:
            reason = row.pop("reason")
            self._letters[reason].append(orjson.dumps(row))
            self._last[reason] = max(self._last.get(reason, 0), at_ms)

    def write(self, pipe: Any) -> None:
        """As commands of a transaction."""
        for row in self._rows:
            pipe.xadd(keys.console("changes"), {"c": row}, maxlen=FEED, approximate=False)
        for (every_s, n), counts in self._steps.items():
            name = keys.console(f"moves:{every_s}:{n}")
            for field, count in {**counts, **net(counts)}.items():
                pipe.hincrby(name, field, count)
            pipe.expire(name, (KEPT[every_s] + 60) * every_s)
        if any(is_late(every_s, n, self._now_ms) for every_s, n in self._steps):
            pipe.hincrby(keys.console("at"), LATE, 1)
        for reason, samples in self._letters.items():
            pipe.hincrby(keys.console("dead"), reason, len(samples))
            pipe.hset(keys.console("dead:last"), reason, self._last[reason])
            pipe.lpush(keys.console(f"dead:{reason}"), *samples[-SAMPLES:])
            pipe.ltrim(keys.console(f"dead:{reason}"), 0, SAMPLES - 1)


async def _recent(consumer: Any, tps: list[TopicPartition]) -> dict[TopicPartition, int]:
    """Where to begin what was never read: at what is a day old, or with all there is where that is little."""
    if not tps:
        return {}
    first, ends = await consumer.beginning_offsets(tps), await consumer.end_offsets(tps)
    long = [tp for tp in tps if ends[tp] - first[tp] > SMALL]
    if long:
        since = await consumer.offsets_for_times(dict.fromkeys(long, wall_ms() - DAY_MS))
        first |= {tp: found.offset if found is not None else ends[tp] for tp, found in since.items()}
    return dict(first)


async def _partitions(consumer: Any, topic: str) -> list[int]:
    """Partitions of a topic; none where it does not exist (yet)."""
    if topic not in await consumer.topics():
        return []
    return sorted(consumer.partitions_for_topic(topic) or ())


def _name(tp: TopicPartition) -> bytes:
    return f"{tp.topic}/{tp.partition}".encode()


async def _quietly(waited_for: Awaitable[None]) -> None:
    with contextlib.suppress(*STORE_AWAY):
        await waited_for
