"""The input contract as JSON Schema, draft 2020-12, made of the tables by which `rejection` refuses a record.

What the parser accepts a schema accepts, always. The other way round a schema is more lenient, as far as JSON
Schema cannot say it or says it less well: `BEYOND` lists the reasons that only the parser gives.
"""

from typing import Any, Final

import orjson

from models import checks, payloads, rejection
from models.checks import Check
from models.contract import END_TS_MS, ISO, MAX_ID, MAX_NUMBER, MAX_PRICE_DIGITS, MAX_QTY, MIN_TS_MS, STATUSES
from models.money import MAX_MINOR, MAX_TEXT
from models.reference_schema import DRAFT

KINDS: Final = ("order", "click", "service", "control")
BEYOND: Final = {
    "null_value": "a record without a value is no JSON",
    "too_large": "256 KiB are counted in bytes",
    "not_json": "that it is JSON comes before any schema",
    "too_deep": "200 levels of nesting are counted anywhere",
    "repeated_field": "each copy of a field must be right; JSON Schema sees one",
    "bad_timestamp": "there is no 30 February",
    "out_of_range": "a time written as text, and integers beyond 64 bits in payloads",
    "in_future": "needs a clock",
    "wrong_type": "1700000000000.0 is an integer in JSON Schema and none for `ts`",
    "bad_characters": "what cannot be printed is more than the control characters: see Unicode",
    "amount_too_large": "10**12 minor units depend on the currency's decimals",
    "bad_score": "what stands under a name that begins with `scores.` has a shape of its own",
    "too_long": "a value among the attributes is measured in bytes of JSON",
}
_Node = dict[str, Any]
_ITEM: Final = {"sku": "s-1", "category": "tea", "qty": 2, "price": "64.25"}
_SAID: Final[dict[str, _Node]] = {
    "order": {"order_id": "o-1", "amount": 128.5, "currency": "USD", "channel": "web", "items": [_ITEM]},
    "click": {"action": "product_view", "sku": "s-1", "category": "tea", "dwell_ms": 5300},
    "service": {"action": "csat", "ticket_id": "t-1", "score": 4, "scale": 5},
    "control": {"action": "consent", "consent": {"status": "given"}},
}
EXAMPLES: Final[dict[str, _Node]] = {
    kind: {"type": kind, "event_id": f"{kind}-1", "customer_id": "c-1", "ts": "2026-11-21T09:14:05+08:00"}
    | said
    for kind, said in _SAID.items()
}


def _whole(pattern: str) -> str:
    """A pattern of the whole text, also where `$` would let a last line feed pass."""
    return f"^(?:{pattern})$(?!\\n)"


def _number(least: float, most: float, **more: float) -> _Node:
    return {"type": "number", "minimum": least, "maximum": most, **more}


_DECIMAL: Final = r"[0-9]+(\.[0-9]+)?"
_MONEY = {"type": "string", "maxLength": MAX_TEXT, "pattern": _whole(_DECIMAL)}
_PRICE = _MONEY | {"pattern": _whole(rf"0*[0-9]{{1,{MAX_PRICE_DIGITS}}}(\.[0-9]+)?")}
_TEXT: Final = {"type": "string"}
_ID: Final = {"type": "string", "minLength": 1, "maxLength": MAX_ID}
_LEAVES: Final[dict[Check, _Node]] = {
    checks.text: _TEXT,
    checks.identity: _ID,
    checks.action: _ID | {"description": "What is said: `attributes`, `consent`, or anything else."},
    checks.printable_identity: _ID | {"pattern": _whole(r"[^\u0000-\u001f\u007f-\u009f]*")},
    checks.instant: {
        "anyOf": [
            {"type": "integer", "minimum": MIN_TS_MS, "maximum": END_TS_MS - 1},
            {"type": "string", "pattern": _whole(ISO)},
        ]
    },
    checks.status: {"enum": list(STATUSES)},
    checks.currency: {"type": "string", "pattern": _whole("[A-Z]{3}")},
    checks.amount: {"anyOf": [_number(0, MAX_MINOR), _MONEY]},
    checks.price: {
        "anyOf": [{"type": "number", "minimum": 0, "exclusiveMaximum": 10**MAX_PRICE_DIGITS}, _PRICE]
    },
    checks.number: _number(-MAX_NUMBER, MAX_NUMBER),
    checks.quantity: _number(0, MAX_QTY),
    checks.payload: {"type": "object", "description": "What the action of the same name says."},
}
_FACTS: Final[dict[str, _Node]] = {
    "attributes": {
        "type": "object",
        "maxProperties": payloads.MAX_NAMES,
        "propertyNames": {"minLength": 1, "maxLength": payloads.MAX_NAME},
    },
    "consent": {
        "type": "object",
        "properties": {"status": {"enum": list(payloads.CONSENTS)}},
        "required": ["status"],
    },
}


def event_schema(kind: str) -> _Node:
    """The schema of one kind of event as plain data."""
    root: _Node = {
        "$schema": DRAFT,
        "title": f"Event {kind}, version 1",
        "description": "At most 256 KiB of UTF-8. null is absent; unknown fields are ignored.",
        **_object(kind, rejection.RULES[kind]),
        "examples": [EXAMPLES[kind]],
    }
    if kind == "control":
        root["allOf"] = [
            {
                "if": {"properties": {"action": {"const": name}}},
                "then": {"properties": {name: facts}, "required": [name]},
            }
            for name, facts in _FACTS.items()
        ]
    return root


def event_schema_text(kind: str) -> str:
    """The same as it stands in the file."""
    return orjson.dumps(event_schema(kind), option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


def _object(kind: str, rules: dict[str, Check]) -> _Node:
    required = [name for name, check in rules.items() if check in rejection.REQUIRED]
    return {
        "type": "object",
        "properties": {
            name: _leaf(kind, check) if name in required else _nullable(_leaf(kind, check))
            for name, check in rules.items()
        },
        "required": required,
    }


def _leaf(kind: str, check: Check) -> _Node:
    if check is checks.kind:
        return {"const": kind}
    if check is rejection.items:
        return {"type": "array", "items": _object(kind, rejection.ITEM)}
    if check is rejection.payment:
        return {"anyOf": [_TEXT, {"type": "array", "items": _object(kind, rejection.PAYMENT)}]}
    return {"description": check.__doc__} | _LEAVES[check]


def _nullable(leaf: _Node) -> _Node:
    if "type" in leaf:
        return leaf | {"type": [leaf["type"], "null"]}
    if "enum" in leaf:
        return leaf | {"enum": [*leaf["enum"], None]}
    return leaf | {"anyOf": [*leaf["anyOf"], {"type": "null"}]}
