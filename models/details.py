"""What an order says beyond its time and amount: channel, payment, categories, brands, discount.

Several events may speak about one order. Their details are joined field by field, the greatest value wins:
so neither order of arrival nor repeats matter, and an event that leaves a field out takes nothing away.
"""

import msgspec

from models.events import Item, Order
from models.money import SCALES, scaled, times
from models.rules import Rules

CATEGORIES = 6  # of one order; the rest goes together
BRANDS = 6
PAYMENTS = 4
OTHER = "other"  # what is no longer told apart
UNSAID = -1  # in place of a discount: the order does not say
Line = tuple[str, int, int]


class Details(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Of one order; texts are normalised names, "" = not said.

    Attributes:
        channel: where it was placed.
        payments: how it was paid, ascending.
        lines: (category, thousandths of a unit, minor units of money) by category, ascending.
        brands: ascending.
        discount_minor: discount and coupon together, or `UNSAID`.
        coupon: whether a coupon took part.
        currency: of an amount that cannot be converted into the deployment's currency.
        foreign_minor: that amount, in its own minor units.
    """

    channel: str = ""
    payments: tuple[str, ...] = ()
    lines: tuple[Line, ...] = ()
    brands: tuple[str, ...] = ()
    discount_minor: int = UNSAID
    coupon: bool = False
    currency: str = ""
    foreign_minor: int = 0

    def brief(self) -> "Details":
        """Without what was bought and how it was paid."""
        return msgspec.structs.replace(self, lines=(), brands=(), payments=())


def details(order: Order, rules: Rules, foreign: tuple[str, int] | None) -> Details | None:
    """What an event says about its order; None where it says nothing.

    Args:
        order: the event.
        rules: normalisation.
        foreign: currency and minor units of an amount that has no rate.
    """
    channel = rules.channels.name(order.channel) if order.channel else ""
    payments = _payments(order) if order.payment else ()
    lines, brands = _items(order.items, order, rules) if order.items else ((), ())
    discount = _discount(order, rules)
    if not (channel or payments or lines or brands or foreign) and discount == UNSAID:
        return Details(coupon=True) if order.coupon_discount_minor else None
    return Details(
        channel, payments, lines, brands, discount, bool(order.coupon_discount_minor), *(foreign or ())
    )


def joined(one: Details | None, other: Details | None) -> Details | None:
    """Of two events of one order."""
    if one is None or other is None or one == other:
        return other if one is None else one
    return Details(
        max(one.channel, other.channel),
        max(one.payments, other.payments),
        max(one.lines, other.lines),
        max(one.brands, other.brands),
        max(one.discount_minor, other.discount_minor),
        one.coupon or other.coupon,
        *max((one.currency, one.foreign_minor), (other.currency, other.foreign_minor)),
    )


def _discount(order: Order, rules: Rules) -> int:
    discount, coupon = order.discount_minor, order.coupon_discount_minor
    if discount is None and coupon is None:
        return UNSAID
    said = [part for part in (discount, coupon) if part is not None]
    worth = [rules.in_base(part, order.currency, order.ts_ms) for part in said]
    known = [part for part in worth if part is not None]
    return sum(known) if known else UNSAID


def _payments(order: Order) -> tuple[str, ...]:
    payment = order.payment or ()
    said = [payment] if isinstance(payment, str) else [one.method for one in payment]
    return tuple(sorted({name for text in said if text and (name := text.strip()[:64])})[:PAYMENTS])


def _items(items: list[Item], order: Order, rules: Rules) -> tuple[tuple[Line, ...], tuple[str, ...]]:
    totals: dict[str, tuple[int, int]] = {}
    brands: set[str] = set()
    scale = SCALES[order.currency or rules.currency]
    for item in items:
        if item.brand and (brand := item.brand.strip()[:64]):
            brands.add(brand)
        name = rules.categories.name(item.category) if item.category else ""
        if name:
            units, minor = totals.get(name, (0, 0))
            own = rules.in_base(_line_minor(item, scale), order.currency, order.ts_ms)
            totals[name] = units + thousandths(item.qty), minor + (own or 0)
    if len(totals) > CATEGORIES:
        ranked = sorted(totals.items(), key=lambda one: (-one[1][1], one[0]))
        totals = dict(ranked[:CATEGORIES])
        for _, (more_units, more_minor) in ranked[CATEGORIES:]:
            units, minor = totals.get(OTHER, (0, 0))
            totals[OTHER] = units + more_units, minor + more_minor
    lines = tuple(sorted([(name, units, minor) for name, (units, minor) in totals.items()]))
    return lines, tuple(sorted(brands)[:BRANDS])


def thousandths(qty: float | None) -> int:
    """A quantity in thousandths of a unit; not said is one."""
    return 1000 if qty is None else round(qty * 1000)


def _line_minor(item: Item, scale: int) -> int:
    if item.line_total is not None:
        return scaled(item.line_total, scale)
    return 0 if item.price is None else times(item.price, item.qty, scale)
