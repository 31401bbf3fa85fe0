"""What holds for every stream of events: order, repeats, batches and the moment of looking leave no trace."""

import random
from collections import defaultdict
from functools import lru_cache
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from builders import (
    CATALOGUE,
    DAY,
    HOUR,
    RULES,
    T0,
    arrive,
    click,
    control,
    copy,
    document_at,
    facts_at,
    fold,
    order,
    service,
    told_apart,
)
from hypothesis import given, settings
from hypothesis import strategies as st
from oracle import OracleSettings, compare, event_time_ms, recompute

from models import codec, document, step
from models.calendar import Calendar
from models.rules import Rules
from models.state import State
from models.view import View
from streams.config import Config
from streams.local.simulate import disorder
from streams.local.synthetic import synthetic

Event = dict[str, Any]
BERLIN, BEIRUT = "Europe/Berlin", "Asia/Beirut"  # Beirut turns its clocks at midnight
END = T0 + 900 * DAY
MOVING = (("rfm", "recency_days"), ("engagement", "activity"), ("service", "oldest_open_ticket_days"))
CEILING = 120_000  # bytes of the largest state a hostile producer can cause

at = st.integers(T0, T0 + 500 * DAY) | st.integers(0, 500).map(lambda day: T0 + day * DAY)
amount = st.none() | st.sampled_from([0, 1, 24.99, 25, 499.99, 500])
oid = st.sampled_from("abcdef")
some_event = (
    st.builds(order, oid, at, amount)
    | st.builds(order, oid, at, amount, status=st.just("cancelled"))
    | st.builds(click, at, st.sampled_from(["search", "hover", "campaign_received"]))
    | st.builds(service, at, st.sampled_from(["complaint", "delivered"]))
    | st.builds(service, at, st.just("refund"), refund_amount=st.sampled_from([1, 99]))
    | st.builds(order, oid, at, amount, channel=st.sampled_from(["app", "store"]), discount=st.integers(0, 2))
    | st.builds(order, oid, at, amount, items=st.just([{"category": "tea", "brand": "Acme", "price": 3}]))
    | st.builds(click, at, st.sampled_from(["add_to_cart", "remove_from_cart"]), sku=st.sampled_from("ab"))
    | st.builds(click, at, st.sampled_from(["checkout_start", "page_view"]), category=st.just("tea"))
    | st.builds(control, at, attributes=st.sampled_from([{"vip": True}, {"vip": None}, {"timezone": BERLIN}]))
)
history = st.lists(some_event, min_size=1, max_size=14)


@lru_cache
def streams(seed: int) -> dict[str, list[Event]]:
    """Customers of a synthetic stream, each one's events by time."""
    out = defaultdict(list)
    for event in synthetic(seed, customers=150, events=2_500, start_ms=T0, end_ms=END):
        out[event["customer_id"]].append(event)
    return dict(out)


def when(event: Event) -> int:
    return event_time_ms(event["ts"])


# -- order and repeats -------------------------------------------------------------------------------------


@given(history, st.randoms(use_true_random=False), st.booleans())
@settings(deadline=None)
def test_any_order_of_arrival_gives_the_same_facts(
    events: list[Event], rng: random.Random, live: bool
) -> None:
    until_ms = max(map(when, events)) + rng.randrange(40 * DAY)
    mark_ms = until_ms if live else None
    expected = facts_at(fold(events, live=live, mark_ms=mark_ms)[0], until_ms)
    shuffled = rng.sample(events, len(events))
    assert facts_at(fold(shuffled, live=live, mark_ms=mark_ms)[0], until_ms) == expected


def test_any_order_of_a_synthetic_stream_gives_the_same_facts(seed: int) -> None:
    rng = random.Random(seed)
    for repeated in streams(seed).values():
        # Without the repeats: shuffled, a copy may come when its original is long forgotten.
        events = list({(event["type"], event["event_id"]): event for event in repeated}.values())
        shuffled = rng.sample(events, len(events))
        assert facts_at(fold(shuffled)[0], END) == facts_at(fold(events)[0], END)


@given(history, st.randoms(use_true_random=False))
@settings(deadline=None)
def test_repeats_within_thirty_days_change_no_fact(events: list[Event], rng: random.Random) -> None:
    events.sort(key=when)
    repeated = [(when(event), event) for event in events]
    repeated += [(when(event) + rng.randrange(30 * DAY), event) for event in rng.choices(events, k=8)]
    stream = [event for _, event in sorted(repeated, key=lambda row: row[0])]
    assert facts_at(fold(stream)[0], END) == facts_at(fold(events)[0], END)


@given(history)
@settings(deadline=None)
def test_the_whole_stream_a_second_time_is_skipped_by_offset(events: list[Event]) -> None:
    state, _ = fold(events)
    before = copy(state)
    assert step.on_events(state, list(arrive(events)), RULES, live=False) == ([], 0, None, False)
    assert state == before


