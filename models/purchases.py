"""All that follows from orders: the ledger, and what is counted when an order comes to count or ceases to."""

from typing import Any

import msgspec

from models.baskets import Baskets, baskets
from models.calendar import Calendar
from models.channels import Channels
from models.details import UNSAID, Details, details
from models.events import Order
from models.foreign import Foreign
from models.habits import EVIDENCE, Habits
from models.orders import CANCELLED, UNKNOWN, Effect, Orders
from models.promotion import Promotion
from models.rules import Rules


class Purchases(msgspec.Struct, array_like=True, gc=False):
    """The aggregate of order events.

    What nothing was counted in yet is None: most customers have little, and making it costs time. `baskets`
    is None until `settle`.
    """

    orders: Orders = msgspec.field(default_factory=Orders)
    habits: Habits | None = None
    channels: Channels | None = None
    baskets: Baskets | None = None
    promotion: Promotion | None = None
    foreign: Foreign | None = None

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
        self.baskets = None  # also where a cancelled order only takes the place of another

    def settle(self, rules: Rules) -> None:
        """Look the preferences up where an order event has come in: once for all events of a batch."""
        if self.baskets is None and self.orders.key:
            self.baskets = baskets(self.orders, rules)

    def rezone(self, old: Calendar, new: Calendar, rules: Rules) -> None:
        """The customer is known to live by another clock: count the remembered orders' habits by it."""
        if self.habits is not None:
            for _, at_ms, _, _ in self.orders.live():
                self.habits.count(-1, at_ms, old, rules)
                self.habits.count(1, at_ms, new, rules)

    def merged(self, other: "Purchases", local: Calendar, rules: Rules) -> "Purchases":
        """Of two parts of one customer's events."""
        orders, effects = self.orders.merged(other.orders, rules.calendar)
        out = Purchases(
            orders,
            self.known_habits(local, rules).merged(other.known_habits(local, rules)),
            (self.channels or Channels()).merged(other.channels or Channels()),
            None,
            (self.promotion or Promotion()).merged(other.promotion or Promotion()),
            (self.foreign or Foreign()).merged(other.foreign or Foreign()),
        )
        out._count(effects, local, rules)
        out.settle(rules)
        return out

    def preferences(self, rules: Rules) -> dict[str, Any]:
        """What orders say of the section `preferences` of the document; `settle` first."""
        out: dict[str, Any] = self.baskets.shares.copy() if self.baskets is not None else {}
        if self.channels is not None and self.channels.slices:
            out |= self.channels.show(rules)
        return out

    def spending(self) -> dict[str, Any]:
        """The section `promotion` of the document; `settle` first where there are reference prices."""
        out = (self.promotion or _NO_PROMOTION).show(self.orders)
        if self.baskets is not None and self.baskets.price_percentile is not None:
            out["price_percentile"] = self.baskets.price_percentile
        return out

    def known_habits(self, local: Calendar, rules: Rules) -> Habits:
        """Habits, also of fewer orders than are evidence."""
        if self.habits is not None:
            return self.habits
        out = Habits()
        for _, at_ms, _, _ in self.orders.live():
            out.count(1, at_ms, local, rules)
        return out

    def _count(self, effects: list[Effect], local: Calendar, rules: Rules) -> None:
        if self.habits is not None:
            for sign, at_ms, _, _ in effects:
                self.habits.count(sign, at_ms, local, rules)
        elif self.orders.n >= EVIDENCE:  # until then nothing is shown, and the ledger remembers everything
            self.habits = self.known_habits(local, rules)
        for effect in effects:
            if effect.details is not None:
                self._count_details(effect, effect.details)

    def _count_details(self, effect: Effect, said: Details) -> None:
        if said.channel:
            if self.channels is None:
                self.channels = Channels()
            self.channels.count(effect, said.channel, self.orders)
        if said.discount_minor != UNSAID:
            if self.promotion is None:
                self.promotion = Promotion()
            self.promotion.count(effect)
        if effect.minor == UNKNOWN and said.currency:
            if self.foreign is None:
                self.foreign = Foreign()
            self.foreign.add(said.currency, effect.sign, said.foreign_minor)


_NO_PROMOTION = Promotion()


def _amount(event: Order, rules: Rules) -> tuple[int, tuple[str, int] | None]:
    """The amount in the deployment's currency, or unknown; and the one that has no rate."""
    said, currency = event.amount_minor, event.currency
    if said is None:
        return UNKNOWN, None
    minor = rules.in_base(said, currency, event.ts_ms)
    return (UNKNOWN, (currency, said)) if minor is None and currency else (minor or 0, None)
