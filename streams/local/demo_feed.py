"""A stream of years into the input topics within a minute: paced by event time, compressed.

Remembers for each partition what was sent when, so that whoever watches can say how much is applied and
how long a tag change took. Offsets count from 0: the topics are fresh and nobody else writes to them.
"""

import asyncio
import time
from array import array
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from streams.local.demo_story import Row, Story
from streams.store.contract import Unavailable
from streams.topics import INPUT_TOPICS

TICK_S = 0.05
_MOST = 2_000  # rows in one go: between two the screen is drawn
_BATCH_BYTES = 512 * 1024


class Lane:
    """What went to one partition; the index is the offset."""

    __slots__ = ("event_ms", "sent_s", "simulated")

    def __init__(self) -> None:
        self.event_ms = array("q")  # ascending
        self.sent_s = array("d")  # monotonic clock
        self.simulated = bytearray()


class Feeder:
    """Sends a story.

    Args:
        brokers: bootstrap servers.
        story: what to send.
        seconds: in which time.

    Attributes:
        lanes: "topic/partition" -> what was sent there.
        sent: records acknowledged.
        clock_ms: event time that the replay has reached.
        finished: whether everything is sent.
        took_s: time since the first record, until the last.
    """

    def __init__(self, brokers: str, story: Story, seconds: float) -> None:
        self.lanes: dict[str, Lane] = {}
        self.sent = 0
        self.clock_ms = story.first_ms
        self.finished = False
        self.took_s = 0.0
        self._brokers = brokers
        self._story = story
        self._seconds = seconds
        self._partitioner = DefaultPartitioner()
        self._partition_of: dict[tuple[str, bytes], int] = {}
        self._partitions: dict[str, list[int]] = {}

    async def run(self) -> None:
        """Send everything.

        Raises:
            Unavailable: the broker does not take it.
        """
        producer = AIOKafkaProducer(
            bootstrap_servers=self._brokers, acks="all", linger_ms=0, max_batch_size=_BATCH_BYTES
        )
        try:
            await producer.start()
            for topic in INPUT_TOPICS:
                self._partitions[topic] = sorted(await producer.partitions_for(topic))
            await self._pace(producer)
        except (KafkaError, OSError) as error:
            raise Unavailable(f"the broker does not take events: {type(error).__name__}") from error
        finally:
            await producer.stop()

    async def _pace(self, producer: Any) -> None:
        rows, first_ms = self._story.rows, self._story.first_ms
        per_second = (self._story.last_ms - first_ms) / self._seconds
        started, at = time.monotonic(), 0
        while at < len(rows):
            self.took_s = time.monotonic() - started
            until_ms = first_ms + self.took_s * per_second
            end = at
            while end < len(rows) and end - at < _MOST and rows[end].at_ms <= until_ms:
                end += 1
            if end > at:
                await self._send(producer, rows[at:end])
                self.clock_ms = rows[end - 1].at_ms
            full, at = end - at == _MOST, end
            await asyncio.sleep(0 if full else TICK_S)
        self.took_s = time.monotonic() - started
        self.finished = True

    async def _send(self, producer: Any, rows: list[Row]) -> None:
        """One batch a partition, all of them acknowledged before the next moment of the story."""
        groups: dict[tuple[str, int], list[Row]] = {}
        for row in rows:
            groups.setdefault((row.topic, self._partition(row)), []).append(row)
        now_s, acks = time.monotonic(), []
        for (topic, partition), group in groups.items():
            lane = self.lanes.setdefault(f"{topic}/{partition}", Lane())
            batch = producer.create_batch()
            for row in group:
                if batch.append(key=row.key, value=row.value, timestamp=None) is None:
                    acks.append(await producer.send_batch(batch, topic, partition=partition))
                    batch = producer.create_batch()
                    if batch.append(key=row.key, value=row.value, timestamp=None) is None:
                        acks.append(await producer.send(topic, row.value, row.key, partition))
                lane.event_ms.append(row.at_ms)
                lane.sent_s.append(now_s)
                lane.simulated.append(row.simulated)
            if batch.record_count():
                acks.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acks)
        self.sent += len(rows)

    def _partition(self, row: Row) -> int:
        partition = self._partition_of.get((row.topic, row.key))
        if partition is None:
            every = self._partitions[row.topic]
            partition = self._partition_of[row.topic, row.key] = self._partitioner(row.key, every, every)
        return partition
