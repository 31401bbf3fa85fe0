"""Records of other systems: bytes in, translated, parsed by the contract, fields out."""

import json
import tomllib
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.contract import MAX_BYTES
from models.events import Click, Control, Event, EventError, Order, Service, parse
from streams.sources import Adapters
from streams.topics import INPUT_KINDS, INPUT_TOPICS

EXAMPLE = Path(__file__).resolve().parents[2] / "deploy" / "examples" / "sources.toml"
EXAMPLES = Adapters(tomllib.loads(EXAMPLE.read_text("utf-8"))["sources"], "EUR")
SHOP: dict[str, Any] = {
    "uuid": "0b5e-1",
    "doc": {"kind": "order", "version": 3},
    "buyer": {"number": 4711, "name": "Ada"},
    "changed": 1_709_642_096,
    "number": 90_210,
    "state": "settled",
    "totals": {"gross": 12_345, "rebate": "99.5", "currency": "EUR"},
    "payment": {"method": "card"},
    "lines": [
        {"product": 17, "group": "Coffee", "maker": "Acme", "n": 2, "unit": 5_000},
        {"product": "B-2", "group": "Tea", "n": 0.5, "unit": "4690"},
    ],
}
HIT: dict[str, Any] = {
    "src": "tracker",
    "hit": "h-1",
    "visitor": {"login": "ada", "device": "phone"},
    "at": "2024-03-05T12:34:56.789Z",
    "what": "cart",
    "object": {"id": "B-2", "shelf": "Tea", "price": 4.69, "count": 3},
    "location": {"path": "/tea", "search": None},
    "utm": {"campaign": "spring"},
    "seconds": 2.5,
}
FIELDS = {name: name for name in ("event_id", "customer_id", "ts", "order_id", "amount", "currency")}
ROW = {"event_id": "e", "customer_id": "c", "ts": 1_709_642_096_789, "order_id": "o", "amount": 5}
SEGMENT = {
    "type": "track", "event": "Order Completed", "messageId": "m", "userId": "u",
    "timestamp": "2024-03-05T12:34:56.789Z", "properties": {"order_id": "o", "total": 12.5},
}  # fmt: skip


def adapters(**source: Any) -> Adapters:
    return Adapters({"s": {"topic": "orders", "fields": FIELDS, **source}})


def translated(sources: Adapters, topic: str, record: Any) -> dict[str, Any]:
    value = sources.translate(topic, json.dumps(record).encode())
    assert value is not None
    event: dict[str, Any] = orjson.loads(value)
    return event


def parsed(sources: Adapters, topic: str, record: Any) -> Event:
    value = sources.translate(topic, json.dumps(record).encode())
    assert value is not None
    return parse(INPUT_KINDS[topic], value, latest_ms=None)


def order(sources: Adapters, record: Any) -> Order:
    event = parsed(sources, "orders", record)
    assert isinstance(event, Order)
    return event


def refusal(sources: Adapters, topic: str, record: Any) -> tuple[str, str]:
    with pytest.raises(EventError) as caught:
        parsed(sources, topic, record)
    return caught.value.reason, caught.value.field


def test_the_example_shop_s_export_becomes_orders() -> None:
    event = order(EXAMPLES, SHOP)
    assert (event.event_id, event.customer_id, event.order_id) == ("0b5e-1", "4711", "90210")
    assert (event.ts_ms, event.status, event.channel) == (1_709_642_096_000, "paid", "web")
    assert (event.amount_minor, event.currency, event.payment) == (12_345, "EUR", "card")
    assert event.discount_minor == 100  # 99.5 cents, half to even
    assert event.items is not None
    assert [(i.sku, i.category, i.qty, i.price) for i in event.items] == [
        ("17", "Coffee", 2, "50.00"),
        ("B-2", "Tea", 0.5, "46.90"),
    ]
    assert translated(EXAMPLES, "orders", SHOP)["items"][0]["brand"] == "Acme"


