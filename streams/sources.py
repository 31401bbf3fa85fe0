"""`[sources]` of the configuration: other systems' records as events of the input contract.

Each source names a topic and says where in its JSON the contract's fields are; all keys are shown in
`deploy/examples/sources.toml`. What no source takes and Segment wrote is adapted by `models.segment`.
"""

from collections.abc import Mapping
from typing import Any, Final

import msgspec
import orjson

from models import segment
from models.contract import MAX_BYTES
from models.events import Click, Control, Item, Order, Payment, Service
from models.mapping import Field, FieldMap, ListField, Path
from streams.topics import INPUT_KINDS

_STRUCTS: Final[dict[str, type[msgspec.Struct]]] = {
    "order": Order,
    "click": Click,
    "service": Service,
    "control": Control,
    "items": Item,
    "payment": Payment,
}
# Fields that the contract takes and does not read yet.
_UNREAD: Final = {"order": {"coupon"}, "click": {"qty", "price", "currency", "coupon"}, "items": {"brand"}}
_REQUIRED: Final = {"order": "order_id", "click": "action", "service": "action", "control": "action"}
_OWN: Final = ("event_id", "customer_id", "ts")
_LISTS: Final = ("items", "payment")
_AMOUNTS: Final = frozenset(("amount", "discount", "coupon_discount", "paid", "refund_amount", "price"))
_INNER_AMOUNTS: Final = {"items": ("price", "line_total"), "payment": ("amount",)}
_TEXTS: Final = frozenset(
    ("event_id", "customer_id", "order_id", "ticket_id", "campaign_id", "sku", "category", "brand", "channel",
     "action", "status", "page", "query", "coupon", "text", "method")
)  # fmt: skip
_UNITS: Final = {"ts": ("ms", "s", "iso"), "dwell_ms": ("ms", "s")}
_KEYS: Final = ("topic", "kind", "match", "fields", "values", "const", "units", "minor")


class Adapters:
    """All sources of a deployment, in the order of the file: the first one that matches a record takes it.

    Args:
        table: name -> source, as in the configuration file.
        currency: of the deployment, for minor units in records that name none.

    Raises:
        ValueError: one sentence that names the source and the key.
    """

    def __init__(self, table: Mapping[str, Any], currency: str = "USD") -> None:
        self._currency = currency
        self._sources: dict[str, list[FieldMap]] = {}
        for name, entries in table.items():
            topic, source = _Reader(name, entries).read()
            earlier = self._sources.setdefault(topic, [])
            if earlier and not earlier[-1].match:
                last = earlier[-1].name
                raise ValueError(
                    f"source '{name}': never reached, '{last}' without match takes all of {topic}"
                )
            earlier.append(source)

    def translates(self, topic: str) -> bool:
        """Whether the topic has sources: then each of its records is to be translated before it is parsed."""
        return topic in self._sources

    def translate(self, topic: str, value: bytes | None) -> bytes | None:
        """The event in a record of another system, as JSON of the contract.

        Of a topic without sources only records that the contract refused need to come here. A Segment
        message of another kind than the topic's is translated too: the contract then names its type.

        Returns:
            None where the record is to be parsed as it is. Nothing is raised for any bytes.
        """
        if value is None or len(value) > MAX_BYTES:
            return None
        try:
            record = orjson.loads(value)
        except orjson.JSONDecodeError:
            return None
        if not isinstance(record, dict):
            return None
        for source in self._sources.get(topic, ()):
            if source.takes(record):
                return _encode(source.event(record, self._currency))
        adapted = segment.adapt(record)
        return None if adapted is None else _encode(adapted[1])


def _encode(event: dict[str, Any]) -> bytes | None:
    try:
        return orjson.dumps(event)
    except orjson.JSONEncodeError:  # nests deeper than can be written, and than the contract allows
        return None


