"""The public face of a profile: one JSON document, schema 1 (DESIGN 5).

Unknown is absent: a customer with refunds and no order has `refunds_minor` and no `recency_days`. Times
are ISO-8601 UTC with ms, money is `*_minor` with `currency`.
"""

from typing import Any

import orjson

from models import health, journey
from models.calendar import iso
from models.days import WINDOWS
from models.rules import DAY_MS, Rules
from models.standing import Standing
from models.state import State
from models.tags import TAGS

SCHEMA = 1
_ORDER_NAMES = tuple(f"{width}d" for width in WINDOWS)


def render(state: State, customer_id: str, now: Standing, updated_ms: int, rules: Rules) -> bytes:
    """JSON bytes of the profile as of an instant.

    Args:
        state: what is remembered.
        customer_id: whose it is.
        now: where the customer stands at the instant of evaluation, which is not earlier than
            `state.as_of_ms` and before `state.wake_at_ms`.
        updated_ms: when this document was made, wall clock.
        rules: thresholds.
    """
    return orjson.dumps(document(state, customer_id, now, updated_ms, rules))


def document(state: State, customer_id: str, now: Standing, updated_ms: int, rules: Rules) -> dict[str, Any]:
    """The document as plain data; see `render`."""
    doc: dict[str, Any] = {
        "customer_id": customer_id,
        "schema": SCHEMA,
        "version": state.version,
        "as_of": iso(now.at_ms),
        "updated_at": iso(updated_ms),
    }
    if rules.tables:
        doc["normalisation"] = rules.tables
    if state.consent is not None:
        doc["consent"] = state.consent.show()
        if now.withdrawn:
            return doc | {"tags": {}}
    if state.first_seen_ms:
        doc["first_seen_at"], doc["last_seen_at"] = iso(state.first_seen_ms), iso(state.last_seen_ms)
    today = rules.calendar.day(now.at_ms)
    bought = state.orders.days.windows(today, WINDOWS)
    doc["rfm"] = _rfm(state, now, bought, rules)
    doc["lifecycle"] = {"stage": now.stage}
    if "lifecycle" in state.tags:
        doc["lifecycle"]["since"] = iso(state.tags["lifecycle"].since_ms)
    doc["tags"] = _tags(state, now, rules)
    _behaviour(doc, state, now, today, rules)
    if state.service is not None:
        doc["service"] = state.service.show(now.at_ms, now.orders)
    if state.satisfaction is not None and (said := state.satisfaction.show()):
        doc["satisfaction"] = said
    if (well := _health(doc, state, now, rules)) is not None:
        doc["health"] = well.show()
    if state.attributes is not None and (attributes := state.attributes.show()):
        doc["attributes"] = attributes
    return doc


def _behaviour(doc: dict[str, Any], state: State, now: Standing, today: int, rules: Rules) -> None:
    """Sections on what the customer does: visits, journey, and all that follows from orders."""
    if state.engagement is not None:
        doc["engagement"] = state.engagement.show(today)
    steps = state.journey.last_ms if state.journey is not None else None
    if way := journey.show(now.journey, steps):
        doc["journey"] = way
    doc.update(state.purchases.show(rules))
    if state.engagement is not None and (interests := state.engagement.interests()):
        doc.setdefault("preferences", {})["interests"] = interests


def _health(doc: dict[str, Any], state: State, now: Standing, rules: Rules) -> health.Health | None:
    """Health, of what the document says already."""
    bought = doc["rfm"]["windows"]
    looked = doc["engagement"]["windows"] if "engagement" in doc else None
    known = health.components(
        now.r,
        now.orders,
        (bought["90d"]["orders"], bought["365d"]["orders"]),
        (looked["30d"]["clicks"], looked["90d"]["clicks"]) if looked else None,
        state.satisfaction,
        doc.get("service"),
    )
    return health.health(known, rules)


def _rfm(state: State, now: Standing, bought: list[tuple[int, int]], rules: Rules) -> dict[str, Any]:
    orders = state.orders
    out: dict[str, Any] = {
        "frequency": now.orders,
        "monetary_minor": now.total_minor,
        "orders_without_amount": orders.unknown,
        "refunds_minor": now.total_minor - now.net_minor,
        "net_minor": now.net_minor,
        "currency": rules.currency,
    }
    if state.purchases.foreign is not None and (foreign := state.purchases.foreign.show()):
        out["foreign"] = foreign
    windows = zip(_ORDER_NAMES, bought, strict=True)
    out["windows"] = {name: {"orders": n, "monetary_minor": minor} for name, (n, minor) in windows}
    if now.orders:
        out["first_order_at"] = iso(orders.first_ms())
        out["last_order_at"] = iso(now.last_order_ms)
        out["recency_days"] = (now.at_ms - now.last_order_ms) / DAY_MS
        out["r"], out["f"], out["m"] = now.r, now.f, now.m
        out["segment"] = now.segment
    return out


def _tags(state: State, now: Standing, rules: Rules) -> dict[str, Any]:
    out = {}
    for tag in TAGS:
        held = state.tags.get(tag.id)
        if held is None:
            continue
        entry: dict[str, Any] = {
            "value": held.value,
            "since": iso(held.since_ms),
            "rule": tag.rule,
            "because": tag.because(now, rules),
        }
        until_ms = tag.until_ms(now, rules)
        if until_ms:
            entry["until"] = iso(until_ms)
        out[tag.id] = entry
    return out
