"""Sessions: visits, told apart by half an hour without a click, whatever order the clicks arrive in.

A click more than `GAP_MS` after the one before opens a new session (DESIGN 5), so sessions are the runs of
the sorted click times with no wider gap. Each run is kept as an interval; a late click extends one, joins
two, or makes its own. Only the latest `KEPT` intervals are remembered, older ones are sealed: counted for
good, and a click that comes later for their time is taken as part of them.
"""

from bisect import bisect_right

import msgspec

GAP_MS = 30 * 60_000
KEPT = 256  # intervals, about 12 bytes each: months of the most eager visitor


class Sessions(msgspec.Struct, array_like=True, gc=False):
    """The aggregate; a session begins and ends with a click.

    Attributes:
        start_ms: beginning of each remembered session, ascending, epoch ms.
        last_ms: how long each lasted, ms.
        sealed: sessions that are counted and no longer remembered.
        sealed_until_ms: end of the latest of them.
    """

    start_ms: list[int] = []
    last_ms: list[int] = []
    sealed: int = 0
    sealed_until_ms: int = 0

    @property
    def n(self) -> int:
        """How many sessions there were."""
        return self.sealed + len(self.start_ms)

    def add(self, at_ms: int) -> None:
        """Take in a click."""
        if self.sealed and at_ms <= self.sealed_until_ms + GAP_MS:
            return
        self._join(at_ms, at_ms)

    def merged(self, other: "Sessions") -> "Sessions":
        """Of two parts of one customer's clicks; exact while neither has sealed sessions."""
        out = Sessions(
            self.start_ms[:],
            self.last_ms[:],
            self.sealed + other.sealed,
            max(self.sealed_until_ms, other.sealed_until_ms),
        )
        for start_ms, last_ms in zip(other.start_ms, other.last_ms, strict=True):
            out._join(start_ms, start_ms + last_ms)
        return out

    def _join(self, start_ms: int, end_ms: int) -> None:
        starts, lasts = self.start_ms, self.last_ms
        # The sessions i..j-1 are within reach of the new one and become one with it.
        j = bisect_right(starts, end_ms + GAP_MS)
        i = j
        while i and starts[i - 1] + lasts[i - 1] + GAP_MS >= start_ms:
            i -= 1
            start_ms = min(start_ms, starts[i])
            end_ms = max(end_ms, starts[i] + lasts[i])
        starts[i:j] = [start_ms]
        lasts[i:j] = [end_ms - start_ms]
        if len(starts) > KEPT:
            self.sealed += 1
            self.sealed_until_ms = max(self.sealed_until_ms, starts[0] + lasts[0])
            del starts[0], lasts[0]
