"""The nested layout in Parquet: the document as it is, with structs, lists and maps, typed by the reference.

A key that varies makes a map. Values of any type are JSON text; the value of a tag is its text, `true` for a
flag.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import orjson
import pyarrow as pa

from models.reference import FIELDS
from models.reference_kinds import Kind
from streams.export.raw import RawColumn

_TYPES = {
    "string": pa.string(),
    "integer": pa.int64(),
    "number": pa.float64(),
    "boolean": pa.bool_(),
    "instant": pa.timestamp("ms", "UTC"),
    "json": pa.string(),
    "instants": pa.list_(pa.timestamp("ms", "UTC")),
    "integers": pa.list_(pa.int64()),
}
Tree = dict[str, Any]  # name -> Tree or Kind


def type_of(name: str) -> Any:
    """The Arrow type of a column's type."""
    return _TYPES[name]


def tree() -> Tree:
    """The fields of the reference as a tree."""
    out: Tree = {}
    for field in FIELDS:
        node = out
        *path, last = field.parts
        for name in path:
            node = node.setdefault(name, {})
        node[last] = field.kind
    return out


def schema(of: Tree) -> Any:
    """The Arrow fields of the document."""
    return [pa.field(name.removesuffix("[]"), _type(name, node)) for name, node in of.items()]


def _type(name: str, node: Tree | Kind) -> Any:
    if isinstance(node, Kind):
        return _TYPES.get(node.json, pa.string())
    if "*" in node:
        return pa.map_(pa.string(), _type("*", node["*"]))
    struct = pa.struct(schema(node))
    return pa.list_(struct) if name.endswith("[]") else struct


def shaped(value: Any, node: Tree | Kind) -> Any:
    """A value as Arrow takes it: instants as times, maps as pairs, values of any type as text."""
    if value is None:
        return None
    if isinstance(node, Kind):
        if node.json == "instant":
            return datetime.fromisoformat(value)
        if node.json == "number":
            return float(value)
        if node.json in ("any", "evidence", "tag"):
            return value if isinstance(value, str) and node.json == "tag" else orjson.dumps(value).decode()
        return value
    if "*" in node:
        return [(name, shaped(inner, node["*"])) for name, inner in value.items()]
    out = {}
    for name, inner in node.items():
        plain = name.removesuffix("[]")
        found = value.get(plain)
        is_list = name.endswith("[]") and found is not None
        out[plain] = [shaped(one, inner) for one in found] if is_list else shaped(found, inner)
    return out


def times(row: dict[str, Any], columns: Iterable[RawColumn]) -> dict[str, Any]:
    """State columns of a row as Arrow takes them."""
    out = {}
    for column in columns:
        value = row.get(column.name)
        if column.type == "instants" and value is not None:
            value = [datetime.fromisoformat(one) for one in value]
        out[column.name] = value
    return out
