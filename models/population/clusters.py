"""Which cluster a customer belongs to: assignment to given centres, slow to change its mind.

The squared distance of a point x to a centre, in standardised space, is |z|^2 + b + a.x, linear in x but for
|z|^2, which is the same for every centre. Standardisation is folded into a and b once per snapshot, so the
nearest centre costs k products of three numbers (about a microsecond for k = 6).

A customer leaves a cluster only for one that is nearer by the margin, and only when `dwell` evaluations in
a row say so: a customer between two clusters stays where it is. What moved it is said with each change:
`model` where the new centres would have moved it as it was when last looked at, `behaviour` otherwise.
"""

from math import log1p
from typing import Literal, NamedTuple

import msgspec

from models.calendar import DAY_MS
from models.population.snapshot import Clusters, SnapshotError, Three

FEATURES = ("recency_days", "frequency", "monetary")
TRANSFORM = "log1p.v1"
PATIENCE_MS = DAY_MS  # a candidate is looked at again after a day, if nothing happens before
MILLI = 1000.0  # features are remembered in thousandths
Cause = Literal["behaviour", "model"]


def vector(silent_ms: int, orders: int, total_minor: int) -> Three:
    """Features of a customer with at least one order, in the order of `FEATURES`.

    Logarithms of 1 + days since the last order, 1 + orders, 1 + money in hundreds of minor units; what is
    below zero counts as zero.

    >>> vector(0, 0, 0)
    (0.0, 0.0, 0.0)
    """
    return log1p(max(0, silent_ms) / DAY_MS), log1p(max(0, orders)), log1p(max(0, total_minor) / 100)


class Membership(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The cluster of a customer as announced, and what may come after it.

    Attributes:
        cluster: id.
        since_ms: since when.
        version: of the snapshot it was last looked at with.
        seen: features when last looked at, thousandths.
        candidate: id of the cluster that was nearer by the margin, meaningless where `run` is 0.
        run: evaluations in a row that said so.
        run_ms: instant of the latest of them.
        by_model: whether the run began with a new model.
    """

    cluster: int
    since_ms: int
    version: int
    seen: tuple[int, int, int]
    candidate: int = 0
    run: int = 0
    run_ms: int = 0
    by_model: bool = False


class Centre(NamedTuple):
    """A cluster in linear form: squared distance = |z|^2 + b + a0 x0 + a1 x1 + a2 x2."""

    cluster: int
    b: float
    a0: float
    a1: float
    a2: float


class Assigner:
    """The clusters of one snapshot, ready to assign.

    Args:
        clusters: of the snapshot.
        version: its version.

    Raises:
        SnapshotError: the clusters are of other features or of another transform than this version knows.
    """

    __slots__ = ("centres", "clusters", "high", "low", "mean", "names", "rows", "scale", "version")

    def __init__(self, clusters: Clusters, version: int) -> None:
        if clusters.features != FEATURES or clusters.transform != TRANSFORM:
            raise SnapshotError(f"clusters of {clusters.features} by {clusters.transform} are not understood")
        self.clusters, self.version = clusters, version
        self.mean, self.scale = clusters.mean, tuple(1 / sd for sd in clusters.sd)
        reach = [clusters.clip * sd for sd in clusters.sd]
        self.low = tuple(mean - far for mean, far in zip(self.mean, reach, strict=True))
        self.high = tuple(mean + far for mean, far in zip(self.mean, reach, strict=True))
        self.centres = dict(zip(clusters.ids, clusters.centres, strict=True))
        self.names = dict(zip(clusters.ids, clusters.names, strict=True))
        self.rows = tuple(self._row(cluster, centre) for cluster, centre in self.centres.items())

    def _row(self, cluster: int, centre: Three) -> Centre:
        a = [-2 * c * scale for c, scale in zip(centre, self.scale, strict=True)]
        b = sum(c * c for c in centre) - sum(one * mean for one, mean in zip(a, self.mean, strict=True))
        return Centre(cluster, b, *a)

    def nearest(self, x: Three, held: int) -> tuple[int, bool]:
        """The nearest cluster, and whether it is nearer than the one held by the margin.

        Args:
            x: features.
            held: cluster to which it is compared; one that is not there any more never wins.
        """
        (x0, x1, x2), (l0, l1, l2), (h0, h1, h2) = x, self.low, self.high
        x0 = l0 if x0 < l0 else min(h0, x0)
        x1 = l1 if x1 < l1 else min(h1, x1)
        x2 = l2 if x2 < l2 else min(h2, x2)
        best, least, own = held, float("inf"), float("inf")
        for cluster, b, a0, a1, a2 in self.rows:
            d = b + a0 * x0 + a1 * x1 + a2 * x2
            if d < least:
                best, least = cluster, d
            if cluster == held:
                own = d
        if best == held:
            return held, False
        mean, scale = self.mean, self.scale
        z0, z1, z2 = (x0 - mean[0]) * scale[0], (x1 - mean[1]) * scale[1], (x2 - mean[2]) * scale[2]
        norm = z0 * z0 + z1 * z1 + z2 * z2
        return best, norm + least <= (1 - self.clusters.margin) * (norm + own)

    def assign(self, held: Membership | None, x: Three, at_ms: int) -> tuple[Membership, Cause | None]:
        """Look at a customer.

        Args:
            held: what was announced, None for a customer without a cluster.
            x: features at the instant.
            at_ms: the instant, not before that of the last call for this customer.

        Returns:
            What to remember, and what moved the customer if its cluster is another one than before. A
            repeated call at the same instant counts once.
        """
        seen = round(x[0] * MILLI), round(x[1] * MILLI), round(x[2] * MILLI)
        if held is None:
            return Membership(self.nearest(x, -1)[0], at_ms, self.version, seen), "behaviour"
        best, clear = self.nearest(x, held.cluster)
        if not clear:
            return Membership(held.cluster, held.since_ms, self.version, seen), None
        run, run_ms, by_model = 1, at_ms, False
        if held.run and held.candidate == best:
            run, run_ms, by_model = held.run, held.run_ms, held.by_model
            if at_ms > run_ms:
                run, run_ms = run + 1, at_ms
        elif held.version != self.version:
            was = held.seen[0] / MILLI, held.seen[1] / MILLI, held.seen[2] / MILLI
            by_model = self.nearest(was, held.cluster)[1]
        if run >= self.clusters.dwell or held.cluster not in self.centres:
            return Membership(best, at_ms, self.version, seen), "model" if by_model else "behaviour"
        return Membership(held.cluster, held.since_ms, self.version, seen, best, run, run_ms, by_model), None