def test_the_example_tracker_s_hits_become_clicks() -> None:
    event = parsed(EXAMPLES, "clicks", HIT)
    assert isinstance(event, Click)
    assert (event.event_id, event.customer_id, event.ts_ms) == ("h-1", "ada", 1_709_642_096_789)
    assert (event.action, event.sku, event.category) == ("add_to_cart", "B-2", "Tea")
    assert (event.page, event.query, event.campaign_id) == ("/tea", None, "spring")
    assert (event.channel, event.dwell_ms) == ("app", 2_500)
    raw = translated(EXAMPLES, "clicks", HIT)
    assert (raw["price"], raw["qty"]) == (4.69, 3)
    unknown = parsed(EXAMPLES, "clicks", {**HIT, "what": "scrolled"})
    assert isinstance(unknown, Click)
    assert unknown.action == "scrolled"


def test_the_example_names_every_key_and_every_example_is_used() -> None:
    text = EXAMPLE.read_text("utf-8")
    assert all(
        f"#   {key}" in text for key in ("topic", "match", "fields", "values", "const", "units", "minor")
    )
    assert {topic for topic in INPUT_TOPICS if EXAMPLES.translates(topic)} == {"orders", "clicks"}


def test_what_no_source_takes_is_left_as_it_is() -> None:
    contract = {**ROW, "type": "order"}
    assert EXAMPLES.translate("orders", orjson.dumps(contract)) is None
    assert EXAMPLES.translate("orders", orjson.dumps({**SHOP, "doc": {"kind": "return"}})) is None
    assert EXAMPLES.translate("orders", orjson.dumps({**SHOP, "doc": "order"})) is None
    assert EXAMPLES.translate("service", orjson.dumps(SHOP)) is None
    assert not Adapters({}).translates("orders")


@pytest.mark.parametrize(
    "value", [None, b"", b"{", b"[]", b"1", b"null", b"\xff", b'{"a":NaN}', b"{" * 10_000, b'"x"']
)
def test_what_is_no_object_is_left_to_the_contract(value: bytes | None) -> None:
    assert EXAMPLES.translate("orders", value) is None


def test_a_record_beyond_the_contract_s_size_is_left_to_it() -> None:
    value = orjson.dumps({**SHOP, "padding": "x" * MAX_BYTES})
    assert EXAMPLES.translate("orders", value) is None
    with pytest.raises(EventError) as caught:
        parse("order", value, latest_ms=None)
    assert caught.value.reason == "too_large"


def test_a_segment_message_needs_no_source() -> None:
    for sources in (Adapters({}), EXAMPLES):
        event = order(sources, SEGMENT)
        assert (event.customer_id, event.order_id, event.amount_minor) == ("u", "o", 1_250)
    identify = {**SEGMENT, "type": "identify", "traits": {"vip": True}}
    control = parsed(Adapters({}), "control", identify)
    assert isinstance(control, Control)
    assert control.attributes == {"vip": True}


def test_a_segment_message_on_another_kind_s_topic_is_refused_by_its_type() -> None:
    identify = {**SEGMENT, "type": "identify", "traits": {"vip": True}}
    assert translated(Adapters({}), "clicks", identify)["type"] == "control"
    assert refusal(Adapters({}), "clicks", identify) == ("type_mismatch", "type")
    assert refusal(EXAMPLES, "clicks", SEGMENT) == ("type_mismatch", "type")


def test_traits_too_deep_to_be_written_are_left_to_the_contract() -> None:
    deep = b'{"a":' * 300 + b"1" + b"}" * 300
    message = b'{"type":"identify","messageId":"m","userId":"u","traits":' + deep + b"}"
    assert Adapters({}).translate("control", message) is None


def test_the_first_source_that_matches_takes_the_record() -> None:
    def source(channel: str, **match: Any) -> dict[str, Any]:
        return {"topic": "orders", "fields": FIELDS, "const": {"channel": channel}, "match": match}

    sources = Adapters(
        {"a": source("a", x=1), "b": source("b", x=1, y=True), "c": source("c", y=True), "d": source("d")}
    )
    assert order(sources, {**ROW, "x": 1, "y": True}).channel == "a"
    assert order(sources, {**ROW, "x": "1", "y": True}).channel == "c"
    assert order(sources, {**ROW, "x": True, "y": 1}).channel == "d"


