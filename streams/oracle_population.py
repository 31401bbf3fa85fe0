"""The oracle under a population snapshot: scores and churn, by the definitions, out of the snapshot's JSON.

What a customer was announced before decides where a score is held, and which cluster it is in; no event
says that. So the oracle is told what the profile says and answers with the same where the snapshot allows
it, otherwise with what the edges alone give: a score that is nowhere allowed is a difference.

The instant at which a risk rises is taken as told if the risk really rises there, to a millisecond.

Expected orders are the definition's integral, done by quadrature: a customer who is alive buys at a rate that
is gamma(r + x, alpha + T) and drops out after a purchase with a chance that is beta(a, b + x), so given that
chance p it buys (1 - exp(-rate * p * days)) / p times more. The rate is integrated out in closed form.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from math import cosh, exp, expm1, lgamma, log1p, pi, sinh
from typing import Any

from streams.oracle_settings import OracleSettings

_DAY_MS = 86_400_000
_FAR_MS = 253_402_300_800_000  # the end of year 9999: what comes later is never
Edges = Mapping[str, Sequence[int]]
MEASURES = {"recency": "recency_ms", "frequency": "frequency", "monetary": "monetary_minor"}


def scores(silent_ms: int, orders: int, total_minor: int, settings: OracleSettings) -> tuple[int, int, int]:
    """R, F and M of a customer with an order."""
    quintiles = _part(settings, "quintiles")
    if quintiles is None:
        return (
            5 - sum(silent_ms >= days * _DAY_MS for days in settings.recency_edges_days),
            1 + sum(orders >= edge for edge in settings.frequency_edges),
            1 + sum(total_minor >= edge for edge in settings.monetary_edges_minor),
        )
    r, f, m = settings.announced.get("scores", (0, 0, 0))
    return (
        _recency(silent_ms, quintiles["recency_ms"], r),
        _score(orders, quintiles["frequency"], f),
        _score(total_minor, quintiles["monetary_minor"], m),
    )


def _recency(silent_ms: int, edges: Edges, announced: int) -> int:
    """It rises late: as long as the silence lies within the band below the edge."""
    plain = 5 - sum(silent_ms >= edge for edge in edges["at"])
    late = announced == plain - 1 >= 1 and silent_ms >= edges["low"][5 - plain]
    return announced if late else plain


def _score(value: int, edges: Edges, announced: int) -> int:
    """It moves late either way: as long as the value lies within the band of the edge between."""
    plain = 1 + sum(value > edge for edge in edges["at"])
    up = announced == plain - 1 >= 1 and value <= edges["high"][plain - 2]
    down = announced == plain + 1 <= 5 and value > edges["low"][plain - 1]
    return announced if up or down else plain


def edge(what: str, percent: int, settings: OracleSettings) -> float | None:
    """`population.<what>_p<percent>` of a rule; recency in days. None where the settings' edges count."""
    quintiles = _part(settings, "quintiles")
    if quintiles is None:
        return None
    at: float = quintiles[MEASURES[what]]["at"][percent // 20 - 1]
    return at / _DAY_MS if what == "recency" else at


def churn(
    days: Sequence[int], times_ms: Sequence[int], at_ms: int, settings: OracleSettings
) -> dict[str, Any]:
    """P(alive), risk and when it rises, by BG/NBD; for one-time buyers by their own rule.

    Args:
        days: calendar day of each order that counts.
        times_ms: their times, ascending.
        at_ms: the instant.
        settings: with the snapshot.

    Returns:
        Nothing where there is no model.
    """
    model = _part(settings, "churn")
    if model is None:
        return {}
    alive, risk = _standing(days, times_ms, at_ms, model)
    out = {"p_alive": alive, "risk": risk}
    rises = settings.announced.get("risk_changes_at")
    if risk == "high":
        return out
    told_ms = _FAR_MS if rises is None else round(datetime.fromisoformat(rises).timestamp() * 1000)
    before, after = (_standing(days, times_ms, told_ms + ms, model)[1] for ms in (-2, 1))
    if rises is None:
        return out | ({} if after == risk else {"risk_changes_at": "by the year 9999"})
    right = told_ms > at_ms and before == risk != after
    return out | {"risk_changes_at": rises if right else f"when risk is {risk} no more"}


def value(
    days: Sequence[int],
    times_ms: Sequence[int],
    valued: int,
    total_minor: int,
    at_ms: int,
    settings: OracleSettings,
) -> dict[str, Any]:
    """Expected orders and lifetime value of a year; nothing where there is no model.

    Args:
        days: as of `churn`.
        times_ms: as of `churn`.
        valued: calendar days with an order of known amount.
        total_minor: the amounts together.
        at_ms: the instant.
        settings: with the snapshot.
    """
    model, money = _part(settings, "churn"), _part(settings, "value")
    if model is None:
        return {}
    again = len(set(days)) - 1
    alive = _standing(days, times_ms, at_ms, model)[0] if again else 1.0
    known = max(1.0, model["alpha_days"] + (at_ms - times_ms[0]) / _DAY_MS)
    orders = alive * _orders_while_alive(model["a"], model["b"] + again, model["r"] + again, 365 / known)
    out: dict[str, Any] = {"expected_orders_365d": orders}
    if money is not None and valued:
        p, q, v = money["p"], money["q"], money["v_minor"]
        out["clv_365d_minor"] = orders * p * (v + max(0, total_minor)) / (p * valued + q - 1)
    return out


def _standing(
    days: Sequence[int], times_ms: Sequence[int], at_ms: int, model: Mapping[str, float]
) -> tuple[float, str]:
    """P(alive) and risk."""
    again = len(set(days)) - 1
    silent = (at_ms - times_ms[-1]) / _DAY_MS
    if not again:
        odds, power, known = model["once_odds"], model["once_power"], model["once_days"]
    else:
        odds, power = model["a"] / (model["b"] + again - 1), model["r"] + again
        known = model["alpha_days"] + (times_ms[-1] - times_ms[0]) / _DAY_MS
    try:
        alive = 1 / (1 + odds * ((known + silent) / known) ** power)
    except OverflowError:
        alive = 0.0
    left = alive * (1 + odds)  # as a share of what it was at the last purchase
    return alive, "high" if left < model["high"] else "medium" if left < model["medium"] else "low"


def _orders_while_alive(a: float, b: float, shape: float, ahead: float) -> float:
    """The mean over p ~ beta(a, b) of (1 - (1 + p * ahead) ^ -shape) / p.

    By the tanh-sinh rule (Takahasi and Mori 1974), which takes the infinite ends as they are. Both p and
    1 - p are computed without a difference.
    """
    norm = lgamma(a + b) - lgamma(a) - lgamma(b)
    parts = max(64, int(4 * (a + b) ** 0.5))  # to a unit: a narrow peak must not fall between two points
    step, total = 1 / parts, 0.0
    for n in range(-6 * parts, 6 * parts + 1):
        t = n * step
        slope = pi * sinh(t)  # p = 1 / (1 + exp(-slope))
        log_p, log_rest = -_softplus(-slope), -_softplus(slope)
        if log_p < -600 or log_rest < -600:
            continue
        p = exp(log_p)
        bought = -shape * log1p(p * ahead)
        weight = exp(norm + a * log_p + b * log_rest) * pi * cosh(t)
        total += weight * -expm1(bought) / p
    return total * step


def _softplus(x: float) -> float:
    return x + log1p(exp(-x)) if x > 0 else log1p(exp(x))


def _part(settings: OracleSettings, name: str) -> Any:
    return settings.population.get(name) if settings.population is not None else None
