"""The four kinds of input event, and `parse`, which turns a Kafka value into one of them or into a reason.

Every event of the deployment passes here, so a good record costs one typed decode in C and a handful of
checks; a refused one is read again by `rejection`, which finds the reason. No clock (the newest acceptable
time is an argument), no I/O. Reading order: `contract`, `fields`, this, `rejection`, `money`.

Theory: each Struct is its own wire format. `ts`, `amount` and the other amounts are decoded into `ts_ms`,
`amount_minor`, ... as they were written and replaced in place with integers before anyone sees them, which
is why their annotations differ between the type checker and the decoder. The hashes have no field on the
wire: one of that name is taken unread (`Raw`) and overwritten, so no producer can forge them.
"""

from collections.abc import Callable
from typing import Any, Final, Literal

import msgspec
from msgspec import field
from msgspec.json import Decoder
from xxhash import xxh3_64_intdigest

from models import payloads
from models.contract import (
    END_TS_MS,
    MAX_BYTES,
    MIN_TS_MS,
    REASONS,
    SHALLOW_BYTES,
    EventError,
    epoch_ms,
    is_deep,
    is_storable,
)
from models.fields import Currency, Hash, Id, Instant, Minor, Number, Price, Quantity, Status
from models.money import SCALES, scaled
from models.rejection import explain

__all__ = [
    "REASONS",
    "Click",
    "Control",
    "Event",
    "EventError",
    "Item",
    "Order",
    "Payment",
    "Service",
    "parse",
]


class Item(msgspec.Struct, gc=False):
    """One line of an order.

    Attributes:
        qty: may be 0 or fractional, at most 10**9.
        price: of one, currency units, a number or decimal text below 10**8: `money.minor` never refuses it.
        line_total: of the whole line, likewise.
    """

    sku: str | None = None
    category: str | None = None
    qty: Quantity | None = None
    price: Price | None = None
    line_total: Price | None = None
    brand: str | None = None


class Payment(msgspec.Struct, gc=False):
    """One means of payment of an order; `amount` in currency units, like `Item.price`."""

    method: str | None = None
    amount: Price | None = None


# gc=False throughout: the fields hold text, numbers and decoded JSON, which cannot form a cycle.
class Order(msgspec.Struct, gc=False, kw_only=True):
    """An order, or a later word on one.

    Attributes:
        ts_ms: event time, epoch ms UTC.
        event_hash: unsigned xxh3_64 of `event_id` as UTF-8; identity for deduplication.
        order_hash: the same of `order_id`.
        status: never None once parsed.
        amount_minor: None is unknown, never 0.
        currency: as given; None is the deployment's currency.
    """

    kind: Literal["order"] = field(name="type")
    event_id: Id
    customer_id: Id
    ts_ms: Instant = field(name="ts")
    event_hash: Hash = 0
    order_id: Id
    order_hash: Hash = 0
    status: Status | None = "placed"
    amount_minor: Minor = field(name="amount", default=None)
    currency: Currency | None = None
    discount_minor: Minor = field(name="discount", default=None)
    coupon_discount_minor: Minor = field(name="coupon_discount", default=None)
    paid_minor: Minor = field(name="paid", default=None)
    channel: str | None = None
    payment: str | list[Payment] | None = None
    items: list[Item] | None = None


class Click(msgspec.Struct, gc=False, kw_only=True):
    """Something a customer did on a site or in an app; an unknown `action` counts as activity.

    `qty` and `price` have the limits of those of an `Item`.
    """

    kind: Literal["click"] = field(name="type")
    event_id: Id
    customer_id: Id
    ts_ms: Instant = field(name="ts")
    event_hash: Hash = 0
    action: Id
    sku: str | None = None
    category: str | None = None
    page: str | None = None
    query: str | None = None
    channel: str | None = None
    campaign_id: str | None = None
    dwell_ms: Number | None = None
    qty: Quantity | None = None
    price: Price | None = None


