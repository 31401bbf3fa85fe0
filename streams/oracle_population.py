"""The oracle under a population snapshot: scores and churn, by the definitions, out of the snapshot's JSON.

What a customer was announced before decides where a score is held, and which cluster it is in; no event
says that. So the oracle is told what the profile says and answers with the same where the snapshot allows
it, otherwise with what the edges alone give: a score that is nowhere allowed is a difference.

Not recomputed: `value` (an integral), `cluster` (a memory), and the instant at which a risk rises.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from streams.oracle_settings import OracleSettings

_DAY_MS = 86_400_000
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
    """P(alive) and risk by BG/NBD, for one-time buyers by their own rule; empty where there is no model.

    Args:
        days: calendar day of each order that counts.
        times_ms: their times, ascending.
        at_ms: the instant.
        settings: with the snapshot.
    """
    model = _part(settings, "churn")
    if model is None:
        return {}
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
    risk = "high" if left < model["high"] else "medium" if left < model["medium"] else "low"
    return {"p_alive": alive, "risk": risk}


def _part(settings: OracleSettings, name: str) -> Any:
    return settings.population.get(name) if settings.population is not None else None
