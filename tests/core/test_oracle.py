"""The oracle against numbers worked out by hand: nothing here recomputes what it checks."""

import ast
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from oracle import OracleSettings, compare, event_time_ms, minor_units, recompute

import streams.oracle

AT = "2017-12-31T12:00:00Z"
_numbers = count(1)


def order(order_id: str, ts: str | int, amount: Any = None, **more: Any) -> dict[str, Any]:
    known = {} if amount is None else {"amount": amount}
    identity = {"event_id": f"e{next(_numbers)}", "type": "order", "customer_id": "ann"}
    return {**identity, "ts": ts, "order_id": order_id, **known, **more}


def act(kind: str, action: str, ts: str | int, **more: Any) -> dict[str, Any]:
    identity = {"event_id": f"e{next(_numbers)}", "type": kind, "customer_id": "ann"}
    return {**identity, "ts": ts, "action": action, **more}


def ann(*events: dict[str, Any], at: str = AT, **settings: Any) -> dict[str, Any]:
    return recompute(events, event_time_ms(at), settings=OracleSettings(**settings))["ann"]


GRAMMAR = ("models.rulelang", "models.rulelang.nodes", "models.catalogue.scope")


def test_it_shares_no_code_with_the_core() -> None:
    parts = sorted(Path(streams.oracle.__file__ or "").parent.glob("oracle*.py"))
    assert len(parts) >= 6
    tree = ast.parse("\n".join(part.read_text("utf-8") for part in parts))
    names = [n.module or "" for n in ast.walk(tree) if isinstance(n, ast.ImportFrom)]
    names += [alias.name for n in ast.walk(tree) if isinstance(n, ast.Import) for alias in n.names]
    assert not [
        name
        for name in names
        # The grammar of tag rules is read by one parser; what they mean is written twice.
        if (name.split(".")[0] in ("models", "") and name not in GRAMMAR)
        or (name.startswith("streams.") and "oracle" not in name)
    ]


NOT_HELD = dict.fromkeys(("high_value", "cart_abandoned", "browse_abandoned"))


def test_a_whole_profile_by_hand() -> None:
    profile = ann(
        act("click", "page_view", "2017-10-01T00:00:00Z"),
        order("a", "2017-12-01T12:00:00Z", 12.5),
        order("b", "2017-12-30T00:00:00Z", 40, currency="USD"),
        act("service", "return", "2017-12-31T11:00:00.250Z", refund_amount=2.25),
    )
    assert profile == {
        "first_seen_at": "2017-10-01T00:00:00.000Z",
        "last_seen_at": "2017-12-31T11:00:00.250Z",
        "rfm": {
            "first_order_at": "2017-12-01T12:00:00.000Z",
            "last_order_at": "2017-12-30T00:00:00.000Z",
            "recency_days": 1.5,
            "frequency": 2,
            "monetary_minor": 5250,
            "orders_without_amount": 0,
            "refunds_minor": 225,
            "net_minor": 5025,
            "currency": "USD",
            "r": 5,
            "f": 2,
            "m": 2,
            "segment": "potential_loyalists",
            "windows": {
                "7d": {"orders": 1, "monetary_minor": 4000},
                "30d": {"orders": 1, "monetary_minor": 4000},
                "90d": {"orders": 2, "monetary_minor": 5250},
                "365d": {"orders": 2, "monetary_minor": 5250},
            },
        },
        "engagement": {
            "clicks": 1,
            "sessions": 1,
            "pages": 1,
            "activity": 0.0,  # 92 days ago: in no window any more
            "last_click_at": "2017-10-01T00:00:00.000Z",
            "actions": {"page_view": 1},
            "windows": {"7d": {"clicks": 0}, "30d": {"clicks": 0}, "90d": {"clicks": 0}},
            "latest": {"page_view": "2017-10-01T00:00:00.000Z"},
        },
        "service": {
            "contacts": 1,
            "complaints": 0,
            "returns": 1,
            "repeat_contacts": 0,
            "open_tickets": 0,
            "return_ratio": 0.5,
            "last_contact_at": "2017-12-31T11:00:00.250Z",
        },
        "promotion": {"mean_order_minor": 2625.0},
        "journey": {
            "steps": {
                "browse": "2017-10-01T00:00:00.000Z",
                "after_sale": "2017-12-31T11:00:00.250Z",
            },
            "step": "after_sale",
            "since": "2017-12-31T11:00:00.250Z",
        },
        "health": {
            "score": 76.47,  # (30 + 25 + 0 + 10) of (30 + 25 + 20 + 10)
            "band": "healthy",
            "components": {"recency": 1.0, "frequency": 1.0, "engagement": 0.0, "service": 1.0},
        },
        "lifecycle": {"stage": "active"},
        "last_active_at": "2017-12-31T11:00:00.250Z",
        "churn": {"risk": "low", "risk_changes_at": "2018-03-30T00:00:00.000Z"},
        "tags": {"lifecycle": "active", "rfm_segment": "potential_loyalists", "active_30d": True, **NOT_HELD},
    }


