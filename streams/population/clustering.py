"""One epoch of the clusters: what the panel looks like now, told to the algorithm, checked, and named.

The panel is looked at as it is now, not as it was when its customers last did something: at an order the
recency of its customer is always zero, and frequent buyers would be counted more often than others. The
standardisation is made anew each time, because a population ages.

The online algorithm carries the centres along. A batch k-means of the same panel is the yardstick: only
where it is clearly better (3 % less inertia), or a cluster has lost everybody, are the centres replaced. Ids
stay with the centres they are nearest to; names are given once and kept until the next replacement.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from models.population.clusters import FEATURES, TRANSFORM
from models.population.snapshot import Clusters
from streams.population.drift import Drift
from streams.population.fit import Floats
from streams.population.lloyd import kmeans, nearest
from streams.population.micro import MicroClusters
from streams.population.names import matched, names_of
from streams.population.online import Clusterer, OnlineKMeans
from streams.population.scale import CLIP, Scale, scale_of, three

ALGORITHMS: Mapping[str, Callable[[], Clusterer]] = {"kmeans": OnlineKMeans, "clustream": MicroClusters}
BETTER = 0.97  # inertia of the yardstick over that of the algorithm, at which it starts again
SAMPLE = 5_000  # rows for the yardstick
FEWEST = 50  # customers a cluster, below which there are no clusters


class Found(NamedTuple):
    """The clusters of an epoch, and why they are as they are: warm_up, refresh or restart."""

    clusters: Clusters
    reason: str


class Clustering:
    """Clusters of a deployment, epoch after epoch.

    Args:
        k: clusters.
        algorithm: of `ALGORITHMS`.
        seed: of every random order and draw.
        margin: see `Clusters`.
        dwell: likewise.
    """

    def __init__(
        self, k: int = 6, algorithm: str = "kmeans", seed: int = 0, margin: float = 0.3, dwell: int = 2
    ) -> None:
        self.k, self.algorithm, self.seed, self.margin, self.dwell = k, algorithm, seed, margin, dwell
        self._clusterer = ALGORITHMS[algorithm]()
        self._drift = Drift()
        self._last: Clusters | None = None

    def epoch(self, rows: Floats, version: int) -> Found | None:
        """Take in the panel.

        Args:
            rows: raw features (n, 3), finite.
            version: of the snapshot to come; with the seed it decides every random draw.

        Returns:
            The clusters; None where customers are too few.
        """
        if len(rows) < FEWEST * self.k:
            return None
        rng = np.random.default_rng((self.seed, version))
        scale = scale_of(rows)
        points = scale.standard(rows)
        sample = points if len(points) <= SAMPLE else points[rng.permutation(len(points))[:SAMPLE]]
        if len(np.unique(sample, axis=0)) < self.k:
            return None
        fresh = kmeans(sample, self.k, rng)
        last, drift = self._last, False
        if last is None:
            centres, reason = fresh, "warm_up"
        else:
            before = Scale(np.array(last.mean), np.array(last.sd))
            drift = self._moved(before.standard(rows), last)
            known = (before.raw(np.array(last.centres)) - scale.mean) / scale.sd
            centres = matched(self._clusterer.learn(rows, scale, rng), known)
            reason = "restart" if self._outdone(points, centres, fresh) else "refresh"
            if reason == "restart":
                centres = matched(fresh, known)
        if reason != "refresh":
            self._clusterer.restart(scale.raw(centres))
        self._last = self._describe(points, centres, scale, drift=drift, rename=reason != "refresh")
        return Found(self._last, reason)

    def _moved(self, points: Floats, last: Clusters) -> bool:
        inertia = float(nearest(points, np.array(last.centres))[1].mean())
        return self._drift.update(inertia, last.inertia)

    @staticmethod
    def _outdone(points: Floats, centres: Floats, fresh: Floats) -> bool:
        best, distance = nearest(points, centres)
        if len(np.unique(best)) < len(centres):
            return True
        return bool(nearest(points, fresh)[1].sum() <= BETTER * distance.sum())

    def _describe(
        self, points: Floats, centres: Floats, scale: Scale, *, drift: bool, rename: bool
    ) -> Clusters:
        best, distance = nearest(points, centres)
        ids = tuple(range(1, self.k + 1))
        names = self._last.names if self._last is not None and not rename else names_of(centres, ids)
        return Clusters(
            algorithm=self._clusterer.algorithm,
            features=FEATURES,
            transform=TRANSFORM,
            mean=three(scale.mean),
            sd=three(scale.sd),
            clip=CLIP,
            ids=ids,
            names=names,
            centres=tuple(map(three, centres)),
            weights=tuple((np.bincount(best, minlength=self.k) / len(points)).tolist()),
            margin=self.margin,
            dwell=self.dwell,
            inertia=float(distance.mean()),
            drift=drift,
        )

    def save(self) -> dict[str, Any]:
        """Plain data for JSON, without the last clusters, which the snapshot has."""
        return {"algorithm": self.algorithm, "clusterer": self._clusterer.save(), "drift": self._drift.save()}

    def restore(self, saved: Mapping[str, Any], last: Clusters | None) -> None:
        """Go on from what was saved; another algorithm or number of clusters than configured begins anew."""
        if last is None or saved["algorithm"] != self.algorithm or len(last.ids) != self.k:
            return
        self._clusterer.restore(saved["clusterer"])
        self._drift.restore(saved["drift"])
        self._last = last