class Service(msgspec.Struct, gc=False, kw_only=True):
    """A contact with customer service, a return, a refund or an answer to a survey.

    `currency` is that of `refund_amount`; None is the deployment's.
    """

    kind: Literal["service"] = field(name="type")
    event_id: Id
    customer_id: Id
    ts_ms: Instant = field(name="ts")
    event_hash: Hash = 0
    action: Id
    ticket_id: str | None = None
    score: Number | None = None
    scale: Number | None = None
    currency: Currency | None = None
    refund_minor: Minor = field(name="refund_amount", default=None)
    order_id: str | None = None
    text: str | None = None
    sentiment: Number | None = None


class Control(msgspec.Struct, gc=False, kw_only=True):
    """Facts about the customer that are not behaviour: attributes, consent, erasure.

    Attributes:
        attributes: with the action of that name at most 64 names and never None; see `payloads`.
        consent: with the action of that name it has a `status`, given or withdrawn.
    """

    kind: Literal["control"] = field(name="type")
    event_id: Id
    customer_id: Id
    ts_ms: Instant = field(name="ts")
    event_hash: Hash = 0
    action: Id
    attributes: dict[str, Any] | None = None
    consent: dict[str, Any] | None = None


Event = Order | Click | Service | Control
# Bound methods: looking `decode` up costs as much as a check.
_DECODE: Final[dict[str, Callable[[bytes], Any]]] = {
    "order": Decoder(Order).decode,
    "click": Decoder(Click).decode,
    "service": Decoder(Service).decode,
    "control": Decoder(Control).decode,
}


def parse(kind: str, value: bytes | None, *, latest_ms: int | None, currency: str = "USD") -> Event:
    """The event in a Kafka value.

    >>> parse("click", b'{"type":"click","event_id":"e","customer_id":"c","ts":1700000000000,'
    ...       b'"action":"search"}', latest_ms=None).ts_ms
    1700000000000

    Args:
        kind: what the topic carries: order, click, service or control.
        value: the record; None is a tombstone and refused.
        latest_ms: newest acceptable event time, epoch ms; None for no limit.
        currency: the deployment's currency, for amounts that name none.

    Raises:
        EventError: the record breaks the contract; nothing else is raised for any bytes.
    """
    try:
        if value is not None and (
            len(value) <= SHALLOW_BYTES or (len(value) <= MAX_BYTES and not is_deep(value))
        ):
            if not value.isascii():
                value.decode()  # the typed decoder skips ignored fields without looking at their encoding
            event: Event = _DECODE[kind](value)
            ts_ms = event.ts_ms
            if type(ts_ms) is not int:
                event.ts_ms = ts_ms = epoch_ms(ts_ms)
            is_timely = MIN_TS_MS <= ts_ms < END_TS_MS and (latest_ms is None or ts_ms <= latest_ms)
            if is_timely and event.customer_id.isprintable():
                event.event_hash = xxh3_64_intdigest(event.event_id.encode())
                if type(event) is Order:
                    _complete_order(event, currency)
                elif kind != "click":
                    _complete(event, currency)
                return event
    except (msgspec.DecodeError, ValueError, RecursionError, EventError):
        pass  # `explain` finds out which it was
    # The decoder checks every copy of a repeated field and `explain` the last one, the one that counts.
    raise explain(kind, value, latest_ms, currency) or EventError("repeated_field")


def _complete(event: Event, currency: str) -> None:
    """Service and control; a ValueError or an EventError means refused."""
    if type(event) is Service:
        scale = SCALES[event.currency or currency]
        if event.refund_minor is not None:
            event.refund_minor = scaled(event.refund_minor, scale)
    elif type(event) is Control:
        if not (is_storable(event.attributes) and is_storable(event.consent)):
            raise ValueError("payload")
        payloads.check(event.action, "attributes", event.attributes)
        payloads.check(event.action, "consent", event.consent)


def _complete_order(order: Order, currency: str) -> None:
    order.order_hash = xxh3_64_intdigest(order.order_id.encode())
    if order.status is None:  # null means absent
        order.status = "placed"
    scale = SCALES[order.currency or currency]
    if order.amount_minor is not None:
        order.amount_minor = scaled(order.amount_minor, scale)
    if order.discount_minor is not None:
        order.discount_minor = scaled(order.discount_minor, scale)
    if order.coupon_discount_minor is not None:
        order.coupon_discount_minor = scaled(order.coupon_discount_minor, scale)
    if order.paid_minor is not None:
        order.paid_minor = scaled(order.paid_minor, scale)
