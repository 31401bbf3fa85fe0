"""A Faust transport that hands whole per-partition batches to one handler.

Faust's own path makes four tasks and a queue turn of every record; this one makes one call of every
poll. Everything else of Faust's consumer is kept. Private methods are overridden, so the version is
pinned to the minor and `tests/shell/test_faust_contract.py` asserts what is relied upon.
"""

import asyncio
import logging
from collections.abc import Mapping, Sequence
from typing import Any, Protocol

from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport.drivers import aiokafka as driver

from streams.lane import End, Record, TopicPartition

log = logging.getLogger(__name__)

IDLE_POLL_S = 0.5


class Handler(Protocol):
    """What the transport needs of the worker."""

    async def positions(
        self, committed: Mapping[TopicPartition, int | None], generation: int
    ) -> Mapping[TopicPartition, int]:
        """Where to start, given what the group has committed; called at start, rebalance and rewind."""

    async def poll(
        self,
        batch: Mapping[TopicPartition, Sequence[Record]],
        ends: Mapping[TopicPartition, End],
        generation: int,
    ) -> bool:
        """Take in what a poll brought, apply what may be applied; False asks for a rewind."""

    def paused(self) -> set[TopicPartition]:
        """Partitions not to be polled for now."""

    def done(self) -> Mapping[TopicPartition, int]:
        """Next offset of each partition of which everything before is applied."""

    async def before_commit(self, offsets: Mapping[TopicPartition, int], generation: int) -> bool:
        """Make effects durable; False where nothing may be committed now."""


class BatchThread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    """The consumer's thread, with two settings that Faust does not let through."""

    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        # Faust waits 1.5 s for data; a broker that does not wake a waiting fetch needs less.
        consumer._fetch_max_wait_ms = transport.fetch_wait_ms
        # Range gives a worker the same partition numbers of every topic, which round robin does not.
        consumer._partition_assignment_strategy = [RangePartitionAssignor]
        return consumer

    async def committed(self, tps: Sequence[Any]) -> dict[Any, int | None]:
        """What the group has committed."""
        consumer = self._ensure_consumer()

        async def ask() -> dict[Any, int | None]:
            return dict(zip(tps, await asyncio.gather(*map(consumer.committed, tps)), strict=True))

        found: dict[Any, int | None] = await self.call_thread(ask)
        return found

    def end(self, tp: Any) -> End:
        """How far a partition is read, and where it ends."""
        assignment = self._ensure_consumer()._subscription.subscription.assignment
        state = assignment.state_value(tp) if assignment is not None else None
        if state is None:
            return None, None
        return (state.position if state.has_valid_position else None), state.highwater


class BatchConsumer(driver.Consumer):  # type: ignore[misc]
    """Faust's consumer with another inner loop."""

    def _new_consumer_thread(self) -> BatchThread:
        return BatchThread(self, loop=self.loop, beacon=self.beacon)

    _dropped = False  # records were fetched and not handed over: the position is past them

    @property
    def handler(self) -> Handler:
        """The worker."""
        handler: Handler = self.transport.handler
        return handler

    async def perform_seek(self) -> None:
        """Start where the handler says: never behind what is committed, often before it."""
        assignment = sorted(self.assignment())
        generation = self.app.consumer_generation_id
        committed = await self._thread.committed(assignment)
        plain = {(tp.topic, tp.partition): offset for tp, offset in committed.items()}
        start = await self.handler.positions(plain, generation)
        # In the consumer's thread: a fetch that is being taken out there would move the position on.
        await self.seek_wait({tp: start[tp.topic, tp.partition] for tp in assignment})
        # Counted from the start, not from Kafka's offset: the watermark is to move up again after a rewind.
        self._committed_offset.update({tp: start[tp.topic, tp.partition] or None for tp in assignment})

    async def _drain_messages(self, fetcher: Any) -> None:
        try:
            while not (self._stopped.is_set() or fetcher._stopped.is_set()):
                await self._one_poll()
        except self.consumer_stopped_errors:
            if not self.app.should_stop:
                raise
        except asyncio.CancelledError:
            if not self.app.should_stop:
                raise
        except Exception as error:
            log.exception("the worker stops: %s", type(error).__name__)
            raise

    async def _one_poll(self) -> None:
        if self._dropped and self.flow_active:
            self._dropped = False
            await self.perform_seek()
        generation = self.app.consumer_generation_id
        active = self._get_active_partitions()
        full = self.handler.paused()
        paused = {tp for tp in active if (tp.topic, tp.partition) in full}
        if not self.flow_active:
            await self.wait(self.can_resume_flow)
            return
        wanted = active - paused
        if not wanted:
            await asyncio.sleep(0.05)
            records: Mapping[Any, Sequence[Any]] = {}
        else:
            records = await self._getmany(active_partitions=wanted, timeout=self.transport.poll_s)
        if not self.flow_active or generation != self.app.consumer_generation_id:
            # A rebalance came in between. Its seek may lie before or after this fetch: seek once more.
            self._dropped = self._dropped or bool(records)  # until that seek, not until the next fetch
            return
        batch = {(tp.topic, tp.partition): found for tp, found in records.items()}
        ends = {(tp.topic, tp.partition): self._thread.end(tp) for tp in active}
        if not await self.handler.poll(batch, ends, generation) and self.flow_active:
            await self.perform_seek()

    def _filter_tps_with_pending_acks(self, topics: Any = None) -> Any:
        for topic, partition in self.handler.done():
            tp = driver.TP(topic, partition)
            if topics is None or tp in topics or topic in topics:
                yield tp

    def _new_offset(self, tp: Any) -> int | None:
        return self.handler.done().get((tp.topic, tp.partition))

    async def _commit(self, offsets: Mapping[Any, int]) -> bool:
        plain = {(tp.topic, tp.partition): offset for tp, offset in offsets.items()}
        if not await self.handler.before_commit(plain, self.app.consumer_generation_id):
            return False
        return bool(await super()._commit(offsets))

    def verify_event_path(self, now: float, tp: Any) -> None:
        """Faust's own stall warnings look at streams we do not use; the watchdog replaces them."""


class BatchTransport(driver.Transport):  # type: ignore[misc]
    """Faust's transport with the batch consumer.

    Args:
        handler: the worker.
        fetch_wait_ms: longest wait of the broker for data.
    """

    Consumer = BatchConsumer

    def __init__(
        self, url: Any, app: Any, *, handler: Handler, fetch_wait_ms: int, poll_s: float = IDLE_POLL_S
    ) -> None:
        self.handler = handler
        self.fetch_wait_ms = fetch_wait_ms
        self.poll_s = poll_s
        super().__init__(url, app)
