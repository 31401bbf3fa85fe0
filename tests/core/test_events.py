import json
from collections import Counter
from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import orjson
import pytest
import xxhash
from good_events import FLOATS, GOOD, HEAD, JSON, TS_MS
from hostile import KINDS, hostile
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from models.contract import END_TS_MS, MAX_BYTES, MAX_DEPTH, MIN_TS_MS
from models.events import REASONS, Click, Control, Event, EventError, Item, Order, Payment, Service, parse
from models.money import minor
from models.rejection import explain

DAY_1, DAY_N = datetime(1990, 1, 3), datetime(2200, 12, 29)  # noqa: DTZ001  the offset is drawn


def read(kind: str, *, latest_ms: int | None = None, currency: str = "USD", **changes: object) -> Event:
    return parse(kind, json.dumps(GOOD[kind] | changes).encode(), latest_ms=latest_ms, currency=currency)


def order(**changes: object) -> Order:
    event = read("order", **changes)
    assert isinstance(event, Order)
    return event


def refusal(kind: str, value: bytes | None, latest_ms: int | None = None) -> tuple[str, str]:
    with pytest.raises(EventError) as caught:
        parse(kind, value, latest_ms=latest_ms)
    return caught.value.reason, caught.value.field


def refused(kind: str, *, latest_ms: int | None = None, **changes: object) -> tuple[str, str]:
    return refusal(kind, json.dumps(GOOD[kind] | changes).encode(), latest_ms)


def repeats(value: bytes) -> bool:
    found = False

    def visit(pairs: list[tuple[str, object]]) -> None:
        nonlocal found
        found |= len({name for name, _ in pairs}) < len(pairs)

    json.loads(value, object_pairs_hook=visit, parse_int=str)
    return found


def check_agreement(kind: str, value: bytes) -> None:
    """Nothing but EventError gets out, and both paths draw the same line."""
    because = explain(kind, value, TS_MS, "USD")
    try:
        event = parse(kind, value, latest_ms=TS_MS)
    except EventError as error:
        outcome = error
    else:
        assert because is None
        assert type(event.ts_ms) is int
        assert type(event.event_hash) is int
        for name in event.__struct_fields__:
            assert not name.endswith("_minor") or type(getattr(event, name)) in {int, type(None)}
        return
    if because is None:
        assert outcome.reason == "repeated_field"
        assert repeats(value)
    else:
        assert (because.reason, because.field) == (outcome.reason, outcome.field)


def test_an_order_carries_minor_units_and_hashes() -> None:
    assert order() == Order(
        kind="order", event_id="e-1", customer_id="c-1", ts_ms=TS_MS,
        event_hash=xxhash.xxh3_64_intdigest(b"e-1"),
        order_id="o-1", order_hash=xxhash.xxh3_64_intdigest(b"o-1"), status="paid", amount_minor=1234,
        currency="EUR", discount_minor=150, coupon_discount_minor=0, paid_minor=1200, channel="web",
        payment=[Payment("card", "12.34")], items=[Item("s", "c", 0.5, 2.0, "1.00", "b")],
    )  # fmt: skip


def test_the_other_kinds_carry_their_fields() -> None:
    click, service, control = read("click"), read("service"), read("control")
    assert isinstance(click, Click)
    assert (click.action, click.query, click.dwell_ms) == ("search", "咖啡", 5)
    assert (click.qty, click.price) == (2, "3.50")
    assert isinstance(service, Service)
    assert (service.action, service.refund_minor, service.sentiment) == ("refund", 999, -0.5)
    assert isinstance(control, Control)
    assert (control.attributes, control.consent) == (GOOD["control"]["attributes"], {"email": False})


def test_what_is_absent_or_null_is_unknown_and_never_zero() -> None:
    bare = HEAD | {"type": "order", "order_id": "o"}
    nulls = dict.fromkeys(set(GOOD["order"]) - set(bare))
    for value in (bare, nulls | bare):
        event = parse("order", orjson.dumps(value), latest_ms=None)
        assert isinstance(event, Order)
        assert (event.amount_minor, event.discount_minor, event.paid_minor) == (None, None, None)
        assert (event.currency, event.status, event.items) == (None, "placed", None)


