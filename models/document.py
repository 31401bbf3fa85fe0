"""The public face of a profile: one JSON document, schema 1 (DESIGN 5).

Unknown is absent: a customer with refunds and no order has `refunds_minor` and no `recency_days`. Times
are ISO-8601 UTC with ms, money is `*_minor` with `currency`.
"""

from typing import Any

import orjson

from models.calendar import iso
from models.catalogue.held import BY_OTHERS, BY_TIMER, Held
from models.rulelang import NEVER
from models.state import State
from models.view import View

SCHEMA = 1
# Sections in the order of the document, absent where there is nothing to say.
_SECTIONS = ("engagement", "journey", "preferences", "habits", "promotion", "service", "satisfaction",
             "churn", "value", "health", "cluster", "scores", "attributes")  # fmt: skip


def render(view: View, customer_id: str, updated_ms: int) -> bytes:
    """JSON bytes of the profile as of an instant.

    Args:
        view: the customer at an instant which is not earlier than `state.as_of_ms` and before
            `state.wake_at_ms`.
        customer_id: whose it is.
        updated_ms: when this document was made, wall clock.
    """
    return orjson.dumps(document(view, customer_id, updated_ms))


def document(view: View, customer_id: str, updated_ms: int) -> dict[str, Any]:
    """The document as plain data; see `render`."""
    state, rules = view.state, view.rules
    doc: dict[str, Any] = {
        "customer_id": customer_id,
        "schema": SCHEMA,
        "version": state.version,
        "as_of": iso(view.at_ms),
        "updated_at": iso(updated_ms),
    }
    if rules.tables:
        doc["normalisation"] = rules.tables
    if state.consent is not None:
        doc["consent"] = state.consent.show()
        if state.withdrawn:
            return doc | {"tags": {}}
    if state.first_seen_ms:
        doc["first_seen_at"], doc["last_seen_at"] = iso(state.first_seen_ms), iso(state.last_seen_ms)
        if state.last_active_ms:
            doc["last_active_at"] = iso(state.last_active_ms)
    doc["rfm"] = view.section("rfm")
    doc["lifecycle"] = {"stage": view.now.stage}
    if "lifecycle" in state.tags:
        doc["lifecycle"]["since"] = iso(state.tags["lifecycle"].since_ms)
    doc["tags"] = _tags(view)
    for name in _SECTIONS:
        if section := view.section(name):
            doc[name] = section
    return doc


def _tags(view: View) -> dict[str, Any]:
    state, judged = view.state, view.judged
    out: dict[str, Any] = {}
    if not state.tags:
        return out
    for tag in view.rules.catalogue.asked(view.parts):
        held = state.tags.get(tag.id)
        if held is None:
            continue
        entry = out[tag.id] = {
            "value": held.value,
            "since": iso(held.since_ms),
            "rule": tag.rule,
            "because": tag.because(view, held),
            "cause": cause(state, held),
        }
        until_ms = tag.until_ms(view, held, spent=False, judged=judged.get(tag.id))
        if until_ms != NEVER:
            entry["until"] = iso(until_ms)
    return out


def cause(state: State, held: Held) -> dict[str, Any]:
    """What announced a tag: an event by its place in Kafka, a timer by its instant, another catalogue
    or another snapshot of the population.
    """
    if held.source == BY_TIMER:
        return {"timer": iso(held.since_ms)}
    if held.source in BY_OTHERS:
        return {BY_OTHERS[held.source]: held.offset}
    topic, _, partition = list(state.offsets)[held.source - 1].partition("/")
    return {"topic": topic, "partition": int(partition.partition("@")[0]), "offset": held.offset}
