from itertools import pairwise
from typing import Any

import pytest
from builders import HOUR, T0, Rec, click, order, parsed, records, service
from hypothesis import given, settings
from hypothesis import strategies as st

from models.step import Arrival
from streams import intake as module
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake, Ready, interleave

ORDERS, CLICKS, SERVICE = ("orders", 0), ("clicks", 0), ("service", 0)
OTHER = ("clicks", 1)
NOW = T0 + 1_000 * HOUR


def intake(
    *partitions: tuple[str, int], live: bool = False, marks: dict[str, int] | None = None, **more: Any
) -> Intake:
    found = Intake(
        Decoding(Config()).event, live=live, future_limit_ms=more.pop("future_limit_ms", None), **more
    )
    found.assign(dict.fromkeys(partitions, 0), marks or {})
    return found


def applied(found: Intake) -> Ready:
    ready = found.release()
    found.applied(ready)
    return ready


def times(ready: Ready) -> list[int]:
    return [one.event.ts_ms - T0 for arrivals in ready.arrivals.values() for one in arrivals]


# -- event time --------------------------------------------------------------------------------------------

lanes = st.lists(st.integers(0, 30), unique=True, max_size=24).flatmap(
    lambda ts: st.tuples(*(st.sampled_from((ORDERS, CLICKS, SERVICE)) for _ in ts)).map(
        lambda owners: [(owner, at) for owner, at in zip(owners, ts, strict=True)]
    )
)
MAKE = {
    ORDERS: lambda ts: order(f"o{ts}", ts, 1),
    CLICKS: click,
    SERVICE: service,
}


def by_running_maximum(rows: list[tuple[tuple[str, int], int]]) -> list[int]:
    """The one right order: each lane as it is; across lanes by the newest instant a lane has shown."""
    ranked = []
    for lane in (ORDERS, CLICKS, SERVICE):
        newest = -1
        for at in (at for owner, at in rows if owner == lane):
            newest = max(newest, at)
            ranked.append((newest, at))
    return [at for _, at in sorted(ranked, key=lambda row: row[0])]


@given(lanes, st.data())
@settings(deadline=None)
def test_topics_are_interleaved_by_event_time_whatever_is_fetched_first(rows: list[Any], data: Any) -> None:
    found, seen = intake(ORDERS, CLICKS, SERVICE), []
    waiting = {lane: records([MAKE[lane](T0 + at) for own, at in rows if own == lane]) for lane in MAKE}
    ends = {lane: len(one) for lane, one in waiting.items()}
    found.ends({tp: (None, end) for tp, end in {lane: end or None for lane, end in ends.items()}.items()})
    while any(waiting.values()):
        lane = data.draw(st.sampled_from([lane for lane, left in waiting.items() if left]))
        n = data.draw(st.integers(1, 5))
        found.feed(lane, waiting[lane][:n], NOW)
        del waiting[lane][:n]
        if data.draw(st.booleans()):
            seen += times(applied(found))
    found.ends({tp: (None, end) for tp, end in ends.items()})
    seen += times(applied(found))
    assert seen == by_running_maximum(rows)
    assert {lane: found.offset(lane) for lane in MAKE} == ends
    assert found.lag() == 0


def test_a_record_waits_while_another_topic_may_bring_an_earlier_one() -> None:
    found = intake(ORDERS, CLICKS)
    found.feed(ORDERS, records([order("a", T0 + 10, 1), order("b", T0 + 30, 1)]), NOW)
    assert times(applied(found)) == []
    found.feed(CLICKS, records([click(T0 + 20)]), NOW)
    assert times(applied(found)) == [10, 20]
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 2), (CLICKS, 1)]})
    assert times(applied(found)) == [30]


def test_a_record_is_released_when_the_others_reached_its_instant_and_not_a_millisecond_before() -> None:
    found = intake(ORDERS, CLICKS)
    found.feed(ORDERS, records([order("a", T0 + 10, 1), order("b", T0 + 99, 1)]), NOW)
    found.feed(CLICKS, records([click(T0 + 9)]), NOW)
    assert times(applied(found)) == [9]
    found.feed(CLICKS, records([click(T0 + 10)], first=1), NOW)
    assert times(applied(found)) == [10, 10]


def test_partition_numbers_do_not_wait_for_one_another() -> None:
    found = intake(ORDERS, OTHER)
    found.feed(ORDERS, records([order("a", T0 + 10, 1)]), NOW)
    assert times(applied(found)) == [10]


def test_a_topic_that_is_fetched_to_its_end_holds_nothing_back_and_a_new_end_holds_again() -> None:
    found = intake(ORDERS, CLICKS)
    found.ends({tp: (None, end) for tp, end in [(CLICKS, 0)]})
    found.feed(ORDERS, records([order("a", T0 + 10, 1)]), NOW)
    assert times(applied(found)) == [10]
    found.ends({tp: (None, end) for tp, end in [(CLICKS, 1)]})
    found.feed(ORDERS, records([order("b", T0 + 20, 1)], first=1), NOW)
    assert times(applied(found)) == []


