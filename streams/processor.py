"""Records in, profiles and tag changes out: load, fold, commit, and fold again what was stale.

Knows neither Faust nor Redis: the engine hands it events, the store keeps its promise. The way of
an event is `apply` -> `_fold_and_commit` -> `step.on_events` -> `Store.commit`. Nothing here raises for
data; a store that does not answer is asked again until it does or the partitions are no longer ours.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from functools import partial
from time import perf_counter
from typing import Any

from models.rules import Rules
from streams.cache import Cache
from streams.folding import Folding
from streams.intake import Ready
from streams.keys import bucket
from streams.lane import DeadLetter
from streams.metrics.counts import Spent
from streams.pace import Pace
from streams.store.contract import (
    Store,
    Stored,
    StoreRestarted,
    Superseded,
    Unavailable,
    Write,
)
from streams.tracing.contract import Tracing

log = logging.getLogger(__name__)

RETRY_FIRST_S, RETRY_MOST_S = 0.05, 2.0
CHUNK = 256  # customers folded at a time; the loop gets a turn, and the store work, in between
LANES = 3  # chunks under way: one being folded, one being written, one being loaded
# Customer id, what is stored, the work and the wall clock -> the write, None where nothing is to be written.
Fold = Callable[[str, Stored, Any, int], Write | None]


class Abandoned(Exception):
    """The caller no longer owns the partitions; nothing of the batch may be marked as done."""


class Processor:
    """Applies batches and wake-ups to profiles.

    Args:
        store: where profiles stand.
        rules: thresholds of the deployment.
        live: True where "now" is the clock, False where it is event time.
        dead_letter: takes what was rejected and returns once it is safe.
        cache_size: profiles kept in memory.
        tracing: makes a span of each batch; None = nobody asks for them.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        *,
        live: bool,
        dead_letter: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        cache_size: int,
        tracing: Tracing | None = None,
    ) -> None:
        self.folding = Folding(store, rules, live=live)
        self.counts = self.folding.counts
        self.pace = Pace(yields=live)  # of wake-ups and sweeps beside the batches
        self._store = store
        self._dead_letter = dead_letter
        self._tracing = tracing
        self._cache = Cache(cache_size)
        self.announced: set[int] = set()  # buckets with new tag changes, for the relay to take

    def forget(self) -> None:
        """Drop the cache: a rewind or a rebalance made it doubtful."""
        self._cache.clear()

    async def apply(self, ready: Ready, owned: Callable[[], bool]) -> None:
        """Apply what the intake released; on return every effect is in the store.

        Args:
            ready: arrivals by customer, and rejected records.
            owned: False once the caller lost its partitions.

        Raises:
            Abandoned: the partitions were lost meanwhile; nothing of it may be marked as done.
            StoreRestarted: the caller must rewind.
        """
        self._cache.trim()
        spent = Spent()
        fold = self.folding.on_events
        if self._tracing is None:
            await self._apply(ready, fold, owned, spent)
        else:
            with self._tracing.batch("batch", spent, len(ready.arrivals), ready) as traceparent:
                await self._apply(ready, partial(fold, traceparent=traceparent), owned, spent)
        self.counts.events += sum(map(len, ready.arrivals.values()))
        self.pace.live(self.counts.batch(spent))

    async def _apply(self, ready: Ready, fold: Fold, owned: Callable[[], bool], spent: Spent) -> None:
        if ready.dead:
            await self._until_done(lambda: self._dead_letter(ready.dead), owned)
            self.counts.dead += len(ready.dead)
            self.counts.dead_by.update((one.topic, one.reason) for one in ready.dead)
        missing = len(self._cache.missing(ready.arrivals))
        self.counts.misses += missing
        self.counts.hits += len(ready.arrivals) - missing
        await self._fold_and_commit(ready.arrivals, fold, owned, spent)

    async def wake(self, customer_ids: Sequence[str], now_ms: int) -> None:
        """Live through the wake-ups of customers that are due at or before an instant.

        Raises:
            StoreError: the store did not answer; the wake-ups are still due.
        """
        cold = self._cache.missing(customer_ids)
        idle = await self._look_at(customer_ids, now_ms, "timers")
        if idle:
            # Due, says the store; not due, says the cache: somebody else wrote since. No refused write
            # will tell us, so look again.
            self._cache.drop(idle)
            await self._look_at(idle, now_ms, "timers")
        self._cache.drop(cold)  # a wave of a million silent customers must not push out those who are here
        self.counts.wakes += len(customer_ids)

    async def judge(self, customer_ids: Sequence[str], now_ms: int) -> None:
        """Judge customers under the catalogue in force, unless that was done already.

        Raises:
            StoreError: the store did not answer; nothing of it may be counted as done.
        """
        cold = self._cache.missing(customer_ids)
        await self._look_at(customer_ids, now_ms, "sweep")
        self._cache.drop(cold)

    async def _look_at(self, customer_ids: Sequence[str], now_ms: int, why: str) -> list[str]:
        """Look at customers with no event of theirs; gives those for whom nothing was to be written."""
        work: dict[str, Any] = dict.fromkeys(customer_ids, now_ms)
        fold, spent = self.folding.on_wake, Spent()
        if self._tracing is None:
            return await self._fold_and_commit(work, fold, None, spent)
        with self._tracing.batch(why, spent, len(work)) as traceparent:
            return await self._fold_and_commit(work, partial(fold, traceparent=traceparent), None, spent)

    async def _fold_and_commit(
        self,
        work: Mapping[str, Any],
        fold: Fold,
        owned: Callable[[], bool] | None,
        spent: Spent,
    ) -> list[str]:
        """Fold and commit until nothing is stale, a chunk of customers at a time.

        Args:
            work: customer id -> what to fold into it.
            fold: gives the write, or None where nothing is to be written.
            owned: see `apply`; None = no retry, errors go to the caller.
            spent: where the time goes.

        Returns:
            Customers for whom nothing was to be written.
        """
        ids, lanes = list(work), asyncio.Semaphore(LANES)

        async def one(chunk: list[str]) -> list[str]:
            async with lanes:
                return await self._chunk(chunk, work, fold, owned, spent)

        # All of them end before anything is raised: a batch that goes on after its caller gave it up could
        # write under the next one's feet.
        chunks = (one(ids[i : i + CHUNK]) for i in range(0, len(ids), CHUNK))
        results = await asyncio.gather(*chunks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        return [cid for result in results if not isinstance(result, BaseException) for cid in result]

    async def _chunk(
        self,
        pending: list[str],
        work: Mapping[str, Any],
        fold: Fold,
        owned: Callable[[], bool] | None,
        spent: Spent,
    ) -> list[str]:
        """Some customers of a batch; while their writes are on the way the next chunk is folded."""
        idle = []
        while pending:
            # Asked again after every wait: the timers use this cache too, and may drop from it meanwhile.
            since_s = perf_counter()
            while missing := self._cache.missing(pending):
                self._cache.update(await self._until_done(partial(self._store.load, missing), owned))
            spent.load.add(since_s)
            if owned is not None and not owned():
                # After a rewind a refused write must not be folded again onto what a restarted store
                # remembers: events before this batch may be missing from it.
                raise Abandoned
            known_ms, since_s = int(time.time() * 1000), perf_counter()
            writes = []
            for cid in pending:
                write = fold(cid, self._cache[cid], work[cid], known_ms)
                if write is None:
                    idle.append(cid)
                else:
                    writes.append(write)
            since_s = spent.fold.add(since_s)
            pending = await self._commit(writes, owned, spent) if writes else []
            spent.store.add(since_s)
        return idle

    async def _commit(
        self, writes: Sequence[Write], owned: Callable[[], bool] | None, spent: Spent
    ) -> list[str]:
        """Commit and keep the cache in step; gives the stale ones."""
        revision = self.folding.revision
        try:
            stale: list[str] = await self._until_done(partial(self._store.commit, writes, revision), owned)
        except Superseded:
            await self._until_done(self.folding.refresh, owned)
            stale = [write.customer_id for write in writes]  # whatever was written: it is looked at again
        rejected, size = set(stale), self._store.buckets
        written: dict[str, Stored] = {}
        for write in writes:
            cid = write.customer_id
            if cid not in rejected:
                written[cid] = Stored(write.token, write.state)
                if write.changes:
                    self.counts.changes += len(write.changes)
                    spent.changes += len(write.changes)
                    self.counts.told.update(write.told)
                    self.announced.add(bucket(cid, size))
        self._cache.update(written)
        self._cache.drop(stale)
        self.counts.commits += len(written)
        self.counts.stale += len(stale)
        return stale

    async def _until_done(self, ask: Callable[[], Awaitable[Any]], owned: Callable[[], bool] | None) -> Any:
        """Ask until it is answered. Every question here is safe to repeat."""
        pause_s = RETRY_FIRST_S
        while True:
            if owned is not None and not owned():
                raise Abandoned
            try:
                return await ask()
            except (StoreRestarted, Superseded):
                raise
            except Unavailable as error:
                if owned is None:
                    raise
                log.warning("trying again in %.2f s: %s", pause_s, error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MOST_S)
