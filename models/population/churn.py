"""Is a silent customer still one? The probability by the customer's own rhythm, and when it will fall.

A customer of a shop does not say goodbye. BG/NBD (Fader, Hardie and Lee, "Counting your customers the easy
way", Marketing Science 24, 2005) takes purchases for a Poisson process whose rate differs between customers
(gamma), and lets each drop out after a repeat purchase with a probability that differs too (beta). With x
repeat purchases, the last one t_x days after the first, and T days from the first until now:

    p(alive) = 1 / (1 + odds * ((scale + T) / (scale + t_x)) ^ power)
    x >= 1:    odds = a / (b + x - 1),  power = r + x,  scale = alpha

For x = 0 BG/NBD says 1 whatever the silence: nobody can drop out before a repeat purchase. So those who
bought once get a rule of their own, from how long those who came back took: a share 1 / (1 + odds) comes
back, after a waiting time with survival ((scale + T) / scale) ^ -power (Lomax; `newcomers` of the trainer).
By Bayes the probability of being one of them after T days of silence has the same form:

    x = 0:     odds = once_odds,  power = once_power,  scale = once_days

Purchases on one calendar day are one purchase occasion; x counts occasions.

Risk is a matter of what silence has taken away: medium and high begin when p(alive) has fallen below a share
of what it was right after the last purchase. So a purchase always ends the alarm, and a new customer, of
whom nobody knows whether it will come back, is no alarm from the first day. It also finds more of those who
left, with fewer false alarms, than a threshold on p(alive) itself, at the price of a day or two
(`tests/bench/population_alarms.py`): the model has customers drop out at the moment of a purchase, which is
when they are most alive.
"""

from math import ceil, exp, expm1, inf, log, log1p
from typing import Literal, NamedTuple

from models.calendar import DAY_MS
from models.population.snapshot import Churn

Level = Literal["low", "medium", "high"]
NEVER_MS = 253_402_300_800_000  # the end of year 9999: what comes later is never


class Rhythm(NamedTuple):
    """The purchases of one customer, as far as the rule wants to know.

    Attributes:
        occasions: calendar days with an order that counts, at least 1.
        first_ms: time of the first order that counts.
        last_ms: of the last one.
    """

    occasions: int
    first_ms: int
    last_ms: int


class Risk(NamedTuple):
    """Risk at an instant, and the instant, epoch ms, at which it changes if nothing happens; 0 = never."""

    level: Level
    until_ms: int


class _Curve(NamedTuple):
    """p = 1 / (1 + odds * (1 + silence / base) ^ power), silence in days since the last purchase."""

    odds: float
    base: float
    power: float


def _curve(rhythm: Rhythm, churn: Churn) -> _Curve:
    if rhythm.occasions <= 1:
        return _Curve(churn.once_odds, churn.once_days, churn.once_power)
    x = rhythm.occasions - 1
    t_x = (rhythm.last_ms - rhythm.first_ms) / DAY_MS
    return _Curve(churn.a / (churn.b + x - 1), churn.alpha_days + t_x, churn.r + x)


def _alive(curve: _Curve, silent_ms: int) -> float:
    """In log space: with hundreds of purchases the power itself would overflow."""
    odds, base, power = curve
    against = log(odds) + power * log1p(silent_ms / DAY_MS / base)
    if against < 0:
        return 1 / (1 + exp(against))
    favour = exp(-against)
    return favour / (1 + favour)


def p_alive(rhythm: Rhythm, at_ms: int, churn: Churn) -> float:
    """Probability that the customer has not dropped out, 0..1.

    Args:
        rhythm: the customer's purchases.
        at_ms: the instant, not before the last purchase.
        churn: parameters.
    """
    return _alive(_curve(rhythm, churn), at_ms - rhythm.last_ms)


def p_buys(rhythm: Rhythm, at_ms: int, churn: Churn, days: float) -> float:
    """Probability of a purchase within the coming days, 0..1: being a customer, and buying by then.

    P(alive) does not ask how often a customer buys, so to find those who will buy soon, ask this. Both
    rules wait for the next purchase with survival ((scale + T) / (scale + T + days)) ^ power.
    """
    curve = _curve(rhythm, churn)
    known_days = curve.base + (at_ms - rhythm.last_ms) / DAY_MS
    return p_alive(rhythm, at_ms, churn) * -expm1(-curve.power * log1p(days / known_days))


def risk(rhythm: Rhythm, at_ms: int, churn: Churn) -> Risk:
    """Risk by the customer's own rhythm; arguments of `p_alive`."""
    curve = _curve(rhythm, churn)
    silent_ms = at_ms - rhythm.last_ms
    medium_ms = _falls_ms(curve, churn.medium)
    if silent_ms < medium_ms:
        return Risk("low", _instant(rhythm, medium_ms))
    high_ms = _falls_ms(curve, churn.high)
    if silent_ms < high_ms:
        return Risk("medium", _instant(rhythm, high_ms))
    return Risk("high", 0)


def fixed_risk(last_ms: int, at_ms: int, medium_days: int, high_days: int) -> Risk:
    """Risk by days of silence alone, the same for everyone.

    Args:
        last_ms: time of the last order.
        at_ms: the instant.
        medium_days: silence at which risk is medium.
        high_days: silence at which it is high.
    """
    medium_ms, high_ms = last_ms + medium_days * DAY_MS, last_ms + high_days * DAY_MS
    if at_ms < medium_ms:
        return Risk("low", medium_ms)
    return Risk("medium", high_ms) if at_ms < high_ms else Risk("high", 0)


def _instant(rhythm: Rhythm, silent_ms: int) -> int:
    at_ms = rhythm.last_ms + silent_ms
    return at_ms if at_ms < NEVER_MS else 0


def _falls_ms(curve: _Curve, share: float) -> int:
    """The first silence in ms at which p(alive) is below a share of what it was without silence.

    The curve is inverted in closed form; the millisecond next to it is found by asking, so that the answer
    agrees with `p_alive` as computed, rounding included.
    """
    level = share * _alive(curve, 0)
    growth = (log((1 - level) / level) - log(curve.odds)) / curve.power
    days = curve.base * (exp(growth) - 1) if growth < 60 else inf
    if days * DAY_MS >= NEVER_MS:
        return NEVER_MS
    at = max(0, ceil(days * DAY_MS))
    while at > 0 and _alive(curve, at - 1) < level:
        at -= 1
    while _alive(curve, at) >= level:
        at += 1
    return at
