"""The contract of `feedback`: what is accepted, and why the rest is refused."""

import random

import orjson
import pytest

from models.contract import REASONS, EventError
from models.feedback import KINDS, OUTCOMES, parse

GOOD = {
    "type": "feedback",
    "event_id": "f-1",
    "customer_id": "c-1",
    "ts": "2026-11-25T10:00:00Z",
    "kind": "alert_outcome",
    "alert_id": "a1",
    "outcome": "right",
}


def test_each_kind_asks_for_what_it_needs() -> None:
    found = parse(orjson.dumps(GOOD | {"tag": "ignored here"}))
    assert (found.kind, found.alert_id, found.outcome, found.rule, found.tag) == (
        "alert_outcome", "a1", "right", "", "",
    )  # fmt: skip
    assert found.ts_ms == 1_795_600_800_000
    tag = {name: GOOD[name] for name in ("type", "event_id", "customer_id", "ts")}
    assert parse(orjson.dumps(tag | {"kind": "tag_wrong", "tag": "vip"})).tag == "vip"
    assert parse(orjson.dumps(tag | {"kind": "recommendation_taken"})).kind == "recommendation_taken"
    assert parse(orjson.dumps(GOOD | {"rule": "churn_high", "ts": 1_795_600_800_000})).rule == "churn_high"


@pytest.mark.parametrize(
    ("change", "reason", "field"),
    [
        ({"type": "order"}, "type_mismatch", "type"),
        ({"event_id": ""}, "empty", "event_id"),
        ({"event_id": "x" * 129}, "too_long", "event_id"),
        ({"customer_id": "a\nb"}, "bad_characters", "customer_id"),
        ({"customer_id": 7}, "wrong_type", "customer_id"),
        ({"ts": None}, "missing_field", "ts"),
        ({"ts": True}, "wrong_type", "ts"),
        ({"ts": "yesterday"}, "bad_timestamp", "ts"),
        ({"ts": 5}, "out_of_range", "ts"),
        ({"kind": "praise"}, "out_of_range", "kind"),
        ({"alert_id": None}, "missing_field", "alert_id"),
        ({"outcome": "maybe"}, "out_of_range", "outcome"),
        ({"rule": "No Rule"}, "bad_characters", "rule"),
        ({"kind": "tag_right"}, "missing_field", "tag"),
        ({"kind": "tag_right", "tag": "VIP/x"}, "bad_characters", "tag"),
    ],
)
def test_the_first_broken_rule_is_named(change: dict[str, object], reason: str, field: str) -> None:
    with pytest.raises(EventError) as found:
        parse(orjson.dumps(GOOD | change))
    assert (found.value.reason, found.value.field) == (reason, field)


@pytest.mark.parametrize(
    ("value", "reason"),
    [(None, "null_value"), (b"{", "not_json"), (b"\xff", "not_json"), (b"[]", "not_object"),
     (b'"' + b"x" * 300_000 + b'"', "too_large"), (b"[" * 100_000, "not_json")],
)  # fmt: skip
def test_what_is_no_object_is_refused(value: bytes | None, reason: str) -> None:
    with pytest.raises(EventError) as found:
        parse(value)
    assert found.value.reason == reason


def test_no_bytes_raise_anything_else(seed: int) -> None:
    rng = random.Random(seed)
    whole = orjson.dumps(GOOD)
    reasons = set()
    for _ in range(5_000):
        broken = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            broken[rng.randrange(len(broken))] = rng.randrange(256)
        try:
            found = parse(bytes(broken))
        except EventError as error:
            reasons.add(error.reason)
        else:
            assert found.kind in KINDS
            assert found.outcome in (*OUTCOMES, "")
    assert {"not_json", "missing_field"} <= reasons <= REASONS.keys()
