"""Answers on a scale: how many, their mean, the latest and the trend, exact in any order of arrival.

Scores are kept in millionths of the scale as integers: sums of floats depend on their order.
"""

from bisect import insort

import msgspec

MILLION = 1_000_000
KEPT = 8  # latest answers, about 12 bytes each


class Scores(msgspec.Struct, array_like=True, gc=False):
    """The aggregate.

    Attributes:
        n: answers.
        total: their sum, millionths.
        latest: (time in epoch ms, millionths) of the latest `KEPT`, ascending.
    """

    n: int = 0
    total: int = 0
    latest: list[tuple[int, int]] = []

    def add(self, at_ms: int, share: float) -> None:
        """Count an answer given as a share of its scale."""
        millionths = round(share * MILLION)
        self.n += 1
        self.total += millionths
        insort(self.latest, (at_ms, millionths))
        del self.latest[:-KEPT]

    def merged(self, other: "Scores") -> "Scores":
        """Of two parts of one customer's answers."""
        latest = sorted([*self.latest, *other.latest])[-KEPT:]
        return Scores(self.n + other.n, self.total + other.total, latest)

    @property
    def mean(self) -> float:
        """Mean share; there must be an answer."""
        return self.total / self.n / MILLION

    @property
    def last(self) -> float:
        """Share of the latest answer; there must be one."""
        return self.latest[-1][1] / MILLION

    @property
    def trend(self) -> float | None:
        """The latest answer less the mean of the up to seven before it; None where there is none before."""
        before = [millionths for _, millionths in self.latest[:-1]]
        return (self.latest[-1][1] - sum(before) / len(before)) / MILLION if before else None
