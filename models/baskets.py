"""Baskets: what a customer buys, of which brands, where and how it is paid, out of the latest orders.

Looked up afresh in the ledger whenever an order comes to count or ceases to, so the result is exact and
does not depend on the order of arrival; in between it is remembered.
"""

from collections import defaultdict

import msgspec

from models.orders import CANCELLED, DETAILED, Orders
from models.packed import form_of, text
from models.rules import Rules
from models.shares import shares, weight_of

Weights = dict[str, float]


class Baskets(msgspec.Struct, array_like=True, gc=False):
    """Of the orders that count among the latest `DETAILED`, which cancelled ones take part in counting off.

    Attributes:
        shares: channels, payments, categories, brands -> name -> share.
        price_percentile: where unit prices lie among the reference prices, 0..1; None = unknown.
    """

    shares: dict[str, Weights] = {}
    price_percentile: float | None = None


def baskets(orders: Orders, rules: Rules) -> Baskets | None:
    """What the ledger says; None where no order says anything."""
    rows = [
        (at_ms, packed)
        for at_ms, minor, packed in zip(
            orders.at_ms[-DETAILED:], orders.minor[-DETAILED:], orders.details[-DETAILED:], strict=True
        )
        if packed is not None and minor != CANCELLED
    ]
    if not rows:
        return None
    channels: Weights = defaultdict(float)
    payments: Weights = defaultdict(float)
    categories: Weights = defaultdict(float)
    brands: Weights = defaultdict(float)
    prices: dict[str, list[int]] = {}
    words = orders.words
    for at_ms, packed in rows:
        form = form_of(packed)
        weight = weight_of(rules.calendar.day(at_ms))
        if form.channel:
            channels[text(form.channel, words)] += weight
        for name in form.payments:
            payments[text(name, words)] += weight / len(form.payments)
        for name in form.brands:
            brands[text(name, words)] += weight / len(form.brands)
        if form.lines:
            money = sum([minor for _, _, minor in form.lines])
            for name, units, minor in form.lines:
                word = text(name, words)
                part = minor / money if money else 1 / len(form.lines)
                if part:
                    categories[word] += weight * part
                if units and minor and word in rules.price_edges:
                    price = prices.setdefault(word, [0, 0])
                    price[0] += units
                    price[1] += minor
    named = {"channels": channels, "payments": payments, "categories": categories, "brands": brands}
    liked = {name: shares(weights) for name, weights in named.items() if weights}
    return Baskets(liked, _percentile(prices, rules)) if liked else None


def _percentile(prices: dict[str, list[int]], rules: Rules) -> float | None:
    """Where the unit prices paid lie among the reference prices, by category, weighted by money."""
    total = weighted = 0.0
    for name, (units, money) in prices.items():
        edges = rules.price_edges[name]
        price = money * 1000 / units
        weighted += money * sum(edge <= price for edge in edges) / len(edges)
        total += money
    return round(weighted / total, 4) if total else None
