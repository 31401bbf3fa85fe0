"""Sets of members of a tag that is held already, once a catalogue asks for them."""

import asyncio
import time
from dataclasses import replace

import orjson

from models.events import parse
from models.step import Arrival
from streams import catalogues
from streams.config import Config
from streams.folding import Folding
from streams.store.contract import Stored
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
