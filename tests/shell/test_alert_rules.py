"""What a change means for alerts, and that it means the same whenever it is read again."""

import random
from dataclasses import replace
from typing import Any

import orjson
import pytest
from faults.alert_run import HOUR, T0, history

from models import changes
from models.codec import CodecError
from models.step import Change
from streams.alerts import rules
from streams.alerts.rules import Customer, Rule, Rules

HIGH = Rule("churn", "churn_risk", ("high",), ("desk",), cool_down_ms=24 * HOUR)
RULES = Rules("test", "salt", {"churn": HIGH})


def change(
    seq: int, old: Any, new: Any, after_h: float = 0, *, corrects: tuple[int, ...] = (), epoch: str = "e",
    tag: str = "churn_risk",
) -> rules.Change:  # fmt: skip
    """A change of customer c as the relay publishes it, read back."""
    at_ms = T0 + int(after_h * HOUR)
    made = Change(seq, tag, 1, old, new, [["f", 1]], at_ms, "orders/0", seq, corrects)
    return rules.read(changes.render(made, "c", seq, epoch, at_ms))


def told(known: Customer, *some: rules.Change, by: Rules = RULES) -> list[tuple[str, str, Any]]:
    """What changes bring: action, id and why of each alert."""
    out = []
    for one in some:
        for _, _, alert in by.decide(known, one).alerts:
            out.append((alert["action"], alert["id"], alert.get("why")))
    return out


def test_an_alert_is_raised_on_the_value_and_cancelled_on_leaving_it() -> None:
    known = Customer()
    first = change(1, None, "medium")
    (raised,) = told(known, first, change(2, "medium", "high", 1))
    assert raised == ("raised", rules.alert_id("test", "churn", change(2, "medium", "high", 1).id), None)
    assert [one.id for one in known.open] == [raised[1]]
    assert told(known, change(3, "high", "low", 2)) == [("cancelled", raised[1], "left")]
    assert known.open == []
    assert told(known, change(4, "low", None, 3)) == []


def test_a_correction_takes_the_alert_back_and_does_not_keep_the_next_one_quiet() -> None:
    known = Customer()
    (raised,) = told(known, change(1, None, "high"))
    assert told(known, change(2, "high", "low", 1, corrects=(1,))) == [("cancelled", raised[1], "corrected")]
    ((action, again, _),) = told(known, change(3, "low", "high", 2))
    assert action == "raised"
    assert again != raised[1]


def test_a_correction_to_another_value_of_the_rule_replaces_the_alert() -> None:
    both = Rules("test", "salt", {"churn": replace(HIGH, values=("high", "medium"))})
    known = Customer()
    (raised,) = told(known, change(1, None, "high"), by=both)
    assert told(known, change(2, "high", "medium", 1), by=both) == []  # still one to alert about
    cancelled, again = told(known, change(3, "medium", "high", 2, corrects=(1, 2)), by=both)
    assert cancelled == ("cancelled", raised[1], "corrected")
    assert again[0] == "raised"


def test_a_repeat_brings_nothing_and_a_gap_is_counted() -> None:
    known = Customer()
    told(known, change(1, None, "high"))
    repeat = RULES.decide(known, change(1, None, "high"))
    assert (repeat.alerts, repeat.counts) == ([], [("", "", "repeats")])
    gap = RULES.decide(known, change(5, "low", "high", 48))
    assert ("", "", "gaps") in gap.counts
    assert known.seq == 5


def test_whoever_begins_in_the_middle_has_no_gap() -> None:
    found = RULES.decide(Customer(), change(57, "low", "high"))
    assert [alert["action"] for _, _, alert in found.alerts] == ["raised"]
    assert found.counts == [("churn", "treatment", "raised")]


def test_a_rebuilt_deployment_numbers_anew_and_open_alerts_stay_one() -> None:
    known = Customer()
    told(known, change(1, None, "low"), change(2, "low", "high"))
    assert told(known, change(1, None, "high", 3, epoch="other")) == []  # it is open already
    assert known.seq == 1
    assert [one[0] for one in told(known, change(2, "high", None, 4, epoch="other"))] == ["cancelled"]