def test_interleaving_never_goes_against_the_offsets_of_a_source() -> None:
    arrivals = [Arrival(parsed(click(T0 + at)), "clicks/0", n, 0) for n, at in enumerate((9, 1, 5))]
    arrivals += [Arrival(parsed(order("a", T0 + at, 1)), "orders/0", n, 0) for n, at in enumerate((3, 7))]
    assert [one.event.ts_ms - T0 for one in interleave(arrivals)] == [3, 7, 9, 1, 5]


# -- the clock ---------------------------------------------------------------------------------------------


def test_live_everything_is_released_at_once_with_the_record_s_time_as_mark() -> None:
    found = intake(ORDERS, CLICKS, live=True)
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 1), (CLICKS, 1)]})
    found.feed(ORDERS, records([order("a", T0 + 50, 1)], timestamp=NOW - 5), NOW)
    found.feed(CLICKS, records([click(T0 + 20)], timestamp=NOW + 999), NOW)
    (arrivals,) = applied(found).arrivals.values()
    marks = {one.source: one.mark_ms for one in arrivals}
    assert marks == {"orders/0": NOW - 5, "clicks/0": NOW}  # a producer's clock ahead of ours is not believed


def test_live_a_lagging_topic_holds_the_marks_of_its_partition_number_and_of_no_other() -> None:
    found = intake(ORDERS, CLICKS, OTHER, live=True, marks={"clicks/0": NOW - 9 * HOUR})
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 1), (CLICKS, 500), (OTHER, 1)]})
    found.feed(ORDERS, records([order("a", T0, 1)], timestamp=NOW), NOW)
    found.feed(OTHER, records([click(T0) | {"customer_id": "d"}], timestamp=NOW), NOW)
    ready = applied(found)
    assert ready.arrivals["c"][0].mark_ms == NOW - 9 * HOUR
    assert ready.arrivals["d"][0].mark_ms == NOW


def test_live_a_topic_does_not_hold_itself_back() -> None:
    found = intake(ORDERS, CLICKS, live=True)
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 500), (CLICKS, 0)]})
    found.feed(ORDERS, records([order("a", T0, 1)], timestamp=NOW - HOUR), NOW)
    assert applied(found).arrivals["c"][0].mark_ms == NOW - HOUR


def test_live_a_mark_below_the_hold_stays_as_it_is() -> None:
    found = intake(ORDERS, CLICKS, live=True, marks={"clicks/0": NOW - HOUR})
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 1), (CLICKS, 500)]})
    found.feed(ORDERS, records([order("a", T0, 1)], timestamp=NOW - 2 * HOUR), NOW)
    assert applied(found).arrivals["c"][0].mark_ms == NOW - 2 * HOUR


@pytest.mark.parametrize("live", [True, False])
def test_what_one_customer_did_in_two_topics_is_applied_by_event_time(live: bool) -> None:
    found = intake(ORDERS, CLICKS, live=live)
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 2), (CLICKS, 2)]})
    found.feed(ORDERS, records([order("a", T0 + 1, 1), order("b", T0 + 3, 1)]), NOW)
    found.feed(CLICKS, records([click(T0 + 2), click(T0 + 4)]), NOW)
    assert times(applied(found)) == [1, 2, 3, 4]


def test_a_report_is_the_clock_where_all_is_applied_and_the_last_mark_elsewhere() -> None:
    found = intake(ORDERS, CLICKS, live=True, marks={"clicks/0": T0 + 5})
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 0), (CLICKS, 2)]})
    just_now = NOW - module.UNSEEN_MS  # what was appended since may not have been fetched
    assert found.report(NOW) == {"orders/0": (True, just_now), "clicks/0": (False, T0 + 5)}
    found.feed(CLICKS, records([click(T0 + 8)]), NOW)
    ready = found.release()
    assert found.report(NOW)["clicks/0"] == (False, T0 + 5)  # released is not applied
    found.applied(ready)
    assert found.report(NOW)["clicks/0"] == (False, T0 + 8)


def test_in_event_time_a_report_is_never_the_clock() -> None:
    found = intake(ORDERS, marks={"orders/0": T0})
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 0)]})
    assert found.report(NOW) == {"orders/0": (True, T0)}


# -- offsets, limits, dead letters -------------------------------------------------------------------------


def test_records_that_were_fed_before_are_skipped() -> None:
    found, events = intake(ORDERS, live=True), [order(f"o{n}", T0 + n, 1) for n in range(4)]
    found.feed(ORDERS, records(events[:3]), NOW)
    assert times(applied(found)) == [0, 1, 2]
    found.feed(ORDERS, records(events), NOW)
    assert times(applied(found)) == [3]
    assert found.offset(ORDERS) == 4


