"""Baskets: what a customer buys, of which brands, where and how it is paid, out of the latest orders.

Looked up afresh in the ledger once for every batch with order events, so the result is exact and does not
depend on the order of arrival; in between it is remembered.
"""

import msgspec

from models.orders import CANCELLED, DETAILED, Orders
from models.packed import Form, Word, form_of, text
from models.rules import Rules
from models.shares import shares, weight_of

Weights = dict[Word, float]


class Baskets(msgspec.Struct, array_like=True, gc=False):
    """Of the latest `DETAILED` orders those that count: a cancelled one says nothing but holds its place.

    Attributes:
        shares: channels, payments, categories, brands -> name -> share.
        price_percentile: where unit prices lie among the reference prices, 0..1; None = unknown.
    """

    shares: dict[str, dict[str, float]] = {}
    price_percentile: float | None = None


def baskets(orders: Orders, rules: Rules) -> Baskets:
    """What the ledger says."""
    channels: Weights = {}
    payments: Weights = {}
    categories: Weights = {}
    brands: Weights = {}
    forms: list[Form] = []
    for i in range(max(0, len(orders.key) - DETAILED), len(orders.key)):
        packed = orders.details[i]
        if packed is None or orders.minor[i] == CANCELLED:
            continue
        form = form_of(packed)
        forms.append(form)
        weight = weight_of(rules.calendar.day(orders.at_ms[i]))
        if form.channel:
            channels[form.channel] = channels.get(form.channel, 0.0) + weight
        for name in form.payments:
            payments[name] = payments.get(name, 0.0) + weight / len(form.payments)
        for name in form.brands:
            brands[name] = brands.get(name, 0.0) + weight / len(form.brands)
        if form.lines:
            money = sum([minor for _, _, minor in form.lines])
            for name, _, minor in form.lines:
                part = minor / money if money else 1 / len(form.lines)
                if part:
                    categories[name] = categories.get(name, 0.0) + weight * part
    out = Baskets()
    found = ("channels", channels), ("payments", payments), ("categories", categories), ("brands", brands)
    for what, weights in found:
        if weights:
            named = {text(word, orders.words): weight for word, weight in weights.items()}
            out.shares[what] = shares(named)
    if rules.price_edges:
        out.price_percentile = _percentile(forms, orders.words, rules)
    return out


def _percentile(forms: list[Form], words: list[str], rules: Rules) -> float | None:
    """Where the unit prices paid lie among the reference prices, by category, weighted by money."""
    prices: dict[str, list[int]] = {}
    for form in forms:
        for word, units, money in form.lines:
            name = text(word, words)
            if units and money and name in rules.price_edges:
                price = prices.setdefault(name, [0, 0])
                price[0] += units
                price[1] += money
    total = weighted = 0.0
    for name, (units, money) in prices.items():
        edges = rules.price_edges[name]
        each = money * 1000 / units
        weighted += money * sum(edge <= each for edge in edges) / len(edges)
        total += money
    return round(weighted / total, 4) if total else None
