"""Features of the panel, and their standardisation as of one epoch."""

from typing import NamedTuple

import numpy as np

from models.population.snapshot import Three
from streams.population.fit import Floats
from streams.population.panel import Columns

CLIP = 4.0  # one amount in a thousand typed wrongly would otherwise pull a centre to itself
LEAST_SD = 1e-3  # of a feature that is the same for all: divides, and says nothing


class Scale(NamedTuple):
    """Mean and standard deviation of each feature, (d,)."""

    mean: Floats
    sd: Floats

    def standard(self, rows: Floats) -> Floats:
        """Raw features (n, d) to standardised ones, clipped."""
        return np.clip((rows - self.mean) / self.sd, -CLIP, CLIP)

    def raw(self, centres: Floats) -> Floats:
        """Standardised centres (k, d) back to raw features."""
        return centres * self.sd + self.mean


def scale_of(rows: Floats) -> Scale:
    """Of raw features (n, d), n at least 1."""
    return Scale(rows.mean(axis=0), np.maximum(rows.std(axis=0), LEAST_SD))


def features(columns: Columns, at_ms: int) -> Floats:
    """(n, 3): `models.population.clusters.vector` of every customer of the panel at an instant."""
    silent_days = np.maximum(at_ms - columns.last_ms, 0) / 86_400_000
    money = np.maximum(columns.total_minor, 0) / 100
    return np.log1p(np.stack((silent_days, columns.orders.astype(np.float64), money), axis=1))


def three(row: Floats) -> Three:
    """One row as plain numbers."""
    one, two, other = map(float, row)
    return one, two, other
