"""The flat layout: a stable list of columns, generated from the field reference and the tag catalogue.

A name is the field's path with `_` for the dots. What varies by a closed set of keys has a column for each;
what varies freely (categories, attributes) and lists are one column of JSON text. A tag has its value and
since when it has it. Unknown is null.
"""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import orjson

from models.catalogue.catalogue import Catalogue
from models.reference import FIELDS
from models.reference_kinds import Field

AS_OF = "export_as_of"
_JSON = "json"
Doc = Mapping[str, Any]


class Column(NamedTuple):
    """A column of the flat layout.

    Attributes:
        name: of the column.
        type: string, integer, number, boolean, instant (ISO-8601 text here), json (text), or the lists
            instants and integers.
        unit: of the value; "" where there is none.
        meaning: one sentence.
        get: finds the value in a document; None = unknown.
    """

    name: str
    type: str
    unit: str
    meaning: str
    get: Callable[[Doc], Any]


def columns(catalogue: Catalogue) -> list[Column]:
    """All columns, in the order of the reference; those of tags at the end."""
    out = [Column(AS_OF, "instant", "", "The instant that the export was made for.", _never)]
    known = {AS_OF}
    for field in FIELDS:
        for column in _of_field(field) if field.parts[0] != "tags" else ():
            if column.name not in known:
                known.add(column.name)
                out.append(column)
    return [*out, *_of_tags(catalogue)]


def _never(_: Doc) -> None:
    """Filled in by the export."""


def _of_field(field: Field) -> list[Column]:
    parts = field.parts
    at = next((i for i, name in enumerate(parts) if name == "*" or name.endswith("[]")), len(parts))
    if at < len(parts) and not (parts[at] == "*" and field.keys):
        path = parts[:at] if parts[at] == "*" else (*parts[:at], parts[at].removesuffix("[]"))
        return [Column("_".join(path), _JSON, "", "All of it, as JSON.", _finder(path, as_json=True))]
    paths = [(*parts[:at], key, *parts[at + 1 :]) for key in field.keys] if at < len(parts) else [parts]
    is_json = field.kind.json in ("any", "evidence")
    kind = _JSON if is_json else field.kind.json
    return [
        Column("_".join(path), kind, field.unit, field.meaning, _finder(path, as_json=is_json))
        for path in paths
    ]


def _finder(path: tuple[str, ...], *, as_json: bool) -> Callable[[Doc], Any]:
    def find(doc: Doc) -> Any:
        value: Any = doc
        for name in path:
            value = value.get(name) if isinstance(value, Mapping) else None
            if value is None:
                return None
        return orjson.dumps(value).decode() if as_json else value

    return find


def _of_tags(catalogue: Catalogue) -> list[Column]:
    types = {"flag": "boolean", "category": "string", "number": "number"}
    out = []
    for tag in catalogue.tags:
        about = tag.about
        label = about.label.get("en", tag.id)
        find = _flag(tag.id) if about.kind == "flag" else _finder(("tags", tag.id, "value"), as_json=False)
        out.append(Column(f"tag_{tag.id}", types[about.kind], "", f"Tag: {label}.", find))
        since = _finder(("tags", tag.id, "since"), as_json=False)
        out.append(Column(f"tag_{tag.id}_since", "instant", "", "Since when it has this value.", since))
    return out


def _flag(tag_id: str) -> Callable[[Doc], bool | None]:
    """Not held is false; nothing is known of a customer who withdrew consent."""

    def find(doc: Doc) -> bool | None:
        if doc.get("consent", {}).get("status") == "withdrawn":
            return None
        return tag_id in doc["tags"]

    return find
