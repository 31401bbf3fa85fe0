"""Invented events: labelled, valid, reproducible, and as odd as the contract allows."""

from collections import Counter, defaultdict
from typing import Any

from streams.local.simulate import disorder, simulate
from streams.local.synthetic import synthetic
from streams.oracle import OracleSettings, event_time_ms, recompute

DAY_MS = 86_400_000
START_MS = event_time_ms("2017-01-01T00:00:00Z")
END_MS = event_time_ms("2018-01-01T00:00:00Z")


def stream(seed: int = 1, customers: int = 60, events: int = 4_000) -> list[dict[str, Any]]:
    return list(synthetic(seed, customers, events, START_MS, END_MS))


def bought(number: int) -> dict[str, Any]:
    return {
        "event_id": f"e{number}",
        "type": "order",
        "customer_id": f"c{number % 7}",
        "ts": START_MS + number * DAY_MS // 4,
        "order_id": f"o{number}",
        "amount": 20.0,
        "currency": "USD",
        "items": [{"sku": "s1", "category": "TEA", "qty": 1}],
    }


def test_simulated_events_are_labelled_unique_sorted_and_near_their_orders() -> None:
    orders = [bought(number) for number in range(400)]
    events = simulate(orders, seed=3)
    times = [event_time_ms(event["ts"]) for event in events]
    assert {event["source"] for event in events} == {"simulated"}
    assert {event["type"] for event in events} == {"click", "service"}
    assert len({event["event_id"] for event in events}) == len(events)
    assert times == sorted(times)
    assert min(times) >= START_MS - 13 * DAY_MS
    assert max(times) <= orders[-1]["ts"] + 35 * DAY_MS
    assert {event["customer_id"] for event in events} == {f"c{n}" for n in range(7)}


def test_simulated_service_covers_what_the_profile_reads() -> None:
    events = simulate([bought(number) for number in range(2_000)], seed=3)
    actions = Counter(event["action"] for event in events)
    for action in ("ticket_opened", "ticket_resolved", "complaint", "return", "csat", "nps", "delivered"):
        assert actions[action] > 10
    for action in ("page_view", "product_view", "search", "add_to_cart", "checkout_start", "campaign_click"):
        assert actions[action] > 50
    refunds = [event["refund_amount"] for event in events if event["action"] == "return"]
    assert set(refunds) == {5.0, 10.0, 20.0}
    tickets = {event["ticket_id"] for event in events if event["action"] == "ticket_opened"}
    assert {event["ticket_id"] for event in events if event["action"] == "ticket_resolved"} < tickets


def test_simulation_depends_on_the_seed_and_on_each_order_alone() -> None:
    orders = [bought(number) for number in range(50)]
    assert simulate(orders, seed=3) == simulate(iter(reversed(orders)), seed=3)
    assert simulate(orders, seed=3) != simulate(orders, seed=4)
    few = {event["event_id"]: event for event in simulate(orders[:10], seed=3)}
    many = {event["event_id"]: event for event in simulate(orders, seed=3)}
    assert few.items() <= {name: event for name, event in many.items() if name in few}.items()


def test_simulation_passes_over_clicks_cancellations_and_further_events_of_an_order() -> None:
    first = bought(1)
    others = [
        {**first, "event_id": "paid", "status": "paid"},
        {**bought(2), "status": "cancelled"},
        {"event_id": "x", "type": "click", "customer_id": "c1", "ts": START_MS, "action": "login"},
    ]
    assert simulate([first, *others], seed=1) == simulate([first], seed=1)


def test_synthetic_is_reproducible_sorted_and_exactly_as_long_as_asked() -> None:
    events = stream()
    times = [event_time_ms(event["ts"]) for event in events if event["event_id"]]
    assert events == stream()
    assert events != stream(seed=2)
    assert len(events) == 4_000
    assert [len(stream(events=n)) for n in (0, 1, 25, 26)] == [0, 1, 25, 26]
    assert START_MS <= min(times) <= max(times) <= END_MS
    assert {event["source"] for event in events} == {"simulated"}


