"""After a change of the catalogue: everyone is judged anew, beside live traffic, until nobody is left behind.

Each worker goes through the customers of its buckets, found by SCAN, and then marks the buckets as done; a
worker that dies leaves them to the next owner, who begins them again. Doing one twice changes nothing. A
customer who comes in meanwhile is judged under the new catalogue at once: the store refuses any other write.
"""

import asyncio
import logging

from streams.keys import bucket
from streams.pace import AT_ONCE, paced
from streams.processor import Processor
from streams.store.contract import Store, Unavailable
from streams.timers import Timers

log = logging.getLogger(__name__)

LOOK_S = 0.5
SCANNED = 512  # keys looked at in one call


class Sweeper:
    """Notices another catalogue and sees it through.

    Args:
        store: where catalogue and profiles stand.
        processor: judges.
        timers: know this worker's buckets, and the time.
        per_s: customers judged in a second at most.
    """

    def __init__(self, store: Store, processor: Processor, timers: Timers, *, per_s: int) -> None:
        self._store = store
        self._processor = processor
        self._timers = timers
        self._per_s = per_s
        self.judged = 0  # customers

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except Unavailable as error:
                log.warning("the sweep waits: %s", error)
            await asyncio.sleep(LOOK_S)

    async def look(self) -> bool:
        """Take the catalogue in force; sweep the buckets that wait for it. True where there were any."""
        found = await self._store.in_force()
        if found.revision != self._processor.folding.revision:
            await self._processor.folding.refresh()
        revision = self._processor.folding.revision
        if revision != found.revision or not self._timers.now_ms:
            return False
        todo = await self._store.unswept(self._timers.buckets, revision)
        if not todo:
            return False
        await self._sweep(frozenset(todo))
        await self._store.swept(todo, revision, found.retired)
        log.info("catalogue %d: %d buckets are judged", revision, len(todo))
        return True

    async def _sweep(self, buckets: frozenset[int]) -> None:
        cursor, size = 0, self._store.buckets
        while True:
            cursor, ids = await self._store.scan(cursor, SCANNED)
            mine = [cid for cid in ids if bucket(cid, size) in buckets]
            for start in range(0, len(mine), AT_ONCE):
                some = mine[start : start + AT_ONCE]
                judged = self._processor.judge(some, self._timers.now_ms)
                await paced(judged, self._processor.pace, len(some) / self._per_s)
            if mine:
                self.judged += len(mine)
                await self._store.judged(len(mine))
            if not cursor:
                return