def test_match_reads_dots_quoted_or_not() -> None:
    for text in ('match = { "a.b" = 1 }', "match = { a.b = 1 }", "match.a.b = 1"):
        sources = adapters(**tomllib.loads(text))
        assert sources.translate("orders", orjson.dumps({**ROW, "a": {"b": 1}})) is not None
        assert sources.translate("orders", orjson.dumps({**ROW, "a": {"b": 2}})) is None
        assert sources.translate("orders", orjson.dumps({**ROW, "a.b": 1})) is None


@pytest.mark.parametrize(
    ("amount", "currency", "minor"),
    [
        (12_345, "EUR", 12_345),
        (0, "EUR", 0),
        (7, "EUR", 7),
        (12_345, "JPY", 12_345),
        (12_345, "BHD", 12_345),
        (5, "CLF", 5),
        ("0012345", "EUR", 12_345),
        (99.5, "EUR", 100),
        (98.5, "EUR", 98),
        ("0.1", "BHD", 0),
        (123_456_789_012, "EUR", 123_456_789_012),
        (90_071_992_547, "EUR", 90_071_992_547),
        (12_345, None, 12_345),  # the deployment's
    ],
)
def test_minor_units_come_through_exactly(amount: Any, currency: str | None, minor: int) -> None:
    sources = adapters(minor=["amount"])
    assert order(sources, {**ROW, "amount": amount, "currency": currency}).amount_minor == minor


@pytest.mark.parametrize(
    ("amount", "reason"),
    [
        (-1, "negative_amount"),
        (-0.5, "negative_amount"),
        ("-1", "negative_amount"),
        ("1e3", "bad_amount"),
        ("", "bad_amount"),
        ("9" * 41, "too_long"),
        (10**14 + 1, "amount_too_large"),
        (1e300, "amount_too_large"),
        (10**18, "amount_too_large"),
        (True, "wrong_type"),
        ([], "wrong_type"),
    ],
)
def test_minor_units_that_cannot_be_divided_are_refused(amount: Any, reason: str) -> None:
    assert refusal(adapters(minor=["amount"]), "orders", {**ROW, "amount": amount}) == (reason, "amount")


def test_minor_units_of_an_unknown_currency_are_never_taken_for_units() -> None:
    sources = adapters(minor=["amount"])
    assert refusal(sources, "orders", {**ROW, "currency": "euro"}) == ("bad_currency", "currency")
    assert "amount" not in translated(sources, "orders", {**ROW, "currency": "euro"})
    assert "amount" not in translated(sources, "orders", {**ROW, "currency": 978})
    renamed = adapters(minor=["amount"], values={"currency": {"978": "EUR"}})
    assert order(renamed, {**ROW, "currency": 978}).amount_minor == 5


def test_the_deployment_s_currency_counts_where_the_record_names_none() -> None:
    source = {"s": {"topic": "orders", "fields": FIELDS, "minor": ["amount"]}}
    assert translated(Adapters(source, "BHD"), "orders", ROW)["amount"] == "0.005"
    assert translated(Adapters(source, "JPY"), "orders", ROW)["amount"] == "5"


@pytest.mark.parametrize(
    ("unit", "ts", "ts_ms"),
    [
        ("s", 1_709_642_096, 1_709_642_096_000),
        ("s", 1_709_642_096.789, 1_709_642_096_789),
        ("s", "1709642096.7899", 1_709_642_096_789),
        ("s", "2024-03-05T12:34:56.789Z", 1_709_642_096_789),
        ("ms", "1709642096789", 1_709_642_096_789),
        ("ms", 1_709_642_096_789.6, 1_709_642_096_789),
        ("iso", "2024-03-05T13:34:56.789+01:00", 1_709_642_096_789),
    ],
)
def test_times_become_epoch_ms(unit: str, ts: Any, ts_ms: int) -> None:
    assert order(adapters(units={"ts": unit}), {**ROW, "ts": ts}).ts_ms == ts_ms


@pytest.mark.parametrize(
    ("ts", "reason"),
    [
        (1_709_642_096_789, "out_of_range"),  # milliseconds after all
        (-1, "out_of_range"),
        (10**15, "out_of_range"),
        (2**63, "out_of_range"),
        ("9" * 41, "bad_timestamp"),
        ("soon", "bad_timestamp"),
        (True, "wrong_type"),
        ({}, "wrong_type"),
    ],
)
def test_seconds_that_are_none_are_refused(ts: Any, reason: str) -> None:
    assert refusal(adapters(units={"ts": "s"}), "orders", {**ROW, "ts": ts}) == (reason, "ts")


