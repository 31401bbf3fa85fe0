"""One tag at a time: entering, leaving, staying at least and at most, cases and numbers."""

from typing import Any

import pytest
from builders import DAY, HOUR, T0, arrive, click, control, document_at, fold, order, service, tags_of, told

from models import step
from models.catalogue.load import CatalogueError, load
from models.rules import Rules
from models.state import State


def run(
    rules: Rules, *events: dict[str, Any], until: int = 0
) -> tuple[State, list[tuple[str, Any, Any, int]]]:
    """Events, then time; instants of the changes counted from T0."""
    state, changes = fold(events, rules)
    changes = changes + step.on_wake(state, until, rules).changes
    return state, [(tag, old, new, at - T0) for tag, old, new, at in told(changes)]


def flag(*lines: str) -> Rules:
    return tags_of("\n".join(["[tags.t]", *lines]))


def test_a_flag_without_leave_is_held_while_its_condition_holds() -> None:
    rules = flag('enter = "since(rfm.last_order_at) >= 2d and since(rfm.last_order_at) < 5d"')
    _, changes = run(rules, order("a", T0), until=T0 + 9 * DAY)
    assert changes == [("t", None, True, 2 * DAY), ("t", True, None, 5 * DAY)]


def test_between_enter_and_leave_a_flag_stays_what_it_is() -> None:
    rules = flag('enter = "rfm.net_minor >= 1000"', 'leave = "rfm.net_minor < 500"')
    back = [service(T0 + n * HOUR, "refund", refund_amount=3) for n in (1, 2, 3)]
    _, changes = run(rules, order("a", T0, 12), *back)
    assert changes == [("t", None, True, 0), ("t", True, None, 3 * HOUR)]  # 12, 9, 6, then 3
    assert run(rules, order("a", T0, 9))[1] == []


def test_what_would_be_left_at_once_is_not_entered() -> None:
    rules = flag('enter = "rfm.frequency >= 1"', 'leave = "rfm.net_minor < 500"')
    assert run(rules, order("a", T0, 4))[1] == []
    assert run(rules, order("a", T0, 5))[1] == [("t", None, True, 0)]


def test_dwell_holds_a_flag_on_and_lets_go_at_its_end() -> None:
    rules = flag('enter = "service.open_tickets >= 1"', 'dwell = "2h"')
    opened, solved = (service(T0 + at, f"ticket_{what}", ticket_id="x") for at, what in
                      ((0, "opened"), (HOUR, "resolved")))  # fmt: skip
    state, changes = run(rules, opened, solved, until=T0 + 9 * HOUR)
    assert changes == [("t", None, True, 0), ("t", True, None, 2 * HOUR)]
    state, _ = fold([opened, solved], rules)
    assert document_at(state, T0 + HOUR, rules)["tags"]["t"]["until"] == "2023-11-15T02:00:00.000Z"