# -- the oracle --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("zone", "within_days", "lifecycle"),
    [("UTC", 0, "standard"), ("UTC", 30, "growth"), (BEIRUT, 3, "purchase")],
)
def test_the_folded_profile_is_the_recomputed_one(
    seed: int, zone: str, within_days: int, lifecycle: str
) -> None:
    calendar = Calendar(None if zone == "UTC" else ZoneInfo(zone))
    rules = Rules(calendar=calendar, lifecycle=lifecycle, catalogue=CATALOGUE)
    rng = random.Random(f"{seed} {zone} {within_days}")
    instants = [END, rng.randrange(T0 + 30 * DAY, END), T0 + rng.randrange(30, 800) * DAY]
    compared = 0
    for cid, events in streams(seed + within_days).items():
        arriving = told_apart(disorder(events, seed, within_days * DAY, 0) if within_days else events)
        for at_ms in instants:
            known = [event for event in arriving if when(event) <= at_ms]
            expected = recompute(known, at_ms, settings=OracleSettings(zone=zone, lifecycle=lifecycle)).get(
                cid
            )
            if expected is not None:
                assert compare(expected, document_at(fold(known, rules)[0], at_ms, rules)) == []
                compared += 1
    assert compared > 200


def test_the_oracle_agrees_under_tables_and_other_settings(seed: int) -> None:
    said: dict[str, Any] = {
        "rates": {"EUR": {"2023-12-01": "1.0875", "2024-06-01": 1.07}, "JPY": {"2024-01-01": "0.00671"}},
        "channels": {"Web": "web"},
        "categories": {"茶": "tea"},
        "offline_channels": ("app",),
        "paydays": (10, 31),
        "holidays": ("12-20..01-02", "2024-05-01..2024-05-05"),
        "southern": True,
        "price_edges": {"tea": (100, 500, 2_000), "fish": (300, 1_000)},
        "cart_abandoned_s": 7_200,
        "health_weights": (1, 0, 2, 3, 0),
    }
    rules, numbers = Config(**said).rules(), OracleSettings(**said)
    assert rules.tables
    for cid, repeated in streams(seed).items():
        events = told_apart(repeated)
        found = document_at(fold(events, rules)[0], END, rules)
        assert compare(recompute(events, END, settings=numbers)[cid], found) == []


# -- batches and who looks when ----------------------------------------------------------------------------


@given(history, st.randoms(use_true_random=False), st.booleans(), st.integers(0, 60))
@settings(deadline=None)
def test_batch_boundaries_do_not_matter(
    events: list[Event], rng: random.Random, live: bool, late: int
) -> None:
    arrivals = list(arrive(events))
    if live:
        arrivals = [one._replace(mark_ms=one.mark_ms + rng.randrange(late * DAY + 1)) for one in arrivals]
    whole = State()
    expected = step.on_events(whole, arrivals, RULES, live=live).changes
    split, changes = State(), []
    cuts = sorted(rng.choices(range(len(arrivals) + 1), k=3))
    for start, end in pairwise([0, *cuts, len(arrivals)]):
        changes += step.on_events(split, arrivals[start:end], RULES, live=live).changes
        split = copy(split)
    assert (changes, split) == (expected, whole)


@given(history, st.data())
@settings(deadline=None)
def test_whether_a_timer_or_the_next_event_notices_makes_no_difference(
    events: list[Event], data: Any
) -> None:
    events.sort(key=when)
    arrivals = list(arrive(events))
    lazy, eager = State(), State()
    expected = step.on_events(lazy, arrivals, RULES, live=False).changes
    changes = []
    for arrival, following in zip(arrivals, [*arrivals[1:], None], strict=True):
        changes += step.on_events(eager, [arrival], RULES, live=False).changes
        if following is not None:
            swept_ms = data.draw(st.integers(arrival.event.ts_ms, following.event.ts_ms))
            changes += step.on_wake(eager, swept_ms, RULES).changes
    changes += step.on_wake(eager, END, RULES).changes
    expected += step.on_wake(lazy, END, RULES).changes
    assert (changes, eager) == (expected, lazy)


@given(history, st.booleans())
@settings(deadline=None)
def test_folding_the_changes_gives_the_tags_and_seq_has_no_gap(events: list[Event], live: bool) -> None:
    state, changes = fold(events, live=live)
    changes += step.on_wake(state, END, RULES).changes
    held: dict[str, Any] = {}
    for change in changes:
        assert change.old == held.get(change.tag) != change.new
        held[change.tag] = change.new
    since = {change.tag: change.at_ms for change in changes}
    announced = {tag: value for tag, value in held.items() if value is not None}
    assert announced == {tag: one.value for tag, one in state.tags.items()}
    assert all(one.since_ms == since[tag] for tag, one in state.tags.items())
    assert [change.seq for change in changes] == list(range(1, state.seq + 1))
    assert all(a.at_ms <= b.at_ms for a, b in pairwise(changes))


