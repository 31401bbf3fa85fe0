"""The battery that every aggregate passes: order, merging, the stored form, bounds."""

import random
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import msgspec
import pytest
from builders import DAY, RULES, T0, click, control, order, parsed, service
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attributes import Attributes
from models.engagement import Engagement
from models.events import Click, Event, Order
from models.events import Service as ServiceEvent
from models.journey import Journey
from models.journey import show as show_journey
from models.orders import CANCELLED, UNKNOWN, Orders
from models.purchases import Purchases
from models.satisfaction import Satisfaction
from models.service import Service

MINUTE = 60_000
SPAN_MS = 40 * DAY


class Law(NamedTuple):
    """An aggregate under test: how it is made, fed and shown, events for it, and its bound in bytes."""

    new: Callable[[], Any]
    feed: Callable[[Any, Event], object]
    show: Callable[[Any], dict[str, Any]]
    event: Callable[[random.Random, int, int], dict[str, Any]]
    ceiling: int
    merge: Callable[[Any, Any], Any] = lambda a, b: a.merged(b)


def _click(rng: random.Random, at: int, _ids: int) -> dict[str, Any]:
    action = rng.choice(["page_view", "search", "add_to_cart", "hover", "campaign_received"])
    category = rng.choice([{}, {"category": rng.choice("abc")}])
    return click(at, action, **category, **rng.choice([{}, {}, {"dwell_ms": rng.randrange(90_000)}]))


def _service(rng: random.Random, at: int, ids: int) -> dict[str, Any]:
    action = rng.choice(["ticket_opened", "ticket_resolved", "complaint", "return", "refund", "delivered"])
    ticket = {"ticket_id": f"t{rng.randrange(ids)}"} if action.startswith("ticket") else {}
    return service(at, action, **ticket, **({"refund_amount": 3} if action == "refund" else {}))


def _answer(rng: random.Random, at: int, _ids: int) -> dict[str, Any]:
    if rng.random() < 0.3:
        return service(at, "feedback", sentiment=rng.choice([-1, -0.25, 0, 0.7]))
    action, usual = rng.choice([("csat", 5), ("nps", 10)])
    scale = rng.choice([None, usual, 7])
    return service(at, action, score=rng.randrange(usual + 2), **({} if scale is None else {"scale": scale}))


def _order(rng: random.Random, at: int, ids: int) -> dict[str, Any]:
    amount = rng.choice([None, 0, 9.99, 120])
    return order(
        f"o{rng.randrange(ids)}", at, amount, status=rng.choice(["placed", "paid", "paid", "cancelled"])
    )


def _rich_order(rng: random.Random, at: int, ids: int) -> dict[str, Any]:
    """An order event with details; two events of one order may contradict each other."""
    names = ["tea", "coffee", "cake", "salt"]
    lines = [
        {
            "category": rng.choice(names),
            "brand": rng.choice("xyz"),
            "qty": rng.choice([1, 0.5, 3]),
            "price": 4,
        }
        for _ in range(rng.randrange(4))
    ]
    details = {
        "channel": rng.choice(["app", "web", "store"]),
        "payment": rng.choice(["card", [{"method": "card"}, {"method": "voucher"}]]),
        "items": lines,
        "discount": rng.choice([0, 0, 5]),
        "coupon_discount": rng.choice([0, 2.5]),
        "currency": rng.choice(["USD", "USD", "XAU"]),
    }
    said = {name: value for name, value in details.items() if rng.random() < 0.6}
    return _order(rng, at, ids) | said


def _journey(rng: random.Random, at: int, ids: int) -> dict[str, Any]:
    if rng.random() < 0.1:
        return service(at, rng.choice(["delivered", "complaint", "wave"]))
    if rng.random() < 0.6:
        action = rng.choice(["add_to_cart", "add_to_cart", "remove_from_cart"])
        said = {"sku": f"s{rng.randrange(min(ids, 5))}", "qty": rng.choice([1, 2, 0.5]), "price": 9.99}
        return click(at, action, **{name: value for name, value in said.items() if rng.random() < 0.9})
    return click(at, rng.choice(["login", "search", "checkout_start", "hover"]))


def _step(journey: Journey, event: Event) -> None:
    if isinstance(event, Click):
        journey.click(event, RULES)
    elif isinstance(event, ServiceEvent):
        journey.service(event)


def _show_journey(journey: Journey) -> dict[str, Any]:
    last_order_ms = T0 + SPAN_MS // 2
    out = {}
    for at_ms in (T0 + SPAN_MS, T0 + SPAN_MS + 29 * DAY):
        out[at_ms] = show_journey(journey.where(at_ms, last_order_ms, RULES), journey.last_ms)
    return out


def _tell(rng: random.Random, at: int, _ids: int) -> dict[str, Any]:
    names = rng.sample(["city", "age", "vip", "timezone"], rng.randrange(1, 4))
    return control(at, attributes={name: rng.choice([None, 1, "x", ["y"]]) for name in names})


def _join(orders: Orders, event: Event) -> None:
    assert isinstance(event, Order)
    amount = UNKNOWN if event.amount_minor is None else event.amount_minor
    minor = CANCELLED if event.status == "cancelled" else amount
    orders.join(event.order_hash, event.ts_ms, minor, None, RULES.calendar)