class _Reader:
    """Reads one source; every complaint is a ValueError that begins with the source's name."""

    def __init__(self, name: str, entries: Any) -> None:
        self.name = name
        self.table = self._table("", entries)
        self._known("", self.table, _KEYS)
        topic = self.table.get("topic")
        if not isinstance(topic, str) or topic not in INPUT_KINDS:
            raise self._wrong("topic", f"must be one of {', '.join(INPUT_KINDS)}, not {topic!r}")
        self.topic = topic
        self.kind = INPUT_KINDS[topic]
        if self.table.get("kind", self.kind) != self.kind:
            raise self._wrong("kind", f"must be '{self.kind}', which is what topic {topic} carries")

    def read(self) -> tuple[str, FieldMap]:
        fields = self._section("fields")
        const = self._section("const")
        self._check_given(fields, const)
        lists = tuple(self._list(name, fields[name]) for name in _LISTS if name in fields)
        minor, minor_in = self._minor()
        return self.topic, FieldMap(
            name=self.name,
            match=self._match((), self._table("match", self.table.get("match", {}))),
            const={"type": self.kind, **const},
            fields=tuple(
                self._field("fields", name, at) for name, at in fields.items() if name not in _LISTS
            ),
            lists=lists,
            values=self._values(),
            times=self._times(),
            minor=minor,
            minor_in=minor_in,
        )

    def _check_given(self, fields: dict[str, Any], const: dict[str, Any]) -> None:
        for name in (*_OWN, _REQUIRED[self.kind]):
            if name not in fields and name not in const:
                raise self._wrong(f"fields.{name}", "is missing, and every event needs it")
        for name in const:
            if name in fields:
                raise self._wrong(f"const.{name}", "is in fields already")
            if name in _OWN:
                raise self._wrong(f"const.{name}", "must come from each record")
        try:
            orjson.dumps(const)
        except orjson.JSONEncodeError as error:
            raise self._wrong("const", f"cannot be written as JSON: {error}") from None

    def _section(self, key: str) -> dict[str, Any]:
        """A table whose names are fields of the contract."""
        table = self._table(key, self.table.get(key, {}))
        self._known(key, table, _contract(self.kind))
        return table

    def _field(self, key: str, name: str, at: Any) -> Field:
        return Field(name, self._path(f"{key}.{name}", at), name in _TEXTS)

    def _list(self, name: str, at: Any) -> ListField:
        key = f"fields.{name}"
        if not isinstance(at, dict):
            return ListField(name, self._path(key, at), None)
        inner = {field: path for field, path in at.items() if field != "path"}
        self._known(key, inner, _contract(name))
        path = self._path(f"{key}.path", at.get("path"))
        return ListField(name, path, tuple(self._field(key, *entry) for entry in inner.items()))

    def _match(self, at: Path, table: dict[str, Any]) -> tuple[tuple[Path, Any], ...]:
        """TOML reads `a.b = 1` as a table in a table; a quoted "a.b" is the same here."""
        found: tuple[tuple[Path, Any], ...] = ()
        for name, value in table.items():
            path = at + self._path("match", name)
            if isinstance(value, dict):
                found += self._match(path, value)
            elif isinstance(value, str | int | float):
                found += ((path, value),)
            else:
                raise self._wrong(
                    f"match.{'.'.join(path)}", f"must be text, a number or a bool, not {value!r}"
                )
        return found

    def _values(self) -> dict[str, dict[str, Any]]:
        return {name: self._table(f"values.{name}", words) for name, words in self._section("values").items()}

    def _times(self) -> dict[str, str]:
        units = self._table("units", self.table.get("units", {}))
        self._known("units", units, _UNITS)
        for name, unit in units.items():
            if unit not in _UNITS[name]:
                raise self._wrong(f"units.{name}", f"must be one of {', '.join(_UNITS[name])}, not {unit!r}")
        return units

    def _minor(self) -> tuple[tuple[str, ...], dict[str, tuple[str, ...]]]:
        names = self.table.get("minor", [])
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise self._wrong("minor", f"must be a list of amounts, not {names!r}")
        contract = _contract(self.kind)
        inner = {f"{of}.{name}": of for of in _LISTS if of in contract for name in _INNER_AMOUNTS[of]}
        self._known("minor", dict.fromkeys(names), {*(contract & _AMOUNTS), *inner})
        minor_in: dict[str, tuple[str, ...]] = {}
        for name in names:
            if name in inner:
                of, _, amount = name.partition(".")
                minor_in[of] = (*minor_in.get(of, ()), amount)
        return tuple(name for name in names if name not in inner), minor_in

    def _path(self, key: str, at: Any) -> Path:
        if not isinstance(at, str) or not all(at.split(".")):
            raise self._wrong(key, f"must be a path like 'order.total', not {at!r}")
        return tuple(at.split("."))

    def _table(self, key: str, table: Any) -> dict[str, Any]:
        if not isinstance(table, dict):
            raise self._wrong(key, f"must be a table, not {table!r}")
        return table

    def _known(self, key: str, table: Mapping[str, Any], known: Any) -> None:
        for name in table:
            if name not in known:
                at = f"{key}.{name}" if key else name
                raise self._wrong(at, f"is unknown; known: {', '.join(sorted(known))}")

    def _wrong(self, key: str, problem: str) -> ValueError:
        return ValueError(f"source '{self.name}': {f'{key} {problem}'.lstrip()}")


def _contract(name: str) -> frozenset[str]:
    """What a producer may write in an event of this kind or in an entry of this list."""
    fields = {field.encode_name for field in msgspec.structs.fields(_STRUCTS[name])}
    mine = {field for field in fields if not field.endswith("_hash")}
    return frozenset(mine | _UNREAD.get(name, set())) - {"type"}
