"""Another catalogue comes into force: no write under the old one, and nobody is left behind."""

from collections.abc import Sequence
from typing import Any

import orjson
import pytest
from builders import DAY, T0, arrive, click, order, tags_of

from models import codec
from models.catalogue.load import load
from models.state import State
from streams import pace
from streams import sweeper as module
from streams.intake import Ready
from streams.keys import bucket
from streams.processor import Processor
from streams.store.contract import StoreUnfit, Unavailable
from streams.store.memory import MemoryStore
from streams.sweeper import Sweeper

OLD = """
[tags.buyer]
enter = "rfm.frequency >= 1"
members = true
[tags.gone]
enter = "rfm.frequency >= 1"
"""
NEW = "[tags.buyer]\nversion = 2\nenter = 'rfm.frequency >= 2'\nmembers = true"
CUSTOMERS = 90


class Clockwork:
    """What a sweeper asks of the timers."""

    def __init__(self, buckets: range, now_ms: int = T0 + DAY) -> None:
        self.buckets, self.now_ms = list(buckets), now_ms


async def nothing(_: object) -> None:
    """No dead letters here."""


def processor(store: MemoryStore) -> Processor:
    return Processor(store, tags_of(OLD), live=False, dead_letter=nothing, cache_size=1_000)


def ready(*events: dict[str, Any], first: int = 0) -> Ready:
    arrivals = {}
    for event, arrival in zip(events, arrive(events), strict=True):
        moved = arrival._replace(offset=arrival.offset + first)
        arrivals.setdefault(event["customer_id"], []).append(moved)
    return Ready(arrivals, [], {})


async def filled() -> tuple[MemoryStore, Processor]:
    """A store in which every third customer bought twice, under the first catalogue."""
    store = MemoryStore(4)
    first = processor(store)
    await first.folding.refresh()
    for n in range(CUSTOMERS):
        events = [order(f"o{i}", T0 + i, 5) | {"customer_id": f"c{n}"} for i in range(2 if n % 3 == 0 else 1)]
        await first.apply(ready(*events), lambda: True)
    assert (first.folding.revision, (await store.in_force()).text) == (1, OLD)
    return store, first


def state(store: MemoryStore, cid: str) -> State:
    return codec.decode(store.profiles[cid].state)


def changes(store: MemoryStore) -> list[dict[str, Any]]:
    entries = [entry for some in store.entries.values() for entry in some]
    return [orjson.loads(change)["data"] for entry in entries for change in entry.changes]


def holders(store: MemoryStore, name: str) -> set[str]:
    return {cid for (_, set_name), ids in store.members.items() if set_name == name for cid in ids}


async def test_a_sweep_judges_everyone_once_and_says_why() -> None:
    store, one = await filled()
    await store.apply(NEW, 1, 7, ["gone"])
    sweeper = Sweeper(store, one, Clockwork(range(4)), per_s=100_000)
    assert await sweeper.look()
    states = [state(store, f"c{n}") for n in range(CUSTOMERS)]
    assert {found.revision for found in states} == {2}
    buyers = [["buyer"] if n % 3 == 0 else [] for n in range(CUSTOMERS)]
    assert [sorted(found.tags) for found in states] == buyers
    caused = [data for data in changes(store) if data["cause"] == {"catalogue": 2}]
    assert len(caused) == CUSTOMERS + CUSTOMERS * 2 // 3
    told = {(data["tag"], data["rule_version"], data["new"]) for data in caused}
    assert told == {("gone", 0, None), ("buyer", 2, None)}
    assert holders(store, "buyer") == {f"c{n}" for n in range(0, CUSTOMERS, 3)}
    versions = [found.version for found in states]
    assert not await sweeper.look()
    assert [state(store, f"c{n}").version for n in range(CUSTOMERS)] == versions


async def test_a_worker_that_knows_only_the_old_catalogue_writes_nothing_under_it() -> None:
    store, slow = await filled()
    await store.apply(NEW, 1, 7, ())
    await slow.apply(ready(order("new", T0 + DAY, 5) | {"customer_id": "c1"}, first=9), lambda: True)
    assert slow.folding.revision == 2
    found = state(store, "c1")
    assert (found.revision, sorted(found.tags)) == (2, ["buyer"])
    mine = [(d["tag"], d["new"], *d["cause"]) for d in changes(store) if d["customer_id"] == "c1"]
    assert mine[2:] == [
        ("gone", None, "catalogue"),
        ("buyer", None, "catalogue"),
        ("buyer", True, "topic", "partition", "offset"),
    ]


async def test_who_comes_in_during_the_sweep_is_not_judged_twice() -> None:
    store, one = await filled()
    await store.apply(NEW, 1, 7, ())
    await one.apply(ready(click(T0 + DAY) | {"customer_id": "c0"}, first=9), lambda: True)
    version = state(store, "c0").version
    await Sweeper(store, one, Clockwork(range(4)), per_s=100_000).look()
    assert state(store, "c0").version == version


