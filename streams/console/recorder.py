"""Follows what goes out on Kafka and keeps bounded counts of it in the store; one console at a time does.

Offsets move with the counts, in one transaction that fails where somebody else has moved them: a restart, a
store that went back and a second recorder all go on where the counts stand.
"""

import asyncio
import logging
from collections import Counter, defaultdict
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
from streams.console.notes import KEPT_MINUTES, MINUTE_MS, Notes, letter, net
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
        rows: list[bytes] = []
        minutes: defaultdict[int, Counter[str]] = defaultdict(Counter)
        letters: defaultdict[str, list[bytes]] = defaultdict(list)
        now_ms = wall_ms()
        last: dict[str, int] = {}
        for tp, records in found.items():
            for record in records:
                if tp.topic == TAG_CHANGES:
                    change = notes.change(record.value)
                    if change is not None:
                        rows.append(orjson.dumps(change.row))
                        minutes[change.minute].update(change.counts)
                elif (row := letter(record.value)) is not None:
                    reason = row.pop("reason")
                    letters[reason].append(orjson.dumps(row))
                    last[reason] = max(last.get(reason, 0), record.timestamp)
                    minutes[record.timestamp // MINUTE_MS][f"x:{reason}"] += 1
        oldest = now_ms // MINUTE_MS - KEPT_MINUTES
        counts = {minute: some for minute, some in minutes.items() if minute > oldest}
        at = {tp: records[-1].offset + 1 for tp, records in found.items()}
        await self._write(at, rows[-FEED:], counts, letters, last)
        self._at |= at

    async def _write(
        self,
        at: dict[TopicPartition, int],
        rows: list[bytes],
        minutes: dict[int, Counter[str]],
        letters: dict[str, list[bytes]],
        last: dict[str, int],
    ) -> None:
        """All or nothing.

        Raises:
            Moved: the counts do not stand where they are believed to.
        """
        names = [_name(tp) for tp in at]
        async with self._client.pipeline(transaction=True) as pipe:
            await pipe.watch(keys.console("at"))
            stored = await pipe.hmget(keys.console("at"), names)
            if [None if one is None else int(one) for one in stored] != [self._at[tp] for tp in at]:
                raise Moved
            pipe.multi()
            pipe.hset(keys.console("at"), mapping={_name(tp): offset for tp, offset in at.items()})
            for row in rows:
                pipe.xadd(keys.console("changes"), {"c": row}, maxlen=FEED, approximate=False)
            for minute, counts in minutes.items():
                name = keys.console(f"minute:{minute}")
                for field, count in {**counts, **net(counts)}.items():
                    pipe.hincrby(name, field, count)
                pipe.expire(name, (KEPT_MINUTES + 60) * 60)
            for reason, samples in letters.items():
                pipe.hincrby(keys.console("dead"), reason, len(samples))
                pipe.hset(keys.console("dead:last"), reason, last[reason])
                pipe.lpush(keys.console(f"dead:{reason}"), *samples[-SAMPLES:])
                pipe.ltrim(keys.console(f"dead:{reason}"), 0, SAMPLES - 1)
            try:
                await pipe.execute()
            except WatchError:
                raise Moved from None


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
    try:
        await waited_for
    except STORE_AWAY:
        pass