def test_a_condition_that_comes_back_within_dwell_leaves_no_trace() -> None:
    rules = flag('enter = "service.open_tickets >= 1"', 'dwell = "2h"')
    events = [service(T0 + n * HOUR // 2, f"ticket_{what}", ticket_id="x")
              for n, what in enumerate(("opened", "resolved", "opened"))]  # fmt: skip
    assert run(rules, *events, until=T0 + 9 * HOUR)[1] == [("t", None, True, 0)]


def test_ttl_ends_a_flag_and_it_comes_back_only_after_its_condition_has_ceased() -> None:
    rules = flag('enter = "service.open_tickets >= 1"', 'ttl = "1d"')
    said = ((0, "opened"), (3, "resolved"), (4, "opened"))
    events = [service(T0 + day * DAY, f"ticket_{what}", ticket_id="x") for day, what in said]
    state, changes = run(rules, *events, until=T0 + 9 * DAY)
    assert changes == [
        ("t", None, True, 0), ("t", True, None, DAY), ("t", None, True, 4 * DAY), ("t", True, None, 5 * DAY)
    ]  # fmt: skip
    assert state.left["t"].spent


def test_a_spent_flag_is_armed_again_by_time_alone() -> None:
    rules = tags_of(
        "[attributes]\nborn = 'yearday'\n[tags.t]\nenter = 'within(attributes[\"born\"], 3d)'\nttl = '1d'"
    )
    state, changes = run(rules, click(T0), control(T0, attributes={"born": "11-20"}), until=T0 + 380 * DAY)
    assert [at // DAY for _, _, _, at in changes] == [3, 4, 369, 370]  # 2024 is a leap year
    assert not state.left["t"].spent


def test_a_category_by_cases_is_the_first_that_holds() -> None:
    rules = tags_of("""
        [tags.t]
        kind = "category"
        [tags.t.cases]
        high = "since(rfm.last_order_at) >= 9d"
        medium = "since(rfm.last_order_at) >= 4d"
        low = "rfm.frequency >= 1"
    """)
    state, changes = run(rules, order("a", T0), order("b", T0 + 6 * DAY), until=T0 + 30 * DAY)
    assert changes == [
        ("t", None, "low", 0), ("t", "low", "medium", 4 * DAY), ("t", "medium", "low", 6 * DAY),
        ("t", "low", "medium", 10 * DAY), ("t", "medium", "high", 15 * DAY),
    ]  # fmt: skip
    assert document_at(state, T0 + 30 * DAY, rules)["tags"]["t"]["because"] == [
        ["since(rfm.last_order_at)", "2023-11-21T00:00:00.000Z", ">=", "9d"]
    ]


def test_a_number_moves_in_steps_and_only_where_it_has_a_meaning() -> None:
    rules = tags_of("""
        [tags.t]
        kind = "number"
        value = 'rfm.windows["30d"].monetary_minor / 3'
        when = 'rfm.windows["30d"].monetary_minor > 0'
        step = 100
    """)
    events = [order("a", T0, 6), order("b", T0 + DAY, 1), order("c", T0 + 2 * DAY, 3)]
    _, changes = run(rules, *events, until=T0 + 99 * DAY)
    assert changes == [
        ("t", None, 200, 0), ("t", 200, 300, 2 * DAY), ("t", 300, 100, 30 * DAY), ("t", 100, None, 32 * DAY),
    ]  # fmt: skip


def test_counting_within_hours_and_what_did_not_follow() -> None:
    rules = tags_of("""
        [tags.eager]
        enter = "count(product_view, 2h) >= 2"
        [tags.left_it]
        enter = '''since(engagement.latest["product_view"]) >= 2h
                   and not (rfm.last_order_at >= engagement.latest["product_view"])'''
    """)
    views = [click(T0 + n * HOUR, "product_view") for n in range(2)]
    _, changes = run(rules, *views, click(T0 + HOUR, "search"), until=T0 + 9 * HOUR)
    assert changes == [
        ("eager", None, True, HOUR), ("eager", True, None, 2 * HOUR), ("left_it", None, True, 3 * HOUR)
    ]  # fmt: skip
    assert run(rules, *views, order("a", T0 + 2 * HOUR + 1), until=T0 + 9 * HOUR)[1][2:] == []


# -- the causes and the evidence -----------------------------------------------------------------------------


def test_the_document_says_what_caused_a_tag() -> None:
    rules = flag('enter = "since(rfm.last_order_at) >= 2d or rfm.frequency >= 2"')
    state, _ = fold([order("a", T0)], rules)
    step.on_wake(state, T0 + 3 * DAY, rules)
    assert document_at(state, T0 + 3 * DAY, rules)["tags"]["t"]["cause"] == {
        "timer": "2023-11-17T00:00:00.000Z"
    }
    bought, _ = fold([click(T0), order("a", T0), order("b", T0)], rules)
    assert document_at(bought, T0, rules)["tags"]["t"]["cause"] == {
        "topic": "orders",
        "partition": 0,
        "offset": 1,
    }


def test_what_decided_is_said_and_what_did_not_is_not() -> None:
    rules = flag(
        'enter = \'rfm.frequency >= 1 and (rfm.net_minor > 999 or rfm.segment in {"lost", "promising"})\''
    )
    state, _ = fold([order("a", T0, 12)], rules)
    assert document_at(state, T0, rules)["tags"]["t"]["because"] == [
        ["rfm.frequency", 1, ">=", 1], ["rfm.net_minor", 1200, ">", 999]
    ]  # fmt: skip


# -- another catalogue ---------------------------------------------------------------------------------------

OLD = "[tags.a]\nenter = 'rfm.frequency >= 1'\n[tags.b]\nenter = 'rfm.frequency >= 2'"
NEW = (
    "[tags.b]\nversion = 2\nenter = 'rfm.frequency >= 1'\n[tags.c]\nenter = 'since(rfm.last_order_at) >= 2d'"
)


def test_a_new_catalogue_is_the_cause_of_what_it_changes_and_nothing_stays_behind() -> None:
    state, _ = fold([order("x", T0)], tags_of(OLD, 1))
    done = step.on_wake(state, T0 + DAY, tags_of(NEW, 2))
    assert done.is_adopted
    assert [(c.tag, c.rule_version, c.old, c.new, c.at_ms, c.source, c.offset) for c in done.changes] == [
        ("a", 0, True, None, T0 + DAY, "catalogue", 2),
        ("b", 2, None, True, T0 + DAY, "catalogue", 2),
    ]
    assert (sorted(state.tags), state.revision, state.wake_at_ms) == (["b"], 2, T0 + 2 * DAY)
    assert step.on_wake(state, T0 + DAY, tags_of(NEW, 2)).view is None


def test_an_event_that_meets_a_new_catalogue_comes_after_it() -> None:
    state, _ = fold([order("x", T0)], tags_of(OLD, 1))
    arrival = next(arrive([order("y", T0 + 3 * DAY)]))._replace(offset=7)
    changes = step.on_events(state, [arrival], tags_of(NEW, 2), live=False).changes
    assert [(c.tag, c.new, c.source or "timer", c.at_ms - T0) for c in changes] == [
        ("a", None, "catalogue", 3 * DAY),
        ("b", True, "catalogue", 3 * DAY),
        ("c", True, "catalogue", 3 * DAY),
        ("c", None, "orders/0", 3 * DAY),
    ]  # fmt: skip


# -- the file ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("tags = 3", "[tags] must be a table"),
        ("[tag.x]\nenter = 'rfm.frequency > 1'", "unknown table 'tag'"),
        ("[tags.X]\nenter = 'rfm.frequency > 1'", "[tags.X] id: must be small letters"),
        ("[tags.x]", "[tags.x] enter: is missing"),
        ("[tags.x]\nenter = 'rfm.frequencie > 1'", "line 1, column 1: no field 'rfm.frequencie'; did you"),
        ("[tags.x]\nenter = 'rfm.recency_days > 30'", "write since(rfm.last_order_at)"),
        ("[tags.x]\nenter = 'count(product_view, 3d) > 1'", "product_view are remembered for 2d"),
        ("[tags.x]\nenter = 'rfm.frequency > 1'\nowns = 'me'", "[tags.x] owns: is not known of a flag"),
        ("[tags.x]\nenter = 'rfm.frequency > 1'\ndwell = '2d'\nttl = '1d'", "must not be longer than ttl"),
        ("[tags.x]\nenter = 'rfm.frequency > 1'\ndwell = 'soon'", "'soon' is no duration"),
        ("[tags.x]\nkind = 'category'", "a category has either a value or cases"),
        ("[tags.x]\nkind = 'number'\nvalue = 'rfm.segment'", "the value is a text, expected is a number"),
        ("[tags.x]\nkind = 'category'\nvalue = 'rfm.segment'\nttl = '1d'", "ttl: is not known of a category"),
        ("[attributes]\nborn = 'day'", "attribute 'born' must be of type"),
        ("[tags.x]\nenter = 'attributes[\"born\"] > 1'", "no map 'attributes'"),
        ("[tags.x]\nversion = 0\nenter = 'rfm.frequency > 1'", "version: must be a whole number from 1"),
        ("[tags.x]\nenter = 'since(rfm.last_order_at) / 1d > 3'", "must stand alone"),
        ("= 3", "the file is not TOML"),
    ],
)  # fmt: skip
def test_what_is_wrong_with_a_catalogue_is_said_with_its_place(text: str, says: str) -> None:
    with pytest.raises(CatalogueError) as caught:
        load(text)
    assert says in str(caught.value)


def test_every_mistake_is_told_at_once() -> None:
    with pytest.raises(CatalogueError) as caught:
        load("[tags.x]\nenter = 'a > 1'\n[tags.y]\nenter = 'b > 1'")
    assert "[tags.x]" in str(caught.value)
    assert "[tags.y]" in str(caught.value)
