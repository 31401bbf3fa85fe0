"""The edges of the scores, out of the panel as of an instant."""

import numpy as np

from models.population.quintiles import BAND
from models.population.snapshot import Edges, Four, Quintiles
from streams.population.fit import Floats
from streams.population.panel import Columns, Ints

_QUANTILES = np.array((0.2, 0.4, 0.6, 0.8))


def quintiles(columns: Columns, at_ms: int) -> Quintiles:
    """Edges of silence, orders and money over all customers of the panel; at least one is needed."""
    return Quintiles(
        recency_ms=edges(at_ms - columns.last_ms),
        frequency=edges(columns.orders),
        monetary_minor=edges(columns.total_minor),
    )


def edges(values: Ints) -> Edges:
    """Quantiles .2, .4, .6, .8 and their bands: values that occur (Hyndman and Fan 1996, type 1)."""
    ranked = np.sort(values)
    at, low, high = (_four(ranked, _QUANTILES + shift) for shift in (0.0, -BAND, BAND))
    return Edges(at=at, low=low, high=high)


def _four(ranked: Ints, quantiles: Floats) -> Four:
    places = np.ceil(quantiles * len(ranked) - 1e-9).astype(np.int64) - 1
    one, two, three, four = ranked[np.clip(places, 0, len(ranked) - 1)].tolist()
    return one, two, three, four
