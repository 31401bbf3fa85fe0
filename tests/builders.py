"""Events, arrivals and evaluated documents for the tests: the short way from a line of facts to a profile."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import count
from typing import Any, NamedTuple

import orjson

from models import codec, document, step
from models.announcing import Change
from models.catalogue.load import load
from models.engagement import SEEN_MOST
from models.events import Event, parse
from models.rules import Rules
from models.state import State
from models.step import Arrival
from models.view import View
from streams.oracle import event_time_ms

DAY = 86_400_000
HOUR = 3_600_000
T0 = 1_700_006_400_000  # 2023-11-15T00:00:00Z, a midnight
# Six plain tags for tests of what is not about tags; the shipped catalogue has tests of its own.
TAGS = """
[tags.lifecycle]
kind = "category"
value = "lifecycle.stage"
because = ["rfm.frequency", "rfm.last_order_at", "lifecycle.threshold_days"]
[tags.rfm_segment]
kind = "category"
value = "rfm.segment"
because = ["rfm.r", "rfm.f", "rfm.m"]
[tags.active_30d]
enter = "since(last_active_at) < 30d"
members = true
[tags.high_value]
enter = "rfm.net_minor >= 50_000"
[tags.cart_abandoned]
enter = 'journey.cart.state == "abandoned"'
[tags.browse_abandoned]
enter = 'journey.abandoned == "browse"'
"""
CATALOGUE = load(TAGS)
RULES = Rules(catalogue=CATALOGUE)
TOPIC = {"order": "orders", "click": "clicks", "service": "service", "control": "control"}
_ids = count(1)


def order(order_id: str, ts: int, amount: float | None = None, **more: Any) -> dict[str, Any]:
    """An order event of customer `c` with an event id of its own."""
    known = {} if amount is None else {"amount": amount}
    return _event("order", ts, {"order_id": order_id, **known, **more})


def click(ts: int, action: str = "page_view", **more: Any) -> dict[str, Any]:
    """A click of customer `c`."""
    return _event("click", ts, {"action": action, **more})


def service(ts: int, action: str = "complaint", **more: Any) -> dict[str, Any]:
    """A service event of customer `c`."""
    return _event("service", ts, {"action": action, **more})


def control(ts: int, action: str = "attributes", **more: Any) -> dict[str, Any]:
    """A control event of customer `c`."""
    facts = {"attributes": {}} if action == "attributes" else {}
    return _event("control", ts, {"action": action, **facts, **more})


def _event(kind: str, ts: int, fields: dict[str, Any]) -> dict[str, Any]:
    return {"event_id": f"e{next(_ids)}", "type": kind, "customer_id": "c", "ts": ts, **fields}


def parsed(event: dict[str, Any]) -> Event:
    """The event as the intake makes it."""
    return parse(event["type"], orjson.dumps(event), latest_ms=None)


def arrive(events: Iterable[dict[str, Any]], mark_ms: int | None = None) -> Iterator[Arrival]:
    """Arrivals in the order given; offsets count up within each topic.

    Args:
        events: what arrives.
        mark_ms: the mark of each; None = its own event time, as with the event clock.
    """
    offsets = Counter[str]()
    for event in events:
        source = f"{TOPIC[event['type']]}/0"
        ts_ms = event_time_ms(event["ts"])
        yield Arrival(parsed(event), source, offsets[source], ts_ms if mark_ms is None else mark_ms)
        offsets[source] += 1


def told_apart(arriving: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Without the copies of clicks that come when their original is forgotten: those count again."""
    ids: list[str] = []
    out: list[dict[str, Any]] = []
    for event in arriving:
        if event["type"] == "click" and event["event_id"] not in ids[-SEEN_MOST:]:
            if event["event_id"] in ids:
                continue
            ids.append(event["event_id"])
        out.append(event)
    return out


class Rec(NamedTuple):
    """A record as a Kafka client hands it out."""

    offset: int
    timestamp: int
    value: bytes | None


def records(events: Sequence[dict[str, Any]], first: int = 0, timestamp: int | None = None) -> list[Rec]:
    """Records of these events from an offset on, appended at a given instant or at their own."""
    return [
        Rec(first + n, event["ts"] if timestamp is None else timestamp, orjson.dumps(event))
        for n, event in enumerate(events)
    ]


def fold(
    events: Iterable[dict[str, Any]], rules: Rules = RULES, *, live: bool = False, mark_ms: int | None = None
) -> tuple[State, list[Change]]:
    """State and changes of one customer's events, applied in one go."""
    state = State()
    return state, step.on_events(state, list(arrive(events, mark_ms)), rules, live=live).changes


def copy(state: State) -> State:
    """A state of its own, by way of the stored form."""
    return codec.decode(codec.encode(state))


def document_at(state: State, at_ms: int, rules: Rules = RULES) -> dict[str, Any]:
    """The document evaluated at an instant; the state is left alone."""
    state = copy(state)
    step.on_wake(state, at_ms, rules)
    return document.document(View(state, max(at_ms, state.as_of_ms), rules), "c", 0)


def facts_at(state: State, at_ms: int, rules: Rules = RULES) -> dict[str, Any]:
    """The evaluated document without what depends on the path: version and every `since`."""
    doc = document_at(state, at_ms, rules)
    del doc["version"], doc["updated_at"]
    doc["lifecycle"].pop("since", None)
    for tag in doc["tags"].values():
        del tag["since"], tag["cause"]
    return doc


def tags_of(text: str, revision: int = 0) -> Rules:
    """Rules with the tags of a catalogue's text."""
    return Rules(catalogue=load(text, revision))


def told(changes: Sequence[Change]) -> list[tuple[str, Any, Any, int]]:
    """Tag, old value, new value and instant of each change."""
    return [(change.tag, change.old, change.new, change.at_ms) for change in changes]


class OneCustomer:
    """A client that knows one document."""

    def __init__(self, doc: bytes) -> None:
        self._doc = doc

    def hgetall(self, key: str) -> dict[bytes, bytes]:
        return {}

    def hget(self, key: str, field: str) -> bytes | None:
        return self._doc if ":c" in str(key) else None
