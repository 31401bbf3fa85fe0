"""Stuck or slow? Lag without progress while the store answers ends the process.

Kafka's client keeps heartbeating for a worker that hangs, so the group would never notice. The process
exits, its supervisor starts it again, and the partitions move on.
"""

import asyncio
import logging
import time

from streams.intake import Intake
from streams.store.contract import Store, StoreError
from streams.worker import Worker

log = logging.getLogger(__name__)

LOOK_S = 1.0


class Stalled(Exception):
    """There is lag, the store is healthy, and nothing moves."""


class Watchdog:
    """Looks once a second.

    Args:
        store: asked whether it is healthy.
        intake: knows the lag.
        worker: counts progress.
        stall_s: how long nothing may move.
    """

    def __init__(self, store: Store, intake: Intake, worker: Worker, *, stall_s: float) -> None:
        self._store = store
        self._intake = intake
        self._worker = worker
        self._stall_s = stall_s
        self._seen = (-1, -1)
        self._since_s = 0.0
        self.still_s = 0.0  # for how long nothing has moved although it should

    async def run(self) -> None:
        """Until cancelled, or `Stalled`."""
        while True:
            await asyncio.sleep(LOOK_S)
            await self.look(time.monotonic())

    async def look(self, now_s: float) -> None:
        """Compare with the last look.

        Raises:
            Stalled: nothing moved for too long.
        """
        seen = (self._worker.progress, self._worker.rewinds)
        if seen != self._seen or not self._intake.partitions() or not self._intake.lag():
            self._seen = seen
            self._begin(now_s)
            return
        if self._worker.held_back():
            self._begin(now_s)
            return
        try:
            await self._store.clock()
        except StoreError:
            self._begin(now_s)  # waiting for the store is not being stuck
            return
        self.still_s = now_s - self._since_s
        if self.still_s >= self._stall_s:
            raise Stalled(f"lag and no progress for {self.still_s:.0f} s while the store answers")

    def _begin(self, now_s: float) -> None:
        self._since_s, self.still_s = now_s, 0.0
