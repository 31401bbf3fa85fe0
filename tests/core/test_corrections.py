"""A late event takes back what was announced without it."""

import random
from typing import Any

from builders import DAY, HOUR, RULES, T0, arrive, click, copy, fold, order, service

from models import step
from models.announcing import Change
from models.state import State


def late(state: State, event: dict[str, Any], mark_ms: int | None = None) -> list[Change]:
    (arrival,) = arrive([event], mark_ms)
    source = f"{arrival.source}-late"  # another partition: no offset of ours is passed over
    return step.on_events(state, [arrival._replace(source=source)], RULES, live=mark_ms is not None).changes


def corrections(changes: list[Change]) -> dict[str, tuple[int, ...]]:
    return {change.tag: change.corrects for change in changes if change.corrects}


def numbers(changes: list[Change], tag: str) -> list[int]:
    return [change.seq for change in changes if change.tag == tag]


def test_an_order_three_days_late_takes_back_the_churn_alert() -> None:
    state, _ = fold([order("a", T0, 1), order("b", T0 + DAY, 1)])
    alerts = step.on_wake(state, T0 + 93 * DAY, RULES).changes
    (alert,) = [change for change in alerts if change.new == "at_risk"]
    for mark_ms in (None, T0 + 94 * DAY):  # event clock, wall clock
        found = late(copy(state), order("c", T0 + 90 * DAY, 1), mark_ms)
        (back,) = [change for change in found if change.tag == "lifecycle"]
        assert (back.old, back.new, back.corrects) == ("at_risk", "active", (alert.seq,))
        assert corrections(found).keys() == {"lifecycle", "rfm_segment"}  # active until day 31 it was


def test_an_order_that_comes_after_the_alert_is_no_correction() -> None:
    state, _ = fold([order("a", T0, 1)])
    step.on_wake(state, T0 + 93 * DAY, RULES)
    found = late(state, order("b", T0 + 93 * DAY, 1))
    assert [change.new for change in found if change.tag == "lifecycle"] == ["active"]
    assert corrections(found) == {}


def test_every_change_that_was_announced_too_soon_is_taken_back() -> None:
    state, _ = fold([click(T0, "add_to_cart", sku="s"), click(T0, "login")])
    alarm = step.on_wake(state, T0 + HOUR, RULES).changes
    assert [change.tag for change in alarm] == ["cart_abandoned"]
    found = late(state, order("a", T0 + HOUR // 4, 5))
    assert corrections(found)["cart_abandoned"] == (alarm[0].seq,)
    # The order in turn is taken back by a cancellation that says it was never meant: no correction of ours.
    assert corrections(late(state, order("a", T0 + 2 * HOUR, status="cancelled"))) == {}


def test_a_tag_left_long_ago_is_forgotten_and_entered_anew() -> None:
    state, changes = fold([click(T0, "login")])
    changes += step.on_wake(state, T0 + 31 * DAY, RULES).changes
    assert state.left.keys() == {"active_30d"}
    soon = late(copy(state), click(T0 + 10 * DAY, "login"))
    assert corrections(soon)["active_30d"] == (changes[-1].seq,)
    step.on_events(state, list(arrive([order("a", T0 + 70 * DAY, 1)])), RULES, live=False)
    assert state.left == {}


def test_a_correction_names_earlier_changes_of_its_own_tag(seed: int) -> None:
    rng = random.Random(seed)
    taken = 0
    for _ in range(200):
        events = [
            rng.choice(
                [
                    order(f"o{n}", T0 + rng.randrange(120) * DAY, 5),
                    click(T0 + rng.randrange(120) * DAY, "add_to_cart", sku="s"),
                    service(T0 + rng.randrange(120) * DAY),
                ]
            )
            for n in range(8)
        ]
        state = State()
        announced: dict[int, Change] = {}
        gone: set[int] = set()
        for offset, event in enumerate(events):
            (arrival,) = arrive([event])
            before = dict(announced)
            arrived = arrival._replace(source="orders/0", offset=offset)
            for change in step.on_events(state, [arrived], RULES, live=False).changes:
                announced[change.seq] = change
                gone.update(change.corrects)
                assert all(before[seq].tag == change.tag for seq in change.corrects if seq in before)
                assert change.seq not in change.corrects
        taken += len(gone)
        assert gone <= announced.keys()
    assert taken > 50
