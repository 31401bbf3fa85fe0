"""The worker: what the engine calls at start, poll and commit, and where the parts meet.

Rules of the file
    Offsets move only here. A partition's offset is done when its effects are in the store; it is
    committed to Kafka when a fenced watermark and everything before it are on disk. After a start, a
    rebalance or a restart of the store, reading begins at min(committed, watermark) and the cache is
    empty. Nothing fetched before that is applied.
"""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence

from streams.intake import Intake, Ready
from streams.lane import End, Record, TopicPartition
from streams.processor import Abandoned, Processor
from streams.store.contract import Store, StoreError, StoreRestarted

log = logging.getLogger(__name__)

BARRIER_S = 3.0
FSYNC_CYCLES_S = 2.1  # "everysec" writes at most this late; the wait where a server has no WAITAOF


class DataLost(Exception):
    """The store lost its data while the group has commits, and the configuration refuses to rebuild."""


class Worker:
    """Handler of the engine (see `engine.transport.Handler`).

    Args:
        store: where profiles stand.
        intake: partitions of this worker.
        processor: applies what the intake releases.
        rebuild: read everything again where the store lost its data; False refuses.
        outbox_limit: waiting tag changes from which nothing is polled.
    """

    def __init__(
        self, store: Store, intake: Intake, processor: Processor, *, rebuild: bool, outbox_limit: int
    ) -> None:
        self._store = store
        self._intake = intake
        self._processor = processor
        self._rebuild = rebuild
        self._outbox_limit = outbox_limit
        self._generation = -1
        self._known_generation = -1
        self._era = 0  # counts starts, rebalances and rewinds: what was fetched in one is void in the next
        self.outbox_size = 0  # kept up to date by the relay's service
        self.progress = 0  # records applied, for the watchdog
        self.rewinds = 0  # starts of any kind
        self.rebalances = 0  # of them, those in another generation

    async def positions(
        self, committed: Mapping[TopicPartition, int | None], generation: int
    ) -> dict[TopicPartition, int]:
        """See `Handler`.

        Raises:
            DataLost: see there.
        """
        pause_s = 0.1
        while True:
            try:
                return await self._positions(committed, generation)
            except StoreError as error:
                log.warning("cannot start on %d partitions yet: %s", len(committed), error)
            await asyncio.sleep(pause_s)
            pause_s = min(2.0, pause_s * 2)

    async def _positions(
        self, committed: Mapping[TopicPartition, int | None], generation: int
    ) -> dict[TopicPartition, int]:
        self._era += 1  # from here on nothing that is under way counts as done
        self._generation = -1  # nor is anything polled until the new start is known
        self._processor.forget()
        existed = await self._store.adopt()
        if not existed and any(committed.values()):
            if not self._rebuild:
                raise DataLost("the store holds no data but the group has commits; on_data_loss = refuse")
            log.error("the store lost its data: rebuilding from the earliest records")
        await self._processor.folding.refresh()
        names = {self._intake.source(tp): tp for tp in committed}
        # A group without commits that meets newer generations was created anew: they mean nothing.
        fresh = all(offset is None for offset in committed.values())
        stored = await self._store.watermark(generation, dict.fromkeys(names), void_newer=fresh)
        start = {tp: min(committed[tp] or 0, stored.get(source) or 0) for source, tp in names.items()}
        marks = {source: at_ms for source, (_, at_ms) in (await self._store.clock()).items()}
        self._generation = generation
        self._intake.assign(start, marks)
        self.rewinds += 1
        self.rebalances += generation != self._known_generation
        self._known_generation = generation
        log.info("generation %d: starting on %d partitions", generation, len(start))
        return start

    async def poll(
        self,
        batch: Mapping[TopicPartition, Sequence[Record]],
        ends: Mapping[TopicPartition, End],
        generation: int,
    ) -> bool:
        """See `Handler`."""
        if generation != self._generation:
            return True  # the seek of the new generation is still to come
        if self._store.replaced:  # found out by timers, relay or commit: an idle worker must rewind too
            return False
        return self._take_in(batch, ends) and await self._apply(self._intake.release())

    def _take_in(
        self,
        batch: Mapping[TopicPartition, Sequence[Record]],
        ends: Mapping[TopicPartition, End],
    ) -> bool:
        now_ms = int(time.time() * 1000)
        # A list, so that every partition is looked at and all gaps are found by one rewind.
        in_order = all([self._intake.feed(tp, records, now_ms) for tp, records in batch.items()])  # noqa: C419
        self._intake.ends(ends)
        for problem in self._intake.problems:
            log.error("%s", problem)
        self._intake.problems.clear()
        return in_order

    async def _apply(self, ready: Ready) -> bool:
        """False asks for a rewind."""
        if not ready.done:
            return True
        era = self._era
        try:
            await self._processor.apply(ready, lambda: self._era == era)
        except StoreRestarted:
            log.warning("the store is another server than before: rewinding")
            return False
        except Abandoned:
            return True
        if self._era == era:
            self._intake.applied(ready)
            now_ms = int(time.time() * 1000)
            for topic, appended in ready.appended.items():
                self._processor.counts.visible[topic].observe_ages(appended, now_ms)
            self.progress += sum(map(len, ready.arrivals.values())) + len(ready.dead)
        return True

    @property
    def generation(self) -> int:
        """Of the group, in which partitions are read; -1 while that is not settled."""
        return self._generation

    def paused(self) -> set[TopicPartition]:
        """See `Handler`."""
        return set(self._intake.partitions()) if self.held_back() else self._intake.full()

    def held_back(self) -> bool:
        """Consumption rests while too many tag changes wait for the broker."""
        return self.outbox_size > self._outbox_limit

    def done(self) -> dict[TopicPartition, int]:
        """See `Handler`."""
        return {tp: offset for tp in self._intake.partitions() if (offset := self._intake.offset(tp))}

    async def before_commit(self, offsets: Mapping[TopicPartition, int], generation: int) -> bool:
        """See `Handler`."""
        if generation != self._generation:
            return False
        try:
            by_source = {self._intake.source(tp): offset for tp, offset in offsets.items()}
            written = await self._store.watermark(generation, by_source)
            if len(written) < len(by_source):
                log.warning(
                    "another worker holds %d partitions: not committing", len(by_source) - len(written)
                )
                return False
            if not await self._store.barrier(BARRIER_S):
                if self._store.durable:
                    return False
                await asyncio.sleep(FSYNC_CYCLES_S)
        except StoreError as error:
            log.warning("not committing: %s", error)
            return False
        return generation == self._generation
