"""Why a record is refused: the input contract (DESIGN 4) field by field, in a stated order.

The slow half of `events`: it runs only after the typed decode has refused a record, re-reads it with one
`Raw` per field and names the first broken rule. Order: null, size, UTF-8, depth, JSON, object; then the
fields in the order of `RULES`, the last copy of each. `null` in a field means the field is absent.

`Raw` and not orjson: orjson refuses 1e400 in fields that the contract ignores and turns large integers into
floats, so it could not agree with the typed decoder. Nothing of the payload reaches a message.
"""

from typing import Final

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from models import checks
from models.checks import Check, Context
from models.contract import MAX_BYTES, EventError, is_deep

_Rules = dict[str, Check]
_NULL: Final = Raw(b"null")
_ANY: Final = Decoder(Raw)
_LIST: Final = Decoder(list[Raw])
_FIELDS: Final = Decoder(dict[str, Raw])


def explain(kind: str, value: bytes | None, latest_ms: int | None, currency: str) -> EventError | None:
    """The first rule of the contract that a record breaks, or None when it breaks none.

    Args:
        kind: order, click, service or control.
        value: the record as it came.
        latest_ms: newest acceptable event time, epoch ms; None for no limit.
        currency: the deployment's currency, for amounts that name none.
    """
    try:
        _walk(Context(kind, latest_ms, currency), "", _fields(value), RULES[kind])
    except EventError as error:
        return error
    return None


def _fields(value: bytes | None) -> dict[str, Raw]:
    """The record's fields, each still as text; the last one wins where a name stands twice."""
    if value is None:
        raise EventError("null_value")
    if len(value) > MAX_BYTES:
        raise EventError("too_large")
    try:
        value.decode()
    except UnicodeDecodeError:
        raise EventError("not_json") from None
    if is_deep(value):
        raise EventError("too_deep")
    try:
        _ANY.decode(value)  # the whole syntax first: the typed decoders stop at the first wrong type
        return _FIELDS.decode(value)
    except RecursionError:
        raise EventError("too_deep") from None
    except msgspec.DecodeError as error:
        is_json = isinstance(error, msgspec.ValidationError)
        raise EventError("not_object" if is_json else "not_json") from None


def _walk(context: Context, prefix: str, fields: dict[str, Raw], rules: _Rules) -> None:
    for name, check in rules.items():
        raw = bytes(fields.get(name, _NULL))
        if raw != b"null":
            check(context, prefix + name, raw)
        elif check in REQUIRED or name == context.action:  # `consent` is required by the action `consent`
            raise EventError("missing_field", prefix + name)


def _each(context: Context, field: str, raw: bytes, rules: _Rules) -> None:
    for entry in checks.read(_LIST, field, raw):
        _walk(context, field + ".", checks.read(_FIELDS, field, bytes(entry)), rules)


def items(context: Context, field: str, raw: bytes) -> None:
    """A list of objects, the lines of an order."""
    _each(context, field, raw, ITEM)


def payment(context: Context, field: str, raw: bytes) -> None:
    """Text, or a list of objects."""
    if raw[:1] != b'"':
        _each(context, field, raw, PAYMENT)


REQUIRED: Final = frozenset(  # these checks never stand on an optional field
    (checks.kind, checks.identity, checks.printable_identity, checks.instant, checks.action)
)
ITEM: Final[_Rules] = {
    "sku": checks.text,
    "category": checks.text,
    "qty": checks.quantity,
    "price": checks.price,
    "line_total": checks.price,
    "brand": checks.text,
}
PAYMENT: Final[_Rules] = {"method": checks.text, "amount": checks.price}
_COMMON: Final[_Rules] = {
    "type": checks.kind,
    "event_id": checks.identity,
    "customer_id": checks.printable_identity,
    "ts": checks.instant,
}
RULES: Final[dict[str, _Rules]] = {
    "order": {
        **_COMMON,
        "order_id": checks.identity,
        "status": checks.status,
        "currency": checks.currency,
        **dict.fromkeys(("amount", "discount", "coupon_discount", "paid"), checks.amount),
        "channel": checks.text,
        "payment": payment,
        "items": items,
    },
    "click": {
        **_COMMON,
        "action": checks.identity,
        **dict.fromkeys(("sku", "category", "page", "query", "channel", "campaign_id"), checks.text),
        "dwell_ms": checks.number,
        "qty": checks.quantity,
        "price": checks.price,
    },
    "service": {
        **_COMMON,
        "action": checks.identity,
        **dict.fromkeys(("ticket_id", "order_id", "text"), checks.text),
        **dict.fromkeys(("score", "scale", "sentiment"), checks.number),
        "currency": checks.currency,
        "refund_amount": checks.amount,
    },
    "control": {**_COMMON, "action": checks.action, "attributes": checks.payload, "consent": checks.payload},
}
