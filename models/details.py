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
WORDS = 64  # of one customer, about 10 bytes each
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
        """Without what was bought."""
        return msgspec.structs.replace(self, lines=(), brands=()) if self.lines or self.brands else self

    def shares(self) -> list[tuple[str, float]]:
        """Each category's part of the order: by money where any is known, else equal parts."""
        money = sum(minor for _, _, minor in self.lines)
        if money:
            return [(name, minor / money) for name, _, minor in self.lines if minor]
        return [(name, 1 / len(self.lines)) for name, _, _ in self.lines]


class Packed(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """`Details` as they are remembered: field by field, words by their number in a `Lexicon`."""

    channel: int
    payments: tuple[int, ...]
    lines: tuple[tuple[int, int, int], ...]
    brands: tuple[int, ...]
    discount_minor: int
    coupon: bool
    currency: int
    foreign_minor: int

    def brief(self) -> "Packed":
        """Without what was bought, which takes most of the room."""
        return msgspec.structs.replace(self, lines=(), brands=()) if self.lines or self.brands else self


class Lexicon(msgspec.Struct, array_like=True, gc=False):
    """The words of one customer's orders, each stored once; beyond `WORDS` new ones are `OTHER`."""

    words: list[str] = msgspec.field(default_factory=lambda: ["", OTHER])

    def pack(self, said: Details | None) -> Packed | None:
        """The form to remember."""
        if said is None:
            return None
        number = self._number
        return Packed(
            number(said.channel),
            tuple([number(name) for name in said.payments]),
            tuple([(number(name), units, minor) for name, units, minor in said.lines]),
            tuple([number(name) for name in said.brands]),
            said.discount_minor,
            said.coupon,
            number(said.currency),
            said.foreign_minor,
        )

    def unpack(self, packed: Packed | None) -> Details | None:
        """What was said, as far as it is still told apart."""
        if packed is None:
            return None
        words = self.words
        return Details(
            words[packed.channel],
            tuple([words[name] for name in packed.payments]),
            tuple([(words[name], units, minor) for name, units, minor in packed.lines]),
            tuple([words[name] for name in packed.brands]),
            packed.discount_minor,
            packed.coupon,
            words[packed.currency],
            packed.foreign_minor,
        )

    def _number(self, word: str) -> int:
        if word in self.words:
            return self.words.index(word)
        if len(self.words) >= WORDS:
            return 1
        self.words.append(word)
        return len(self.words) - 1


def details(order: Order, rules: Rules, foreign: tuple[str, int] | None) -> Details | None:
    """What an event says about its order; None where it says nothing.

    Args:
        order: the event.
        rules: normalisation.
        foreign: currency and minor units of an amount that has no rate.
    """
    parts = [
        rules.in_base(part, order.currency, order.ts_ms)
        for part in (order.discount_minor, order.coupon_discount_minor)
        if part is not None
    ]
    discounts = [part for part in parts if part is not None]
    lines, brands = _items(order.items, order, rules) if order.items else ((), ())
    said = Details(
        rules.channels.name(order.channel) if order.channel else "",
        _payments(order),
        lines,
        brands,
        sum(discounts) if discounts else UNSAID,
        bool(order.coupon_discount_minor),
        *(foreign or ()),
    )
    return None if said == _NOTHING else said


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


_NOTHING = Details()


def _payments(order: Order) -> tuple[str, ...]:
    if not order.payment:
        return ()
    said = [order.payment] if isinstance(order.payment, str) else [one.method for one in order.payment]
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
    lines = sorted((name, units, minor) for name, (units, minor) in totals.items())
    return tuple(lines), tuple(sorted(brands)[:BRANDS])


def thousandths(qty: float | None) -> int:
    """A quantity in thousandths of a unit; not said is one."""
    return 1000 if qty is None else round(qty * 1000)


def _line_minor(item: Item, scale: int) -> int:
    if item.line_total is not None:
        return scaled(item.line_total, scale)
    return 0 if item.price is None else times(item.price, item.qty, scale)
