"""What a customer is worth: orders to be expected in the coming year, and money.

Orders: the conditional expectation of BG/NBD (Fader, Hardie and Lee 2005). Given that the customer is alive,
its rate is gamma(r + x, alpha + T) and its chance p of dropping out at a purchase is beta(a, b + x), so the
expected purchases in t more days are

    the mean over p of  (1 - (1 + p * t / (alpha + T)) ^ -(r + x)) / p

times p(alive). The published form has a hypergeometric function instead, which is lost in rounding where
a grows (customers who drop out alike) and divides zero by zero at a = 1. The mean is taken by the trapezoidal
rule over log(p / (1 - p)): the integrand is analytic and dies out at both ends, so the error falls
exponentially with the step (Trefethen and Weideman, "The exponentially convergent trapezoidal rule", SIAM
Review 56, 2014). For one purchase BG/NBD's p(alive) is 1: it explains silence by a low rate, and the
expectation counts it that way.

Money: Gamma-Gamma (Fader and Hardie, "The Gamma-Gamma model of monetary value", 2013): the spending of an
occasion to be expected of a customer is a mean between its own and everybody's.

An occasion is a calendar day with orders, not an order.
"""

from functools import lru_cache
from math import exp, expm1, lgamma, log, log1p, sqrt
from typing import NamedTuple

from models.calendar import DAY_MS
from models.population.churn import Rhythm, p_alive
from models.population.snapshot import Churn, Value

YEAR_DAYS = 365.0
STEPS = 12  # of a discounted year
LEAST_DAYS = 1.0  # occasions are days: a rate is not known by less
_STEP = 0.4  # of log(p / (1 - p)): leaves an error of some 1e-11
_STEPS_A_WIDTH = 2  # where the chances are nearly alike, at least so many steps to a standard deviation
_NOTHING = 40.0  # what is e^-40 of the greatest, or of 1, is nothing beside it


def expected_orders(rhythm: Rhythm, at_ms: int, churn: Churn, days: float = YEAR_DAYS) -> float:
    """Purchase occasions to be expected within the coming days.

    Args:
        rhythm: the customer's purchases.
        at_ms: the instant, not before the last purchase.
        churn: parameters.
        days: how far to look ahead, above 0.
    """
    x = rhythm.occasions - 1
    alive = p_alive(rhythm, at_ms, churn) if x else 1.0
    known_days = max(LEAST_DAYS, churn.alpha_days + (at_ms - rhythm.first_ms) / DAY_MS)
    return alive * _while_alive(x, days / known_days, churn)


def expected_spend_minor(occasions: int, total_minor: int, value: Value) -> float:
    """Spending to be expected at the next occasion, minor units.

    Args:
        occasions: those with a known amount, 0 or more; 0 gives the mean of the population.
        total_minor: their amounts together.
        value: parameters.
    """
    return value.p * (value.v_minor + max(0, total_minor)) / (value.p * occasions + value.q - 1)


def clv_minor(
    rhythm: Rhythm,
    spend_minor: float,
    at_ms: int,
    churn: Churn,
    *,
    days: float = YEAR_DAYS,
    discount: float = 0.0,
) -> float:
    """Customer lifetime value: revenue to be expected within the coming days, minor units.

    Args:
        rhythm: the customer's purchases.
        spend_minor: of `expected_spend_minor`.
        at_ms: the instant.
        churn: parameters.
        days: how far to look ahead.
        discount: by which revenue of the n-th twelfth of that time is worth less, (1 + discount) ^ -n.
    """
    if not discount:
        return spend_minor * expected_orders(rhythm, at_ms, churn, days)
    worth = before = 0.0
    for step in range(1, STEPS + 1):
        until = expected_orders(rhythm, at_ms, churn, days * step / STEPS)
        worth += (until - before) / (1 + discount) ** step
        before = until
    return spend_minor * worth


class _Chances(NamedTuple):
    """The chance of dropping out at a purchase, by the nodes of the rule.

    Attributes:
        nodes: (p, weight / p).
        none: (weight / p) * p of all that are too near to 0 to be told from it.
        sure: weight of all that are too near to 1.
    """

    nodes: tuple[tuple[float, float], ...]
    none: float
    sure: float


@lru_cache(maxsize=2048)
def _chances(a: float, b: float) -> _Chances:
    middle, scale = log(a / b), lgamma(a + b) - lgamma(a) - lgamma(b)
    step = min(_STEP, sqrt(1 / a + 1 / b) / _STEPS_A_WIDTH)
    top = _log_density(middle, a, b)
    nodes: list[tuple[float, float]] = []
    tails = []
    for side, power in ((1, b), (-1, a)):
        n, y, density = 0 if side > 0 else 1, 0.0, 0.0
        while True:
            y = middle + side * n * step
            density = _log_density(y, a, b)
            if density < top - _NOTHING or side * y > _NOTHING:
                break
            p = 1 / (1 + exp(-y))
            nodes.append((p, step * exp(scale + density) / p))
            n += 1
        # From here on the density falls by the same ratio with each step.
        tails.append(step * exp(scale + density) / -expm1(-power * step) if side * y > _NOTHING else 0.0)
    return _Chances(tuple(nodes), tails[1], tails[0])


def _log_density(y: float, a: float, b: float) -> float:
    """Of log(p / (1 - p)) where p is beta(a, b), without its constant."""
    return -b * y - (a + b) * log1p(exp(-y)) if y > 0 else a * y - (a + b) * log1p(exp(y))


def _while_alive(x: int, ahead: float, churn: Churn) -> float:
    """Purchases of a customer who is alive; `ahead` is t / (alpha + T)."""
    power = -(churn.r + x)
    nodes, none, sure = _chances(churn.a, churn.b + x)
    total = none * -power * ahead - sure * expm1(power * log1p(ahead))
    for p, weight in nodes:
        total -= weight * expm1(power * log1p(p * ahead))
    return total
