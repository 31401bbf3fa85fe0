"""Records in foreign words become events of the contract; what privacy forbids never gets further."""

from typing import Any

import orjson
import pytest
from builders import T0, control, order

from models.events import Click, Control, EventError, Order
from streams.config import Config, ConfigError
from streams.decoding import Decoding
from streams.local.load import routed, rows
from streams.recorded import Facts
from streams.settings import load

SOURCES = {
    "shop": {
        "topic": "orders",
        "match": {"doc": "sale"},
        "fields": {
            "event_id": "id",
            "customer_id": "buyer.no",
            "ts": "sold_at",
            "order_id": "no",
            "amount": "cents",
        },
        "units": {"ts": "s"},
        "minor": ["amount"],
        "const": {"status": "paid"},
    }
}
SALE = {"doc": "sale", "id": 7, "buyer": {"no": 42}, "sold_at": 1_700_000_000, "no": "A-1", "cents": 1995}
TRACK = {
    "type": "track",
    "event": "Product Added",
    "messageId": "m-1",
    "userId": "u-1",
    "timestamp": "2024-01-02T03:04:05.678Z",
    "properties": {"sku": "tea-500", "category": "tea", "price": 9.5, "quantity": 2},
}
SECRET = {"privacy": {"email": "hmac", "phone": "mask", "note": "drop"}, "privacy_key": "k" * 16}


def read(config: Config, topic: str, record: Any) -> Any:
    return Decoding(config).event(topic, orjson.dumps(record), None)


def test_a_mapped_record_becomes_an_order_and_others_on_its_topic_stay_what_they_are() -> None:
    config = Config(sources=SOURCES)
    found = read(config, "orders", SALE)
    assert isinstance(found, Order)
    assert (found.customer_id, found.order_id, found.status) == ("42", "A-1", "paid")
    assert (found.amount_minor, found.ts_ms) == (1995, 1_700_000_000_000)
    own = read(config, "orders", order("o", T0, 5))
    assert (own.order_id, own.amount_minor) == ("o", 500)
    with pytest.raises(EventError, match="absent"):
        read(config, "orders", {**SALE, "doc": "quote"})


def test_a_segment_message_is_understood_without_any_setting() -> None:
    found = read(Config(), "clicks", TRACK)
    assert isinstance(found, Click)
    assert (found.action, found.sku, found.qty, found.customer_id) == ("add_to_cart", "tea-500", 2, "u-1")
    with pytest.raises(EventError, match="does not belong on this topic"):
        read(Config(), "orders", TRACK)


@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b'{"type":"track"}', b"\xff"])
def test_what_nobody_understands_is_refused_for_the_contracts_reason(value: bytes | None) -> None:
    with pytest.raises(EventError) as plain:
        Decoding(Config()).event("clicks", value, None)
    with pytest.raises(EventError) as mapped:
        Decoding(Config(sources=SOURCES)).event("orders", value, None)
    assert plain.value.reason
    assert mapped.value.reason


def test_private_attributes_are_disguised_before_anyone_sees_them() -> None:
    facts = {"email": "ann@example.org", "phone": "+49 170 1234567", "note": "rude", "city": "Bonn"}
    found = read(Config(**SECRET), "control", control(T0, attributes=facts))
    assert isinstance(found, Control)
    assert found.attributes is not None
    assert found.attributes.keys() == {"email", "phone", "city"}
    assert found.attributes["email"].startswith("hmac:")
    assert (found.attributes["phone"], found.attributes["city"]) == ("****67", "Bonn")


def test_verification_reads_what_the_worker_reads() -> None:
    config = Config(sources=SOURCES, **SECRET)
    facts, decoding = Facts(), Decoding(config)
    secret = control(T0, attributes={"email": "ann@example.org"}) | {"customer_id": "42"}
    for number, (topic, record) in enumerate([("orders", SALE), ("control", secret), ("clicks", TRACK)]):
        facts.add(topic, topic, orjson.dumps(record), decoding, (f"{topic}/0", number))
    bought, told = (fact.event for fact in facts.by_customer["42"])
    assert (bought["amount"], bought["order_id"]) == ("19.95", "A-1")
    assert "ann" not in str(told)
    assert [fact.event["action"] for fact in facts.by_customer["u-1"]] == ["add_to_cart"]
    assert facts.refused == 0


def test_a_file_of_segment_messages_goes_to_the_topics_of_their_kinds() -> None:
    assert routed(dict(TRACK))[0] == "clicks"
    done = TRACK | {"event": "Order Completed", "properties": {"order_id": "o", "total": 5}}
    lines = [orjson.dumps(TRACK), orjson.dumps(done), b'{"type":"nonsense"}']
    found = list(rows(lines, lambda event: True))
    assert [(topic, key) for topic, key, _ in found] == [
        ("clicks", b"u-1"),
        ("orders", b"u-1"),
        ("orders", b""),
    ]


def test_wrong_tables_are_one_sentence_for_every_command() -> None:
    for variable, text in (
        ("SOURCES", '{"shop": {"topic": "nowhere"}}'),
        ("PRIVACY", '{"email": "hmac"}'),
        ("RATES", '{"USD": {"2024-01-01": 1}}'),
        ("HOLIDAYS", "13-45"),
    ):
        with pytest.raises(ConfigError) as caught:
            load(environ={f"PROFILESTREAM_{variable}": text})
        assert "\n" not in str(caught.value)
