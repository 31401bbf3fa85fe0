"""The checks of single fields: each reads one field's JSON text and raises the first rule that it breaks.

The limits are those of `fields`, said once more in a form that can name its reason. Pure functions of
`(context, field, raw)`; `rejection` holds the tables that say which check stands on which field.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, TypeVar

import msgspec
from msgspec.json import Decoder

from models import payloads
from models.contract import (
    END_TS_MS,
    MAX_ID,
    MAX_NUMBER,
    MAX_PRICE_DIGITS,
    MAX_QTY,
    MIN_TS_MS,
    STATUSES,
    EventError,
    epoch_ms,
    is_storable,
)
from models.money import SCALES, MoneyError, minor


@dataclass(slots=True)
class Context:
    """What a check may have to know of the rest of the record.

    Attributes:
        kind: order, click, service or control.
        latest_ms: newest acceptable event time, epoch ms; None for no limit.
        currency: of the record once it has been read, of the deployment before.
        action: of a control record once it has been read.
    """

    kind: str
    latest_ms: int | None
    currency: str
    action: str = ""


Check = Callable[[Context, str, bytes], None]
_T = TypeVar("_T")
_TEXT: Final = Decoder(str)
_INSTANT: Final[Decoder[int | str]] = Decoder(int | str)
_NUMBER: Final = Decoder(float)
_AMOUNT: Final[Decoder[float | str]] = Decoder(float | str)
_OBJECT: Final = Decoder(dict[str, Any])


def read(decoder: Decoder[_T], field: str, raw: bytes, beyond: str = "wrong_type") -> _T:
    """One field's value; `beyond` is the reason when it is a number that the decoder cannot hold."""
    try:
        return decoder.decode(raw)
    except msgspec.ValidationError:
        number = raw[:1] in b"-0123456789"
        raise EventError(beyond if number else "wrong_type", field) from None


def kind(context: Context, field: str, raw: bytes) -> None:
    """The type that belongs on the topic."""
    if read(_TEXT, field, raw) != context.kind:
        raise EventError("type_mismatch", field)


def text(_: Context, field: str, raw: bytes) -> None:
    """Any text."""
    read(_TEXT, field, raw)


def identity(_: Context, field: str, raw: bytes) -> None:
    """Text of 1 to 128 characters."""
    name = read(_TEXT, field, raw)
    if not name:
        raise EventError("empty", field)
    if len(name) > MAX_ID:
        raise EventError("too_long", field)


def action(context: Context, field: str, raw: bytes) -> None:
    """An identity that the payload's checks want to know."""
    identity(context, field, raw)
    context.action = _TEXT.decode(raw)


def printable_identity(context: Context, field: str, raw: bytes) -> None:
    """An identity without control characters."""
    identity(context, field, raw)
    if not _TEXT.decode(raw).isprintable():
        raise EventError("bad_characters", field)


def instant(context: Context, field: str, raw: bytes) -> None:
    """A time between 1990 and 2200, and not too far in the future."""
    is_integer = raw.removeprefix(b"-").isdigit()
    ts = read(_INSTANT, field, raw, "out_of_range" if is_integer else "wrong_type")
    try:
        ts_ms = epoch_ms(ts)
    except ValueError:
        raise EventError("bad_timestamp", field) from None
    if not MIN_TS_MS <= ts_ms < END_TS_MS:
        raise EventError("out_of_range", field)
    if context.latest_ms is not None and ts_ms > context.latest_ms:
        raise EventError("in_future", field)


def status(_: Context, field: str, raw: bytes) -> None:
    """The state of an order."""
    if read(_TEXT, field, raw) not in STATUSES:
        raise EventError("bad_status", field)


def currency(context: Context, field: str, raw: bytes) -> None:
    """Three capital letters; amounts after it count in this currency."""
    context.currency = read(_TEXT, field, raw)
    try:
        SCALES[context.currency]
    except MoneyError as error:
        raise EventError(error.reason, field) from None


def amount(context: Context, field: str, raw: bytes) -> None:
    """Money of at most 10**12 minor units."""
    beyond = "negative_amount" if raw[:1] == b"-" else "amount_too_large"
    try:
        minor(read(_AMOUNT, field, raw, beyond), context.currency)
    except MoneyError as error:
        raise EventError(error.reason, field) from None


def price(context: Context, field: str, raw: bytes) -> None:
    """An amount that is checked by the typed decode alone, hence a limit that knows no currency."""
    amount(Context(context.kind, None, "XXX"), field, raw)
    units = _AMOUNT.decode(raw)
    whole = units.split(".")[0].lstrip("0") if isinstance(units, str) else str(int(units))
    if len(whole) > MAX_PRICE_DIGITS:
        raise EventError("amount_too_large", field)


def number(_: Context, field: str, raw: bytes, low: float = -MAX_NUMBER, high: float = MAX_NUMBER) -> None:
    """A number from `low` to `high`."""
    if not low <= read(_NUMBER, field, raw, "out_of_range") <= high:
        raise EventError("out_of_range", field)


def quantity(context: Context, field: str, raw: bytes) -> None:
    """A number from 0 to 10**9."""
    number(context, field, raw, 0, MAX_QTY)


def payload(context: Context, field: str, raw: bytes) -> None:
    """An object that can be written again and has what the action asks of it."""
    is_object = raw[:1] == b"{"
    try:
        facts = _OBJECT.decode(raw)
    except msgspec.ValidationError:  # inside an object only a number can be refused
        raise EventError("out_of_range" if is_object else "wrong_type", field) from None
    if not is_storable(facts):
        raise EventError("out_of_range", field)
    payloads.check(context.action, field, facts)
