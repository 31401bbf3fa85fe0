"""Wake-ups: customers whose time has come, with no event of theirs.

Buckets are shared out among the live workers. Two that meet on one bucket for a moment do no harm: a
wake-up is evaluated at its own due instant and stored only over the token it was computed from. Live
events come first (`pace`).
"""

import asyncio
import contextlib
import logging
import time
from collections.abc import Awaitable, Callable, Iterable

from streams.clock import safe_now
from streams.intake import Intake
from streams.pace import AT_ONCE, paced
from streams.processor import Processor
from streams.store.contract import Store, Unavailable

log = logging.getLogger(__name__)

TICK_S = 0.1
FOUND = 512  # due customers looked up at a time
HEARTBEAT_TTL_MS = 5_000
ROUND_MOST_S = 1.0  # then the clock and the heartbeat are due again; beside slow batches waking takes long
LEAVE_S = 2.0  # patience with the last round


class Timers:
    """Reports this worker's clock, shares out buckets and fires what is due.

    Args:
        store: where the due sets stand.
        intake: partitions of this worker.
        processor: evaluates.
        name: of this worker, unique.
        expected: every input source there is.
        live: wall clock or event clock.
        until_ms: see `safe_now`.
    """

    def __init__(
        self,
        store: Store,
        intake: Intake,
        processor: Processor,
        *,
        name: str,
        expected: Callable[[], Awaitable[Iterable[str]]],
        live: bool,
        until_ms: int | None,
    ) -> None:
        self._store = store
        self._intake = intake
        self._processor = processor
        self._name = name
        self._expected = expected
        self._live = live
        self._until_ms = until_ms
        self.buckets: list[int] = []
        self.now_ms = 0
        self._leaving = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()

    async def run(self) -> None:
        """Until `leave` or cancelled."""
        while not self._leaving.is_set():
            self._idle.clear()
            try:
                rest_s = 0.0 if await self.tick() else TICK_S
            except Unavailable as error:
                log.warning("timers wait: %s", error)
                rest_s = 1.0
            finally:
                self._idle.set()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._leaving.wait(), rest_s)

    async def leave(self) -> None:
        """Say goodbye, so that others take over these buckets at once.

        The round under way ends first: its heartbeat, already sent, could reach the server after the
        goodbye and stand for another five seconds.
        """
        self._leaving.set()
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._idle.wait(), LEAVE_S)
        try:
            await self._store.retire(self._name)
        except Unavailable as error:
            log.warning("left without a goodbye: %s", error)

    async def tick(self) -> int:
        """One round: report, find out the time, fire what is due. Gives how many were found to be due."""
        wall_ms, began_s = int(time.time() * 1000), time.monotonic()
        await self._store.report_clock(self._intake.report(wall_ms))
        workers = await self._store.heartbeat(self._name, wall_ms, HEARTBEAT_TTL_MS)
        share, mine = len(workers), workers.index(self._name)
        self.buckets = list(range(mine, self._store.buckets, share))
        self.now_ms = safe_now(
            await self._store.clock(), await self._expected(), live=self._live, until_ms=self._until_ms
        )
        if not self.now_ms or not self.buckets:
            return 0
        per_bucket = max(1, FOUND // len(self.buckets))
        due = await self._store.due(self.buckets, self.now_ms, per_bucket)
        for start in range(0, len(due), AT_ONCE):
            if self._leaving.is_set():
                break
            woken = self._processor.wake(due[start : start + AT_ONCE], self.now_ms)
            await paced(woken, self._processor.pace)
            if time.monotonic() - began_s > ROUND_MOST_S:
                break
        return len(due)
