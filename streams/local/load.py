"""Events of a file into the input topics, fast: batches built by hand, routed by `type`."""

import asyncio
import time
from collections.abc import Callable, Iterable
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from models import segment
from streams.store.contract import Unavailable
from streams.topics import INPUT_KINDS

TOPIC_OF = {kind: topic for topic, kind in INPUT_KINDS.items()}


async def produce(
    brokers: str, rows: Iterable[tuple[str, bytes, bytes | None]], per_second: float | None = None
) -> dict[tuple[str, int], int]:
    """Produce (topic, key, value) in order per partition.

    Args:
        brokers: bootstrap servers.
        rows: what to produce.
        per_second: how many a second; None = as fast as the broker takes them.

    Returns:
        How many went to each (topic, partition), all acknowledged.
    """
    producer = AIOKafkaProducer(
        bootstrap_servers=brokers,
        acks="all",
        linger_ms=0,
        max_batch_size=512 * 1024,
        max_request_size=8 << 20,
    )
    try:
        await producer.start()
        partitions = {topic: sorted(await producer.partitions_for(topic)) for topic in INPUT_KINDS}
        sender = _Sender(producer, partitions)
        started = time.monotonic()
        for n, (topic, key, value) in enumerate(rows, 1):
            await sender.add(topic, key, value)
            if per_second is not None and n % max(1, int(per_second / 50)) == 0:
                await sender.flush()
                await asyncio.sleep(max(0.0, started + n / per_second - time.monotonic()))
        await sender.flush()
        return sender.counts
    except (KafkaError, OSError) as error:
        raise Unavailable(f"broker {brokers} does not take events: {type(error).__name__}") from error
    finally:
        await producer.stop()


class _Sender:
    """One open batch per partition; a tenth of the cost of as many single sends."""

    def __init__(self, producer: Any, partitions: dict[str, list[int]]) -> None:
        self.counts: dict[tuple[str, int], int] = {}
        self._producer = producer
        self._partitions = partitions
        self._partitioner = DefaultPartitioner()
        self._known: dict[tuple[str, bytes], int] = {}
        self._open: dict[tuple[str, int], Any] = {}
        self._acks: list[Any] = []

    async def add(self, topic: str, key: bytes, value: bytes | None) -> None:
        partition = self._known.get((topic, key))
        if partition is None:
            available = self._partitions[topic]
            partition = self._known[topic, key] = self._partitioner(key, available, available)
        tp = (topic, partition)
        batch = self._open.get(tp)
        if batch is None:
            batch = self._open[tp] = self._producer.create_batch()
        if batch.append(key=key, value=value, timestamp=None) is None:
            await self._send(tp)
            batch = self._open[tp] = self._producer.create_batch()
            if batch.append(key=key, value=value, timestamp=None) is None:  # larger than a whole batch
                self._acks.append(await self._producer.send(topic, value=value, key=key, partition=partition))
        self.counts[tp] = self.counts.get(tp, 0) + 1

    async def _send(self, tp: tuple[str, int]) -> None:
        batch = self._open.pop(tp)
        if batch.record_count():
            self._acks.append(await self._producer.send_batch(batch, tp[0], partition=tp[1]))

    async def flush(self) -> None:
        """Until everything is acknowledged."""
        for tp in list(self._open):
            await self._send(tp)
        acks, self._acks = self._acks, []
        await asyncio.gather(*acks)


def rows(
    lines: Iterable[bytes], wanted: Callable[[dict[str, Any]], bool]
) -> Iterable[tuple[str, bytes, bytes]]:
    """Lines of JSON as (topic, key, value); what is no event goes to `orders` and dead-letters there."""
    for line in lines:
        if not line.strip():
            continue
        try:
            event = orjson.loads(line)
        except orjson.JSONDecodeError:
            event = None
        if not isinstance(event, dict):
            yield "orders", b"", line
            continue
        topic, event = routed(event)
        if wanted(event):
            yield topic, str(event.get("customer_id", "")).encode(), line


def routed(event: dict[str, Any]) -> tuple[str, dict[str, Any]]:
    """The topic of an event, and the event in the contract's words; what is unknown goes to `orders`."""
    kind, event = segment.adapt(event) or (event.get("type"), event)
    return TOPIC_OF.get(str(kind), "orders"), event
