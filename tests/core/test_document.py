from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from builders import DAY, HOUR, RULES, T0, click, document_at, fold, order, service

from models import codec, document
from models.calendar import Calendar
from models.rules import Rules
from models.state import State
from models.view import View


def doc(*events: dict[str, Any], at_ms: int, rules: Rules = RULES) -> dict[str, Any]:
    return document_at(fold(events, rules)[0], at_ms, rules)


def test_a_document_by_hand() -> None:
    state, _ = fold(
        [order("a", T0, 12.5), click(T0 + HOUR, "search"), service(T0 + DAY, "return", refund_amount=20)]
    )
    state.version = 3
    view = View(state, T0 + DAY, RULES)
    assert orjson.loads(document.render(view, "c", T0 + 9 * DAY)) == {
        "customer_id": "c",
        "schema": 1,
        "version": 3,
        "as_of": "2023-11-16T00:00:00.000Z",
        "updated_at": "2023-11-24T00:00:00.000Z",
        "first_seen_at": "2023-11-15T00:00:00.000Z",
        "last_seen_at": "2023-11-16T00:00:00.000Z",
        "last_active_at": "2023-11-16T00:00:00.000Z",
        "rfm": {
            "frequency": 1, "monetary_minor": 1250, "orders_without_amount": 0, "refunds_minor": 2000,
            "net_minor": -750, "currency": "USD",
            "windows": {f"{days}d": {"orders": 1, "monetary_minor": 1250} for days in (7, 30, 90, 365)},
            "first_order_at": "2023-11-15T00:00:00.000Z", "last_order_at": "2023-11-15T00:00:00.000Z",
            "recency_days": 1.0, "r": 5, "f": 1, "m": 1, "segment": "new_customers",
        },
        "lifecycle": {"stage": "new", "since": "2023-11-15T00:00:00.000Z"},
        "engagement": {
            "clicks": 1, "sessions": 1, "pages": 0, "activity": 0.951695,
            "last_click_at": "2023-11-15T01:00:00.000Z", "actions": {"search": 1},
            "latest": {"search": "2023-11-15T01:00:00.000Z"},
            "windows": {f"{days}d": {"clicks": 1} for days in (7, 30, 90)},
        },
        "journey": {
            "step": "browse", "since": "2023-11-15T01:00:00.000Z",
            "steps": {"browse": "2023-11-15T01:00:00.000Z", "after_sale": "2023-11-16T00:00:00.000Z"},
        },
        "churn": {"risk": "low", "risk_changes_at": "2024-02-13T00:00:00.000Z"},
        "health": {
            "score": 100.0, "band": "healthy",
            "components": {"recency": 1.0, "frequency": 1.0, "engagement": 1.0, "service": 1.0},
        },
        "service": {"contacts": 1, "repeat_contacts": 0, "complaints": 0, "returns": 1, "open_tickets": 0,
                    "return_ratio": 1.0,
                    "last_contact_at": "2023-11-16T00:00:00.000Z"},
        "tags": {
            "lifecycle": {
                "value": "new", "since": "2023-11-15T00:00:00.000Z", "rule": "lifecycle@1",
                "because": [["rfm.frequency", 1], ["rfm.last_order_at", "2023-11-15T00:00:00.000Z"],
                            ["lifecycle.threshold_days", 90]],
                "cause": {"topic": "orders", "partition": 0, "offset": 0},
                "until": "2024-02-13T00:00:00.000Z",
            },
            "rfm_segment": {
                "value": "new_customers", "since": "2023-11-15T00:00:00.000Z", "rule": "rfm_segment@1",
                "because": [["rfm.r", 5], ["rfm.f", 1], ["rfm.m", 1]],
                "cause": {"topic": "orders", "partition": 0, "offset": 0},
                "until": "2023-12-15T00:00:00.000Z",
            },
            "active_30d": {
                "value": True, "since": "2023-11-15T00:00:00.000Z", "rule": "active_30d@1",
                "because": [["since(last_active_at)", "2023-11-16T00:00:00.000Z", "<", "30d"]],
                "cause": {"topic": "orders", "partition": 0, "offset": 0},
                "until": "2023-12-16T00:00:00.000Z",
            },
        },
    }  # fmt: skip


