"""The JSON Schema of the public document, draft 2020-12, made of the rows of `reference`.

Everything but the head is optional, and what a reader does not know is allowed everywhere: new fields come
within one `schema`.
"""

from typing import Any

import orjson

from models.document import SCHEMA
from models.reference import FIELDS, REQUIRED, SECTIONS
from models.reference_kinds import Field, Kind

DRAFT = "https://json-schema.org/draft/2020-12/schema"
_Node = dict[str, Any]


def json_schema() -> _Node:
    """The schema of one document as plain data."""
    root: _Node = {
        "$schema": DRAFT,
        "title": f"Customer profile, schema {SCHEMA}",
        "description": "Absent means unknown. Ignore what you do not know.",
        **_object(),
        "required": list(REQUIRED),
    }
    for section, (title, _) in SECTIONS.items():
        if section:
            root["properties"][section] = {"description": title, **_object()}
    for field in FIELDS:
        _place(root, field)
    return root


def schema_text() -> str:
    """The same as it stands in the file."""
    return orjson.dumps(json_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def leaf(kind: Kind) -> _Node:
    """The schema of one value.

    >>> leaf(Kind("integer", 1, 5))
    {'type': 'integer', 'minimum': 1, 'maximum': 5}
    """
    if kind.json == "any":
        return {}
    if kind.json == "tag":
        return {"anyOf": [{"const": True}, {"type": "string"}, {"type": "number"}]}
    if kind.json == "evidence":
        item = {"type": "array", "prefixItems": [{"type": "string"}, {}, {"type": "string"}], "minItems": 2}
        return {"type": "array", "items": item}
    json = "string" if kind.json == "instant" else kind.json
    out: _Node = {"type": json}
    if kind.json == "instant":
        out["format"] = "date-time"
    bounds = {"enum": list(kind.values), "pattern": kind.pattern, "minimum": kind.least, "maximum": kind.most}
    return out | {name: bound for name, bound in bounds.items() if bound not in ([], "", None)}


def _object() -> _Node:
    return {"type": "object", "properties": {}, "additionalProperties": True}


def _place(root: _Node, field: Field) -> None:
    """Put a row where its path leads; of a `*` every key has the same schema."""
    node, names = root, field.parts
    for name in names[:-1]:
        node = _inside(node, name, _object())
    _inside(node, names[-1], {"description": field.meaning, **leaf(field.kind)})


def _inside(node: _Node, name: str, new: _Node) -> _Node:
    """The schema under a name of an object, a new one where there is none."""
    inner: _Node
    if name == "*":
        node.pop("properties", None)
        if node["additionalProperties"] is True:
            node["additionalProperties"] = new
        inner = node["additionalProperties"]
    elif name.endswith("[]"):
        array = node["properties"].setdefault(name[:-2], {"type": "array", "items": new})
        inner = array["items"]
    else:
        inner = node["properties"].setdefault(name, new)
    return inner
