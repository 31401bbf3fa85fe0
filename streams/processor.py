"""Records in, profiles and tag changes out: load, fold, commit, and fold again what was stale.

Knows neither Faust nor Redis: the engine hands it events, the store keeps its promise. The way of
an event is `apply` -> `_fold_and_commit` -> `step.on_events` -> `Store.commit`. Nothing here raises for
data; a store that does not answer is asked again until it does or the partitions are no longer ours.
"""

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from secrets import token_bytes
from typing import Any

from models import changes, codec, document, step
from models.catalogue.catalogue import Catalogue, set_of
from models.catalogue.load import CatalogueError, load
from models.rules import Rules
from models.state import State
from models.step import Arrival
from models.view import View
from streams.cache import Cache
from streams.intake import Ready
from streams.keys import bucket
from streams.lane import DeadLetter
from streams.store.contract import (
    CatalogueChanged,
    Store,
    Stored,
    StoreRestarted,
    StoreUnfit,
    Unavailable,
    Write,
)

log = logging.getLogger(__name__)

TOKEN_BYTES = 8
RETRY_FIRST_S, RETRY_MOST_S = 0.05, 2.0
CHUNK = 256  # customers folded at a time; the loop gets a turn, and the store work, in between
LANES = 3  # chunks under way: one being folded, one being written, one being loaded
# Customer id, what is stored, the work and the wall clock -> the write, None where nothing is to be written.
Fold = Callable[[str, Stored, Any, int], Write | None]


class Abandoned(Exception):
    """The caller no longer owns the partitions; nothing of the batch may be marked as done."""


class Counts:
    """What went through since the start."""

    __slots__ = ("changes", "commits", "dead", "events", "repeats", "stale", "wakes")

    def __init__(self) -> None:
        self.events = self.repeats = self.dead = self.changes = self.commits = self.stale = self.wakes = 0

    def as_dict(self) -> dict[str, int]:
        """Names and numbers."""
        return {name: getattr(self, name) for name in self.__slots__}