def test_values_are_found_as_text_and_others_stay() -> None:
    sources = adapters(
        fields={**FIELDS, "status": "state"},
        values={"status": {"3": "paid", "true": "placed", "void": "cancelled"}},
    )
    assert [order(sources, {**ROW, "state": state}).status for state in (3, "3", True, "void", None)] == [
        "paid", "paid", "placed", "cancelled", "placed",
    ]  # fmt: skip
    assert refusal(sources, "orders", {**ROW, "state": "lost"}) == ("bad_status", "status")


def test_lists_are_read_by_path_or_field_by_field() -> None:
    fields = {
        **FIELDS,
        "items": "a.lines",
        "payment": {"path": "a.pays", "method": "how.name", "amount": "n"},
    }
    sources = adapters(fields=fields, minor=["items.price", "payment.amount"])
    record = {
        **ROW,
        "a": {"lines": [{"sku": "s", "price": 150}], "pays": [{"how": {"name": "card"}, "n": 99}]},
    }
    event = order(sources, record)
    assert event.items is not None
    assert isinstance(event.payment, list)
    assert (event.items[0].sku, event.items[0].price) == ("s", "1.50")
    assert (event.payment[0].method, event.payment[0].amount) == ("card", "0.99")
    assert refusal(sources, "orders", {**ROW, "a": {"lines": ["x"]}}) == ("wrong_type", "items")
    assert refusal(sources, "orders", {**ROW, "a": {"pays": [1]}}) == ("wrong_type", "payment")
    assert order(sources, {**ROW, "a": {"pays": "cash"}}).payment == "cash"
    assert order(sources, {**ROW, "a": 1}).items is None


def test_a_list_that_feeds_two_fields_is_divided_once_in_each() -> None:
    fields = {**FIELDS, "items": "lines", "payment": {"path": "lines", "amount": "line_total"}}
    sources = adapters(fields=fields, minor=["items.price", "items.line_total", "payment.amount"])
    event = translated(sources, "orders", {**ROW, "lines": [{"price": 150, "line_total": 300}]})
    assert event["items"] == [{"price": "1.50", "line_total": "3.00"}]
    assert event["payment"] == [{"amount": "3.00"}]
    both = adapters(fields={**FIELDS, "items": "l", "payment": "l"}, minor=["items.price", "payment.amount"])
    event = translated(both, "orders", {**ROW, "l": [{"price": 150, "amount": 200}]})
    assert event["items"] == [{"price": "1.50", "amount": 200}]
    assert event["payment"] == [{"price": 150, "amount": "2.00"}]


def test_service_events_are_mapped_too() -> None:
    source = {
        "topic": "service", "kind": "service", "const": {"action": "csat", "scale": 5},
        "minor": ["refund_amount"],
        "fields": {"event_id": "id", "customer_id": "who", "ts": "at", "score": "stars",
                   "refund_amount": "back"},
    }  # fmt: skip
    record = {"id": 7, "who": "c", "at": "2024-03-05T12:34:56Z", "stars": 4, "back": 150}
    event = parsed(Adapters({"desk": source}), "service", record)
    assert isinstance(event, Service)
    assert (event.event_id, event.action, event.score, event.scale) == ("7", "csat", 4, 5)
    assert event.refund_minor == 150