def test_a_customer_without_live_orders_has_no_order_facts() -> None:
    refund = act("service", "refund", "2017-12-01T00:00:00Z", refund_amount="9.99")
    profile = ann(refund, order("a", 0, 5), order("a", 1, status="cancelled"))
    assert not {"first_order_at", "last_order_at", "recency_days", "r", "f", "m", "segment"} & set(
        profile["rfm"]
    )
    assert (profile["rfm"]["frequency"], profile["rfm"]["monetary_minor"]) == (0, 0)
    assert (profile["rfm"]["refunds_minor"], profile["rfm"]["net_minor"]) == (999, -999)
    assert profile["lifecycle"] == {"stage": "prospect"}
    assert profile["tags"] == {"lifecycle": "prospect", "rfm_segment": None, "active_30d": None, **NOT_HELD}
    assert "engagement" not in profile
    assert profile["first_seen_at"] == "1970-01-01T00:00:00.000Z"


def test_later_events_and_unknown_control_events_do_not_exist() -> None:
    late = order("a", "2017-12-31T12:00:00.001Z", 5)
    control = act("control", "segment_synced", "2017-01-01T00:00:00Z")
    assert recompute([late, control], event_time_ms(AT), settings=OracleSettings()) == {}
    assert ann(order("a", AT, 5))["rfm"]["recency_days"] == 0.0


def test_the_first_copy_of_an_event_id_wins_per_customer_and_kind() -> None:
    first, second = order("a", AT, 5, event_id="x"), order("b", AT, 7, event_id="x")
    click = act("click", "login", AT, event_id="x")
    other = {**second, "customer_id": "bob"}
    profiles = recompute([first, second, click, other], event_time_ms(AT), settings=OracleSettings())
    assert profiles["ann"]["rfm"]["monetary_minor"] == 500
    assert profiles["ann"]["engagement"]["clicks"] == 1
    assert profiles["bob"]["rfm"]["monetary_minor"] == 700


def test_an_order_stands_at_its_earliest_event_with_its_latest_known_amount() -> None:
    events = [
        order("a", "2017-12-03T00:00:00Z", status="paid"),
        order("a", "2017-12-02T00:00:00Z", 30, event_id="p2"),
        order(
            "a", "2017-12-02T00:00:00Z", 20, event_id="p10"
        ),  # said at the same time: the greater amount counts
        order("a", "2017-12-04T00:00:00Z", 99, currency="EUR"),
        order("a", "2017-12-01T00:00:00Z", 10),
    ]
    rfm = ann(*events)["rfm"]
    assert (rfm["frequency"], rfm["monetary_minor"], rfm["orders_without_amount"]) == (1, 3000, 0)
    assert rfm["first_order_at"] == rfm["last_order_at"] == "2017-12-01T00:00:00.000Z"
    assert ann(*reversed(events))["rfm"] == rfm


def test_a_cancellation_takes_the_order_out_before_or_after_it() -> None:
    before = [order("a", "2017-12-01T00:00:00Z", status="cancelled"), order("a", "2017-12-02T00:00:00Z", 5)]
    after = [order("b", "2017-12-01T00:00:00Z", 5), order("b", "2017-12-02T00:00:00Z", status="cancelled")]
    profile = ann(*before, *after, order("c", "2017-11-30T00:00:00Z", 1))
    assert (profile["rfm"]["frequency"], profile["rfm"]["monetary_minor"]) == (1, 100)
    assert profile["rfm"]["last_order_at"] == "2017-11-30T00:00:00.000Z"
    assert profile["last_seen_at"] == "2017-12-02T00:00:00.000Z"


def test_unknown_amounts_are_counted_and_zero_is_known() -> None:
    rfm = ann(order("a", 0), order("b", 1, 8, currency="EUR"), order("c", 2, 0), order("d", 3, 0.01))["rfm"]
    assert (rfm["frequency"], rfm["orders_without_amount"], rfm["monetary_minor"]) == (4, 2, 1)


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (10.125, "USD", 1012),
        (10.135, "USD", 1014),
        (0.285, "EUR", 28),
        ("1e2", "USD", 10_000),
        (7.5, "JPY", 8),
        (6.5, "KRW", 6),
        (1.2345, "KWD", 1234),
        (1.2355, "TND", 1236),
        (2.675, "USD", 268),
    ],
)
def test_amounts_round_half_to_even_as_written(amount: Any, currency: str, minor: int) -> None:
    assert minor_units(amount, currency) == minor


