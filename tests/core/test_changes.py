from typing import Any

import orjson
import pytest
from builders import T0

from models.announcing import Change
from models.changes import change_id, render

ENTERED, LEFT, CHANGED = (f"profilestream.tag.{what}" for what in ("entered", "left", "changed"))


def change(**fields: Any) -> Change:
    usual = Change(4, "lifecycle", 1, None, "new", {"orders": 1}, T0, "orders/3", 17)
    return usual._replace(**fields)


def rendered(**fields: Any) -> dict[str, Any]:
    out: dict[str, Any] = orjson.loads(render(change(**fields), "c", 9, "epoch", T0 + 5))
    return out


def test_a_change_carries_the_attributes_that_cloudevents_requires() -> None:
    event = rendered()
    assert event["specversion"] == "1.0"
    for name in ("id", "source", "type"):
        assert isinstance(event[name], str)
        assert event[name]
    assert event["subject"] == "c"
    assert event["time"] == "2023-11-15T00:00:00.000Z"
    assert event["datacontenttype"] == "application/json"
    assert all(name.isascii() and name.islower() and name.isalnum() for name in event)


def test_the_data_by_hand() -> None:
    assert rendered()["data"] == {
        "customer_id": "c", "tag": "lifecycle", "seq": 4, "old": None, "new": "new", "rule": "lifecycle",
        "rule_version": 1, "reason": {"orders": 1},
        "cause": {"topic": "orders", "partition": 3, "offset": 17},
        "profile_version": 9, "effective_at": "2023-11-15T00:00:00.000Z",
        "known_at": "2023-11-15T00:00:00.005Z",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new", "kind"),
    [
        (None, True, ENTERED),
        (None, "new", ENTERED),
        (True, None, LEFT),
        ("new", None, LEFT),
        ("new", "lost", CHANGED),
    ],
)
def test_the_type_says_entered_left_or_changed(old: Any, new: Any, kind: str) -> None:
    event = rendered(old=old, new=new)
    assert (event["type"], event["data"]["old"], event["data"]["new"]) == (kind, old, new)


def test_a_timer_is_named_by_its_due_instant() -> None:
    assert rendered(source="", offset=T0 + 1)["data"]["cause"] == {"timer": "2023-11-15T00:00:00.001Z"}


def test_a_recreated_topic_is_named_without_its_epoch() -> None:
    cause = rendered(source="orders/3@2")["data"]["cause"]
    assert cause == {"topic": "orders", "partition": 3, "offset": 17}


def test_the_id_is_fixed_by_epoch_customer_and_seq_alone() -> None:
    known = change_id("e", "c", 1)  # printf 'e\nc\n1' | sha256sum
    assert known == "273035ba6f59de32bb12f6ebed31d0d1"
    later = orjson.loads(render(change(seq=1, new="lost", at_ms=T0 + 7), "c", 77, "e", T0 + 999))
    assert later["id"] == known


def test_another_epoch_customer_or_seq_has_another_id() -> None:
    parts = [
        (epoch, customer, seq) for epoch in ("e", "f") for customer in ("c", "c1", "客") for seq in (1, 11, 2)
    ]
    ids = {change_id(*part) for part in parts}
    assert len(ids) == len(parts)
    assert all(len(one) == 32 and set(one) <= set("0123456789abcdef") for one in ids)


def test_a_change_is_one_line() -> None:
    wild = render(change(new="a\nb", because={"x": "\n"}), "c\nd", 1, "e", T0)
    assert b"\n" not in wild  # the store keeps the changes of a step as lines


def test_a_change_carries_a_trace_context_beside_its_data_where_there_is_one() -> None:
    text = f"00-{7:032x}-{9:016x}-01"
    traced = orjson.loads(render(change(), "c", 9, "epoch", T0 + 5, text))
    assert traced == rendered() | {"traceparent": text}
    assert traced["data"] == rendered()["data"]


def test_a_correction_names_the_changes_that_it_takes_back() -> None:
    event = rendered(seq=9, old="at_risk", new="active", corrects=(8, 7))
    assert event["type"] == "profilestream.tag.corrected"
    assert event["data"]["corrects"] == [change_id("epoch", "c", 8), change_id("epoch", "c", 7)]
    assert "corrects" not in rendered()["data"]
