"""When silence alone will carry a customer into another cluster: solved, not polled.

With no order only recency moves, so a customer travels along a straight line through standardised space.
That another centre becomes nearer by the margin is a quadratic in the one coordinate that moves; its
smallest root ahead is the instant.
"""

from math import ceil, expm1, inf, sqrt

from models.calendar import DAY_MS
from models.population.clusters import PATIENCE_MS, Assigner, Membership
from models.population.snapshot import Three

FAR_DAYS = 36_525.0  # a century: nobody is woken after that
SOONEST_MS = 60_000  # where rounding puts the crossing on the other side of now, it is not tried every ms


def looks_again_ms(held: Membership, x: Three, last_order_ms: int, at_ms: int, assigner: Assigner) -> int:
    """The next instant, epoch ms, at which a customer is to be assigned again if nothing happens; 0 = never.

    Args:
        held: what `Assigner.assign` gave at `at_ms`.
        x: features at `at_ms`.
        last_order_ms: time of the last order.
        at_ms: now.
        assigner: the clusters.
    """
    if held.run:
        return max(at_ms, held.run_ms) + PATIENCE_MS
    mean, scale, clip = assigner.mean, assigner.scale, assigner.clusters.clip
    z = [min(max((one - m) * s, -clip), clip) for one, m, s in zip(x, mean, scale, strict=True)]
    own = assigner.centres.get(held.cluster)
    if own is None:
        return at_ms + SOONEST_MS
    keep = 1 - assigner.clusters.margin
    aside = (z[1] - own[1]) ** 2 + (z[2] - own[2]) ** 2
    at = min(
        (
            _first_root(
                centre[0], (z[1] - centre[1]) ** 2 + (z[2] - centre[2]) ** 2, own[0], aside, keep, z[0]
            )
            for cluster, centre in assigner.centres.items()
            if cluster != held.cluster
        ),
        default=inf,
    )
    if at >= clip:
        return 0
    days = expm1(at / scale[0] + mean[0])
    return max(at_ms + SOONEST_MS, last_order_ms + ceil(days * DAY_MS)) if days < FAR_DAYS else 0


def _first_root(c: float, c_aside: float, h: float, h_aside: float, keep: float, start: float) -> float:
    """Least z >= start with (z - c)^2 + c_aside <= keep ((z - h)^2 + h_aside); infinity if there is none."""
    square, half, rest = 1 - keep, keep * h - c, c * c + c_aside - keep * (h * h + h_aside)
    if square * start * start + 2 * half * start + rest <= 0:
        return start
    if square == 0:  # no margin: a straight line, which must fall to reach zero
        return -rest / (2 * half) if half < 0 else inf
    beyond = half * half - square * rest
    root = (-half - sqrt(beyond)) / square if beyond >= 0 else -inf
    return root if root >= start else inf