def test_refunds_are_those_of_returns_and_refunds_in_our_currency() -> None:
    rfm = ann(
        act("service", "return", 0, refund_amount=1),
        act("service", "refund", 1, refund_amount=2, currency="USD"),
        act("service", "refund", 2, refund_amount=4, currency="EUR"),
        act("service", "complaint", 3, refund_amount=8),
        act("service", "return", 4),
    )["rfm"]
    assert rfm["refunds_minor"] == 300


def test_windows_are_calendar_days_of_the_zone() -> None:
    edge = order("a", "2017-12-25T04:59:59Z", 1)  # the 25th in UTC, still the 24th in New York
    assert ann(edge)["rfm"]["windows"]["7d"] == {"orders": 1, "monetary_minor": 100}
    assert ann(edge, zone="America/New_York")["rfm"]["windows"]["7d"] == {"orders": 0, "monetary_minor": 0}
    last, first = order("a", "2017-12-24T23:59:59.999Z", 1), order("b", "2017-12-25T00:00:00Z", 2)
    assert ann(last, first)["rfm"]["windows"]["7d"] == {"orders": 1, "monetary_minor": 200}
    clicks = [act("click", "login", ts) for ts in ("2017-12-01T23:00:00Z", "2017-12-02T00:00:00Z", AT)]
    assert ann(*clicks)["engagement"]["windows"] == {
        "7d": {"clicks": 1},
        "30d": {"clicks": 2},
        "90d": {"clicks": 3},
    }


@pytest.mark.parametrize(
    ("ts", "r"),
    [
        ("2017-12-01T12:00:00.001Z", 5),
        ("2017-12-01T12:00:00Z", 4),
        ("2017-10-02T12:00:00Z", 3),
        ("2017-07-04T12:00:00Z", 2),
        ("2016-12-31T12:00:00.001Z", 2),
        ("2016-12-31T12:00:00Z", 1),
    ],
)
def test_recency_scores_change_at_their_edges(ts: str, r: int) -> None:
    assert ann(order("a", ts))["rfm"]["r"] == r


@pytest.mark.parametrize(("orders", "f"), [(1, 1), (2, 2), (3, 3), (5, 3), (6, 4), (11, 4), (12, 5)])
def test_frequency_scores_change_at_their_edges(orders: int, f: int) -> None:
    assert ann(*(order(f"o{n}", n) for n in range(orders)))["rfm"]["f"] == f


@pytest.mark.parametrize(
    ("amount", "m"), [(24.99, 1), (25, 2), (74.99, 2), (75, 3), (199.99, 3), (200, 4), (499.99, 4), (500, 5)]
)
def test_monetary_scores_change_at_their_edges(amount: float, m: int) -> None:
    assert ann(order("a", 0, amount))["rfm"]["m"] == m


@pytest.mark.parametrize(
    ("first", "orders", "each", "segment"),
    [  # r, then f and m in the comment
        ("2017-12-31", 1, 1, "new_customers"),  # 5: 1 1
        ("2017-12-31", 12, 50, "champions"),  # 5: 5 5
        ("2017-12-31", 6, 50, "loyal_customers"),  # 5: 4 4
        ("2017-11-15", 2, 20, "promising"),  # 4: 2 2
        ("2017-11-15", 12, 50, "loyal_customers"),  # 4: 5 5
        ("2017-09-01", 1, 1, "about_to_sleep"),  # 3: 1 1
        ("2017-09-01", 1, 30, "need_attention"),  # 3: 1 2, half up to 2
        ("2017-05-01", 3, 30, "at_risk"),  # 2: 3 3
        ("2017-05-01", 12, 50, "cannot_lose_them"),  # 2: 5 5
        ("2016-05-01", 1, 30, "lost"),  # 1: 1 2
        ("2016-05-01", 3, 30, "hibernating"),  # 1: 3 3
        ("2016-05-01", 6, 50, "at_risk"),  # 1: 4 4
    ],
)
def test_segments(first: str, orders: int, each: int, segment: str) -> None:
    profile = ann(*(order(f"o{n}", f"{first}T00:00:00Z", each) for n in range(orders)))
    assert profile["rfm"]["segment"] == profile["tags"]["rfm_segment"] == segment


