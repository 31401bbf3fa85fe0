"""What a customer is worth: orders to be expected in the coming year, and money.

Orders: the conditional expectation of BG/NBD (Fader, Hardie and Lee 2005, equation 10), in a form without its
hypergeometric function of large arguments. Given that the customer is alive, its rate is gamma(r + x,
alpha + T) and its chance of dropping out beta(a, b + x), so the expected purchases in t more days are

    (r + x) * integral over u from 0 to t / (alpha + T) of  2F1(r + x + 1, a; a + b + x; -u) du

times p(alive). Pfaff's transformation and u = v / (1 - v) turn that into a series whose coefficients are
small, whose integrals come by a stable recurrence, and which knows no special case at a = 1 (where the
published form divides zero by zero). For one purchase BG/NBD's p(alive) is 1: it explains silence by a low
rate, and the expectation counts it that way.

Money: Gamma-Gamma (Fader and Hardie, "The Gamma-Gamma model of monetary value", 2013): the spending of an
occasion to be expected of a customer is a mean between its own and everybody's.

An occasion is a calendar day with orders, not an order.
"""

from functools import lru_cache
from math import log

from models.calendar import DAY_MS
from models.population.churn import Rhythm, p_alive
from models.population.snapshot import Churn, Value

YEAR_DAYS = 365.0
STEPS = 12  # of a discounted year
LEAST_DAYS = 1.0  # occasions are days: a rate is not known by less
_SMALL = 1e-17
_EXPONENT = 36.0  # z^n below e^-36 is nothing beside 1
_MOST_TERMS = 20_000


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
    return alive * _while_alive(x, days / (known_days + days), churn)


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


@lru_cache(maxsize=2048)
def _coefficients(x: int, r: float, a: float, b: float) -> tuple[float, ...]:
    """(a)_n (a + b - r - 1)_n / ((a + b + x)_n n!) for n = 0, 1, ... until they no longer count."""
    one = 1.0
    out = [one]
    low, high = a + b - r - 1, a + b + x
    for n in range(_MOST_TERMS):
        one *= (a + n) * (low + n) / ((high + n) * (n + 1))
        if abs(one) < _SMALL:
            break
        out.append(one)
    return tuple(out)


def _while_alive(x: int, z: float, churn: Churn) -> float:
    """(r + x) * sum of coefficient n times the integral I_n of v^n (1 - v)^(a - 2) over v from 0 to z.

    I_n-1 = ((n + a - 1) I_n + z^n (1 - z)^(a - 1)) / n is taken downwards from where the integral is nothing,
    so each one is a sum of positive terms. Upwards it would be the difference of two nearly equal numbers.
    """
    coefficients = _coefficients(x, churn.r, churn.a, churn.b)
    a = churn.a - 1
    n = min(int(_EXPONENT / -log(z)) + 1, _MOST_TERMS)
    edge = z**n * (1 - z) ** a
    integral = edge * z / ((n + 1) * (1 - z))
    while n > len(coefficients):
        integral = ((n + a) * integral + edge) / n
        edge /= z
        n -= 1
    total = 0.0
    for coefficient in coefficients[n - 1 :: -1]:
        integral = ((n + a) * integral + edge) / n
        edge /= z
        total += coefficient * integral
        n -= 1
    return (churn.r + x) * total