def test_synthetic_holds_every_oddity() -> None:
    events = stream()
    orders = [event for event in events if event["type"] == "order"]
    stories = defaultdict(dict)
    for order in orders:
        stories[order["customer_id"], order["order_id"]][order["event_id"]] = order
    cancelled_first = cancelled_later = 0
    for story in stories.values():
        placed = [event_time_ms(e["ts"]) for e in story.values() if e.get("status") != "cancelled"]
        for event in story.values():
            if event.get("status") == "cancelled" and placed:
                cancelled_first += event_time_ms(event["ts"]) < min(placed)
                cancelled_later += event_time_ms(event["ts"]) > max(placed)
    assert min(cancelled_first, cancelled_later) >= 5
    assert max(map(len, stories.values())) == 3
    assert {order.get("currency") for order in orders} == {None, "USD", "EUR", "JPY"}
    assert any("amount" not in order for order in orders)
    assert any(order.get("amount") == 0 for order in orders)
    assert any(round(order.get("amount", 0) * 1000) % 10 == 5 for order in orders)
    assert any(event.get("action") == "refund" and "order_id" not in event for event in events)
    assert {type(event["ts"]) for event in events} == {int, str}
    identities = Counter((event["type"], event["event_id"]) for event in events)
    assert sum(n > 1 for n in identities.values()) > 100
    assert len({event_id for _, event_id in identities}) < len(identities)  # one id, two kinds


def test_synthetic_details_are_odd_and_of_few_names() -> None:
    events = stream()
    orders = [event for event in events if event["type"] == "order"]
    items = [item for order in orders for item in order.get("items", [])]
    assert {type(order.get("payment")) for order in orders} == {type(None), str, list}
    assert {order["channel"].strip() for order in orders if "channel" in order} >= {"", "web", "store"}
    for name in ("discount", "coupon_discount"):
        assert {None, 0, 5, "12.345"} <= {order.get(name) for order in orders}
    for name in ("category", "brand", "qty", "price", "line_total"):
        assert 0 < sum(name in item for item in items) < len(items)
    for name, most in (("category", 15), ("brand", 16)):  # a profile adds the name "other"
        assert len({item.get(name, "").strip()[:64] for item in items} - {""}) <= most
    carts = [{item.get("category") for item in order.get("items", [])} - {None} for order in orders]
    assert max(map(len, carts)) == 9
    details = defaultdict(list)
    for order in orders:
        details[order["customer_id"], order["order_id"]].append(order.get("channel"))
    assert sum(len(set(said)) > 1 for said in details.values()) > 50
    moves = [event for event in events if event.get("action") in ("add_to_cart", "remove_from_cart")]
    assert {move.get("qty") for move in moves} == {None, 0, 0.5, 3}
    assert {type(move.get("price")) for move in moves} == {type(None), int, float, str}


def test_a_repeat_is_the_same_event_word_for_word() -> None:
    copies = defaultdict(list)
    for event in stream():
        copies[event["type"], event["event_id"]].append(event)
    assert all(event == same[0] for same in copies.values() for event in same)


def test_disorder_keeps_every_event_within_its_bound() -> None:
    events = [{**event, "number": n} for n, event in enumerate(stream())]
    moved = disorder(events, seed=5, within_ms=3 * DAY_MS, repeat_ratio=0.0)
    assert sorted(moved, key=lambda event: event["number"]) == events
    assert moved != events
    newest_ms = 0
    for event in moved:
        newest_ms = max(newest_ms, event_time_ms(event["ts"]))
        assert newest_ms - event_time_ms(event["ts"]) <= 3 * DAY_MS


def test_disorder_repeats_a_share_within_thirty_days() -> None:
    events = stream()
    moved = disorder(events, seed=5, within_ms=0, repeat_ratio=0.1)
    assert 300 < len(moved) - len(events) < 500
    newest_ms = 0
    for event in moved:
        newest_ms = max(newest_ms, event_time_ms(event["ts"]))
        assert newest_ms - event_time_ms(event["ts"]) <= 30 * DAY_MS
    assert moved == disorder(events, seed=5, within_ms=0, repeat_ratio=0.1)


def test_the_oracle_does_not_see_disorder() -> None:
    events = stream()
    settings = OracleSettings(zone="Europe/Berlin")
    at_ms = START_MS + 200 * DAY_MS
    straight = recompute(events, at_ms, settings=settings)
    moved = disorder(events, seed=5, within_ms=10 * DAY_MS, repeat_ratio=0.2)
    assert recompute(moved, at_ms, settings=settings) == straight


def test_synthetic_reaches_every_stage_and_most_segments_in_two_years() -> None:
    events = synthetic(1, 400, 4_000, START_MS - 365 * DAY_MS, END_MS)
    profiles = recompute(events, END_MS, settings=OracleSettings())
    stages = Counter(profile["lifecycle"]["stage"] for profile in profiles.values())
    assert set(stages) == {"prospect", "new", "active", "reactivated", "at_risk", "dormant", "lost"}
    assert len({profile["rfm"].get("segment") for profile in profiles.values()}) >= 10
    assert any(profile["rfm"]["net_minor"] < 0 for profile in profiles.values())
