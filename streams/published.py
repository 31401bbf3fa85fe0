"""The published contract: every file of it that is generated, and the AsyncAPI 3 document of all topics."""

from collections.abc import Callable
from functools import partial
from typing import Any, Final

import orjson

from models import feedback
from models.changes_schema import TRACEPARENT, change_schema_text
from models.contract import REASONS
from models.contract_schema import EXAMPLES, KINDS, event_schema_text
from models.reference_schema import DRAFT, schema_text
from models.reference_typed import typed_text
from streams.topics import ALERTS_DEAD, DEAD_LETTER, FEEDBACK, INPUT_KINDS, POPULATION, TAG_CHANGES, TOPICS

_Node = dict[str, Any]
_CONTEXT = TRACEPARENT | {"description": "W3C trace context, where the sender traces."}
_FORMAT = "application/schema+json;version=draft-2020-12"
_KEY: _Node = {"type": "string", "description": "The customer id, UTF-8: it decides the partition."}
_BINDING = "0.5.0"  # version of AsyncAPI's Kafka binding
_SAYS = {
    **{topic: f"Events of the kind {kind}, as producers send them." for topic, kind in INPUT_KINDS.items()},
    TAG_CHANGES: "Tags entered, left, changed and corrected: at least once, in order per customer.",
    DEAD_LETTER: "Records that broke the contract: where they lie, and why they were refused.",
    POPULATION: "The population snapshot in force; key `snapshot`, compacted.",
    FEEDBACK: "What became of tags and alerts, as people and systems say it.",
    ALERTS_DEAD: "Alerts that no sink took, and records that are no tag change.",
}
_TEXT: _Node = {"type": "string", "minLength": 1}
# Of topics that are not read by customers of the product; those of the others stand in files of their own.
_PAYLOADS: dict[str, _Node] = {
    "population": {"type": "object", "required": ["schema", "version", "parent", "event_ms", "panel"]},
    "feedback": {
        "type": "object",
        "required": ["type", "event_id", "customer_id", "ts", "kind"],
        "properties": {
            "type": {"const": "feedback"},
            "event_id": _TEXT,
            "customer_id": _TEXT,
            "kind": {"enum": list(feedback.KINDS)},
            "alert_id": _TEXT,
            "outcome": {"enum": list(feedback.OUTCOMES)},
            "rule": _TEXT,
            "tag": _TEXT,
        },
    },
    "alert-dead": {"type": "object", "required": ["reason"], "properties": {"reason": _TEXT}},
}


def asyncapi() -> _Node:
    """The AsyncAPI document as plain data; it refers to the schemas beside it."""
    carries = INPUT_KINDS | {TAG_CHANGES: "tag-change", DEAD_LETTER: "dead-letter"}
    carries |= {POPULATION: "population", FEEDBACK: "feedback", ALERTS_DEAD: "alert-dead"}
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "profilestream",
            "version": "1.0.0",
            "description": "Events in, tag changes out. Profiles are read from Redis: see READING.md.",
            "license": {"name": "Apache-2.0"},
        },
        "defaultContentType": "application/json",
        "channels": {
            spec.name: {
                "address": spec.name,
                "description": _SAYS[spec.name],
                "messages": {carries[spec.name]: {"$ref": f"#/components/messages/{carries[spec.name]}"}},
                "bindings": {
                    "kafka": {
                        "topic": spec.name,
                        "topicConfiguration": {
                            "cleanup.policy": ["compact" if spec.compacted else "delete"],
                            "retention.ms": spec.retention_ms,
                        },
                        "bindingVersion": _BINDING,
                    }
                },
            }
            for spec in TOPICS
        },
        "operations": {
            name: {
                "action": "receive" if name in (*INPUT_KINDS, FEEDBACK) else "send",
                "channel": {"$ref": f"#/channels/{name}"},
            }
            for name in carries
        },
        "components": {"messages": {kind: _message(kind) for kind in carries.values()}},
    }


def asyncapi_text() -> str:
    """The same as it stands in the file."""
    return _pretty(asyncapi())


def dead_letter_schema_text() -> str:
    """JSON Schema of a dead letter; see `Publisher`."""
    properties: _Node = {
        "topic": {"enum": list(INPUT_KINDS)},
        "partition": {"type": "integer", "minimum": 0},
        "offset": {"type": "integer", "minimum": 0},
        "reason": {"description": "A code; the parser knows these.", "enum": list(REASONS)},
        "field": {
            "type": "string",
            "description": "Of the contract, dotted in lists; empty = the whole record.",
        },
        "payload_bytes": {"type": "integer", "minimum": 0},
        "payload_sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
        "payload": {"type": "string", "description": "Its beginning; only where that is configured."},
    }
    head = {"$schema": DRAFT, "title": "Dead letter, version 1", "type": "object", "properties": properties}
    return _pretty(head | {"required": [name for name in properties if name != "payload"]})


def _message(kind: str) -> _Node:
    is_keyed = kind not in ("dead-letter", "population")
    schema = _PAYLOADS.get(kind, {"$ref": f"./{kind}-1.json"})
    out: _Node = {
        "contentType": "application/cloudevents+json" if kind == "tag-change" else "application/json",
        "payload": {"schemaFormat": _FORMAT, "schema": schema},
    }
    if kind == "tag-change" or kind in KINDS:
        out["headers"] = {"type": "object", "properties": {"traceparent": _CONTEXT}}
    if is_keyed:
        out["bindings"] = {"kafka": {"key": _KEY, "bindingVersion": _BINDING}}
    if kind in EXAMPLES:
        out["examples"] = [{"payload": EXAMPLES[kind]}]
    return out


def _pretty(node: _Node) -> str:
    return orjson.dumps(node, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE).decode()


FILES: Final[dict[str, Callable[[], str]]] = {
    "profile-1.json": schema_text,
    **{f"{kind}-1.json": partial(event_schema_text, kind) for kind in KINDS},
    "tag-change-1.json": change_schema_text,
    "dead-letter-1.json": dead_letter_schema_text,
    "asyncapi.json": asyncapi_text,
    "documents.py": typed_text,
}
