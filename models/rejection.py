"""Why a record is refused: the input contract (DESIGN 4) field by field, in a stated order.

The slow half of `events`: it runs only after the typed decode has refused a record, re-reads it with one
`Raw` per field and names the first broken rule. Order: null, size, UTF-8, depth, JSON, object; then the
fields in the order of `_RULES`, the last copy of each. `null` in a field means the field is absent.

`Raw` and not orjson: orjson refuses 1e400 in fields that the contract ignores and turns large integers into
floats, so it could not agree with the typed decoder. Nothing of the payload reaches a message.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from msgspec import Raw
from msgspec.json import Decoder

from models.contract import (
    END_TS_MS,
    MAX_BYTES,
    MAX_ID,
    MAX_NUMBER,
    MAX_PRICE_DIGITS,
    MAX_QTY,
    MIN_TS_MS,
    STATUSES,
    EventError,
    epoch_ms,
    is_deep,
    is_storable,
)
from models.money import SCALES, MoneyError, minor


@dataclass(slots=True)
class _Context:
    kind: str
    latest_ms: int | None
    currency: str  # of the record once it has been read, of the deployment before


_Check = Callable[[_Context, str, bytes], None]
_Rules = dict[str, _Check]
_T = TypeVar("_T")
_NULL: Final = Raw(b"null")
_ANY: Final = Decoder(Raw)
_TEXT: Final = Decoder(str)
_INSTANT: Final[Decoder[int | str]] = Decoder(int | str)
_NUMBER: Final = Decoder(float)
_AMOUNT: Final[Decoder[float | str]] = Decoder(float | str)
_LIST: Final = Decoder(list[Raw])
_FIELDS: Final = Decoder(dict[str, Raw])
_OBJECT: Final = Decoder(dict[str, Any])


def explain(kind: str, value: bytes | None, latest_ms: int | None, currency: str) -> EventError | None:
    """The first rule of the contract that a record breaks, or None when it breaks none.

    Args:
        kind: order, click, service or control.
        value: the record as it came.
        latest_ms: newest acceptable event time, epoch ms; None for no limit.
        currency: the deployment's currency, for amounts that name none.
    """
    try:
        _walk(_Context(kind, latest_ms, currency), "", _fields(value), _RULES[kind])
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


def _walk(context: _Context, prefix: str, fields: dict[str, Raw], rules: _Rules) -> None:
    for name, check in rules.items():
        raw = bytes(fields.get(name, _NULL))
        if raw != b"null":
            check(context, prefix + name, raw)
        elif check in _REQUIRED:
            raise EventError("missing_field", prefix + name)


def _read(decoder: Decoder[_T], field: str, raw: bytes, beyond: str = "wrong_type") -> _T:
    """One field's value; `beyond` is the reason when it is a number that the decoder cannot hold."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        number = raw[:1] in b"-0123456789"
        raise EventError(beyond if number else "wrong_type", field) from None


def _kind(context: _Context, field: str, raw: bytes) -> None:
    if _read(_TEXT, field, raw) != context.kind:
        raise EventError("type_mismatch", field)


def _text(_: _Context, field: str, raw: bytes) -> None:
    _read(_TEXT, field, raw)


def _id(_: _Context, field: str, raw: bytes) -> None:
    text = _read(_TEXT, field, raw)
    if not text:
        raise EventError("empty", field)
    if len(text) > MAX_ID:
        raise EventError("too_long", field)


def _printable_id(context: _Context, field: str, raw: bytes) -> None:
    _id(context, field, raw)
    if not _TEXT.decode(raw).isprintable():
        raise EventError("bad_characters", field)


def _instant(context: _Context, field: str, raw: bytes) -> None:
    is_integer = raw.removeprefix(b"-").isdigit()
    ts = _read(_INSTANT, field, raw, "out_of_range" if is_integer else "wrong_type")
    try:
        ts_ms = epoch_ms(ts)
    except ValueError:
        raise EventError("bad_timestamp", field) from None
    if not MIN_TS_MS <= ts_ms < END_TS_MS:
        raise EventError("out_of_range", field)
    if context.latest_ms is not None and ts_ms > context.latest_ms:
        raise EventError("in_future", field)