class Processor:
    """Applies batches and wake-ups to profiles.

    Args:
        store: where profiles stand.
        rules: thresholds of the deployment.
        live: True where "now" is the clock, False where it is event time.
        dead_letter: takes what was rejected and returns once it is safe.
        cache_size: profiles kept in memory.
    """

    def __init__(
        self,
        store: Store,
        rules: Rules,
        *,
        live: bool,
        dead_letter: Callable[[Sequence[DeadLetter]], Awaitable[None]],
        cache_size: int,
    ) -> None:
        self.counts = Counts()
        self._store = store
        self._rules = rules
        self._live = live
        self._dead_letter = dead_letter
        self._cache = Cache(cache_size)
        self._tokens: list[bytes] = []
        self.announced: set[int] = set()  # buckets with new tag changes, for the relay to take

    @property
    def revision(self) -> int:
        """Of the catalogue under which customers are judged."""
        return self._rules.catalogue.revision

    async def refresh(self) -> None:
        """Judge under the catalogue in force; a deployment that has none gets ours.

        Raises:
            StoreUnfit: this version cannot read it.
            StoreError: the store did not answer.
        """
        mine = self._rules.catalogue
        found = await self._store.catalogue()
        if not found.revision:
            await self._store.apply(mine.text, 0, int(time.time() * 1000), ())
            found = await self._store.catalogue()
        if (found.revision, found.text) == (mine.revision, mine.text):
            return
        try:
            catalogue = await asyncio.to_thread(load, found.text, found.revision)
        except CatalogueError as error:
            raise StoreUnfit(f"catalogue {found.revision} cannot be read by this version: {error}") from None
        self._rules = replace(self._rules, catalogue=catalogue)
        log.info("judging under catalogue %d with %d tags", found.revision, len(catalogue.tags))

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
        if ready.dead:
            await self._until_done(lambda: self._dead_letter(ready.dead), owned)
            self.counts.dead += len(ready.dead)
        await self._fold_and_commit(ready.arrivals, self._on_events, owned)
        self.counts.events += sum(map(len, ready.arrivals.values()))

    async def wake(self, customer_ids: Sequence[str], now_ms: int) -> None:
        """Live through the wake-ups of customers that are due at or before an instant.

        Raises:
            StoreError: the store did not answer; the wake-ups are still due.
        """
        cold = self._cache.missing(customer_ids)
        wakes: dict[str, Any] = dict.fromkeys(customer_ids, now_ms)
        idle = await self._fold_and_commit(wakes, self._on_wake, None)
        if idle:
            # Due, says the store; not due, says the cache: somebody else wrote since. No refused write
            # will tell us, so look again.
            self._cache.drop(idle)
            await self._fold_and_commit(dict.fromkeys(idle, now_ms), self._on_wake, None)
        self._cache.drop(cold)  # a wave of a million silent customers must not push out those who are here
        self.counts.wakes += len(customer_ids)

    async def judge(self, customer_ids: Sequence[str], now_ms: int) -> None:
        """Judge customers under the catalogue in force, unless that was done already.

        Raises:
            StoreError: the store did not answer; nothing of it may be counted as done.
        """
        cold = self._cache.missing(customer_ids)
        await self._fold_and_commit(dict.fromkeys(customer_ids, now_ms), self._on_wake, None)
        self._cache.drop(cold)

    async def _fold_and_commit(
        self,
        work: Mapping[str, Any],
        fold: Fold,
        owned: Callable[[], bool] | None,
    ) -> list[str]:
        """Fold and commit until nothing is stale, a chunk of customers at a time.

        Args:
            work: customer id -> what to fold into it.
            fold: gives the write, or None where nothing is to be written.
            owned: see `apply`; None = no retry, errors go to the caller.

        Returns:
            Customers for whom nothing was to be written.
        """
        ids, lanes = list(work), asyncio.Semaphore(LANES)

        async def one(chunk: list[str]) -> list[str]:
            async with lanes:
                return await self._chunk(chunk, work, fold, owned)

        # All of them end before anything is raised: a batch that goes on after its caller gave it up could
        # write under the next one's feet.
        chunks = (one(ids[i : i + CHUNK]) for i in range(0, len(ids), CHUNK))
        results = await asyncio.gather(*chunks, return_exceptions=True)
        failures = [result for result in results if isinstance(result, BaseException)]
        if failures:
            raise failures[0]
        return [cid for result in results if not isinstance(result, BaseException) for cid in result]

    async def _chunk(
        self, pending: list[str], work: Mapping[str, Any], fold: Fold, owned: Callable[[], bool] | None
    ) -> list[str]:
        """Some customers of a batch; while their writes are on the way the next chunk is folded."""
        idle = []
        while pending:
            # Asked again after every wait: the timers use this cache too, and may drop from it meanwhile.
            while missing := self._cache.missing(pending):
                self._cache.update(await self._until_done(partial(self._store.load, missing), owned))
            if owned is not None and not owned():
                # After a rewind a refused write must not be folded again onto what a restarted store
                # remembers: events before this batch may be missing from it.
                raise Abandoned
            known_ms = int(time.time() * 1000)
            writes = []
            for cid in pending:
                write = fold(cid, self._cache[cid], work[cid], known_ms)
                if write is None:
                    idle.append(cid)
                else:
                    writes.append(write)
            pending = await self._commit(writes, owned) if writes else []
        return idle

    async def _commit(self, writes: Sequence[Write], owned: Callable[[], bool] | None) -> list[str]:
        """Commit and keep the cache in step; gives the stale ones."""
        revision = self._rules.catalogue.revision
        try:
            stale: list[str] = await self._until_done(partial(self._store.commit, writes, revision), owned)
        except CatalogueChanged:
            await self._until_done(self.refresh, owned)
            stale = [write.customer_id for write in writes]  # whatever was written: it is looked at again
        rejected, size = set(stale), self._store.buckets
        written: dict[str, Stored] = {}
        for write in writes:
            cid = write.customer_id
            if cid not in rejected:
                written[cid] = Stored(write.token, write.state)
                if write.changes:
                    self.counts.changes += len(write.changes)
                    self.announced.add(bucket(cid, size))
        self._cache.update(written)
        self._cache.drop(stale)
        self.counts.commits += len(written)
        self.counts.stale += len(stale)
        return stale

    def _on_events(
        self, customer_id: str, stored: Stored, arrivals: list[Arrival], known_ms: int
    ) -> Write | None:
        state = codec.decode(stored.state) if stored.state else State()
        wake_before_ms = state.wake_at_ms
        applied = state.offsets
        for _, source, offset, _ in arrivals:
            if offset > applied.get(source, -1):
                break
        else:
            return None  # all of it is in there
        done = step.on_events(state, arrivals, self._rules, live=self._live)
        self.counts.repeats += done.repeats
        if not state.first_seen_ms:
            return None  # nothing yet that makes a customer
        return self._write(customer_id, stored, state, wake_before_ms, done, known_ms)

    def _on_wake(self, customer_id: str, stored: Stored, now_ms: int, known_ms: int) -> Write | None:
        if not stored.state:
            return None
        state = codec.decode(stored.state)
        wake_before_ms = state.wake_at_ms
        done = step.on_wake(state, now_ms, self._rules)
        if done.view is None:
            return None  # somebody else was here
        return self._write(customer_id, stored, state, wake_before_ms, done, known_ms)

    def _write(
        self,
        customer_id: str,
        stored: Stored,
        state: State,
        wake_before_ms: int,
        done: step.Step,
        known_ms: int,
    ) -> Write:
        state.version += 1
        epoch, catalogue = self._store.epoch, self._rules.catalogue
        view = done.view or View(state, state.as_of_ms, self._rules)
        return Write(
            customer_id,
            stored.token,
            self._token(),
            codec.encode(state),
            document.render(view, customer_id, known_ms),
            None if state.wake_at_ms == wake_before_ms else state.wake_at_ms,
            [changes.render(change, customer_id, state.version, epoch, known_ms) for change in done.changes],
            _members(done, state, catalogue) if done.changes or done.is_adopted else (),
        )

    def _token(self) -> bytes:
        """Random bytes, drawn from the system a thousand tokens at a time."""
        if not self._tokens:
            block = token_bytes(TOKEN_BYTES * 1000)
            self._tokens = [block[i : i + TOKEN_BYTES] for i in range(0, len(block), TOKEN_BYTES)]
        return self._tokens.pop()

    async def _until_done(self, ask: Callable[[], Awaitable[Any]], owned: Callable[[], bool] | None) -> Any:
        """Ask until it is answered. Every question here is safe to repeat."""
        pause_s = RETRY_FIRST_S
        while True:
            if owned is not None and not owned():
                raise Abandoned
            try:
                return await ask()
            except (StoreRestarted, CatalogueChanged):
                raise
            except Unavailable as error:
                if owned is None:
                    raise
                log.warning("trying again in %.2f s: %s", pause_s, error)
            await asyncio.sleep(pause_s)
            pause_s = min(pause_s * 2, RETRY_MOST_S)


def _members(done: step.Step, state: State, catalogue: Catalogue) -> list[tuple[str, bool]]:
    """Sets of members to join and leave; under another catalogue than before, all that are due."""
    out = []
    for change in done.changes:
        if change.tag in catalogue.members:
            if change.old is not None:
                out.append((set_of(change.tag, change.old), False))
            if change.new is not None:
                out.append((set_of(change.tag, change.new), True))
    if done.is_adopted:
        held = ((tag_id, state.tags[tag_id].value) for tag_id in catalogue.members if tag_id in state.tags)
        out += [(set_of(tag_id, value), True) for tag_id, value in held]
    return out
