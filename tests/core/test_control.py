"""What is said about a customer: attributes, the customer's own clock, consent; held against the oracle."""

import random
from typing import Any

import pytest
from builders import (
    CATALOGUE,
    DAY,
    HOUR,
    T0,
    TAGS,
    arrive,
    click,
    control,
    document_at,
    fold,
    order,
    service,
    tags_of,
    told,
)
from oracle import OracleSettings, compare, recompute

from models import announcing, step
from models.rules import Rules
from models.state import State
from streams.config import calendar_of

RULES = Rules(zones=calendar_of, catalogue=CATALOGUE)
TOLD = OracleSettings(catalogue_text=TAGS)
BERLIN = {"attributes": {"timezone": "Asia/Tokyo", "vip": True}}


def withdrawn(at_ms: int) -> dict[str, Any]:
    return control(at_ms, "consent", consent={"status": "withdrawn"})


def given(at_ms: int) -> dict[str, Any]:
    return control(at_ms, "consent", consent={"status": "given"})


def applied(events: list[dict[str, Any]], at_ms: int) -> dict[str, Any]:
    return document_at(fold(events, RULES)[0], at_ms, RULES)


def test_attributes_alone_make_a_customer_known_but_not_seen() -> None:
    doc = applied([control(T0, **BERLIN)], T0 + DAY)
    assert doc["attributes"] == {"timezone": "Asia/Tokyo", "vip": True}
    assert doc["lifecycle"]["stage"] == "prospect"
    assert not {"first_seen_at", "last_seen_at", "engagement", "journey", "health"} & doc.keys()


@pytest.mark.parametrize("late", [False, True])
def test_habits_follow_the_customers_clock_whenever_it_becomes_known(late: bool) -> None:
    orders = [order(f"o{n}", T0 + n * DAY + 20 * HOUR, 5) for n in range(4)]
    zone = control(T0 - DAY, **BERLIN)
    habits = applied([*orders, zone] if late else [zone, *orders], T0 + 9 * DAY)["habits"]
    assert habits["hours"] == {"5": 4}  # 20:00 UTC is five in the morning in Tokyo, the day after
    assert habits["usual_weekday"] == "thu"


def test_withdrawal_leaves_every_tag_and_shows_nothing_but_itself() -> None:
    events = [order("a", T0, 900), click(T0 + HOUR), service(T0 + HOUR), control(T0 + HOUR, **BERLIN)]
    state, changes = fold([*events, withdrawn(T0 + DAY)], RULES)
    left = [change for change in changes if change.at_ms == T0 + DAY]
    assert {change.tag for change in left} == {"lifecycle", "rfm_segment", "active_30d", "high_value"}
    assert {change.new for change in left} == {None}
    assert {str(change.because) for change in left} == {str(announcing.WITHDRAWN)}
    doc = document_at(state, T0 + 400 * DAY, RULES)
    assert doc.keys() == {"customer_id", "schema", "version", "as_of", "updated_at", "consent", "tags"}
    assert (doc["tags"], doc["consent"]["status"], state.wake_at_ms) == ({}, "withdrawn", 0)
    blank = State()
    assert (state.purchases, state.engagement, state.seen) == (blank.purchases, None, blank.seen)


def test_nothing_is_counted_while_consent_is_withdrawn_but_offsets_move_on() -> None:
    state, _ = fold([withdrawn(T0)], RULES)
    more = [order("a", T0 + DAY, 9), click(T0 + DAY), control(T0 + DAY, **BERLIN), order("b", T0 - DAY, 9)]
    arrivals = [one._replace(offset=one.offset + 5) for one in arrive(more)]
    assert step.on_events(state, arrivals, RULES, live=False) == ([], 0, None, False)
    assert state.offsets == {"control/0": 5, "orders/0": 6, "clicks/0": 5}
    assert (state.orders.n, state.engagement, state.attributes) == (0, None, None)


