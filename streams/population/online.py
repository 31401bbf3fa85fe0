"""Online k-means: river's, with a distance that is computed in Rust, guarded and saved as JSON."""

from collections.abc import Mapping
from math import isfinite
from typing import Any, Protocol

import numpy as np
from river import cluster
from river.utils.vectordict import euclidean_distance_dict

from streams.population.fit import Floats
from streams.population.scale import Scale

HALFLIFE = 0.01  # not a half-life: the share of the way that a centre moves towards each customer
PASSES = 2  # over the panel in an epoch


class Clusterer(Protocol):
    """An online clustering algorithm, as the epoch uses it.

    All centres it takes and keeps are raw features, because the standardisation changes every epoch.
    """

    algorithm: str

    def learn(self, rows: Floats, scale: Scale, rng: np.random.Generator) -> Floats:
        """Take in the panel, raw (n, d); gives the centres, standardised by `scale` (k, d)."""

    def restart(self, centres: Floats) -> None:
        """Forget what was learnt and begin at raw centres (k, d)."""

    def save(self) -> dict[str, Any]:
        """Plain data for JSON, from which `restore` goes on bit for bit."""

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Become what was saved."""


class FastKMeans(cluster.KMeans):  # type: ignore[misc]
    """river's KMeans with the same result at a sixth of the cost.

    river's own distance builds a set of keys for each centre. All keys are given when it is made, so a
    lookup can never draw a random coordinate, as it does on a key that river has not seen.

    Args:
        centres: starting points (k, d).
        halflife: learning rate, 0..1.
    """

    def __init__(self, centres: Floats, halflife: float = HALFLIFE) -> None:
        super().__init__(n_clusters=len(centres), halflife=halflife, seed=0)
        self.centers = {i: dict(enumerate(map(float, centre))) for i, centre in enumerate(centres)}

    def predict_one(self, x: Mapping[int, float]) -> int:
        """Index of the nearest centre; the first of those that tie."""
        best, least = 0, float("inf")
        for i, centre in self.centers.items():
            distance = euclidean_distance_dict(centre, x)
            if distance < least:
                best, least = i, distance
        return best

    def learn_one(self, x: Mapping[int, float]) -> None:
        """Move the nearest centre; a row that is not finite would poison it for ever and is left out."""
        if all(map(isfinite, x.values())):
            self.learn_predict_one(x)

    def table(self) -> Floats:
        """Centres (k, d)."""
        return np.array([list(centre.values()) for centre in self.centers.values()])


class OnlineKMeans:
    """`Clusterer` by river's KMeans.

    Args:
        halflife: learning rate, 0..1.
    """

    algorithm = "river.KMeans"

    def __init__(self, halflife: float = HALFLIFE) -> None:
        self._halflife = halflife
        self._centres: Floats = np.empty((0, 0))

    def learn(self, rows: Floats, scale: Scale, rng: np.random.Generator) -> Floats:
        """Two passes in random order."""
        model = FastKMeans((self._centres - scale.mean) / scale.sd, self._halflife)
        points = [dict(enumerate(row)) for row in scale.standard(rows).tolist()]
        for _ in range(PASSES):
            for i in rng.permutation(len(points)).tolist():
                model.learn_one(points[i])
        centres = model.table()
        self._centres = scale.raw(centres)
        return centres

    def restart(self, centres: Floats) -> None:
        """Begin at these."""
        self._centres = centres.copy()

    def save(self) -> dict[str, Any]:
        """Centres and learning rate: with every key known, river's KMeans is nothing else."""
        return {"centres": self._centres.tolist(), "halflife": self._halflife}

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Become what was saved."""
        self._centres, self._halflife = np.array(saved["centres"]), saved["halflife"]
