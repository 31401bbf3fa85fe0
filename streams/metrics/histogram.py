"""A histogram that costs next to nothing: a batch of values is sorted once and counted by edges."""

from bisect import bisect_left
from collections.abc import Sequence

# Upper edges, seconds. From an append to a stored profile: fine around what is promised, coarse beyond it.
VISIBLE_S = (0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 10.0, 30.0,
             60.0, 300.0, 3600.0)  # fmt: skip
# One batch, one round.
WORK_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
DELAY_S = (0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0, 3600.0)  # a timer behind its instant
EPOCH_S = (0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0, 300.0, 600.0)  # of the trainer


class Histogram:
    """Counts by upper edge, and the sum.

    Args:
        edges: ascending upper edges; beyond the last one is everything else.

    >>> one = Histogram((1.0, 2.0))
    >>> one.observe(1.0)
    >>> one.observe_ages([9_000, 8_500, 5_000], 10_000)
    >>> one.counts, one.total, one.sum
    ([2, 1, 1], 4, 8.5)
    """

    __slots__ = ("counts", "edges", "sum")

    def __init__(self, edges: Sequence[float]) -> None:
        self.edges = edges
        self.counts = [0] * (len(edges) + 1)
        self.sum = 0.0

    @property
    def total(self) -> int:
        """How many values there were."""
        return sum(self.counts)

    def observe(self, value: float) -> None:
        """Take in one value."""
        self.counts[bisect_left(self.edges, value)] += 1
        self.sum += value

    def observe_ages(self, instants_ms: Sequence[int], now_ms: int) -> None:
        """Take in the ages of instants, in seconds.

        Args:
            instants_ms: epoch ms, none later than `now_ms`; sorted is quickest.
            now_ms: as of when.
        """
        ordered, counts = sorted(instants_ms), self.counts
        older = len(ordered)
        for n, edge in enumerate(self.edges):
            at_least = bisect_left(ordered, now_ms - edge * 1000)  # those before it are older than the edge
            counts[n] += older - at_least
            older = at_least
            if not older:
                break
        counts[-1] += older
        self.sum += (len(ordered) * now_ms - sum(ordered)) / 1000
