"""A customer seen at an instant: what rules ask about, and what the document shows.

Everything is computed when it is first asked for and at most once, so a rule that looks at orders costs
nothing for habits, and the document takes over what rules have looked at. A view is good until the state
changes.
"""

from collections.abc import Sequence
from datetime import date
from typing import Any

from models import sections
from models.calendar import date_of
from models.catalogue import parts
from models.health import MOVED_BY, Health, components, health
from models.orders import LEDGER
from models.population.churn import Rhythm, Risk, fixed_risk, risk
from models.population.clusters import vector
from models.population.snapshot import Three
from models.rules import Rules
from models.standing import Standing, standing
from models.state import State


class View:
    """State and rules at an instant.

    Args:
        state: looked at, never changed (but for preferences that wait to be looked up).
        at_ms: the instant, epoch ms, not earlier than the state's latest event.
        rules: thresholds of the deployment.

    Attributes:
        now: where the customer stands.
        point: where that is among all customers, see `population.clusters.vector`; there must be an order.
        day: day number of the instant, by the deployment's calendar.
        risk: risk of churn, None for a customer without an order.
        health: health, None where nothing is known of it.
        still: sections that only events change, as far as they were asked for.
        moving: the other sections.
        parts: what is known of the customer, see `catalogue.parts`.
        judged: of each tag held, what `Tag.judge` said of this view.
    """

    __slots__ = (
        "at_ms",
        "day",
        "health",
        "judged",
        "moving",
        "now",
        "parts",
        "point",
        "risk",
        "rules",
        "state",
        "still",
    )

    now: Standing
    day: int
    parts: int
    point: Three
    risk: Risk | None
    health: Health | None

    def __init__(self, state: State, at_ms: int, rules: Rules) -> None:
        self.state = state
        self.at_ms = at_ms
        self.rules = rules
        self.still: dict[str, dict[str, Any]] = {}
        self.moving: dict[str, dict[str, Any]] = {}
        self.judged: dict[str, tuple[Any, int]] = {}

    def __getattr__(self, name: str) -> Any:
        """Whatever was not computed yet; from then on it is found without coming here."""
        if name == "now":
            value: Any = standing(self.state, self.at_ms, self.rules)
        elif name == "day":
            value = self.rules.calendar.day(self.at_ms)
        elif name == "parts":
            value = _parts(self.state)
        elif name == "point":
            now = self.now
            value = vector(self.at_ms - now.last_order_ms, now.orders, now.total_minor)
        elif name == "risk":
            value = self._risk()
        elif name == "health":
            value = self._health()
        else:
            raise AttributeError(name)
        setattr(self, name, value)
        return value

    def section(self, name: str) -> dict[str, Any]:
        """A section of the document; empty where it is absent."""
        known = self.still if name in sections.STILL else self.moving
        found = known.get(name)
        if found is None:
            found = known[name] = sections.OF[name](self)
        return found

    def times(self, subject: str) -> Sequence[int]:
        """When the events that `count` counts happened, ascending, epoch ms."""
        state = self.state
        if subject == "orders":
            return state.orders.latest_ms(LEDGER)
        if subject == "contacts":
            return state.service.recent_ms if state.service is not None else ()
        if state.engagement is None:
            return ()
        return state.engagement.times(None if subject == "clicks" else subject)

    def today(self) -> date:
        """The customer's own calendar day."""
        return date_of(self.state.local(self.rules).day(self.at_ms))

    def start_of_day_ms(self, ahead: int) -> int:
        """First instant of the customer's day so many days after today."""
        calendar = self.state.local(self.rules)
        return calendar.start_ms(calendar.day(self.at_ms) + ahead)

    def later(self, at_ms: int) -> "View":
        """The same customer, if nothing happens until then."""
        view = View(self.state, at_ms, self.rules)
        view.still = self.still
        return view

    def rhythm(self) -> Rhythm:
        """The purchases as the churn model wants to know them; there must be one."""
        orders = self.state.orders
        return Rhythm(orders.occasions, orders.first_ms(), self.now.last_order_ms)

    def _risk(self) -> Risk | None:
        now, rules = self.now, self.rules
        if not now.orders:
            return None
        if (
            rules.churn_rule == "rhythm"
            and rules.population is not None
            and rules.population.churn is not None
        ):
            return risk(self.rhythm(), self.at_ms, rules.population.churn)
        return fixed_risk(now.last_order_ms, self.at_ms, *rules.churn_days)

    def _health(self) -> Health | None:
        state, day = self.state, self.day
        (near, _), (year, _) = state.orders.days.windows(day, MOVED_BY[0])
        clicks: tuple[int, int] | None = None
        if state.engagement is not None:
            (month, _), (quarter, _) = state.engagement.days.windows(day, MOVED_BY[1])
            clicks = month, quarter
        known = components(
            self.now.r, self.now.orders, (near, year), clicks, state.satisfaction, state.service
        )
        return health(known, self.rules)


def _parts(state: State) -> int:
    purchases = state.purchases
    known = 0
    if purchases.orders.key or purchases.orders.n:
        known = parts.ORDERS
        if purchases.habits is not None:
            known |= parts.HABITS
        if purchases.promotion is not None:
            known |= parts.PROMOTION
        if purchases.channels is not None:
            known |= parts.CHANNELS
    if state.journey is not None:
        known |= parts.JOURNEY
        if state.engagement is not None:
            known |= parts.CLICKS
        if state.service is not None:
            known |= parts.SERVICE
            if state.satisfaction is not None:
                known |= parts.ANSWERS
    if state.attributes is not None:
        known |= parts.ATTRIBUTES
    return known
