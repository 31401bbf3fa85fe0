"""Those who bought once: what share comes back, and after how long.

BG/NBD cannot tell (see `models/population/churn.py`), so the panel is asked. Each customer either came back
after a known time or has not yet done so within the time observed. A share comes back, after a Lomax
waiting time (a mixture of exponentials, as people's rhythms differ); the others never do: a cure model
(Boag 1949) read the other way round. The shape is at least 1, so that those who come back have a mean
waiting time: a thinner one could imitate those who never come.
"""

from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from streams.population.fit import Bools, FitError, Floats

_LOW, _HIGH = np.log([0.01, 1.0, 0.1]), np.log([100.0, 20.0, 3650.0])


class Newcomers(NamedTuple):
    """Odds of never coming back; shape and scale (days) of the waiting time of those who do."""

    odds: float
    power: float
    days: float


def fit_newcomers(waited: Floats, came: Bools) -> Newcomers:
    """Maximum likelihood.

    Args:
        waited: days from the first purchase occasion to the second, or until now; at least 0.
        came: whether there was a second.

    Raises:
        FitError: nobody came back, everybody did at once, or a number is not finite.
    """
    if not len(waited) or not came.any() or not np.isfinite(waited).all():
        raise FitError("nobody in the panel came back")
    waited = np.maximum(waited, 0.0)
    scale = float(np.median(waited[came])) or 1.0

    def loss(logs: Floats) -> float:
        odds, power, days = np.exp(logs)
        survival = -power * np.log1p(waited / days)
        back = np.log(power / days) + survival[came] - np.log1p(waited[came] / days)
        total = back.sum() + np.log(np.exp(survival[~came]) + odds).sum() - len(waited) * np.log1p(odds)
        return -float(total) if np.isfinite(total) else 1e12

    start = np.clip(np.log([1.0, 2.0, 2 * scale]), _LOW, _HIGH)
    bounds = list(zip(_LOW, _HIGH, strict=True))
    found = minimize(loss, start, method="L-BFGS-B", bounds=bounds)
    if not np.isfinite(found.x).all() or not found.fun < 1e12:
        raise FitError(f"no optimum was found: {found.message}")
    return Newcomers(*map(float, np.exp(found.x)))
