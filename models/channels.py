"""RFM by channel: orders, money and the latest order of each, exact also when orders are cancelled."""

from typing import Any

import msgspec

from models.calendar import iso
from models.details import OTHER, Details
from models.orders import UNKNOWN, Effect, Orders
from models.rules import Rules

MOST = 8


class Slice(msgspec.Struct, array_like=True, gc=False):
    """RFM of one channel: orders, their known amounts in minor units, time of the latest in epoch ms."""

    n: int = 0
    minor: int = 0
    last_ms: int = 0

    def show(self) -> dict[str, Any]:
        """As the document has it."""
        out: dict[str, Any] = {"orders": self.n, "monetary_minor": self.minor}
        if self.last_ms:
            out["last_order_at"] = iso(self.last_ms)
        return out


class Channels(msgspec.Struct, array_like=True, gc=False):
    """The aggregate: channel -> slice; beyond `MOST` of them together as `OTHER`."""

    slices: dict[str, Slice] = {}

    def count(self, effect: Effect, channel: str, orders: Orders) -> None:
        """An order of a channel comes to count, or ceases to; `orders` knows about it already."""
        sign, at_ms, minor, _ = effect
        # What is taken out is where it was counted: a place that became free does not know of it.
        has_place = channel in self.slices or (sign > 0 and len(self.slices) < MOST)
        name = channel if has_place else OTHER
        one = self.slices.setdefault(name, Slice())
        one.n += sign
        one.minor += sign * minor if minor != UNKNOWN else 0
        if sign > 0:
            one.last_ms = max(one.last_ms, at_ms)
        elif one.n <= 0:
            del self.slices[name]
        elif at_ms == one.last_ms:
            one.last_ms = orders.last_where_ms(lambda said: self._holds(name, said))

    def merged(self, other: "Channels") -> "Channels":
        """Of two parts of one customer's events, before orders that both know are put right."""
        slices = {name: Slice(one.n, one.minor, one.last_ms) for name, one in self.slices.items()}
        for name, more in other.slices.items():
            one = slices.setdefault(name, Slice())
            one.n, one.minor = one.n + more.n, one.minor + more.minor
            one.last_ms = max(one.last_ms, more.last_ms)
        return Channels(slices)

    def show(self, rules: Rules) -> dict[str, Any]:
        """`slices`, `online` and `offline` of the section `preferences`."""
        out: dict[str, Any] = {"slices": {name: one.show() for name, one in sorted(self.slices.items())}}
        sides = {"online": Slice(), "offline": Slice()}
        for name, one in self.slices.items():
            side = sides["offline" if name in rules.offline_channels else "online"]
            side.n, side.minor = side.n + one.n, side.minor + one.minor
            side.last_ms = max(side.last_ms, one.last_ms)
        return out | {name: one.show() for name, one in sides.items() if one.n}

    def _holds(self, name: str, said: Details) -> bool:
        return said.channel == name or (
            name == OTHER and bool(said.channel) and said.channel not in self.slices
        )