def test_records_before_the_assigned_offset_are_skipped() -> None:
    found = intake(live=True)
    found.assign({ORDERS: 2}, {})
    found.feed(ORDERS, records([order(f"o{n}", T0 + n, 1) for n in range(4)]), NOW)
    assert times(found.release()) == [2, 3]
    assert found.offset(ORDERS) == 2  # until they are applied


def test_a_gap_after_a_start_is_believed_only_when_it_is_seen_again() -> None:
    found = intake(live=True)
    rows = records([order("a", T0, 1)], first=7)
    for believed in (False, True):  # the first may be a fetch that was under way during the seek
        found.assign({ORDERS: 5}, {})
        assert found.feed(ORDERS, rows, NOW) is believed
        assert len(times(found.release())) == believed
    (problem,) = found.problems
    assert "records 5 to 6 of orders/0" in problem


def test_a_new_deployment_on_a_topic_whose_first_records_are_gone_has_lost_nothing() -> None:
    found = intake(live=True)
    for _ in range(2):
        found.assign({ORDERS: 0}, {})
        taken = found.feed(ORDERS, records([order("a", T0, 1)], first=900), NOW)
    assert (taken, found.problems) == (True, [])


def test_an_end_before_what_is_applied_is_reported_once() -> None:
    found = intake(live=True)
    found.assign({ORDERS: 50}, {})
    for end in (50, 3, 3):
        found.ends({tp: (None, end) for tp, end in [(ORDERS, end)]})
    (problem,) = found.problems
    assert "orders/0 ends at 3, but 50 are applied" in problem


def test_a_new_assignment_voids_what_was_fetched() -> None:
    found = intake(ORDERS, CLICKS)
    found.feed(ORDERS, records([order("a", T0, 1)]), NOW)
    found.assign({ORDERS: 0}, {})
    assert found.release() == Ready({}, [], {})
    assert (found.partitions(), found.offset(CLICKS)) == ((ORDERS,), None)


def test_what_is_refused_becomes_a_dead_letter_and_counts_as_applied() -> None:
    found = intake(ORDERS, live=True)
    rows = [Rec(0, T0, b"{"), Rec(1, T0, None), *records([order("a", T0, 1), click(T0)], first=2)]
    found.feed(ORDERS, rows, NOW)
    ready = applied(found)
    assert [(one.offset, one.reason, one.value) for one in ready.dead] == [
        (0, "not_json", b"{"),
        (1, "null_value", None),
        (3, "type_mismatch", rows[3].value),
    ]
    assert times(ready) == [0]
    assert found.offset(ORDERS) == 4


def test_a_dead_letter_alone_moves_the_offset_in_event_time_too() -> None:
    found = intake(ORDERS, CLICKS)
    found.feed(ORDERS, [Rec(0, T0, b"?")], NOW)
    assert len(applied(found).dead) == 1
    assert found.offset(ORDERS) == 1


def test_an_event_too_far_ahead_of_the_clock_is_refused_and_one_at_the_limit_is_not() -> None:
    found = intake(ORDERS, live=True, future_limit_ms=HOUR)
    found.feed(ORDERS, records([order("a", NOW + HOUR, 1), order("b", NOW + HOUR + 1, 1)]), NOW)
    ready = applied(found)
    assert [letter.reason for letter in ready.dead] == ["in_future"]
    assert len(times(ready)) == 1


def test_a_partition_that_holds_back_too_much_is_full_until_it_is_released(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(module, "HELD_MOST", 3)
    found = intake(ORDERS, CLICKS)
    found.feed(ORDERS, records([order(f"o{n}", T0 + n, 1) for n in range(3)]), NOW)
    assert times(applied(found)) == []
    assert found.full() == {ORDERS}
    found.feed(CLICKS, records([click(T0 + 9)]), NOW)
    applied(found)
    assert found.full() == set()


def test_lag_counts_what_is_not_applied_and_one_for_an_unknown_end() -> None:
    found = intake(ORDERS, CLICKS, live=True)
    assert found.lag() == 2
    found.ends({tp: (None, end) for tp, end in [(ORDERS, 5), (CLICKS, None), (OTHER, 99)]})
    assert found.lag() == 6
    found.feed(ORDERS, records([order("a", T0, 1)]), NOW)
    assert [found.lag(), applied(found) and found.lag()] == [6, 5]


def test_sources_of_recreated_topics_have_names_of_their_own() -> None:
    names = [intake(ORDERS, live=True, suffix=suffix).source(ORDERS) for suffix in ("", "@1", "@2")]
    assert names == ["orders/0", "orders/0@1", "orders/0@2"]
    assert all(a != b for a, b in pairwise(names))
