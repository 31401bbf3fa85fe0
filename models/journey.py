"""Journey: how far a customer has come since the last order, and what was left lying.

The steps in their order: reach, browse, cart, checkout, order, after_sale. Of each the latest instant is
remembered, so the step is a function of what is known, whatever the order of arrival.
"""

from typing import Any, Literal, NamedTuple

import msgspec

from models.calendar import DAY_MS, iso
from models.cart import Cart, Moves
from models.events import Click, Service
from models.rules import Rules
from models.service import CONTACTS

STEPS = ("reach", "browse", "cart", "checkout", "order", "after_sale")
_REACH, _BROWSE, _CART, _CHECKOUT, _ORDER, _AFTER_SALE = range(6)
_OF_CLICK = {
    **dict.fromkeys(("campaign_received", "campaign_click", "signup", "login"), _REACH),
    **dict.fromkeys(("page_view", "product_view", "list_view", "search", "favourite"), _BROWSE),
    "add_to_cart": _CART,
    "checkout_start": _CHECKOUT,
}
_AFTER_SALES = CONTACTS | {"delivered", "ticket_resolved"}
CartState = Literal["open", "abandoned", "expired"]
Abandoned = Literal["cart", "browse"]
ABANDONED_MOST_MS = 30 * DAY_MS  # what lay so long is no longer waiting for its owner


class Where(NamedTuple):
    """Where a customer stands at an instant.

    Attributes:
        step: index into `STEPS`; -1 = unknown.
        cart: what lies in the cart.
        cart_state: open, abandoned or expired; "" without a cart.
        idle_ms: when what lies there was last touched, epoch ms.
        abandoned: cart, browse or "".
        until_ms: when one of these changes if nothing happens; 0 = never.
    """

    step: int
    cart: Cart | None
    cart_state: CartState | Literal[""]
    idle_ms: int
    abandoned: Abandoned | Literal[""]
    until_ms: int


class Journey(msgspec.Struct, array_like=True, gc=False):
    """The aggregate: latest instant of each step but the order, epoch ms, 0 = never; and the cart's moves."""

    last_ms: list[int] = msgspec.field(default_factory=lambda: [0] * len(STEPS))
    moves: Moves = msgspec.field(default_factory=Moves)

    def click(self, event: Click, rules: Rules) -> None:
        """Take in a click."""
        step = _OF_CLICK.get(event.action)
        if step is not None:
            self.last_ms[step] = max(self.last_ms[step], event.ts_ms)
        if event.action in ("add_to_cart", "remove_from_cart"):
            self.moves.add(event, rules)

    def service(self, event: Service) -> None:
        """Take in a service event."""
        if event.action in _AFTER_SALES:
            self.last_ms[_AFTER_SALE] = max(self.last_ms[_AFTER_SALE], event.ts_ms)

    def merged(self, other: "Journey") -> "Journey":
        """Of two parts of one customer's events."""
        latest = [max(pair) for pair in zip(self.last_ms, other.last_ms, strict=True)]
        return Journey(latest, self.moves.merged(other.moves))

    def where(self, at_ms: int, last_order_ms: int, rules: Rules) -> Where:
        """Where the customer stands.

        Args:
            at_ms: the instant.
            last_order_ms: the latest order that counts, 0 = none.
            rules: when something counts as abandoned.
        """
        step = self._step(last_order_ms)
        cart = self.moves.since(last_order_ms) if self.moves.moves else None
        if cart is not None:
            idle_ms = max(cart.moved_ms, self.last_ms[_CHECKOUT])
            state, until_ms = _phase(at_ms, idle_ms, rules.cart_abandoned_ms)
            return Where(step, cart, state, idle_ms, "cart" if state == "abandoned" else "", until_ms)
        if step == _BROWSE:  # nothing was put into a cart since
            idle_ms = self.last_ms[_BROWSE]
            state, until_ms = _phase(at_ms, idle_ms, rules.browse_abandoned_ms)
            return Where(step, None, "", idle_ms, "browse" if state == "abandoned" else "", until_ms)
        return Where(step, None, "", 0, "", 0)

    def _step(self, last_order_ms: int) -> int:
        for step in (_CHECKOUT, _CART, _BROWSE, _REACH):
            if self.last_ms[step] > last_order_ms:
                return step
        after = self.last_ms[_AFTER_SALE]
        if after and after >= last_order_ms:
            return _AFTER_SALE
        return _ORDER if last_order_ms else -1


def _phase(at_ms: int, idle_ms: int, patience_ms: int) -> tuple[CartState, int]:
    """Open, abandoned or expired, and when that ends."""
    if at_ms < idle_ms + patience_ms:
        return "open", idle_ms + patience_ms
    if at_ms < idle_ms + ABANDONED_MOST_MS:
        return "abandoned", idle_ms + ABANDONED_MOST_MS
    return "expired", 0


def where(journey: Journey | None, at_ms: int, last_order_ms: int, rules: Rules) -> Where:
    """As `Journey.where`, for a customer who may have none."""
    if journey is None:
        return _AT_ORDER if last_order_ms else NOWHERE
    return journey.where(at_ms, last_order_ms, rules)


def show(now: Where, last_ms: list[int] | None) -> dict[str, Any]:
    """The section `journey` of the document, empty where no step is known; `last_ms` as in `Journey`."""
    if now.step < 0:
        return {}
    out: dict[str, Any] = {"step": STEPS[now.step]}
    if last_ms is not None and now.step != _ORDER:  # the order's own time stands in `rfm`
        out["since"] = iso(last_ms[now.step])
    steps = zip(STEPS, last_ms or (), strict=False)
    if taken := {name: iso(at) for name, at in steps if at}:
        out["steps"] = taken
    if now.cart is not None:
        out["cart"] = now.cart.show() | {"idle_since": iso(now.idle_ms), "state": now.cart_state}
    if now.abandoned:
        out["abandoned"] = now.abandoned
    return out


NOWHERE = Where(-1, None, "", 0, "", 0)
_AT_ORDER = Where(_ORDER, None, "", 0, "", 0)
