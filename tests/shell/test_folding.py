"""Sets of members of a tag that is held already, once a catalogue asks for them."""

import asyncio
import time
from dataclasses import replace
from typing import Any

import orjson
import pytest
from builders import DAY, RULES, T0, arrive, click, control, order

from models import codec
from models.events import parse
from models.step import Arrival
from streams import catalogues
from streams.config import Config
from streams.folding import Folding
from streams.store.contract import Stored, Write
from streams.store.memory import MemoryStore

KEPT = 'enter = "since(last_active_at) < 30d"\nmembers = true'


def test_a_set_that_is_new_is_joined_by_those_who_hold_its_tag() -> None:
    shipped = Config().rules()
    text = shipped.catalogue.text
    assert KEPT in text
    without = replace(
        shipped, catalogue=catalogues.compiled(text.replace(KEPT, KEPT.split("\n", maxsplit=1)[0]))
    )
    store = MemoryStore(64)
    folding = Folding(store, without, live=True)
    asyncio.run(folding.refresh())
    now_ms = int(time.time() * 1000)
    raw = {"type": "order", "event_id": "e", "customer_id": "c", "ts": now_ms, "order_id": "o", "amount": 5}
    event = parse("order", orjson.dumps(raw), latest_ms=None)
    first = folding.on_events("c", Stored(b"", b""), [Arrival(event, "orders/0", 0, now_ms)], now_ms)
    assert first is not None
    assert ("active_30d", True) not in first.members
    asyncio.run(store.apply(text, folding.revision, now_ms, ()))
    asyncio.run(folding.refresh())
    second = folding.on_wake("c", Stored(first.token, first.state), now_ms, now_ms)
    assert second is not None
    assert ("active_30d", True) in second.members


WITHDRAWN = control(T0 + DAY, "consent", consent={"status": "withdrawn"})


def write_of(stored: Stored, *events: dict[str, Any], first: int = 0) -> Write | None:
    folding = Folding(MemoryStore(64), RULES, live=False)
    arrivals = [one._replace(offset=one.offset + first) for one in arrive(events)]
    return folding.on_events("c", stored, arrivals, T0)


def test_a_withdrawal_empties_what_is_stored_and_takes_the_tags_back() -> None:
    first = write_of(Stored(b"", b""), order("o", T0, 5), click(T0 + 1))
    assert first is not None
    second = write_of(Stored(first.token, first.state), WITHDRAWN)
    assert second is not None
    doc = orjson.loads(second.doc)
    assert (doc["tags"], doc["consent"]["status"], "first_seen_at" in doc) == ({}, "withdrawn", False)
    assert {orjson.loads(one)["type"] for one in second.changes} == {"profilestream.tag.left"}
    assert (second.history, second.wake_ms) == (None, 0)


@pytest.mark.parametrize(
    "event", [WITHDRAWN, control(T0, "consent", consent={"status": "given"}),
              control(T0, attributes={"city": "Riga"})],
)  # fmt: skip
def test_consent_and_attributes_make_a_customer_known_before_any_other_event(event: dict[str, Any]) -> None:
    write = write_of(Stored(b"", b""), event)
    assert write is not None
    state = codec.decode(write.state)
    assert (state.consent is not None) is (event["action"] == "consent")
    later = write_of(Stored(write.token, write.state), order("o", T0 + 2 * DAY, 5))
    assert later is not None
    assert codec.decode(later.state).orders.n == (0 if event is WITHDRAWN else 1)


def test_what_says_nothing_makes_no_customer() -> None:
    assert write_of(Stored(b"", b""), control(T0, "identify")) is None


def test_a_withdrawal_and_a_new_consent_in_one_batch_empty_the_history() -> None:
    first = write_of(Stored(b"", b""), order("o", T0, 5))
    assert first is not None
    assert first.history
    given = control(T0 + 2 * DAY, "consent", consent={"status": "given"})
    second = write_of(Stored(first.token, first.state), given, WITHDRAWN)
    assert second is not None
    assert codec.decode(second.state).consent is not None
    assert not codec.decode(second.state).withdrawn
    assert second.history is None