async def test_a_worker_that_dies_in_a_sweep_leaves_its_buckets_to_the_next() -> None:
    store, one = await filled()
    await store.apply(NEW, 1, 7, ())

    class Mortal(Processor):
        left = 40

        async def judge(self, customer_ids: Any, now_ms: int) -> None:
            self.left -= len(customer_ids)
            if self.left < 0:
                raise Unavailable("dead")
            await super().judge(customer_ids, now_ms)

    dying = Mortal(store, tags_of(OLD), live=False, dead_letter=nothing, cache_size=9)
    with pytest.raises(Unavailable):
        await Sweeper(store, dying, Clockwork(range(4)), per_s=100_000).look()
    done = {cid for cid in store.profiles if state(store, cid).revision == 2}
    assert 0 < len(done) < CUSTOMERS
    assert await store.unswept(range(4), 2) == [0, 1, 2, 3]
    before = {cid: state(store, cid).version for cid in done}
    await Sweeper(store, one, Clockwork(range(4)), per_s=100_000).look()
    assert {state(store, cid).revision for cid in store.profiles} == {2}
    assert {cid: state(store, cid).version for cid in done} == before
    assert await store.unswept(range(4), 2) == []


async def test_each_worker_sweeps_its_own_buckets_and_forgets_whom_it_met() -> None:
    store, one = await filled()
    other = processor(store)
    await store.apply(NEW, 1, 7, ["gone"])
    await Sweeper(store, other, Clockwork(range(2)), per_s=100_000).look()
    judged = {cid for cid in store.profiles if state(store, cid).revision == 2}
    assert judged == {cid for cid in store.profiles if bucket(cid, 4) < 2}
    assert other._cache.missing(judged) == list(judged)  # the live ones keep their places
    await Sweeper(store, one, Clockwork(range(2, 4)), per_s=100_000).look()
    assert {state(store, cid).revision for cid in store.profiles} == {2}


async def test_a_rate_is_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    store, one = await filled()
    await store.apply(NEW, 1, 7, ())
    now_s, judge = 0.0, one.judge

    async def slowly(customer_ids: Sequence[str], now_ms: int) -> None:
        await judge(customer_ids, now_ms)
        await sleep(0.25)

    async def sleep(seconds: float) -> None:
        nonlocal now_s
        now_s += seconds

    monkeypatch.setattr(one, "judge", slowly)
    monkeypatch.setattr(pace.time, "monotonic", lambda: now_s)
    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    await Sweeper(store, one, Clockwork(range(4)), per_s=10).look()
    assert now_s == pytest.approx(CUSTOMERS / 10)  # work and rest together
    assert module.LOOK_S < 1


async def test_a_sweep_rests_longer_while_live_events_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    store, one = await filled()
    await store.apply(NEW, 1, 7, ())
    one.pace = pace.Pace(yields=True, now_s=lambda: 0.0)
    for _ in range(10):
        one.pace.live(10 * pace.SLOW_S)
    judge, handfuls, slept = one.judge, 0, []

    async def slowly(customer_ids: Sequence[str], now_ms: int) -> None:
        nonlocal handfuls
        handfuls += 1
        await judge(customer_ids, now_ms)

    async def sleep(seconds: float) -> None:
        slept.append(seconds)

    monkeypatch.setattr(one, "judge", slowly)
    monkeypatch.setattr(pace.time, "monotonic", lambda: handfuls / 100)  # each takes 10 ms
    monkeypatch.setattr(pace.asyncio, "sleep", sleep)
    await Sweeper(store, one, Clockwork(range(4)), per_s=100_000).look()
    rest_s = 0.01 * (1 / pace.SHARE_LEAST - 1)
    assert slept == [pytest.approx(rest_s)] * len(slept)
    assert len(slept) >= CUSTOMERS / pace.AT_ONCE


async def test_a_catalogue_that_this_version_cannot_read_stops_the_worker_with_a_sentence() -> None:
    store, one = await filled()
    await store.apply("[tags.x]\nenter = 'of.the.future > 1'", 1, 7, ())
    with pytest.raises(StoreUnfit, match="catalogue 2 cannot be read by this version"):
        await one.folding.refresh()


async def test_a_store_that_lost_everything_gets_the_catalogue_that_was_in_force() -> None:
    _, one = await filled()
    old_store = one.folding._store
    await old_store.apply(NEW, 1, 7, ())
    await one.folding.refresh()
    one.folding._store = MemoryStore(4)
    await one.folding.refresh()
    assert (await one.folding._store.in_force()).text == NEW
    assert load(NEW).by_id.keys() == {"buyer"}
