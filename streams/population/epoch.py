"""One epoch: the panel as of an instant becomes a snapshot.

A trainer's loop is: take rows into the panel; at each epoch call `Population.epoch`, publish what comes if
nothing newer is there, and store `save()` with it. A trainer that starts calls `restore` with both.
"""

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from models.population.codec import check
from models.population.snapshot import Churn, Snapshot, SnapshotError, Value
from streams.population.clustering import Clustering
from streams.population.fit import Bools, FitError, Floats, fit_bg_nbd, fit_gamma_gamma
from streams.population.newcomers import fit_newcomers
from streams.population.panel import Columns, Panel, repeats
from streams.population.quantiles import quintiles
from streams.population.scale import features

log = logging.getLogger(__name__)

SCHEMA = 1
FEWEST = 100  # customers, below which fixed thresholds serve better than quantiles and fits
FEWEST_REPEATERS = 30
_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Settings:
    """What a deployment decides about its population.

    Attributes:
        clusters: how many.
        algorithm: of the clusters, kmeans or clustream.
        seed: of every random draw.
        medium: see `models.population.snapshot.Churn`.
        high: likewise.
    """

    clusters: int = 6
    algorithm: str = "kmeans"
    seed: int = 0
    medium: float = 0.7
    high: float = 0.4


class Population:
    """The models of one deployment, epoch after epoch.

    Args:
        settings: see `Settings`.
    """

    def __init__(self, settings: Settings | None = None) -> None:
        self.settings = settings or Settings()
        self.snapshot: Snapshot | None = None
        self._clustering = Clustering(
            self.settings.clusters, self.settings.algorithm, seed=self.settings.seed
        )

    def epoch(self, panel: Panel, at_ms: int) -> Snapshot | None:
        """The snapshot as of an instant; None where the panel is too small for anything.

        A model that cannot be fitted now is carried over from the snapshot before, and logged.

        Args:
            panel: rows as of the instant.
            at_ms: the instant, not before the last order of any row.
        """
        columns = panel.columns()
        if len(columns) < FEWEST:
            return None
        before = self.snapshot
        version = before.version + 1 if before is not None else 1
        found = self._clustering.epoch(features(columns, at_ms), version)
        clusters = found.clusters if found else before.clusters if before else None
        reason = found.reason if found else "refresh" if before else "warm_up"
        snapshot = Snapshot(
            version=version,
            parent=before.version if before is not None else 0,
            reason=reason,
            event_ms=at_ms,
            panel=len(columns),
            share=panel.share,
            quintiles=quintiles(columns, at_ms),
            clusters=clusters,
            churn=self._churn(columns, at_ms, before.churn if before is not None else None),
            value=self._value(columns, before.value if before is not None else None),
        )
        check(snapshot, snapshot.parent)
        self.snapshot = snapshot
        return snapshot

    def _churn(self, columns: Columns, at_ms: int, before: Churn | None) -> Churn | None:
        x, t_x, t = repeats(columns, at_ms)
        if (x > 0).sum() < FEWEST_REPEATERS:
            return before
        try:
            fitted = fit_bg_nbd(x, t_x, t)
            once = fit_newcomers(*waiting(columns, at_ms))
        except FitError as error:
            log.warning("churn model stays as it was: %s", error)
            return before
        medium, high = self.settings.medium, self.settings.high
        return Churn(*fitted[:4], *once, medium, high, fitted.log_likelihood / len(columns))

    @staticmethod
    def _value(columns: Columns, before: Value | None) -> Value | None:
        paid = (columns.total_minor > 0) & (columns.valued > 0)
        if paid.sum() < FEWEST:
            return before
        occasions = columns.valued[paid].astype(np.float64)
        try:
            fitted = fit_gamma_gamma(occasions, columns.total_minor[paid] / occasions)
        except FitError as error:
            log.warning("value model stays as it was: %s", error)
            return before
        return Value(fitted.p, fitted.q, fitted.v)

    def save(self) -> dict[str, Any]:
        """What the snapshot does not hold, as plain data for JSON."""
        return {"schema": SCHEMA, "clustering": self._clustering.save()}

    def restore(self, saved: Mapping[str, Any], snapshot: Snapshot) -> None:
        """Go on from a snapshot and what was saved with it.

        Raises:
            SnapshotError: saved by a version that wrote another schema.
        """
        if saved["schema"] != SCHEMA:
            raise SnapshotError(f"trainer state has schema {saved['schema']}, this version reads {SCHEMA}")
        self.snapshot = snapshot
        self._clustering.restore(saved["clustering"], snapshot.clusters)


def waiting(columns: Columns, at_ms: int) -> tuple[Floats, Bools]:
    """Days from the first occasion to the second, or until now, and whether there was a second.

    Customers whose second occasion is not known are left out.
    """
    known = (columns.occasions == 1) | (columns.second_ms > 0)
    came = columns.second_ms > 0
    until = np.where(came, columns.second_ms, at_ms)
    return ((until - columns.first_ms) / _DAY_MS)[known], came[known]
