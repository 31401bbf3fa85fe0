"""What becomes of a customer if nothing happens: p(alive) day by day, and each instant at which risk rises.

Computed of the private state under the population in force. The curve is drawn, the instants are solved.
"""

from typing import Any

from models.calendar import DAY_MS
from models.population.churn import p_alive
from models.rules import Rules
from models.state import State
from models.view import View

DAYS = 365
_MOST = 8  # changes of risk: there are three levels, so there cannot be more


def curve(state: State, at_ms: int, rules: Rules) -> dict[str, list[Any]] | None:
    """Probability of still being a customer, a point a day from an instant on; None where it is not known.

    Args:
        state: of the customer.
        at_ms: the first point.
        rules: in force.
    """
    view = _view(state, at_ms, rules)
    churn = rules.population.churn if rules.population is not None else None
    if view is None or churn is None:
        return None
    rhythm = view.rhythm()
    instants = [view.at_ms + day * DAY_MS for day in range(DAYS + 1)]
    return {"at_ms": instants, "p_alive": [round(p_alive(rhythm, at, churn), 6) for at in instants]}


def risks(state: State, at_ms: int, rules: Rules) -> list[dict[str, Any]]:
    """Every future instant at which the risk of churn becomes another one, and which."""
    view = _view(state, at_ms, rules)
    out: list[dict[str, Any]] = []
    while view is not None and view.risk is not None and view.risk.until_ms and len(out) < _MOST:
        view = view.later(view.risk.until_ms)
        assert view.risk is not None
        out.append({"at_ms": view.at_ms, "risk": view.risk.level})
    return out


def _view(state: State, at_ms: int, rules: Rules) -> View | None:
    """The customer at the instant, not before it was last judged; None without an order that counts."""
    if state.withdrawn or not state.orders.n:
        return None
    return View(state, max(at_ms, state.as_of_ms), rules)