def test_an_amount_without_a_currency_counts_in_the_deployment_s() -> None:
    assert order(currency=None, amount=1200).amount_minor == 120_000
    value = json.dumps(HEAD | {"type": "order", "order_id": "o", "amount": 1200}).encode()
    event = parse("order", value, latest_ms=None, currency="JPY")
    assert isinstance(event, Order)
    assert (event.amount_minor, event.currency) == (1200, None)


def test_an_unknown_action_and_unknown_fields_are_accepted() -> None:
    assert read("click", action="teleported", extra={"deep": [1e308]}) == read("click", action="teleported")


@pytest.mark.parametrize("forged", [1, "x", None, [1], {"a": 1}])
def test_derived_attributes_cannot_be_forged(forged: object) -> None:
    names = (
        "ts_ms",
        "event_hash",
        "order_hash",
        "amount_minor",
        "discount_minor",
        "paid_minor",
        "refund_minor",
    )
    for kind in KINDS:
        assert read(kind, **dict.fromkeys(names, forged)) == read(kind)


@given(st.datetimes(DAY_1, DAY_N), st.integers(-14 * 60, 14 * 60), st.booleans())
def test_a_timestamp_with_an_offset_is_its_instant_cut_to_the_millisecond(
    local: datetime, minutes: int, basic: bool
) -> None:
    moment = local.replace(tzinfo=timezone(timedelta(minutes=minutes)))
    text = moment.isoformat()
    expected = (moment - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(milliseconds=1)
    assert read("click", ts=text[:-3] + text[-2:] if basic else text).ts_ms == expected
    assert read("click", ts=expected).ts_ms == expected


@pytest.mark.parametrize(
    "ts", ["2024-03-05T12:34:56.789Z", "2024-03-05 12:34:56.789Z", "2024-03-05T13:34:56.7899999+01",
           "2024-03-05T12:34:56,789+0000"]
)  # fmt: skip
def test_the_accepted_spellings_of_one_instant(ts: str) -> None:
    assert read("click", ts=ts).ts_ms == TS_MS


@pytest.mark.parametrize(
    "ts", ["2024-W10-2T12:34:56Z", "2024-03-05T24:00:00Z", "2024-03-05T23:59:60Z", "20240305T123456Z"]
)
def test_other_spellings_of_a_time_are_refused(ts: str) -> None:
    assert refused("click", ts=ts) == ("bad_timestamp", "ts")


def test_time_limits() -> None:
    assert read("click", ts=MIN_TS_MS).ts_ms == MIN_TS_MS
    assert read("click", ts=END_TS_MS - 1).ts_ms == END_TS_MS - 1
    assert read("click", ts="1990-01-01T00:00Z").ts_ms == MIN_TS_MS
    assert refused("click", ts=MIN_TS_MS - 1) == refused("click", ts=END_TS_MS) == ("out_of_range", "ts")
    assert refused("click", ts="2201-01-01T00:00:00Z", latest_ms=TS_MS) == ("out_of_range", "ts")
    assert read("click", latest_ms=TS_MS).ts_ms == TS_MS
    assert refused("click", latest_ms=TS_MS - 1) == ("in_future", "ts")


@pytest.mark.parametrize(
    ("kind", "changes", "reason", "field"),
    [
        ("order", {"type": "click"}, "type_mismatch", "type"),
        ("order", {"type": None}, "missing_field", "type"),
        ("order", {"event_id": ""}, "empty", "event_id"),
        ("order", {"event_id": "é" * 129}, "too_long", "event_id"),
        ("order", {"event_id": 7}, "wrong_type", "event_id"),
        ("order", {"customer_id": "a\0b"}, "bad_characters", "customer_id"),
        ("order", {"customer_id": "a\u2028b"}, "bad_characters", "customer_id"),
        ("order", {"ts": 1.7e12}, "wrong_type", "ts"),
        ("order", {"ts": True}, "wrong_type", "ts"),
        ("order", {"ts": "2024-03-05T12:34:56"}, "bad_timestamp", "ts"),
        ("order", {"ts": "2024-03-05T12:34:56Z\0"}, "bad_timestamp", "ts"),
        ("order", {"ts": 10**400}, "out_of_range", "ts"),
        ("order", {"order_id": None}, "missing_field", "order_id"),
        ("order", {"status": "shipped"}, "bad_status", "status"),
        ("order", {"currency": "usd"}, "bad_currency", "currency"),
        ("order", {"currency": ""}, "bad_currency", "currency"),
        ("order", {"amount": -1}, "negative_amount", "amount"),
        ("order", {"amount": 1e300}, "amount_too_large", "amount"),
        ("order", {"amount": 10**400}, "amount_too_large", "amount"),
        ("order", {"amount": "twelve"}, "bad_amount", "amount"),
        ("order", {"amount": True}, "wrong_type", "amount"),
        ("order", {"paid": "-1"}, "negative_amount", "paid"),
        ("order", {"items": {}}, "wrong_type", "items"),
        ("order", {"items": [{"qty": -1}]}, "out_of_range", "items.qty"),
        ("order", {"items": [{}, {"price": -1}]}, "negative_amount", "items.price"),
        ("order", {"items": [{"price": 1e8}]}, "amount_too_large", "items.price"),
        ("order", {"items": [{"line_total": "9" * 12}]}, "amount_too_large", "items.line_total"),
        ("order", {"items": [{"brand": 7}]}, "wrong_type", "items.brand"),
        ("order", {"payment": [{"amount": []}]}, "wrong_type", "payment.amount"),
        ("click", {"action": None}, "missing_field", "action"),
        ("click", {"dwell_ms": "5"}, "wrong_type", "dwell_ms"),
        ("click", {"dwell_ms": 1e13}, "out_of_range", "dwell_ms"),
        ("click", {"qty": -1}, "out_of_range", "qty"),
        ("click", {"qty": 1e9 + 1}, "out_of_range", "qty"),
        ("click", {"qty": "2"}, "wrong_type", "qty"),
        ("click", {"price": -0.01}, "negative_amount", "price"),
        ("click", {"price": 1e8}, "amount_too_large", "price"),
        ("click", {"price": "1,5"}, "bad_amount", "price"),
        ("service", {"refund_amount": -1}, "negative_amount", "refund_amount"),
        ("control", {"attributes": []}, "wrong_type", "attributes"),
        ("control", {"attributes": {"n": 2**64}}, "out_of_range", "attributes"),
        ("control", {"attributes": None}, "missing_field", "attributes"),
        ("control", {"attributes": dict.fromkeys(map(str, range(65)))}, "too_many", "attributes"),
        ("control", {"attributes": {"a": 1, "": 2}}, "empty", "attributes"),
        ("control", {"attributes": {"é" * 65: 1}}, "too_long", "attributes"),
        ("control", {"attributes": {"a": "é" * 512}}, "too_long", "attributes"),
        ("control", {"attributes": {"a\u2028": 1}}, "bad_characters", "attributes"),
        ("control", {"attributes": {"scores.churn": 0.7}}, "bad_score", "attributes"),
        ("control", {"attributes": {"scores.": {"value": 1, "model": "m"}}}, "bad_score", "attributes"),
        (
            "control",
            {"attributes": {"scores.churn": {"value": True, "model": "m"}}},
            "bad_score",
            "attributes",
        ),
        (
            "control",
            {"attributes": {"scores.churn": {"value": "0.7", "model": "m"}}},
            "bad_score",
            "attributes",
        ),
        (
            "control",
            {"attributes": {"scores.churn": {"value": 1e16, "model": "m"}}},
            "bad_score",
            "attributes",
        ),
        ("control", {"attributes": {"scores.churn": {"value": 0.7}}}, "bad_score", "attributes"),
        ("control", {"attributes": {"scores.churn": {"value": 0.7, "model": ""}}}, "bad_score", "attributes"),
        (
            "control",
            {"attributes": {"scores.churn": {"value": 0.7, "model": "m", "at": "today"}}},
            "bad_score",
            "attributes",
        ),
        ("control", {"action": "consent", "consent": None}, "missing_field", "consent"),
        ("control", {"action": "consent", "consent": []}, "wrong_type", "consent"),
        ("control", {"action": "consent", "consent": {}}, "missing_field", "consent.status"),
        ("control", {"action": "consent", "consent": {"status": None}}, "missing_field", "consent.status"),
        ("control", {"action": "consent", "consent": {"status": "Given"}}, "bad_consent", "consent.status"),
        ("control", {"action": "consent", "consent": {"status": ["given"]}}, "bad_consent", "consent.status"),
        ("order", {"event_id": "", "ts": "?", "amount": -1}, "empty", "event_id"),
    ],
)
def test_each_broken_rule_has_its_code_and_field(kind: str, changes: Any, reason: str, field: str) -> None:
    assert refused(kind, **changes) == (reason, field)


def test_control_payloads_at_their_limits() -> None:
    most = {f"{n:064}": "x" * 1022 for n in range(64)}
    for attributes in ({}, {"a": None}, {"é" * 64: 1}, {"a b": "é" * 511}, most):
        event = read("control", attributes=attributes)
        assert isinstance(event, Control)
        assert event.attributes == attributes
    for status in ("given", "withdrawn"):
        event = read("control", action="consent", consent={"status": status, "by": "form 7"}, attributes=None)
        assert isinstance(event, Control)
        assert event.consent == {"status": status, "by": "form 7"}


def test_a_payload_that_its_action_does_not_name_is_unrestricted() -> None:
    wild = {"attributes": {"": "x" * 2_000}, "consent": {"status": 5}}
    for action in ("erase", "anything", "Consent"):
        assert isinstance(read("control", action=action, **wild), Control)
        assert isinstance(read("control", action=action, attributes=None, consent=None), Control)
    assert isinstance(read("control", consent={"status": 5}), Control)


def test_a_record_that_is_no_object_says_so() -> None:
    assert refusal("order", None) == ("null_value", "")
    assert refusal("order", b" " * (MAX_BYTES + 1)) == ("too_large", "")
    for value in (
        b"",
        b"{",
        b"[1",
        b"\x00",
        b"\xef\xbb\xbf{}",
        b'{"x":"\\ud800"}',
        b'{"x":"\xff"}',
        b'{"x":NaN}',
        b"{}{}",
    ):
        assert refusal("order", value) == ("not_json", "")
    for value in (b"null", b"[]", b"1", b'"{}"'):
        assert refusal("order", value) == ("not_object", "")


def test_depth_has_one_limit_whatever_the_callers_stack() -> None:
    def nested(depth: int) -> bytes:
        inner = b'{"a":[' * (depth // 2) + b"1" + b"]}" * (depth // 2)
        return orjson.dumps(GOOD["control"])[:-1] + b',"x":' + inner + b"}"

    def from_deep_stack(frames: int) -> Event:
        return (
            from_deep_stack(frames - 1) if frames else parse("control", nested(MAX_DEPTH - 2), latest_ms=None)
        )

    assert parse("control", nested(MAX_DEPTH - 2), latest_ms=None) == from_deep_stack(500)
    assert refusal("control", nested(MAX_DEPTH)) == ("too_deep", "")
    assert refusal("order", b"[" * 10_000) == refusal("order", b'{"a":' * 10_000) == ("too_deep", "")
    brackets_in_text = read("click", query='[{"\\' * 5_000)
    assert isinstance(brackets_in_text, Click)


def test_the_last_copy_of_a_repeated_field_counts_and_every_copy_must_be_valid() -> None:
    value = orjson.dumps(GOOD["click"])
    assert parse("click", b'{"event_id":"first",' + value[1:], latest_ms=None) == read("click")
    assert refusal("click", b'{"event_id":5,' + value[1:]) == ("repeated_field", "")


def test_every_accepted_price_converts_and_every_accepted_payload_can_be_written() -> None:
    event = order(items=[{"price": 99_999_999.999}, {"price": "00099999999.999"}])
    for item in event.items or ():
        assert item.price is not None
        assert all(minor(item.price, currency) for currency in ("JPY", "USD", "BHD", "CLF"))
    control = read("control", attributes={"n": 2**64 - 1})
    assert isinstance(control, Control)
    assert orjson.dumps(control.attributes)


def test_no_message_contains_anything_of_the_payload() -> None:
    for kind, value in hostile(5, 2_000):
        with pytest.raises(EventError) as caught:
            parse(kind, value, latest_ms=None)
        error = caught.value
        assert str(error) == (
            f"{REASONS[error.reason]}: {error.field}." if error.field else f"{REASONS[error.reason]}."
        )
        assert set(error.field) <= set("abcdefghijklmnopqrstuvwxyz_.")


def test_every_hostile_record_is_refused_with_a_reason() -> None:
    reasons = Counter(refusal(kind, value, TS_MS + 2**40)[0] for kind, value in hostile(1, 20_000))
    assert set(reasons) == set(REASONS) - {"in_future"}


@given(st.sampled_from(KINDS), st.binary(max_size=300))
def test_both_paths_agree_on_arbitrary_bytes(kind: str, value: bytes) -> None:
    check_agreement(kind, value)


@given(st.sampled_from(KINDS), JSON)
def test_both_paths_agree_on_arbitrary_json(kind: str, document: object) -> None:
    check_agreement(kind, json.dumps(document, allow_nan=False).encode())


@settings(max_examples=400)
@given(st.sampled_from(KINDS), st.data())
def test_both_paths_agree_on_good_records_with_changed_fields(kind: str, data: st.DataObject) -> None:
    fields = dict(GOOD[kind])
    names = st.sampled_from([*fields, "event_hash", "order_hash", "ts_ms", "unknown"])
    amounts = FLOATS | st.decimals(-10, 10**13, places=3).map(str) | st.integers()
    items = st.lists(
        st.dictionaries(
            st.sampled_from(["sku", "qty", "price", "line_total", "method", "amount"]), amounts | JSON
        )
    )
    texts = st.sampled_from(
        ["placed", "JPY", "order", "click", "1e3", "-0", "2024-03-05T12:00:00Z", "x" * 129]
    )
    fields |= data.draw(st.dictionaries(names, JSON | amounts | items | texts, max_size=3))
    for name in data.draw(st.sets(st.sampled_from([*fields]), max_size=1)):
        del fields[name]
    check_agreement(kind, json.dumps(fields).encode())


NAMES = st.sampled_from(["", "a", "b", "x" * 64, "x" * 65, "é" * 64, "a\0", "a\u202e"]) | st.text(max_size=3)
VALUES = JSON | st.integers(500, 1_100).map("x".__mul__) | st.sampled_from([2**64, "é" * 511, "é" * 512])


@settings(max_examples=400)
@given(
    st.sampled_from(["attributes", "consent", "erase"]) | JSON,
    JSON
    | st.dictionaries(NAMES, VALUES, max_size=3)
    | st.integers(63, 66).map(lambda n: {str(i): i for i in range(n)}),
    JSON | st.fixed_dictionaries({"status": st.sampled_from(["given", "withdrawn", "", None, 2**64]) | JSON}),
)
def test_both_paths_agree_on_control_payloads(action: object, attributes: object, consent: object) -> None:
    fields = GOOD["control"] | {"action": action, "attributes": attributes, "consent": consent}
    check_agreement("control", json.dumps(fields).encode())


@settings(max_examples=400)
@given(st.sampled_from(KINDS), st.data())
def test_both_paths_agree_on_good_records_with_changed_bytes(kind: str, data: st.DataObject) -> None:
    value = orjson.dumps(GOOD[kind])
    start = data.draw(st.integers(0, len(value)))
    end = data.draw(st.integers(start, min(len(value), start + 12)))
    pieces = st.sampled_from(
        [b"null", b"1e400", b"9" * 5_000, b'"\\ud800"', b'"a":1,"a":', b"\x00", b"[", b"}", b"-", b'"']
    )
    with_piece = value[:start] + data.draw(pieces | st.binary(max_size=4)) + value[end:]
    assume(with_piece != value)
    check_agreement(kind, with_piece)


def test_a_wrong_kind_is_a_bug_of_the_caller() -> None:
    with pytest.raises(KeyError):
        parse("orders", b"{}", latest_ms=None)