def _show_purchases(purchases: Purchases) -> dict[str, Any]:
    purchases = msgspec.msgpack.decode(msgspec.msgpack.encode(purchases), type=Purchases)
    purchases.settle(RULES)
    purchases.settle(RULES)
    habits = purchases.habits.show(purchases.orders, RULES) if purchases.habits else {}
    sections = {"liked": purchases.preferences(RULES), "spent": purchases.spending(), "habits": habits}
    out = sections | _show_orders(purchases.orders)
    return out | {"foreign": purchases.foreign.show() if purchases.foreign else {}}


def _show_orders(orders: Orders) -> dict[str, Any]:
    return {
        "counts": (orders.n, orders.total_minor, orders.unknown),
        "times": (orders.first_ms(), orders.last_ms(), orders.last_gap_ms()),
        "windows": orders.days.windows(TODAY, (7, 30, 90, 365)),
    }


TODAY = RULES.calendar.day(T0 + SPAN_MS)
LAWS = {
    "orders": Law(Orders, _join, _show_orders, _order, 15_000, lambda a, b: a.merged(b, RULES.calendar)[0]),
    "purchases": Law(
        Purchases,
        lambda a, e: a.add(e, RULES.calendar, RULES),
        _show_purchases,
        _rich_order,
        20_000,
        lambda a, b: a.merged(b, RULES.calendar, RULES),
    ),
    "journey": Law(Journey, _step, _show_journey, _journey, 800),
    "attributes": Law(Attributes, lambda a, e: a.add(e.ts_ms, e.attributes), lambda a: a.show(), _tell, 130),
    "engagement": Law(
        Engagement,
        lambda a, e: a.add(e, RULES),
        lambda a: {**a.show(TODAY), "in": a.interests()} if a.n else {},
        _click,
        6_000,
    ),
    "service": Law(Service, lambda a, e: a.add(e, RULES), lambda a: a.show(T0 + SPAN_MS, 4), _service, 1_800),
    "satisfaction": Law(Satisfaction, lambda a, e: a.add(e), lambda a: a.show(), _answer, 500),
}
each = pytest.mark.parametrize("law", LAWS.values(), ids=LAWS)


def events(law: Law, seed: int, n: int, span_ms: int = SPAN_MS, ids: int = 6) -> list[Event]:
    """Events of one customer, a third of them minutes after the one before."""
    rng = random.Random(seed)
    at, out = T0, []
    for _ in range(n):
        at = at + rng.randrange(45 * MINUTE) if rng.random() < 0.4 else T0 + rng.randrange(span_ms)
        out.append(parsed(law.event(rng, min(at, T0 + span_ms), ids)))
    return out


def folded(law: Law, some: Sequence[Event]) -> Any:
    out = law.new()
    for event in some:
        law.feed(out, event)
    return out


def copied(law: Law, aggregate: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(aggregate), type=law.new)


cases = given(st.integers(0, 2**32), st.integers(0, 40), st.randoms(use_true_random=False))


@each
@cases
@settings(deadline=None)
def test_the_order_of_arrival_leaves_no_trace(law: Law, seed: int, n: int, rng: random.Random) -> None:
    some = events(law, seed, n)
    assert law.show(folded(law, rng.sample(some, n))) == law.show(folded(law, some))


@each
@cases
@settings(deadline=None)
def test_merging_is_folding_the_parts_together(law: Law, seed: int, n: int, rng: random.Random) -> None:
    some = events(law, seed, n)
    parts: list[list[Event]] = [[], [], []]
    for event in some:
        rng.choice(parts).append(event)
    a, b, c = (folded(law, part) for part in parts)
    before = [copied(law, one) for one in (a, b, c)]
    whole = law.show(folded(law, some))
    merge, nothing = law.merge, law.new()
    assert law.show(merge(merge(a, b), c)) == whole  # and so the grouping does not matter
    assert law.show(merge(a, merge(b, c))) == whole
    assert law.show(merge(merge(c, a), b)) == whole  # nor the order
    assert [a, b, c] == before  # what is merged is left alone
    assert law.show(merge(a, nothing)) == law.show(merge(nothing, a)) == law.show(a)


@each
@cases
@settings(deadline=None)
def test_the_stored_form_is_the_aggregate(law: Law, seed: int, n: int, rng: random.Random) -> None:
    some = events(law, seed, n)
    cut = rng.randrange(n + 1)
    stored = copied(law, folded(law, some[:cut]))
    for event in some[cut:]:
        law.feed(stored, event)
    assert stored == folded(law, some)


@each
def test_showing_changes_nothing_and_a_fresh_one_shares_nothing(law: Law, seed: int) -> None:
    one = folded(law, events(law, seed, 50))
    before = copied(law, one)
    law.show(one)
    assert one == before
    assert law.new() == copied(law, law.new())


@each
@pytest.mark.slow
def test_a_hundred_thousand_events_stay_below_the_bound(law: Law, seed: int) -> None:
    one, largest = law.new(), 0
    for start in range(0, 100_000, 10_000):
        for event in events(law, seed + start, 10_000, 900 * DAY, ids=10**9):
            law.feed(one, event)
        largest = max(largest, len(msgspec.msgpack.encode(one)))
    assert law.ceiling * 0.7 < largest <= law.ceiling