def test_a_new_consent_begins_anew_at_its_own_instant() -> None:
    events = [order("a", T0, 9), withdrawn(T0 + DAY), order("b", T0 + 2 * DAY, 9), given(T0 + 3 * DAY)]
    state, changes = fold([*events, order("c", T0 + 2 * DAY, 9), order("d", T0 + 4 * DAY, 9)], RULES)
    assert told(changes)[-4:] == [
        ("lifecycle", None, "prospect", T0 + 3 * DAY),
        ("lifecycle", "prospect", "new", T0 + 4 * DAY),
        ("rfm_segment", None, "new_customers", T0 + 4 * DAY),
        ("active_30d", None, True, T0 + 4 * DAY),
    ]
    assert document_at(state, T0 + 4 * DAY, RULES)["consent"] == {
        "status": "given", "at": "2023-11-18T00:00:00.000Z"
    }  # fmt: skip


def test_a_withdrawal_that_comes_late_forgets_what_it_cannot_tell_apart() -> None:
    state, _ = fold([order("a", T0, 9), given(T0 + 3 * DAY), withdrawn(T0 + DAY)], RULES)
    assert (state.withdrawn, state.orders.n) == (False, 0)


def some_event(rng: random.Random, n: int, at_ms: int) -> dict[str, Any]:
    attributes = {"timezone": rng.choice(["Asia/Tokyo", "x", None])}
    if rng.random() < 0.5:
        attributes = {rng.choice("ab"): rng.choice([1, "y", None])}
    return rng.choice(
        [
            order(f"o{n}", at_ms, 5),
            click(at_ms, "add_to_cart", sku="s"),
            control(at_ms, attributes=attributes),
            withdrawn(at_ms) if rng.random() < 0.3 else given(at_ms),
        ]
    )


def test_the_oracle_agrees_on_histories_with_facts_in_them(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(150):
        events, at_ms = [], T0
        for n in range(rng.randrange(2, 25)):
            at_ms += rng.choice([1, HOUR, 3 * DAY, 40 * DAY])  # of one instant, what comes first is refused
            events.append(some_event(rng, n, at_ms))
        wanted = recompute(events, at_ms, settings=OracleSettings())["c"]
        assert compare(wanted, applied(events, at_ms)) == []


def score(value: float, at: Any = None, model: str = "gbm-3") -> dict[str, Any]:
    return {"value": value, "model": model, **({} if at is None else {"at": at})}


def test_scores_of_other_models_have_a_section_of_their_own_with_time_and_model() -> None:
    events = [
        control(T0, attributes={"scores.churn": score(0.2), "city": "Bonn"}),
        control(T0 + DAY, attributes={"scores.churn": score(0.75, "2023-11-15T06:00:00+01:00")}),
        control(T0 + DAY, attributes={"scores.reach": score(3, T0 + 2 * DAY, "panel/7"), "scoresheet": 1}),
    ]
    for some in (events, events[::-1]):
        doc = applied(some, T0 + 3 * DAY)
        assert doc["scores"] == {
            "churn": {"value": 0.75, "model": "gbm-3", "at": "2023-11-15T05:00:00.000Z"},
            "reach": {"value": 3, "model": "panel/7", "at": "2023-11-16T00:00:00.000Z"},  # not before it was
        }
        assert doc["attributes"] == {"city": "Bonn", "scoresheet": 1}
        assert compare(recompute(some, T0 + 3 * DAY, settings=TOLD)["c"], doc) == []
    gone = [control(T0 + 2 * DAY, attributes={"scores.churn": None, "scores.reach": None})]
    assert "scores" not in applied([*events, *gone], T0 + 3 * DAY)


def test_rules_ask_for_scores_their_models_and_their_age() -> None:
    rules = tags_of(
        """
        [tags.leaving]
        enter = 'scores["churn"].value >= 0.7 and since(scores["churn"].at) < 30d'
        [tags.by_gbm]
        enter = 'scores["churn"].model == "gbm-3"'
        """
    )
    events = [
        control(T0, attributes={"scores.churn": score(0.69)}),
        control(T0 + DAY, attributes={"scores.churn": score(0.7)}),
    ]
    state, changes = fold(events, rules)
    step.on_wake(state, T0 + 90 * DAY, rules)
    assert told(changes) == [("by_gbm", None, True, T0), ("leaving", None, True, T0 + DAY)]
    assert "leaving" not in state.tags
    assert state.left["leaving"].since_ms == T0 + 31 * DAY
