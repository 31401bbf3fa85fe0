"""Preferences: what a customer buys, where, how it is paid, and what is looked at.

Fed with orders as they come to count or cease to (`orders.Effect`) and with clicks. Money and counts by
channel are exact; shares are decayed (`shares`).
"""

from typing import Any

import msgspec

from models.calendar import iso
from models.details import OTHER
from models.orders import UNKNOWN, Effect, Orders
from models.rules import Rules
from models.shares import Weights, add, merged, show, weight_of

CHANNELS = 8
_DIMENSIONS = ("channels", "payments", "categories", "brands", "interests")


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


class Preferences(msgspec.Struct, array_like=True, gc=False):
    """The aggregate; `interests` are categories of clicks, all else is of orders that count."""

    channels: Weights = {}
    payments: Weights = {}
    categories: Weights = {}
    brands: Weights = {}
    interests: Weights = {}
    slices: dict[str, Slice] = {}

    def count(self, effect: Effect, orders: Orders, rules: Rules) -> None:
        """An order comes to count, or ceases to; `orders` knows about it already."""
        sign, at_ms, _, said = effect
        if said is None:
            return
        weight = sign * weight_of(rules.calendar.day(at_ms))
        if said.channel:
            add(self.channels, said.channel, weight)
            self._slice(effect, said.channel, orders)
        for name in said.payments:
            add(self.payments, name, weight / len(said.payments))
        for name, share in said.shares() if said.lines else ():
            add(self.categories, name, weight * share)
        for name in said.brands:
            add(self.brands, name, weight / len(said.brands))

    def look(self, category: str, day: int) -> None:
        """A click on something of a category."""
        add(self.interests, category, weight_of(day))

    def merged(self, other: "Preferences") -> "Preferences":
        """Of two parts of one customer's events, before orders that both know are put right."""
        slices = {name: Slice(one.n, one.minor, one.last_ms) for name, one in self.slices.items()}
        for name, more in other.slices.items():
            one = slices.setdefault(name, Slice())
            one.n, one.minor = one.n + more.n, one.minor + more.minor
            one.last_ms = max(one.last_ms, more.last_ms)
        return Preferences(
            merged(self.channels, other.channels),
            merged(self.payments, other.payments),
            merged(self.categories, other.categories),
            merged(self.brands, other.brands),
            merged(self.interests, other.interests),
            slices,
        )

    def show(self, rules: Rules) -> dict[str, Any]:
        """The section `preferences` of the document; empty where nothing is known."""
        out: dict[str, Any] = {}
        for name in _DIMENSIONS:
            weights = getattr(self, name)
            if weights:
                out[name] = show(weights)
        if self.slices:
            out["slices"] = {name: one.show() for name, one in sorted(self.slices.items())}
            sides = {"online": Slice(), "offline": Slice()}
            for name, one in self.slices.items():
                side = sides["offline" if name in rules.offline_channels else "online"]
                side.n, side.minor = side.n + one.n, side.minor + one.minor
                side.last_ms = max(side.last_ms, one.last_ms)
            out |= {name: one.show() for name, one in sides.items() if one.n}
        return out

    def _slice(self, effect: Effect, channel: str, orders: Orders) -> None:
        sign, at_ms, minor, _ = effect
        # What is taken out is where it was counted: a place that became free does not know of it.
        has_place = channel in self.slices or (sign > 0 and len(self.slices) < CHANNELS)
        name = channel if has_place else OTHER
        one = self.slices.setdefault(name, Slice())
        one.n += sign
        one.minor += sign * minor if minor != UNKNOWN else 0
        if sign > 0:
            one.last_ms = max(one.last_ms, at_ms)
        elif one.n <= 0:
            del self.slices[name]
        elif at_ms == one.last_ms:
            one.last_ms = orders.last_where_ms(
                lambda said: said.channel == name or (name == OTHER and said.channel not in self.slices)
            )
