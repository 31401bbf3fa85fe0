"""A record of another system as an event of the input contract, by a table of fields.

Nothing is judged here: what a record lacks its event lacks. A value that cannot be converted stays as it was,
but never so that the contract would read it in another unit: minor units of an unknown currency are left
out, all else unreadable is refused by `events.parse`. No clock, no I/O. Used by `streams.sources`.
"""

import re
from dataclasses import dataclass
from decimal import ROUND_FLOOR, Context, Decimal
from typing import Any, Final, NamedTuple

from models.money import MAX_TEXT, NUMERIC, SCALES, MoneyError

Path = tuple[str, ...]

_LONGEST: Final = 10**15  # of times and amounts: out of range in any unit, and a thousandfold fits 64 bits
_PLAIN: Final = re.compile(NUMERIC)
_EXACT: Final = Context(prec=400, rounding=ROUND_FLOOR)


class Field(NamedTuple):
    """Where a field of the contract comes from; `is_text`: a whole number there becomes text."""

    name: str
    path: Path
    is_text: bool


class ListField(NamedTuple):
    """The same for a list; `inner` None: its entries are the contract's already."""

    name: str
    path: Path
    inner: tuple[Field, ...] | None


@dataclass(frozen=True, slots=True, kw_only=True)
class FieldMap:
    """One source, ready to run.

    Attributes:
        name: of the source.
        match: path -> value that must be there, all of them.
        const: the event's constant fields, `type` among them.
        fields: those that are copied.
        lists: those that are lists.
        values: field -> {incoming text: contract value}; others stay.
        times: field -> unit: ms, s or iso.
        minor: amounts in minor units, of the event itself.
        minor_in: list -> amounts in minor units, of each entry.
    """

    name: str
    match: tuple[tuple[Path, Any], ...]
    const: dict[str, Any]
    fields: tuple[Field, ...]
    lists: tuple[ListField, ...]
    values: dict[str, dict[str, Any]]
    times: dict[str, str]
    minor: tuple[str, ...]
    minor_in: dict[str, tuple[str, ...]]

    def takes(self, record: dict[str, Any]) -> bool:
        """Whether the record is of this source."""
        for path, wanted in self.match:
            found = _at(record, path)
            if type(found) is not type(wanted) or found != wanted:  # 1 is not true
                return False
        return True

    def event(self, record: dict[str, Any], currency: str) -> dict[str, Any]:
        """The contract's event.

        Args:
            record: decoded JSON, of which nothing is changed.
            currency: of minor units where the record names none.
        """
        event = self.const.copy()
        _copy(record, self.fields, event)
        for name, path, inner in self.lists:
            found = _at(record, path)
            if found is not None:
                event[name] = [_entry(x, inner) for x in found] if isinstance(found, list) else found
        for name, words in self.values.items():
            if name in event:
                event[name] = _reworded(event[name], words)
        for name, unit in self.times.items():
            if name in event:
                event[name] = _in_ms(event[name], unit)
        if self.minor or self.minor_in:
            self._to_units(event, _digits(event.get("currency", currency)))
        return event

    def _to_units(self, event: dict[str, Any], digits: int | None) -> None:
        _divide(event, self.minor, digits)
        for name, amounts in self.minor_in.items():
            entries = event.get(name)
            for entry in entries if isinstance(entries, list) else ():
                if isinstance(entry, dict):
                    _divide(entry, amounts, digits)


def _at(record: Any, path: Path) -> Any:
    for name in path:
        if type(record) is not dict:
            return None
        record = record.get(name)
    return record


def _copy(record: dict[str, Any], fields: tuple[Field, ...], into: dict[str, Any]) -> dict[str, Any]:
    for name, path, is_text in fields:
        value = record.get(path[0]) if len(path) == 1 else _at(record, path)
        if value is not None:
            into[name] = str(value) if is_text and type(value) is int else value
    return into


def _entry(entry: Any, inner: tuple[Field, ...] | None) -> Any:
    if type(entry) is not dict:
        return entry  # the contract refuses it
    return entry.copy() if inner is None else _copy(entry, inner, {})


def _reworded(value: Any, words: dict[str, Any]) -> Any:
    """What stands for a value, found as TOML writes its keys: always as text."""
    if isinstance(value, bool):
        return words.get("true" if value else "false", value)
    return words.get(str(value), value) if isinstance(value, str | int) else value


def _in_ms(value: object, unit: str) -> object:
    """Whole milliseconds, digits below cut off; text that is no plain number, such as ISO-8601, stays."""
    number = _number(value)
    if unit == "iso" or number is None:
        return value
    return int(number * 1_000 if unit == "s" else number)


def _digits(currency: object) -> int | None:
    """Digits of the minor unit."""
    try:
        return len(str(SCALES[currency])) - 1 if isinstance(currency, str) else None
    except MoneyError:
        return None


def _divide(table: dict[str, Any], amounts: tuple[str, ...], digits: int | None) -> None:
    for name in amounts:
        value = table.get(name)
        if digits is None:
            table.pop(name, None)
        elif type(value) is int and value >= 0:
            text = str(value).rjust(digits + 1, "0")
            table[name] = f"{text[:-digits]}.{text[-digits:]}" if digits else text
        elif (number := _number(value)) is not None:
            table[name] = format(Decimal(number).scaleb(-digits, _EXACT), "f")


def _number(value: object) -> Decimal | int | None:
    """A number as it was written; None where it is none, or so large that the contract refuses it."""
    number: Decimal | int
    if type(value) is int:
        number = value
    elif isinstance(value, float):
        number = Decimal(repr(value))
    elif isinstance(value, str) and len(value) <= MAX_TEXT and _PLAIN.match(value):
        number = Decimal(value)
    else:
        return None
    return number if -_LONGEST < number < _LONGEST else None  # false for NaN too
