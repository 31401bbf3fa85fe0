from collections.abc import Iterable
from typing import Any

import pytest
from builders import DAY, HOUR, RULES, T0, arrive, click, control, copy, facts_at, fold, order, service, told

from models import step
from models.state import State
from models.step import Arrival

ACTIVE_LEFT = ("active_30d", True, None)


def applied(state: State, arrivals: Iterable[Arrival], *, live: bool = False) -> tuple[list[Any], int]:
    changes, repeats, *_ = step.on_events(state, list(arrivals), RULES, live=live)
    return told(changes), repeats


def one(event: dict[str, Any], offset: int, mark_ms: int | None = None) -> Arrival:
    return next(arrive([event], mark_ms))._replace(offset=offset)


# -- offsets and repeats -----------------------------------------------------------------------------------


def test_an_offset_that_is_applied_is_skipped_without_a_trace() -> None:
    state, _ = fold([click(T0), click(T0 + 1)])
    before = copy(state)
    assert applied(state, [one(click(T0 + 9 * DAY), 0), one(click(T0 + 9 * DAY), 1)]) == ([], 0)
    assert state == before


def test_offsets_are_kept_for_each_source_apart() -> None:
    state, _ = fold([click(T0), click(T0 + 1), order("a", T0 + 2, 1)])
    assert state.offsets == {"clicks/0": 1, "orders/0": 0}
    applied(state, [one(click(T0 + 3), 0), one(order("b", T0 + 3, 1), 1)])
    assert (state.engagement.n if state.engagement else 0, state.orders.n) == (2, 2)


def test_a_gap_in_the_offsets_is_no_reason_to_wait() -> None:
    state = State()
    applied(state, [one(click(T0), 5), one(click(T0 + 1), 900)])
    assert state.offsets == {"clicks/0": 900}


def test_a_control_event_of_an_unknown_action_moves_the_offset_and_nothing_else() -> None:
    state, _ = fold([click(T0, "login")])
    before = copy(state)
    assert applied(state, [one(control(T0 + HOUR, "segment_synced"), 4)]) == ([], 0)
    assert state.offsets.pop("control/0") == 4
    assert state == before


@pytest.mark.parametrize("make", [lambda: order("a", T0, 9), lambda: service(T0, "refund", refund_amount=3)])
def test_the_same_event_thirty_days_later_is_a_repeat_and_changes_no_fact(make: Any) -> None:
    first = make()
    # Each new event lets go of those that may be forgotten: this one is not among them.
    between = [order("z", T0 + 30 * DAY, 1), service(T0 + 30 * DAY)]
    once, _ = fold([first, *between])
    twice, _ = fold([first, *between])
    assert applied(twice, [one(first, 2, mark_ms=T0 + 30 * DAY)]) == ([], 1)
    assert facts_at(twice, T0 + 31 * DAY) == facts_at(once, T0 + 31 * DAY)


@pytest.mark.parametrize("make", [lambda: order("a", T0, 9), lambda: service(T0, "refund", refund_amount=3)])
def test_live_a_repeat_of_an_old_event_is_known_thirty_days_after_it_came_in(make: Any) -> None:
    first, now_ms = make(), T0 + 300 * DAY  # it came in late, and is old already
    state, _ = fold([first, service(T0 + DAY)], live=True, mark_ms=now_ms)
    step.on_wake(state, now_ms + 29 * DAY, RULES)
    assert applied(state, [one(first, 9, mark_ms=now_ms + 30 * DAY)], live=True) == ([], 1)


def test_a_repeated_click_is_known_among_the_last_64() -> None:
    first = click(T0)
    state, _ = fold([first, *(click(T0 + n) for n in range(1, 64))])
    assert applied(state, [one(first, 64)])[1] == 1
    applied(state, [one(click(T0 + 64), 65)])
    assert applied(state, [one(first, 66)])[1] == 0  # the 65th: forgotten, as documented


def test_one_event_id_in_two_systems_is_two_events() -> None:
    events = [order("a", T0, 1), service(T0, "complaint"), click(T0)]
    state, _ = fold([event | {"event_id": "same"} for event in events])
    assert (
        state.orders.n,
        state.service and state.service.complaints,
        state.engagement and state.engagement.n,
    ) == (
        1,
        1,
        1,
    )


def test_a_cancellation_takes_the_order_out_of_tags_too() -> None:
    state, changes = fold([order("a", T0, 900), order("a", T0 + HOUR, status="cancelled")])
    assert told(changes)[-3:] == [
        ("lifecycle", "new", "prospect", T0 + HOUR),
        ("rfm_segment", "potential_loyalists", None, T0 + HOUR),
        ("high_value", True, None, T0 + HOUR),
    ]
    assert sorted(state.tags) == ["active_30d", "lifecycle"]


# -- time --------------------------------------------------------------------------------------------------


def test_active_30d_leaves_at_the_very_millisecond() -> None:
    state, _ = fold([click(T0 + 1, "login")])
    due_ms = T0 + 1 + 30 * DAY
    assert ACTIVE_LEFT not in [change[:3] for change in told(step.on_wake(state, due_ms - 1, RULES).changes)]
    assert told(step.on_wake(state, due_ms, RULES).changes) == [(*ACTIVE_LEFT, due_ms)]


def test_waking_before_the_wake_up_does_nothing() -> None:
    state, _ = fold([order("a", T0, 1)])
    before = copy(state)
    assert step.on_wake(state, state.wake_at_ms - 1, RULES).changes == []
    assert state == before


