"""The oracle's reading of money, texts and orders: all events of an order joined into what it was.

As `oracle`: nothing shared with `models/`, no state carried along. Numbers may be int, float, text or
Decimal; `Fraction` takes the decimal as it was written and rounds half to even, exactly.
"""

import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from xxhash import xxh3_64_intdigest

from streams.oracle_sections import iso
from streams.oracle_settings import OracleSettings

Event = Mapping[str, Any]
Timed = tuple[int, Event]
Categories = dict[str, tuple[int, int]]  # name -> thousandths of units, minor units of money

_DECIMALS = dict.fromkeys(re.findall("...", "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF"), 0)
_DECIMALS |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
_DECIMALS |= dict.fromkeys(("CLF", "UYW"), 4)
_OTHER = "other"


@dataclass(frozen=True, slots=True)
class Purchase:
    """One order that counts.

    Attributes:
        at_ms: its earliest instant.
        minor: amount in the deployment's currency, None for unknown.
        foreign: currency and minor units, where the amount is only known without a rate.
        channel: "" for unknown.
        discount_minor: None for unknown.
    """

    at_ms: int
    minor: int | None
    foreign: tuple[str, int] | None
    channel: str
    payments: list[str]
    categories: Categories
    brands: list[str]
    discount_minor: int | None
    coupon: bool


def exact(number: Any) -> Fraction:
    """The number that was written.

    >>> exact(0.1) == exact("0.10") == Fraction(1, 10)
    True
    """
    return Fraction(str(number))


def minor_units(amount: Any, currency: str) -> int:
    """Whole minor units of an amount, the decimal as it was written, half to even.

    >>> minor_units(10.125, "USD"), minor_units(10.135, "USD"), minor_units("7.5", "JPY")
    (1012, 1014, 8)
    """
    return round(exact(amount) * _scale(currency))


def _scale(currency: str) -> int:
    return int(10 ** _DECIMALS.get(currency, 2))


def thousandths(qty: Any) -> int:
    """A quantity in thousandths, half to even; absent is one.

    >>> thousandths(None), thousandths(0.5), thousandths("0.0005")
    (1000, 500, 0)
    """
    return 1_000 if qty is None else round(exact(qty) * 1_000)


def text(value: Any, names: Mapping[str, str] | None = None) -> str:
    """A text without blanks around it, of 64 characters, under its right name; "" for none."""
    cut = (value or "").strip()[:64]
    return (names or {}).get(cut, cut)


def money(event: Event, name: str, ts_ms: int, settings: OracleSettings) -> int | None:
    """An amount of an event in minor units of the deployment's currency; None for unknown."""
    if event.get(name) is None:
        return None
    currency = event.get("currency") or settings.currency
    return _at_home(minor_units(event[name], currency), currency, ts_ms, settings)


def _at_home(minor: int, currency: str, ts_ms: int, settings: OracleSettings) -> int | None:
    if currency == settings.currency:
        return minor
    today = iso(ts_ms)[:10]
    rates = settings.rates.get(currency, {})
    days = [day for day in rates if day <= today]
    if not days:
        return None
    units = Fraction(minor, _scale(currency)) * exact(rates[max(days)])
    return minor_units(units, settings.currency)


def recent(events: Iterable[Timed], settings: OracleSettings) -> list[Purchase]:
    """Of the customer's latest 32 orders, cancelled ones among them, those that count.

    Of orders at one instant the one with the greater hash of its id is the later one.
    """
    first_ms: dict[str, int] = {}
    for ts_ms, event in events:
        first_ms[event["order_id"]] = min(ts_ms, first_ms.get(event["order_id"], ts_ms))
    ranked = sorted(first_ms, key=lambda name: (first_ms[name], xxh3_64_intdigest(name.encode())))
    latest = set(ranked[-32:])
    return purchases([timed for timed in events if timed[1]["order_id"] in latest], settings)


def purchases(events: Iterable[Timed], settings: OracleSettings) -> list[Purchase]:
    """The orders that count: none of their events says cancelled."""
    by_id: dict[str, list[Timed]] = defaultdict(list)
    for ts_ms, event in events:
        by_id[event["order_id"]].append((ts_ms, event))
    return [
        joined(copies, settings)
        for copies in by_id.values()
        if not any(event.get("status") == "cancelled" for _, event in copies)
    ]


def joined(copies: list[Timed], settings: OracleSettings) -> Purchase:
    """One order's events as one: the earliest time, the amount said last, of all else the greatest."""
    said = [(ts_ms, money(event, "amount", ts_ms, settings)) for ts_ms, event in copies]
    known = [(ts_ms, minor) for ts_ms, minor in said if minor is not None]
    abroad = [
        (event["currency"], minor_units(event["amount"], event["currency"]))
        for _, event in copies
        if event.get("amount") is not None and not known
    ]
    carts = [_categories(event, ts_ms, settings) for ts_ms, event in copies]
    discounts = [_discount(event, ts_ms, settings) for ts_ms, event in copies]
    return Purchase(
        at_ms=min(ts_ms for ts_ms, _ in copies),
        minor=max(known)[1] if known else None,
        foreign=max(abroad, default=None),
        channel=max(text(event.get("channel"), settings.channels) for _, event in copies),
        payments=max(_payments(event) for _, event in copies),
        categories=max(carts, key=lambda cart: sorted((name, *sums) for name, sums in cart.items())),
        brands=max(_brands(event) for _, event in copies),
        discount_minor=max((minor for minor in discounts if minor is not None), default=None),
        coupon=any(_is_coupon(event, settings.currency) for _, event in copies),
    )


def _payments(event: Event) -> list[str]:
    payment = event.get("payment") or []
    methods = [payment] if isinstance(payment, str) else [one.get("method") for one in payment]
    return sorted({text(method) for method in methods} - {""})[:4]


def _brands(event: Event) -> list[str]:
    return sorted({text(item.get("brand")) for item in event.get("items") or []} - {""})[:6]


def _discount(event: Event, ts_ms: int, settings: OracleSettings) -> int | None:
    parts = [money(event, name, ts_ms, settings) for name in ("discount", "coupon_discount")]
    return None if parts == [None, None] else sum(part or 0 for part in parts)


def _is_coupon(event: Event, home: str) -> bool:
    worth = event.get("coupon_discount")
    return worth is not None and minor_units(worth, event.get("currency") or home) > 0


def _categories(event: Event, ts_ms: int, settings: OracleSettings) -> Categories:
    units: dict[str, int] = defaultdict(int)
    minor: dict[str, int] = defaultdict(int)
    for item in event.get("items") or []:
        name = text(item.get("category"), settings.categories)
        if name:
            units[name] += thousandths(item.get("qty"))
            minor[name] += _line_minor(item, event, ts_ms, settings)
    ranked = sorted(units, key=lambda name: (-minor[name], name))
    kept = {name: (units[name], minor[name]) for name in ranked[:6]}
    rest = ranked[6:]
    if rest:
        has_units, has_minor = kept.get(_OTHER, (0, 0))  # a category may bear that name itself
        kept[_OTHER] = (
            has_units + sum(units[name] for name in rest),
            has_minor + sum(minor[name] for name in rest),
        )
    return kept


def _line_minor(item: Event, event: Event, ts_ms: int, settings: OracleSettings) -> int:
    if item.get("line_total") is not None:
        amount = exact(item["line_total"])
    elif item.get("price") is not None:
        amount = exact(item["price"]) * (1 if item.get("qty") is None else exact(item["qty"]))
    else:
        return 0
    currency = event.get("currency") or settings.currency
    return _at_home(minor_units(amount, currency), currency, ts_ms, settings) or 0
