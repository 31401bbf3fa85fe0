"""The public face of a profile: one JSON document, schema 1 (DESIGN 5).

Unknown is absent: a customer with refunds and no order has `refunds_minor` and no `recency_days`. Times
are ISO-8601 UTC with ms, money is `*_minor` with `currency`.
"""

from typing import Any

import orjson

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
    today = rules.calendar.day(now.at_ms)
    doc: dict[str, Any] = {
        "customer_id": customer_id,
        "schema": SCHEMA,
        "version": state.version,
        "as_of": iso(now.at_ms),
        "updated_at": iso(updated_ms),
        "first_seen_at": iso(state.first_seen_ms),
        "last_seen_at": iso(state.last_seen_ms),
        "rfm": _rfm(state, now, today, rules),
        "lifecycle": {"stage": now.stage},
        "tags": _tags(state, now, rules),
    }
    if "lifecycle" in state.tags:
        doc["lifecycle"]["since"] = iso(state.tags["lifecycle"].since_ms)
    if state.engagement is not None:
        doc["engagement"] = state.engagement.show(today)
    if state.service is not None:
        doc["service"] = state.service.show(now.at_ms, now.orders)
    if state.satisfaction is not None and (said := state.satisfaction.show()):
        doc["satisfaction"] = said
    return doc


def _rfm(state: State, now: Standing, today: int, rules: Rules) -> dict[str, Any]:
    orders = state.orders
    out: dict[str, Any] = {
        "frequency": now.orders,
        "monetary_minor": now.total_minor,
        "orders_without_amount": orders.unknown,
        "refunds_minor": now.total_minor - now.net_minor,
        "net_minor": now.net_minor,
        "currency": rules.currency,
    }
    windows = zip(_ORDER_NAMES, orders.days.windows(today, WINDOWS), strict=True)
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