def test_refunds_without_an_order_are_known_and_recency_is_absent() -> None:
    rfm = doc(service(T0, "refund", refund_amount=7.5), at_ms=T0)["rfm"]
    assert (rfm["refunds_minor"], rfm["net_minor"], rfm["frequency"]) == (750, -750, 0)
    assert not {"recency_days", "first_order_at", "last_order_at", "r", "f", "m", "segment"} & rfm.keys()


def test_what_never_happened_has_no_part_in_the_document() -> None:
    bought = doc(order("a", T0, 1), at_ms=T0)
    assert "engagement" not in bought
    assert "service" not in bought
    assert "last_contact_at" not in doc(service(T0, "delivered"), at_ms=T0)["service"]


def test_a_refund_in_another_currency_is_not_counted() -> None:
    foreign = service(T0, "refund", refund_amount=7.5, currency="EUR")
    assert doc(foreign, at_ms=T0)["rfm"]["refunds_minor"] == 0


def test_an_amount_in_another_currency_is_unknown() -> None:
    rfm = doc(order("a", T0, 5, currency="EUR"), at_ms=T0)["rfm"]
    assert (rfm["frequency"], rfm["monetary_minor"], rfm["orders_without_amount"]) == (1, 0, 1)


def test_unknown_actions_are_counted_together() -> None:
    found = doc(click(T0, "hover"), click(T0, "swipe"), click(T0, "search"), at_ms=T0)
    assert found["engagement"]["actions"] == {"other": 2, "search": 1}


@pytest.mark.parametrize("days", [7, 30, 90, 365])
def test_a_window_loses_an_order_at_midnight_and_not_a_millisecond_before(days: int) -> None:
    leaves_ms = T0 + days * DAY
    bought = order("a", T0 + 15 * HOUR, 5)
    inside, outside = (
        doc(bought, at_ms=at)["rfm"]["windows"][f"{days}d"] for at in (leaves_ms - 1, leaves_ms)
    )
    assert (inside, outside) == ({"orders": 1, "monetary_minor": 500}, {"orders": 0, "monetary_minor": 0})


def test_midnight_is_that_of_the_configured_zone() -> None:
    tokyo = Rules(calendar=Calendar(ZoneInfo("Asia/Tokyo")))
    leaves_ms = T0 + 7 * DAY - 9 * HOUR
    inside, outside = (
        doc(click(T0), at_ms=at, rules=tokyo)["engagement"]["windows"]["7d"]["clicks"]
        for at in (leaves_ms - 1, leaves_ms)
    )
    assert (inside, outside) == (1, 0)


def test_recency_counts_from_the_last_order_that_was_not_cancelled() -> None:
    events = (order("a", T0, 5), order("b", T0 + 2 * DAY, 5), order("b", T0 + 3 * DAY, status="cancelled"))
    assert doc(*events, at_ms=T0 + 4 * DAY)["rfm"]["recency_days"] == 4.0


def test_since_is_the_instant_of_the_announcement_that_still_holds() -> None:
    later = doc(order("a", T0, 5), at_ms=T0 + 100 * DAY)
    assert later["lifecycle"] == {"stage": "at_risk", "since": "2024-02-13T00:00:00.000Z"}
    assert later["tags"]["lifecycle"]["since"] == "2024-02-13T00:00:00.000Z"


def test_until_is_when_the_tag_then_changes() -> None:
    state, _ = fold([order("a", T0, 5), order("b", T0 + DAY, 600), click(T0 + 2 * DAY)])
    for name, tag in document_at(state, state.as_of_ms)["tags"].items():
        if until := tag.get("until"):
            until_ms = next(at for at in range(T0, T0 + 400 * DAY, DAY) if until == document.iso(at))
            for at_ms, same in ((until_ms - 1, True), (until_ms, False)):
                then = document_at(state, at_ms)["tags"].get(name, {}).get("value")
                assert (then == tag["value"]) is same


def test_rendering_leaves_the_state_alone() -> None:
    state, _ = fold([order("a", T0, 5), click(T0)])
    before = codec.encode(state)
    document.render(View(state, T0 + HOUR, RULES), "c", T0)
    assert codec.encode(state) == before


def test_an_empty_state_can_be_shown() -> None:
    assert document.document(View(State(), T0, RULES), "c", T0)["lifecycle"] == {"stage": "prospect"}
