"""The outbox's way to Kafka: read, make sure it is on disk, publish, and only then delete.

A crash anywhere repeats changes under the same ids and loses none. Publishing only what is on disk means
that a Redis that forgets its last second cannot leave a published change without a cause.
"""

import asyncio
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import nullcontext

from streams.metrics.histogram import WORK_S, Histogram
from streams.publisher import Publisher
from streams.store.contract import Entry, Store, StoreError, Unavailable
from streams.tracing.contract import Tracing
from streams.worker import BARRIER_S, FSYNC_CYCLES_S

log = logging.getLogger(__name__)

PER_BUCKET = 500  # entries of one bucket in one round
IDLE_S = 0.02
SWEEP_S = 0.5


class Relay:
    """Publishes the outboxes of some buckets.

    Args:
        store: where the outboxes stand.
        publisher: takes the changes.
        buckets: which buckets are ours now.
        announced: buckets in which this worker has just put changes, emptied as they are read; None reads
            all of ours each round.
        durable: publish only what is known to be on disk.
        on_size: told how many entries wait.
        tracing: makes a span of each round that finds something; None = nobody asks for them.
    """

    def __init__(
        self,
        store: Store,
        publisher: Publisher,
        *,
        buckets: Callable[[], Iterable[int]],
        announced: set[int] | None = None,
        durable: bool,
        on_size: Callable[[int], None],
        tracing: Tracing | None = None,
    ) -> None:
        self._store = store
        self._publisher = publisher
        self._buckets = buckets
        self._announced = announced
        self._swept_s = 0.0
        self._durable = durable
        self._on_size = on_size
        self._tracing = tracing
        self.published = 0
        self.rounds = Histogram(WORK_S)  # seconds of those that found something

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if not await self.round():
                    await asyncio.sleep(IDLE_S)
            except Unavailable as error:
                log.warning("relay waits: %s", error)
                await asyncio.sleep(1.0)

    def _due_buckets(self, now_s: float) -> list[int]:
        """Ours that have news; once in a while all of ours, for what others or a former life left there."""
        mine = set(self._buckets())
        if self._announced is None:
            return sorted(mine)
        if now_s - self._swept_s >= SWEEP_S:
            self._swept_s = now_s
            self._announced.clear()
        else:
            mine &= self._announced
            self._announced -= mine
        return sorted(mine)

    async def round(self) -> int:
        """One round; gives the number of changes published."""
        started_s = time.monotonic()
        mine = self._due_buckets(started_s)
        entries = await self._store.outbox(mine, PER_BUCKET) if mine else []
        self._on_size(len(entries) if len(entries) < PER_BUCKET else await self._store.outbox_size())
        if not entries:
            return 0
        if self._announced is not None:
            self._announced.update(mine)  # until it is known that nothing is left in them
        with self._tracing.publishing(entries) if self._tracing is not None else nullcontext():
            await self._deliver(entries)
        count = sum(len(entry.changes) for entry in entries)
        self.published += count
        self.rounds.observe(time.monotonic() - started_s)
        return count

    async def _deliver(self, entries: Sequence[Entry]) -> None:
        if self._durable and not await self._store.barrier(BARRIER_S):
            if self._store.durable:
                raise StoreError("the log is not on disk yet")
            await asyncio.sleep(FSYNC_CYCLES_S)
        await self._publisher.tag_changes([(entry.customer_id, entry.changes) for entry in entries])
        await self._store.delivered(entries)
