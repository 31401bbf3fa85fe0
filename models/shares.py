"""Decayed shares: what a customer prefers, where a choice counts half as much after every 90 days.

Forward decay (Cormode, Shkapenyuk, Srivastava and Xu, "Forward decay", ICDE 2009): a choice weighs
2 ** (day / 90) and is never touched again, because shares do not depend on the day on which they are read.
"""

from models.details import OTHER

HALF_LIFE_DAYS = 90
SHOWN = 5


def weight_of(day: int) -> float:
    """Weight of a choice made on a day: doubles every `HALF_LIFE_DAYS`; finite for the contract's years."""
    weight: float = 2.0 ** (day / HALF_LIFE_DAYS)
    return weight


def shares(weights: dict[str, float]) -> dict[str, float]:
    """The `SHOWN` largest shares, 0..1, largest first, and `OTHER` where there is any."""
    if len(weights) == 1:
        return dict.fromkeys(weights, 1.0)
    total = sum(weights.values())
    # Only what is near the fifth largest or above it needs a name and a place.
    least = sorted(weights.values())[-SHOWN - 2 :][0] - 1e-4 * total
    best = [(-round(w / total, 4), name) for name, w in weights.items() if w >= least and name != OTHER]
    out = {name: -share for share, name in sorted(best)[:SHOWN]}
    if OTHER in weights:
        out[OTHER] = round(weights[OTHER] / total, 4)
    return out