def test_an_overdue_wake_up_fires_at_its_own_instant_whoever_comes_late() -> None:
    by_timer, _ = fold([order("a", T0, 9)])
    by_event = copy(by_timer)
    silence = step.on_wake(by_timer, T0 + 200 * DAY, RULES).changes
    expected = [
        ("rfm_segment", "new_customers", "promising", T0 + 30 * DAY),
        (*ACTIVE_LEFT, T0 + 30 * DAY),
        ("lifecycle", "new", "at_risk", T0 + 90 * DAY),
        ("rfm_segment", "promising", "about_to_sleep", T0 + 90 * DAY),
        ("lifecycle", "at_risk", "dormant", T0 + 180 * DAY),
        ("rfm_segment", "about_to_sleep", "hibernating", T0 + 180 * DAY),
    ]
    assert told(silence) == expected
    assert all(change.source == "" and change.offset == change.at_ms for change in silence)
    found, _ = applied(by_event, [one(click(T0 + 200 * DAY), 0)])
    assert found == [*expected, ("active_30d", None, True, T0 + 200 * DAY)]


def test_an_event_at_the_instant_of_a_wake_up_comes_after_it() -> None:
    state, _ = fold([click(T0, "login")])
    step.on_wake(state, T0 + 30 * DAY - 1, RULES)
    assert state.wake_at_ms == T0 + 30 * DAY
    found, _ = applied(state, [one(click(T0 + 30 * DAY), 1)])
    assert found == [(*ACTIVE_LEFT, T0 + 30 * DAY), ("active_30d", None, True, T0 + 30 * DAY)]


def test_a_change_names_the_event_that_caused_it() -> None:
    state = State()
    changes, *_ = step.on_events(state, [one(order("a", T0, 900), 41)], RULES, live=False)
    assert {(change.source, change.offset) for change in changes} == {("orders/0", 41)}
    assert [change.seq for change in changes] == [1, 2, 3, 4]


def test_after_a_long_silence_nothing_is_due_any_more() -> None:
    state, _ = fold([order("a", T0, 1), click(T0)])
    step.on_wake(state, T0 + 400 * DAY, RULES)
    assert state.wake_at_ms == 0
    assert state.tags["lifecycle"].value == "lost"


def test_a_late_event_never_takes_the_evaluation_back() -> None:
    state, _ = fold([click(T0 + 10 * DAY)])
    found, _ = applied(state, [one(order("a", T0, 1), 0)])
    assert state.as_of_ms == T0 + 10 * DAY
    assert {change[3] for change in found} == {T0 + 10 * DAY}
    assert state.first_seen_ms == T0


def test_a_late_order_takes_back_a_false_alarm() -> None:
    state, _ = fold([order("a", T0, 1)])
    step.on_wake(state, T0 + 90 * DAY, RULES)
    found, _ = applied(state, [one(order("b", T0 + 80 * DAY, 1), 1)])
    assert ("lifecycle", "at_risk", "active", T0 + 90 * DAY) in found


def test_an_old_event_that_arrives_after_its_window_wakes_nobody_for_the_past() -> None:
    state, _ = fold([click(T0 + 400 * DAY)])
    applied(state, [one(order("a", T0, 1), 0)])
    assert state.wake_at_ms > T0 + 400 * DAY
    assert state.tags["lifecycle"].value == "lost"


# -- live: "now" is the clock ------------------------------------------------------------------------------


def test_live_evaluates_an_old_event_at_its_mark() -> None:
    now_ms = T0 + 100 * DAY
    state, changes = fold([order("a", T0, 1)], live=True, mark_ms=now_ms)
    assert state.as_of_ms == now_ms
    assert told(changes) == [
        ("lifecycle", None, "at_risk", now_ms),  # never announced as new: that was long ago
        ("rfm_segment", None, "about_to_sleep", now_ms),
    ]


def test_event_time_lives_through_what_live_skips() -> None:
    state, changes = fold([order("a", T0, 1)], live=False)
    changes += step.on_wake(state, T0 + 100 * DAY, RULES).changes
    assert [change.new for change in changes if change.tag == "lifecycle"] == ["new", "at_risk"]


def test_live_lets_an_overdue_wake_up_come_first_at_its_own_instant() -> None:
    state, _ = fold([click(T0, "login")], live=True, mark_ms=T0)
    found, _ = applied(state, [one(order("a", T0 + 40 * DAY, 1), 0, mark_ms=T0 + 40 * DAY + 5)], live=True)
    assert found[0] == (*ACTIVE_LEFT, T0 + 30 * DAY)
    assert {change[3] for change in found[1:]} == {T0 + 40 * DAY + 5}


def test_live_evaluates_an_event_from_the_near_future_at_its_own_time() -> None:
    ahead_ms = T0 + 5 * 60_000
    state, changes = fold([click(ahead_ms)], live=True, mark_ms=T0)
    assert state.as_of_ms == ahead_ms
    assert {change.at_ms for change in changes} == {ahead_ms}


def test_a_low_mark_holds_wake_ups_back() -> None:
    state, _ = fold([order("a", T0, 1)], live=True, mark_ms=T0)
    backlog = [one(order("b", T0 + 95 * DAY, 1), 1, mark_ms=T0 + DAY)]  # clicks lag a quarter behind
    found, _ = applied(state, backlog, live=True)
    assert not [change for change in found if change[2] == "at_risk" or change[3] < T0 + 95 * DAY]


def test_wake_ups_up_to_the_mark_are_lived_through_after_the_event() -> None:
    state, _ = fold([order("a", T0, 1)], live=True, mark_ms=T0)
    late, _ = applied(state, [one(click(T0 + DAY), 0, mark_ms=T0 + 120 * DAY)], live=True)
    assert ("lifecycle", "new", "at_risk", T0 + 90 * DAY) in late
    assert state.wake_at_ms > T0 + 120 * DAY