@pytest.mark.parametrize(
    ("times", "stage"),
    [
        (["2016-12-31T12:00:00Z"], "lost"),
        (["2016-12-31T12:00:00.001Z"], "dormant"),
        (["2017-07-04T12:00:00Z"], "dormant"),
        (["2017-07-04T12:00:00.001Z"], "at_risk"),
        (["2017-10-02T12:00:00Z"], "at_risk"),
        (["2017-10-02T12:00:00.001Z"], "new"),
        (["2017-12-30T00:00:00Z", "2017-12-30T00:00:00Z"], "active"),
        (["2017-12-30T00:00:00Z", "2017-07-03T00:00:00Z"], "reactivated"),
        (["2017-12-30T00:00:00Z", "2017-07-03T00:00:00.001Z"], "active"),
        (["2017-12-30T00:00:00Z", "2017-12-30T00:00:00Z", "2016-01-01T00:00:00Z"], "active"),
    ],
)
def test_lifecycle_stages_change_at_their_edges(times: list[str], stage: str) -> None:
    profile = ann(*(order(f"o{n}", ts, 1) for n, ts in enumerate(times)))
    assert profile["lifecycle"]["stage"] == profile["tags"]["lifecycle"] == stage


def test_active_means_something_the_customer_did() -> None:
    edge, within = "2017-12-01T12:00:00Z", "2017-12-01T12:00:00.001Z"
    assert ann(act("service", "ticket_opened", within))["tags"].get("active_30d") is True
    assert ann(act("click", "login", edge))["tags"]["active_30d"] is None
    passive = act("click", "campaign_received", AT), act("service", "delivered", AT)
    assert ann(*passive)["tags"]["active_30d"] is None
    assert ann(act("service", "never_heard_of", AT))["tags"].get("active_30d") is True


def test_high_value_counts_net_of_refunds() -> None:
    back = act("service", "refund", 5, refund_amount=0.01)
    assert ann(order("a", 0, 500))["tags"]["high_value"] is True
    assert ann(order("a", 0, 500), back)["tags"]["high_value"] is None


def test_contacts_and_actions() -> None:
    names = "ticket_opened ticket_resolved complaint complaint return refund csat nps feedback delivered wave"
    profile = ann(
        *(act("service", name, n * 1000) for n, name in enumerate(names.split())),
        *(act("click", name, n) for n, name in enumerate(("search", "hover", "search"))),
    )
    assert profile["service"] == {
        "contacts": 8,
        "repeat_contacts": 7,
        "open_tickets": 0,
        "complaints": 2,
        "returns": 1,
        "last_contact_at": "1970-01-01T00:00:08.000Z",
    }
    assert profile["engagement"]["actions"] == {"search": 2, "hover": 1}
    assert profile["engagement"]["last_click_at"] == "1970-01-01T00:00:00.002Z"


def test_times_in_all_three_forms_are_the_same_instant() -> None:
    forms = (1_500_000_000_123, "2017-07-14T02:40:00.123Z", "2017-07-14T08:10:00.123999+05:30")
    assert {event_time_ms(form) for form in forms} == {1_500_000_000_123}


def test_compare_names_what_differs_and_nothing_else() -> None:
    expected = ann(order("a", AT, 5))
    tags = {name: {"value": value, "since": "x"} for name, value in expected["tags"].items() if value}
    document = {**expected, "schema": 1, "tags": {**tags, "vip": {"value": True}}}
    assert compare(expected, document) == []
    rfm = {**expected["rfm"], "frequency": 2, "recency_days": 1e-10}
    del rfm["segment"]
    wrong = {**document, "rfm": rfm, "tags": {**document["tags"], "high_value": {"value": True}}}
    assert compare(expected, wrong) == [
        "rfm.frequency: 1 != 2",
        "rfm.recency_days: 0.0 != 1e-10",
        "rfm.segment: 'new_customers' != 'absent'",
        "tags.high_value: 'absent' != True",
    ]


def test_compare_grants_recency_a_relative_billionth() -> None:
    expected = ann(order("a", "2017-12-30T00:00:00Z", 5))
    tags = {name: {"value": value} for name, value in expected["tags"].items() if value}
    near = {**expected, "tags": tags, "rfm": {**expected["rfm"], "recency_days": 1.5 + 1e-10}}
    far = {**near, "rfm": {**near["rfm"], "recency_days": 1.5 + 1e-8}}
    assert compare(expected, near) == []
    assert compare(expected, far) == ["rfm.recency_days: 1.5 != 1.50000001"]


def test_compare_takes_unnamed_actions_together_where_the_document_does() -> None:
    expected = ann(*(act("click", name, n) for n, name in enumerate(("search", "hover", "wink", "hover"))))
    tags = {name: {"value": value} for name, value in expected["tags"].items() if value}
    document = {**expected, "tags": tags}
    capped = {**expected["engagement"], "actions": {"search": 1, "other": 3}}
    short = {**expected["engagement"], "actions": {"search": 1, "other": 2}}
    assert compare(expected, document) == []
    assert compare(expected, {**document, "engagement": capped}) == []
    assert compare(expected, {**document, "engagement": short}) == ["engagement.actions.other: 3 != 2"]