# -- wake-ups ----------------------------------------------------------------------------------------------


@given(history, st.integers(0, 600 * DAY))
@settings(deadline=None)
def test_after_a_wake_up_the_next_one_is_later(events: list[Event], ahead_ms: int) -> None:
    state, _ = fold(events)
    as_of_ms = state.as_of_ms
    now_ms = as_of_ms + ahead_ms
    step.on_wake(state, now_ms, RULES)
    assert state.wake_at_ms == 0 or state.wake_at_ms > now_ms
    assert as_of_ms <= state.as_of_ms <= now_ms
    assert step.on_wake(state, now_ms, RULES).changes == []


def stripped(state: State, at_ms: int, rules: Rules) -> dict[str, Any]:
    """What may not change between two wake-ups; computed at the instant from the aggregates alone."""
    view = View(state, at_ms, rules)
    doc = document.document(view, "c", 0)
    del doc["as_of"]
    # These move with every instant; that they are right at any is the oracle's matter.
    for section, name in MOVING:
        doc.get(section, {}).pop(name, None)
    for tag in doc["tags"].values():
        tag["because"] = None  # what decided may be said by another window; `value` may not change
    judged = [(tag.id, tag.judge(view, state.tags.get(tag.id), False)[0]) for tag in rules.catalogue.tags]
    return doc | {"now": judged}


@pytest.mark.parametrize("zone", ["UTC", BERLIN, BEIRUT])
def test_nothing_changes_in_sixty_days_that_no_wake_up_announced(seed: int, zone: str) -> None:
    calendar = Calendar(None if zone == "UTC" else ZoneInfo(zone))
    rules = Rules(calendar=calendar, at_risk_days=9, catalogue=CATALOGUE)
    rng, wakes = random.Random(f"{seed} {zone}"), 0
    for events in rng.sample(sorted(streams(seed).values(), key=len), 8):
        state, _ = fold(events[: rng.randint(1, len(events))], rules)
        base, start_ms = stripped(state, state.as_of_ms, rules), state.as_of_ms
        for at_ms in range(start_ms, start_ms + 60 * DAY, HOUR):
            while 0 < state.wake_at_ms <= at_ms:
                due_ms = state.wake_at_ms
                assert stripped(state, due_ms - 1, rules) == base
                step.on_wake(state, due_ms, rules)
                assert state.as_of_ms == due_ms
                woken = stripped(state, due_ms, rules)
                assert woken != base, "a wake-up for nothing"
                base, wakes = woken, wakes + 1
            assert stripped(state, at_ms, rules) == base
    assert wakes > 20


# -- what is stored ----------------------------------------------------------------------------------------


def test_a_state_comes_back_from_its_bytes_after_every_step(seed: int) -> None:
    for events in list(streams(seed).values())[:40]:
        state = State()
        for arrival in arrive(events):
            step.on_events(state, [arrival], RULES, live=False)
            blob = codec.encode(state)
            assert codec.decode(blob) == state
            assert codec.encode(codec.decode(blob)) == blob


def _large(rng: random.Random, at_ms: int) -> Event:
    """An event that says as much as it may, in words never heard before."""

    def word() -> str:
        return f"{rng.random():.20f}".ljust(64, "x")

    if rng.random() < 0.4:
        items = [{"category": word(), "brand": word(), "qty": 3, "line_total": 99_999.99} for _ in range(9)]
        amount = rng.choice([None, 10.0 ** rng.randint(0, 9)])
        said = {"channel": word(), "payment": [{"method": word()} for _ in range(5)], "discount": 1e9}
        return order(word(), at_ms, amount, items=items, currency=rng.choice(["USD", "XAU"]), **said)
    if rng.random() < 0.1:
        return control(at_ms, attributes={word(): word()})
    if rng.random() < 0.5:
        return service(at_ms, rng.choice(["complaint", "csat", "ticket_opened"]), score=3, ticket_id=word())
    return click(at_ms, rng.choice(["search", "add_to_cart", word()]), sku=word(), category=word(), price=7)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_state_stays_below_a_fixed_size_however_much_one_customer_does(seed: int) -> None:
    """With names of 64 characters, none said twice; after 20,000 events it grows no more."""
    rng, state, sizes = random.Random(seed), State(), []
    for n in range(10):
        start_ms, end_ms = T0 + n * 200 * DAY, T0 + (n + 1) * 200 * DAY
        instants = sorted(rng.randrange(start_ms, end_ms) for _ in range(10_000))
        events = [_large(rng, at_ms) for at_ms in instants]
        arrivals = [one._replace(offset=one.offset + n * 10_000) for one in arrive(events)]
        step.on_events(state, arrivals, RULES, live=False)
        sizes.append(len(codec.encode(state)))
    assert 0.8 * CEILING < max(sizes) < CEILING
    assert max(sizes[5:]) < 1.03 * max(sizes[1:5])
