"""Batch k-means in numpy: the warm-up, and the yardstick by which the online clusters are restarted.

k-means++ (Arthur and Vassilvitskii, SODA 2007) chooses the starts, Lloyd's algorithm moves them; the best of
several tries wins. Rows may have weights. Not scikit-learn: fifty lines against a dependency of the trainer.
"""

import numpy as np
from numpy.typing import NDArray

from streams.population.fit import Floats

TRIES = 10
_ROUNDS = 100


def kmeans(
    rows: Floats, k: int, rng: np.random.Generator, weight: Floats | None = None, tries: int = TRIES
) -> Floats:
    """Centres (k, d) of rows (n, d) of least inertia among several tries.

    Raises:
        ValueError: there are fewer distinct rows than clusters.
    """
    if len(np.unique(rows, axis=0)) < k:
        raise ValueError(f"{len(rows)} rows have fewer than {k} distinct ones")
    weight = np.ones(len(rows)) if weight is None else weight
    found = [_lloyd(rows, _plus_plus(rows, k, weight, rng), weight) for _ in range(tries)]
    return min(found, key=lambda centres: float(weight @ nearest(rows, centres)[1]))


def nearest(rows: Floats, centres: Floats) -> tuple[NDArray[np.intp], Floats]:
    """Index of the nearest centre of each row, and the squared distance to it."""
    distances = squared(rows, centres)
    best = distances.argmin(axis=1)
    return best, distances[np.arange(len(rows)), best]


def squared(rows: Floats, centres: Floats) -> Floats:
    """Squared distances (n, k); differences, not the expanded square, which cancels."""
    return np.stack([((rows - centre) ** 2).sum(axis=1) for centre in centres], axis=1)


def _plus_plus(rows: Floats, k: int, weight: Floats, rng: np.random.Generator) -> Floats:
    """Each further start is drawn with a probability that grows with its squared distance to the others."""
    chosen = [rows[rng.choice(len(rows), p=weight / weight.sum())]]
    least = squared(rows, np.array(chosen))[:, 0]
    while len(chosen) < k:
        odds = least * weight
        chosen.append(rows[rng.choice(len(rows), p=odds / odds.sum())])
        least = np.minimum(least, ((rows - chosen[-1]) ** 2).sum(axis=1))
    return np.array(chosen)


def _lloyd(rows: Floats, centres: Floats, weight: Floats) -> Floats:
    before = None
    for _ in range(_ROUNDS):
        best, distance = nearest(rows, centres)
        if before is not None and (best == before).all():
            break
        before = best
        mass = np.bincount(best, weight, minlength=len(centres))
        sums = [np.bincount(best, weight * column, minlength=len(centres)) for column in rows.T]
        moved = np.stack(sums, axis=1) / np.where(mass > 0, mass, 1.0)[:, None]
        # A centre that lost all its rows goes to the row that is worst served.
        centres = np.where((mass > 0)[:, None], moved, rows[int((distance * weight).argmax())])
    return centres
