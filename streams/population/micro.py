"""The other algorithm: river's CluStream, whose micro-clusters are gathered by weighted Lloyd.

CluStream keeps many small clusters with weights, in raw features. To make large ones of them river runs an
online k-means over their centres without the weights, and finds half of what weighted Lloyd finds in the same
micro-clusters; so that step of river's is never reached here.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
from river import cluster, stats
from river.cluster.clustream import CluStreamMicroCluster

from streams.population.fit import Floats
from streams.population.lloyd import kmeans
from streams.population.scale import Scale

MICRO = 50
WINDOW = 100_000  # rows after which an unused micro-cluster may go
_NEVER = 1 << 62  # river's own macro-clusters: after so many rows


class MicroClusters:
    """`Clusterer` by river's CluStream. About 120 us a row: for panels of some thousands.

    Args:
        micro: micro-clusters.
        window: rows.
    """

    algorithm = "river.CluStream"

    def __init__(self, micro: int = MICRO, window: int = WINDOW) -> None:
        self._micro, self._window = micro, window
        self._centres: Floats = np.empty((0, 0))
        self._model = self._empty()

    def _empty(self) -> Any:
        return cluster.CluStream(
            n_macro_clusters=1, max_micro_clusters=self._micro, time_window=self._window, time_gap=_NEVER
        )

    def learn(self, rows: Floats, scale: Scale, rng: np.random.Generator) -> Floats:
        """One pass in random order; then weighted Lloyd over the micro-clusters."""
        for row in rows[rng.permutation(len(rows))].tolist():
            self._model.learn_one(dict(enumerate(row)))
        small = self._model.micro_clusters.values()
        points = scale.standard(np.array([list(one.center.values()) for one in small]))
        weight = np.array([float(one.weight) for one in small])
        centres = kmeans(points, len(self._centres), rng, weight)
        self._centres = scale.raw(centres)
        return centres

    def restart(self, centres: Floats) -> None:
        """Only the number of macro-clusters counts: the micro-clusters are still right."""
        self._centres = centres.copy()

    def save(self) -> dict[str, Any]:
        """Everything that CluStream goes on from."""
        model = self._model
        return {
            "micro": self._micro,
            "window": self._window,
            "centres": self._centres.tolist(),
            "timestamp": model._timestamp,  # noqa: SLF001  river saves by pickle only
            "clusters": [
                {"w": one.w, "timestamp": one.timestamp, "x": list(one.x.values()),
                 "vars": [_save(var) for var in one.var_x.values()], "time": _save(one.var_time)}
                for one in model.micro_clusters.values()
            ],
        }  # fmt: skip

    def restore(self, saved: Mapping[str, Any]) -> None:
        """Become what was saved."""
        self._micro, self._window = saved["micro"], saved["window"]
        self._centres = np.array(saved["centres"])
        model = self._model = self._empty()
        model._timestamp = saved["timestamp"]  # noqa: SLF001
        model._initialized = len(saved["clusters"]) == self._micro  # noqa: SLF001
        for i, one in enumerate(saved["clusters"]):
            small = CluStreamMicroCluster(dict(enumerate(one["x"])), one["w"], one["timestamp"])
            small.var_x = {key: _restored(var) for key, var in enumerate(one["vars"])}
            small.var_time = _restored(one["time"])
            model.micro_clusters[i] = small


def _save(var: Any) -> list[float]:
    return [var.mean.n, var.mean._mean, var._S]  # noqa: SLF001


def _restored(saved: list[float]) -> Any:
    var = stats.Var()
    var.mean.n, var.mean._mean, var._S = saved  # noqa: SLF001  its _from_state is not exact to the bit
    return var
