"""Customers to export, without a store: their states, and the documents that should come of them."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
from builders import DAY, T0, arrive, control, order

from models import codec, document, step
from models.state import State
from models.view import View
from streams import keys
from streams.config import Config
from streams.export.run import Export, Shape
from streams.local.synthetic import synthetic

SHIPPED = Config().rules()
AT_MS = T0 + 400 * DAY
Doc = dict[str, Any]


class FakeStore:
    """States of customers, as much of a client as an export uses; fails after so many round trips."""

    def __init__(self, states: dict[str, bytes], fails_after: int = 1 << 60) -> None:
        self.states, self.left = states, fails_after
        self._asked: list[str] = []

    def scan_iter(self, *_: Any, **__: Any) -> Iterator[bytes]:
        some = [keys.profile(keys.bucket(cid, 64), cid).encode() for cid in self.states]
        return iter([*some, *some[::3]])  # SCAN may name a key twice

    def pipeline(self, **_: Any) -> "FakeStore":
        return self

    def hget(self, key: str, _: str) -> None:
        self._asked.append(keys.customer(key.encode()))

    def execute(self) -> list[bytes]:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError
        asked, self._asked = self._asked, []
        return [self.states[cid] for cid in asked]


def folded(events: list[Doc], rules: Any = SHIPPED) -> bytes:
    state = State()
    step.on_events(state, list(arrive(events)), rules, live=False)
    return codec.encode(state)


def population(seed: int, customers: int, events: int) -> dict[str, bytes]:
    by: dict[str, list[Doc]] = {}
    for event in synthetic(seed, customers, events, T0, T0 + 300 * DAY):
        by.setdefault(event["customer_id"], []).append(event)
    by["=1+1"] = [order("o1", T0, 5)]
    by['quote" ,'] = [order("o2", T0, 5), control(T0 + 1, "consent", consent={"status": "withdrawn"})]
    return {cid: folded(own) for cid, own in by.items()}


def documents(states: dict[str, bytes]) -> list[Doc]:
    out = []
    for cid in sorted(states):
        state = codec.decode(states[cid])
        step.on_wake(state, AT_MS, SHIPPED)
        doc = document.document(View(state, AT_MS, SHIPPED), cid, AT_MS)
        out.append(orjson.loads(orjson.dumps(doc)))
    return out


def written(states: dict[str, bytes], out: Path, *shape: Any) -> Path:
    count = Export(FakeStore(states), 64, SHIPPED, Shape(*shape)).write(out, AT_MS, AT_MS)
    assert count == len(states)
    assert [path.name for path in out.parent.iterdir()] == [out.name]  # nothing is left beside it
    return out