def test_cool_down_is_counted_by_the_time_of_the_changes_from_the_latest_alert_of_the_tag() -> None:
    known = Customer()
    assert len(told(known, change(1, None, "high"), change(2, "high", "low", 1))) == 2
    cooled = RULES.decide(known, change(3, "low", "high", 23.9))
    assert (cooled.alerts, cooled.counts) == ([], [("churn", "treatment", "cooled")])
    assert told(known, change(4, "high", "low", 23.95)) == []  # what was not raised is not taken back
    assert [one[0] for one in told(known, change(5, "low", "high", 24))] == ["raised"]


def test_a_rule_without_values_holds_while_the_tag_is_held() -> None:
    flag = Rules("test", "", {"cart": Rule("cart", "cart_abandoned")})
    known = Customer()
    found = told(known, change(1, None, True, tag="cart_abandoned"), by=flag)
    found += told(known, change(2, True, None, tag="cart_abandoned"), by=flag)
    assert [one[0] for one in found] == ["raised", "cancelled"]
    assert not Rule("n", "number", (1,)).holds(True)  # 1 is not true
    assert Rule("n", "number", (1,)).holds(1.0)


def test_a_rule_that_is_gone_takes_nothing_back_and_is_forgotten() -> None:
    known = Customer()
    told(known, change(1, None, "high"))
    assert told(known, change(2, "high", "low"), by=Rules("test", "salt", {})) == []
    assert known.open == []


def test_the_hold_out_arm_has_its_share_keeps_its_members_and_grows_by_inclusion() -> None:
    ids = [f"customer-{n}" for n in range(20_000)]
    small = {cid for cid in ids if rules.arm_of(cid, "s", 0.1) == rules.HOLDOUT}
    large = {cid for cid in ids if rules.arm_of(cid, "s", 0.3) == rules.HOLDOUT}
    assert small < large
    assert 0.09 < len(small) / len(ids) < 0.11
    other = {cid for cid in ids if rules.arm_of(cid, "t", 0.1) == rules.HOLDOUT}
    assert 0.005 < len(small & other) / len(ids) < 0.015  # another salt, another draw
    assert rules.arm_of("c", "s", 0.0) == rules.TREATMENT


def test_reading_again_from_any_point_decides_alike(seed: int) -> None:
    values = [rules.read(value) for value in history(random.Random(seed), 8, 60)]
    by = Rules("test", "salt", {"churn": replace(HIGH, holdout=0.3), "cart": Rule("cart", "cart_abandoned")})

    def all_of(stored: dict[str, bytes], some: list[rules.Change]) -> list[bytes]:
        out = []
        for one in some:
            known = rules.decode(stored.get(one.customer_id))
            out += [orjson.dumps(alert) for _, _, alert in by.decide(known, one).alerts]
            stored[one.customer_id] = rules.encode(known)
        return out

    whole = all_of({}, values)
    assert len(whole) > 50
    for cut in range(0, len(values), 37):
        stored: dict[str, bytes] = {}
        head = all_of(stored, values[:cut])
        kept = dict(stored)
        all_of(stored, values[cut : cut + 20])  # delivered, and the process dies before it is written down
        assert head + all_of(kept, values[cut:]) == whole


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"id":"x"}', b'{"id":"x","type":"t","data":[]}'])
def test_what_is_no_change_is_refused(value: bytes | None) -> None:
    with pytest.raises(rules.Unreadable):
        rules.read(value)


def test_what_is_remembered_carries_a_schema() -> None:
    blob = rules.encode(Customer(3, "x"))
    assert rules.decode(blob) == Customer(3, "x")
    for damaged in (b"\x02" + blob[1:], blob[:-1], b""):
        with pytest.raises(CodecError):
            rules.decode(damaged)
