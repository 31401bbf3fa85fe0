"""One trainer (or recorder of the console) at a time: a lease in the store, taken for a while and renewed.

A convenience, not the guarantee: two that believe they hold it do no harm, because a snapshot replaces only
the one it was made from. So nothing more is asked of clocks than that they run about equally fast.
"""

import time
from secrets import token_hex
from typing import Protocol


class Leases(Protocol):
    """Where a lease stands; see `Store.lease`."""

    async def lease(self, holder: str, ttl_ms: int) -> bool:
        """Take or renew it; False where another holds it."""


class Lease:
    """A lease, as one process sees it.

    Args:
        store: where it stands.
        ttl_s: for how long it is taken, seconds.
    """

    def __init__(self, store: Leases, ttl_s: float) -> None:
        self.ttl_s = ttl_s
        self._store = store
        self._holder = token_hex(16)
        self._until_s = 0.0
        self._may_be_held = False  # also where the answer is still to come

    @property
    def is_held(self) -> bool:
        """Whether it surely is: by this process's own clock, counted from before the store was asked."""
        return time.monotonic() < self._until_s

    async def take(self) -> bool:
        """Take or renew it; False where another process holds it.

        Raises:
            StoreError: the store did not answer; what was held is held until its time is over.
        """
        asked_s, self._may_be_held = time.monotonic(), True
        held = await self._store.lease(self._holder, max(1, int(self.ttl_s * 1000)))
        self._until_s, self._may_be_held = asked_s + self.ttl_s if held else 0.0, held
        return held

    async def let_go(self) -> None:
        """Let a stand-by have it at once.

        Raises:
            StoreError: the store did not answer; it runs out by itself.
        """
        if self._may_be_held:
            self._until_s, self._may_be_held = 0.0, False
            await self._store.lease(self._holder, 0)
