"""All that follows from orders: the ledger, and what is counted when an order comes to count or ceases to."""

from typing import Any

import msgspec

from models.calendar import Calendar
from models.details import details
from models.events import Order
from models.foreign import Foreign
from models.habits import Habits
from models.orders import CANCELLED, UNKNOWN, Effect, Orders
from models.preferences import Preferences
from models.promotion import Promotion
from models.rules import Rules


class Purchases(msgspec.Struct, array_like=True, gc=False):
    """The aggregate of order events; `preferences` holds the interests that clicks show besides."""

    orders: Orders = msgspec.field(default_factory=Orders)
    habits: Habits = msgspec.field(default_factory=Habits)
    preferences: Preferences = msgspec.field(default_factory=Preferences)
    promotion: Promotion = msgspec.field(default_factory=Promotion)
    foreign: Foreign = msgspec.field(default_factory=Foreign)

    def add(self, event: Order, local: Calendar, rules: Rules) -> None:
        """Take in an order event.

        Args:
            event: what was said about an order.
            local: the customer's own calendar, for habits.
            rules: calendar of the deployment, rates and names.
        """
        minor, foreign, said = CANCELLED, None, None
        if event.status != "cancelled":
            minor, foreign = _amount(event, rules)
            said = details(event, rules, foreign)
        effects = self.orders.join(event.order_hash, event.ts_ms, minor, said, rules.calendar)
        self._count(effects, local, rules)

    def rezone(self, old: Calendar, new: Calendar, rules: Rules) -> None:
        """The customer is known to live by another clock: count the remembered orders' habits by it."""
        for _, at_ms, _, _ in self.orders.live():
            self.habits.count(-1, at_ms, old, rules)
            self.habits.count(1, at_ms, new, rules)

    def merged(self, other: "Purchases", local: Calendar, rules: Rules) -> "Purchases":
        """Of two parts of one customer's events."""
        orders, effects = self.orders.merged(other.orders, rules.calendar)
        out = Purchases(
            orders,
            self.habits.merged(other.habits),
            self.preferences.merged(other.preferences),
            self.promotion.merged(other.promotion),
            self.foreign.merged(other.foreign),
        )
        out._count(effects, local, rules)
        return out

    def show(self, rules: Rules) -> dict[str, Any]:
        """The sections `preferences`, `habits` and `promotion` of the document, where there is something."""
        sections = {
            "preferences": self.preferences.show(rules),
            "habits": self.habits.show(self.orders, rules),
            "promotion": self.promotion.show(self.orders, rules),
        }
        return {name: section for name, section in sections.items() if section}

    def _count(self, effects: list[Effect], local: Calendar, rules: Rules) -> None:
        for effect in effects:
            self.habits.count(effect.sign, effect.at_ms, local, rules)
            if effect.details is not None:
                self.preferences.count(effect, self.orders, rules)
                self.promotion.count(effect)
                if effect.minor == UNKNOWN and effect.details.currency:
                    self.foreign.add(effect.details.currency, effect.sign, effect.details.foreign_minor)


def _amount(event: Order, rules: Rules) -> tuple[int, tuple[str, int] | None]:
    """The amount in the deployment's currency, or unknown; and the one that has no rate."""
    said, currency = event.amount_minor, event.currency
    if said is None:
        return UNKNOWN, None
    minor = rules.in_base(said, currency, event.ts_ms)
    return (UNKNOWN, (currency, said)) if minor is None and currency else (minor or 0, None)
