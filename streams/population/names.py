"""Names of clusters: the prototype that each centre resembles, and ids that survive a restart."""

import numpy as np
from scipy.optimize import linear_sum_assignment

from streams.population.fit import Floats
from streams.population.lloyd import squared

# Standardised log features: recency (small = bought lately), frequency, money.
PROTOTYPES = {
    "champions": (-2.0, 2.0, 1.8),
    "loyal": (-0.7, 1.6, 1.5),
    "active": (-1.6, 0.6, 0.6),
    "newcomers": (-1.2, -0.7, -0.5),
    "fading": (0.2, 0.5, 0.6),
    "sleeping_regulars": (1.0, 1.2, 1.1),
    "lapsed_big": (0.6, -0.5, 0.8),
    "lapsed": (0.5, -0.5, -0.1),
    "lapsed_small": (0.6, -0.7, -1.2),
}
_POOR = 1.5  # standard deviations: further away, a prototype says nothing
_PLAIN = 0.5  # standard deviations about the mean that deserve no word
WORDS_OF_FEATURES = (
    ("recent", "silent"),
    ("rare", "frequent"),
    ("small", "big"),
)  # below and above, by feature


def names_of(centres: Floats, ids: tuple[int, ...]) -> tuple[str, ...]:
    """A name for each standardised centre (k, 3), no two alike; `described` where no prototype is near."""
    labels = list(PROTOTYPES)
    names = [f"{described(centre)}_{one}" for centre, one in zip(centres, ids, strict=True)]
    costs = squared(centres, np.array(list(PROTOTYPES.values())))
    for i, j in zip(*linear_sum_assignment(costs), strict=True):
        if costs[i, j] <= _POOR**2:
            names[i] = labels[j]
    return tuple(names)


def described(centre: Floats) -> str:
    """What is unusual about a standardised centre (3,): "recent_frequent_small", or "average".

    >>> described(np.array([-1.0, 0.1, 2.0]))
    'recent_big'
    """
    words = [pair[int(z > 0)] for z, pair in zip(centre, WORDS_OF_FEATURES, strict=True) if abs(z) > _PLAIN]
    return "_".join(words) or "average"


def matched(centres: Floats, before: Floats) -> Floats:
    """Centres (k, d) in the order of those before that they lie nearest to, one to one and in sum."""
    _, order = linear_sum_assignment(squared(before, centres))
    out: Floats = centres[order]
    return out