def _status(_: _Context, field: str, raw: bytes) -> None:
    if _read(_TEXT, field, raw) not in STATUSES:
        raise EventError("bad_status", field)


def _currency(context: _Context, field: str, raw: bytes) -> None:
    context.currency = _read(_TEXT, field, raw)
    try:
        SCALES[context.currency]
    except MoneyError as error:
        raise EventError(error.reason, field) from None


def _amount(context: _Context, field: str, raw: bytes) -> None:
    beyond = "negative_amount" if raw[:1] == b"-" else "amount_too_large"
    try:
        minor(_read(_AMOUNT, field, raw, beyond), context.currency)
    except MoneyError as error:
        raise EventError(error.reason, field) from None


def _price(context: _Context, field: str, raw: bytes) -> None:
    """An amount inside a list: checked by the typed decode alone, hence a limit that knows no currency."""
    _amount(_Context(context.kind, None, "XXX"), field, raw)
    price = _AMOUNT.decode(raw)
    whole = price.split(".")[0].lstrip("0") if isinstance(price, str) else str(int(price))
    if len(whole) > MAX_PRICE_DIGITS:
        raise EventError("amount_too_large", field)


def _number(_: _Context, field: str, raw: bytes, low: float = -MAX_NUMBER, high: float = MAX_NUMBER) -> None:
    if not low <= _read(_NUMBER, field, raw, "out_of_range") <= high:
        raise EventError("out_of_range", field)


def _quantity(context: _Context, field: str, raw: bytes) -> None:
    _number(context, field, raw, 0, MAX_QTY)


def _payload(_: _Context, field: str, raw: bytes) -> None:
    is_object = raw[:1] == b"{"
    try:
        payload = _OBJECT.decode(raw)
    except msgspec.ValidationError:  # inside an object only a number can be refused
        raise EventError("out_of_range" if is_object else "wrong_type", field) from None
    if not is_storable(payload):
        raise EventError("out_of_range", field)


def _each(context: _Context, field: str, raw: bytes, rules: _Rules) -> None:
    for entry in _read(_LIST, field, raw):
        _walk(context, field + ".", _read(_FIELDS, field, bytes(entry)), rules)


def _items(context: _Context, field: str, raw: bytes) -> None:
    _each(context, field, raw, _ITEM)


def _payment(context: _Context, field: str, raw: bytes) -> None:
    if raw[:1] != b'"':
        _each(context, field, raw, _PAYMENT)


_REQUIRED: Final = frozenset(
    (_kind, _id, _printable_id, _instant)
)  # these checks never stand on an optional field
_ITEM: Final[_Rules] = {
    "sku": _text,
    "category": _text,
    "qty": _quantity,
    "price": _price,
    "line_total": _price,
}
_PAYMENT: Final[_Rules] = {"method": _text, "amount": _price}
_COMMON: Final[_Rules] = {"type": _kind, "event_id": _id, "customer_id": _printable_id, "ts": _instant}
_RULES: Final[dict[str, _Rules]] = {
    "order": {
        **_COMMON,
        "order_id": _id,
        "status": _status,
        "currency": _currency,
        **dict.fromkeys(("amount", "discount", "coupon_discount", "paid"), _amount),
        "channel": _text,
        "payment": _payment,
        "items": _items,
    },
    "click": {
        **_COMMON,
        "action": _id,
        **dict.fromkeys(("sku", "category", "page", "query", "channel", "campaign_id"), _text),
        "dwell_ms": _number,
    },
    "service": {
        **_COMMON,
        "action": _id,
        **dict.fromkeys(("ticket_id", "order_id", "text"), _text),
        **dict.fromkeys(("score", "scale", "sentiment"), _number),
        "currency": _currency,
        "refund_amount": _amount,
    },
    "control": {**_COMMON, "action": _id, "attributes": _payload, "consent": _payload},
}
