"""The one producer of a process: tag changes, dead letters, snapshots; acknowledged by all replicas."""

import asyncio
from collections.abc import Mapping, Sequence
from functools import lru_cache
from hashlib import sha256

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.partitioner import DefaultPartitioner

from streams.lane import DeadLetter
from streams.store.contract import Unavailable
from streams.topics import DEAD_LETTER, POPULATION, TAG_CHANGES
from streams.tracing import context

MAX_BATCH = 256 * 1024  # bytes
MAX_PAYLOAD = 16 * 1024  # bytes shown of a rejected record; six times that as JSON, so it fits into a batch
_Row = tuple[bytes, bytes, context.Headers]  # key, value, headers
_NONE: context.Headers = []  # shared by all that have none; the client only reads it


class Publisher:
    """Produces and returns once everything is acknowledged.

    Args:
        brokers: bootstrap servers.
        dead_letter_payload: put the rejected payload into the dead letter.
        idempotent: False where the broker knows no idempotent producers.
        traced: put the trace context that a tag change carries into its header too.
    """

    def __init__(
        self, brokers: str, *, dead_letter_payload: bool, idempotent: bool = True, traced: bool = False
    ) -> None:
        self._brokers = brokers
        self._idempotent = idempotent
        self._with_payload = dead_letter_payload
        self._headers = _traced if traced else _plain
        self._producer: AIOKafkaProducer | None = None
        self._partition = lru_cache(maxsize=200_000)(self._find_partition)  # murmur2 in Python is slow
        self._partitioner = DefaultPartitioner()
        self._all: list[int] = []

    async def start(self) -> None:
        """Connect.

        Raises:
            Unavailable: no broker answers.
        """
        self._producer = AIOKafkaProducer(
            bootstrap_servers=self._brokers,
            enable_idempotence=self._idempotent,
            acks="all",
            linger_ms=2,
            max_batch_size=MAX_BATCH,
            request_timeout_ms=20_000,
        )
        try:
            await self._producer.start()
            self._all = sorted(await self._producer.partitions_for(TAG_CHANGES))
        except (KafkaError, OSError) as error:
            await self._producer.stop()
            raise Unavailable(f"no broker at {self._brokers}: {type(error).__name__}") from error

    async def stop(self) -> None:
        """Disconnect; what is unacknowledged is not waited for, its owner sends it again."""
        if self._producer is not None:
            await self._producer.stop()

    async def partitions(self, topic: str) -> list[int]:
        """Partitions of a topic, from metadata that the client refreshes by itself.

        Raises:
            Unavailable: the broker does not know the topic.
        """
        assert self._producer is not None
        try:
            return sorted(await self._producer.partitions_for(topic))
        except (KafkaError, OSError) as error:
            raise Unavailable(f"topic {topic}: {type(error).__name__}") from error

    async def tag_changes(self, changes: Sequence[tuple[str, Sequence[bytes]]]) -> None:
        """Publish (customer id, its changes) in order; a customer's changes stay in order.

        Raises:
            Unavailable: some of it may be published; publishing all of it again is safe.
        """
        by_partition: dict[int, list[_Row]] = {}
        headers = self._headers
        for customer_id, values in changes:
            key = customer_id.encode()
            rows = by_partition.setdefault(self._partition(key), [])
            rows.extend((key, value, headers(value)) for value in values)
        await self._publish(TAG_CHANGES, by_partition)

    async def dead_letters(self, letters: Sequence[DeadLetter]) -> None:
        """Publish rejected records, without their payload unless configured.

        Raises:
            Unavailable: some may be published; publishing all again is safe.
        """
        rows = [
            (one.topic.encode(), orjson.dumps(letter(one, with_payload=self._with_payload)), _NONE)
            for one in letters
        ]
        await self._publish(DEAD_LETTER, {0: rows})

    async def population(self, snapshot: bytes) -> None:
        """Publish the population snapshot in force, JSON.

        Raises:
            Unavailable: publishing it again is safe.
        """
        await self._publish(POPULATION, {0: [(b"snapshot", snapshot, _NONE)]})

    async def _publish(self, topic: str, rows: Mapping[int, Sequence[_Row]]) -> None:
        """Partition -> rows in order; returns once all is acknowledged."""
        try:
            await asyncio.gather(*(self._one_partition(topic, p, some) for p, some in rows.items()))
        except (KafkaError, OSError) as error:
            raise Unavailable(f"broker did not acknowledge: {type(error).__name__}") from error

    async def _one_partition(self, topic: str, partition: int, rows: Sequence[_Row]) -> None:
        """Batches built by hand: a tenth of the cost of as many single sends."""
        assert self._producer is not None
        acks = []
        batch = self._producer.create_batch()
        for key, value, headers in rows:
            if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                acks.append(await self._producer.send_batch(batch, topic, partition=partition))
                batch = self._producer.create_batch()
                if batch.append(key=key, value=value, timestamp=None, headers=headers) is None:
                    raise ValueError(f"a record of {len(value)} bytes does not fit into an empty batch")
        if batch.record_count():
            acks.append(await self._producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acks)

    def _find_partition(self, key: bytes) -> int:
        return int(self._partitioner(key, self._all, self._all))


def _plain(_: bytes) -> context.Headers:
    return _NONE


def _traced(change: bytes) -> context.Headers:
    text = context.of_change(change)
    return [(context.HEADER, text.encode())] if text else _NONE


def letter(said: DeadLetter, *, with_payload: bool) -> dict[str, object]:
    """A dead letter as it is published, its payload only where that is asked for."""
    payload = said.value or b""
    out: dict[str, object] = {
        "topic": said.topic,
        "partition": said.partition,
        "offset": said.offset,
        "reason": said.reason,
        "field": said.field,
        "payload_bytes": len(payload),
        "payload_sha256": sha256(payload).hexdigest(),
    }
    if with_payload:
        out["payload"] = payload[:MAX_PAYLOAD].decode("utf-8", "backslashreplace")
    return out