@pytest.mark.parametrize(
    ("source", "words"),
    [
        (1, "must be a table"),
        ({"topic": "order"}, "topic must be one of orders, clicks, service, control"),
        ({"topic": None}, "topic must be one of"),
        ({"feilds": {}}, "feilds is unknown; known: const, fields,"),
        ({"kind": "click"}, "kind must be 'order'"),
        ({"fields": {"event_id": "e"}}, "fields.customer_id is missing"),
        ({"fields": {k: k for k in ("event_id", "customer_id", "ts")}}, "fields.order_id is missing"),
        ({"fields": {**FIELDS, "amout": "x"}}, "fields.amout is unknown"),
        ({"fields": {**FIELDS, "type": "x"}}, "fields.type is unknown"),
        ({"fields": {**FIELDS, "order_hash": "x"}}, "fields.order_hash is unknown"),
        ({"fields": {**FIELDS, "action": "x"}}, "fields.action is unknown"),
        ({"fields": {**FIELDS, "ts": 1}}, "fields.ts must be a path"),
        ({"fields": {**FIELDS, "ts": "a..b"}}, "fields.ts must be a path"),
        ({"fields": {**FIELDS, "ts": ""}}, "fields.ts must be a path"),
        ({"fields": {**FIELDS, "items": {"sku": "x"}}}, "fields.items.path must be a path"),
        ({"fields": {**FIELDS, "items": {"path": "x", "size": "y"}}}, "fields.items.size is unknown"),
        ({"fields": []}, "fields must be a table"),
        ({"const": {"amount": 1}}, "const.amount is in fields already"),
        ({"fields": {**FIELDS} | {"event_id": "e"}, "const": {"chanel": "web"}}, "const.chanel is unknown"),
        (
            {"fields": {k: v for k, v in FIELDS.items() if k != "ts"}, "const": {"ts": 1}},
            "const.ts must come",
        ),
        ({"const": {"channel": 2**70}}, "const cannot be written as JSON"),
        ({"match": {"a": [1]}}, "match.a must be text, a number or a bool"),
        ({"match": {"a": {"b": []}}}, "match.a.b must be text"),
        ({"match": 1}, "match must be a table"),
        ({"values": {"state": {}}}, "values.state is unknown"),
        ({"values": {"status": 1}}, "values.status must be a table"),
        ({"units": {"amount": "ms"}}, "units.amount is unknown"),
        ({"units": {"ts": "us"}}, "units.ts must be one of ms, s, iso, not 'us'"),
        ({"minor": "amount"}, "minor must be a list of amounts"),
        ({"minor": ["refund_amount"]}, "minor.refund_amount is unknown"),
        ({"minor": ["items.qty"]}, "minor.items.qty is unknown"),
    ],
)
def test_a_wrong_source_is_one_sentence_that_names_it_and_the_key(source: Any, words: str) -> None:
    full = {"topic": "orders", "fields": FIELDS, **source} if isinstance(source, dict) else source
    with pytest.raises(ValueError, match=r"^source 'shop': ") as caught:
        Adapters({"shop": full})
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_source_that_is_never_reached_is_an_error() -> None:
    source = {"topic": "orders", "fields": FIELDS}
    with pytest.raises(ValueError, match="source 'b': never reached, 'a' without match takes all of orders"):
        Adapters({"a": source, "b": {**source, "match": {"x": 1}}})


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=8,
)
HEAD = {name: f"a.{name}" for name in ("event_id", "customer_id", "ts")}
ENTRY = {"path": "a.items", "sku": "sku", "price": "x.price"}
GREEDY = Adapters(
    {
        "o": {"topic": "orders",
              "fields": HEAD | {"order_id": "a.order_id", "amount": "a.amount", "items": ENTRY},
              "units": {"ts": "s"}, "minor": ["amount", "items.price"], "values": {"amount": {"1": "x"}}},
        "c": {"topic": "clicks", "fields": HEAD | {"action": "a.action", "dwell_ms": "a.amount"},
              "units": {"ts": "ms", "dwell_ms": "s"}, "values": {"action": {"true": "search"}}},
        "t": {"topic": "control", "fields": HEAD | {"action": "a.action", "attributes": "a"}},
    }
)  # fmt: skip
LEAVES = ("event_id", "customer_id", "ts", "order_id", "action", "amount", "items")
SHAPED = st.fixed_dictionaries(
    {}, optional={"type": st.sampled_from(["track", "page", "identify"]) | JSON, "event": JSON,
                  "properties": JSON, "traits": JSON,
                  "a": st.fixed_dictionaries({}, optional=dict.fromkeys(LEAVES, JSON)) | JSON}
)  # fmt: skip


@given(st.binary(max_size=200) | (SHAPED | JSON).map(lambda record: json.dumps(record).encode()))
def test_nothing_is_raised_whatever_the_bytes(value: bytes) -> None:
    for sources in (GREEDY, EXAMPLES):
        for topic, kind in INPUT_KINDS.items():
            found = sources.translate(topic, value)
            with suppress(EventError):
                parse(kind, value if found is None else found, latest_ms=None)
