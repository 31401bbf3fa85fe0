"""The JSON Schema of a tag change, draft 2020-12: four kinds, told apart by `type`. See `changes.render`."""

from typing import Any

import orjson

from models.changes import CHANGED, CORRECTED, ENTERED, LEFT, SOURCE
from models.reference_kinds import COUNT, INSTANT, TEXT, Kind
from models.reference_schema import DRAFT, leaf

_Node = dict[str, Any]
_ID: _Node = {"type": "string", "pattern": "^[0-9a-f]{32}$"}
_VALUE = leaf(Kind("tag"))
_NULL: _Node = {"type": "null"}
_EITHER: _Node = {"anyOf": [*_VALUE["anyOf"], _NULL]}
_DATA: _Node = {
    "customer_id": leaf(TEXT),
    "tag": leaf(TEXT),
    "seq": {"type": "integer", "minimum": 1, "description": "Counts a customer's changes without a gap."},
    "old": {"description": "Value before; null = not held."},
    "new": {"description": "Value from now on; null = not held."},
    "rule": leaf(TEXT),
    "rule_version": leaf(COUNT),
    "reason": leaf(Kind("evidence")),
    "cause": {
        "description": "What announced it: a record in Kafka, a timer, or a revision of the catalogue.",
        "oneOf": [
            {
                "properties": {"topic": leaf(TEXT), "partition": leaf(COUNT), "offset": leaf(COUNT)},
                "required": ["topic", "partition", "offset"],
            },
            {"properties": {"timer": leaf(INSTANT)}, "required": ["timer"]},
            {"properties": {"catalogue": leaf(COUNT)}, "required": ["catalogue"]},
        ],
    },
    "profile_version": leaf(COUNT) | {"description": "Version of the profile that shows the change first."},
    "effective_at": leaf(INSTANT) | {"description": "From when it holds."},
    "known_at": leaf(INSTANT) | {"description": "Wall clock at which it was decided."},
}
TRACEPARENT: _Node = {
    "type": "string",
    "pattern": "^00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}$",
    "description": "W3C trace context; only where tracing is on. In the header of the same name too.",
}
_KINDS: dict[str, _Node] = {
    ENTERED: {"old": _NULL, "new": _VALUE},
    LEFT: {"old": _VALUE, "new": _NULL},
    CHANGED: {"old": _VALUE, "new": _VALUE},
    CORRECTED: {
        "old": _EITHER,
        "new": _EITHER,
        "corrects": {
            "description": "Ids of changes announced in ignorance of a late event: take them back.",
            "type": "array",
            "items": _ID,
            "minItems": 1,
        },
    },
}


def change_schema() -> _Node:
    """The schema of one tag change as plain data."""
    head: _Node = {
        "specversion": {"const": "1.0"},
        "id": _ID | {"description": "The same for every copy: drop ids that were seen."},
        "source": {"const": SOURCE},
        "type": {"enum": list(_KINDS)},
        "subject": leaf(TEXT) | {"description": "The customer."},
        "time": leaf(INSTANT) | {"description": "As `data.effective_at`."},
        "datacontenttype": {"const": "application/json"},
        "data": {"type": "object", "properties": _DATA, "required": list(_DATA)},
    }
    extensions = {"traceparent": TRACEPARENT}
    return {
        "$schema": DRAFT,
        "title": "Tag change, version 1",
        "description": "CloudEvents 1.0. At least once, in order per customer. Ignore what you do not know.",
        "type": "object",
        "properties": head | extensions,
        "required": list(head),
        "oneOf": [
            {
                "title": kind,
                "properties": {
                    "type": {"const": kind},
                    "data": {"properties": own, "required": [name for name in own if name not in _DATA]},
                },
            }
            for kind, own in _KINDS.items()
        ],
    }


def change_schema_text() -> str:
    """The same as it stands in the file."""
    return orjson.dumps(change_schema(), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()
