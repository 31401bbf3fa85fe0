"""Faults between the fold and the store: whatever happens, the result is that of a run without any."""

import random
from collections import Counter, defaultdict
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

import orjson
import pytest
from builders import DAY, RULES, T0, arrive, click, control, order

from models import codec
from models.step import Arrival
from streams import processor as module
from streams.intake import Ready
from streams.lane import DeadLetter
from streams.local.synthetic import synthetic
from streams.processor import Abandoned, Processor
from streams.store.contract import Stored, StoreError, StoreRestarted, Unavailable, Write
from streams.store.memory import MemoryStore

END = T0 + 500 * DAY
LETTER = DeadLetter("orders", 0, 7, "not_json", "", b"x")


class FaultyStore(MemoryStore):
    """Fails and loses replies at random; `intrude` runs before every commit."""

    def __init__(self, rng: random.Random, *, fails: float = 0, loses: float = 0) -> None:
        super().__init__(buckets=4)
        self.rng, self.fails, self.loses = rng, fails, loses
        self.intrude: Callable[[], Awaitable[None]] | None = None
        self.calls = self.faults = 0

    def _maybe(self, rate: float) -> None:
        if self.rng.random() < rate:
            self.faults += 1
            raise StoreError("injected")

    async def load(self, customer_ids: Sequence[str]) -> dict[str, Stored]:
        self._maybe(self.fails)
        return await super().load(customer_ids)

    async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
        self.calls += 1
        self._maybe(self.fails)
        if self.intrude is not None:
            intrude, self.intrude = self.intrude, None
            await intrude()
        stale = await super().commit(writes, revision)
        self._maybe(self.loses)
        return stale


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "RETRY_FIRST_S", 0.0)


async def no_dead_letters(letters: Sequence[DeadLetter]) -> None:
    raise AssertionError(letters)


def processing(
    store: MemoryStore, *, cache_size: int = 1_000, dead_letter: Any = no_dead_letters
) -> Processor:
    return Processor(store, RULES, live=False, dead_letter=dead_letter, cache_size=cache_size)


def ready(arrivals: Sequence[Arrival], dead: Sequence[DeadLetter] = ()) -> Ready:
    by_customer = defaultdict(list)
    for arrival in arrivals:
        by_customer[arrival.event.customer_id].append(arrival)
    return Ready(dict(by_customer), list(dead), {})


async def ignore(letters: Sequence[DeadLetter]) -> None:
    """They are safe."""


def always() -> bool:
    return True


async def run(
    store: MemoryStore,
    seed: int,
    *,
    cache_size: int = 1_000,
    rival: bool = False,
    other: Processor | None = None,
) -> Processor:
    """A stream in batches of 25, then every timer; a rival wakes the same customers in between."""
    processor, other = processing(store, cache_size=cache_size), other or processing(store)
    stream = list(arrive(synthetic(seed, customers=12, events=400, start_ms=T0, end_ms=END)))
    newest_ms = T0
    for start in range(0, len(stream), 25):
        batch = ready(stream[start : start + 25])
        if rival and isinstance(store, FaultyStore):
            store.intrude = lambda ids=list(batch.arrivals), at=newest_ms: other.wake(ids, at)  # type: ignore[misc]
        await processor.apply(batch, always)
        newest_ms = max(newest_ms, *(one.event.ts_ms for one in stream[start : start + 25]))
    for at_ms in range(newest_ms, END + 400 * DAY, 50 * DAY):
        while due := await store.due(range(store.buckets), at_ms, 3):
            for _ in range(50):  # as the timers do: what failed is still due
                try:
                    await processor.wake(due, at_ms)
                    break
                except StoreError:
                    continue
    return processor


def outcome(store: MemoryStore) -> tuple[dict[str, Any], dict[str, list[Any]], dict[int, dict[str, int]]]:
    states, changes = {}, defaultdict(list)
    for cid, write in sorted(store.profiles.items()):
        states[cid] = codec.decode(write.state)
        states[cid].version = 0  # counts writes, and those depend on the batches
    for entries in store.entries.values():
        for entry in entries:
            for line in entry.changes:
                change = orjson.loads(line)
                del change["data"]["known_at"], change["data"]["profile_version"]
                changes[entry.customer_id].append(change)
    return states, dict(changes), store.wakes


@pytest.mark.parametrize(
    ("fails", "loses", "rival", "cache_size"),
    [(0.3, 0, False, 99), (0, 0.4, False, 99), (0, 0, True, 99), (0, 0, False, 1), (0.2, 0.2, True, 2)],
    ids=["errors", "lost replies", "a second writer", "no room in the cache", "everything"],
)
async def test_faults_leave_no_trace(
    seed: int, fails: float, loses: float, rival: bool, cache_size: int
) -> None:
    quiet = MemoryStore(buckets=4)
    await run(quiet, seed)
    store = FaultyStore(random.Random(seed), fails=fails, loses=loses)
    processor = await run(store, seed, cache_size=cache_size, rival=rival)
    assert outcome(store) == outcome(quiet)
    assert (store.faults > 0) is (fails + loses > 0)
    assert (processor.counts.stale > 0) is (rival or loses > 0)
    assert len(outcome(quiet)[1]) > 8


@pytest.mark.parametrize(("fails", "rival"), [(0.3, False), (0, True)], ids=["errors", "a second writer"])
async def test_tag_changes_are_counted_where_they_are_stored(seed: int, fails: float, rival: bool) -> None:
    store = FaultyStore(random.Random(seed), fails=fails)
    other = processing(store)
    processor = await run(store, seed, rival=rival, other=other)
    stored = Counter(
        (change["data"]["tag"], change["type"]) for some in outcome(store)[1].values() for change in some
    )
    assert processor.counts.told + other.counts.told == stored
    assert {kind.rpartition(".")[2] for _, kind in stored} >= {"entered", "left", "changed"}
    assert bool(other.counts.told) is rival


async def test_batches_and_what_the_cache_knew_are_counted(seed: int) -> None:
    store, arrivals = MemoryStore(), list(arrive([click(T0), order("a", T0 + DAY, 1), click(T0 + 2 * DAY)]))
    one = processing(store, dead_letter=ignore)
    for arrival in arrivals:
        await one.apply(ready([arrival], [LETTER]), always)
    counts = one.counts
    assert (counts.misses, counts.hits) == (1, 2)
    assert {name: seen.total for name, seen in counts.phases.items()} == dict.fromkeys(
        ("load", "fold", "store", "apply"), 3
    )
    assert counts.phases["apply"].sum >= counts.phases["fold"].sum > 0
    assert counts.dead_by == {("orders", "not_json"): 3}


async def test_a_timer_is_late_by_what_lies_between_its_instant_and_the_clock_of_the_timers() -> None:
    store = MemoryStore()
    one = processing(store)
    await one.apply(ready(list(arrive([click(T0)]))), always)
    due_ms = codec.decode(store.profiles["c"].state).wake_at_ms
    await one.judge(["c"], due_ms - 1)  # a sweep is none
    assert one.counts.delays.total == 0
    await one.wake(["c"], due_ms + 90_000)
    assert (one.counts.delays.total, one.counts.delays.sum) == (1, 90.0)


async def test_a_second_delivery_of_everything_writes_nothing(seed: int) -> None:
    store = MemoryStore(buckets=4)
    await run(store, seed)
    before, profiles = outcome(store), dict(store.profiles)
    stream = list(arrive(synthetic(seed, customers=12, events=400, start_ms=T0, end_ms=END)))
    again = processing(store)
    await again.apply(ready(stream), always)
    assert (outcome(store), store.profiles) == (before, profiles)
    assert again.counts.commits == 0


async def test_nothing_is_written_for_a_customer_of_whom_only_unknown_control_events_came() -> None:
    store = MemoryStore()
    await processing(store).apply(ready(list(arrive([control(T0, "segment_synced")]))), always)
    assert store.profiles == {}


async def test_the_batch_is_abandoned_when_ownership_ends_and_nothing_more_is_written() -> None:
    store = FaultyStore(random.Random(0), fails=1.0)
    answers = iter([True, True, False])
    with pytest.raises(Abandoned):
        await processing(store).apply(ready(list(arrive([click(T0)]))), lambda: next(answers))
    assert store.profiles == {}


async def test_a_stale_write_is_not_folded_again_after_ownership_ended() -> None:
    store = FaultyStore(random.Random(0))
    owned = [True]

    async def lose_it() -> None:
        await processing(store).apply(ready(list(arrive([order("theirs", T0, 1)]))), always)
        owned[0] = False

    store.intrude = lose_it
    with pytest.raises(Abandoned):
        await processing(store).apply(ready(list(arrive([click(T0)]))), lambda: owned[0])
    assert codec.decode(store.profiles["c"].state).engagement is None


async def test_a_restarted_store_is_not_asked_again() -> None:
    class Restarted(MemoryStore):
        calls = 0

        async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
            self.calls += 1
            raise StoreRestarted("another server")

    store = Restarted()
    with pytest.raises(StoreRestarted):
        await processing(store).apply(ready(list(arrive([click(T0)]))), always)
    assert store.calls == 1


async def test_dead_letters_are_safe_before_anything_is_applied() -> None:
    store, seen = MemoryStore(), []

    async def publish(letters: Sequence[DeadLetter]) -> None:
        seen.append((list(letters), dict(store.profiles)))
        if len(seen) < 3:
            raise Unavailable("no broker")

    processor = processing(store, dead_letter=publish)
    await processor.apply(ready(list(arrive([click(T0)])), [LETTER]), always)
    assert seen == [([LETTER], {})] * 3
    assert list(store.profiles) == ["c"]
    assert (processor.counts.dead, processor.counts.events) == (1, 1)


async def test_nothing_is_applied_while_dead_letters_cannot_be_published() -> None:
    store, answers = MemoryStore(), iter([True, True, False])

    async def publish(letters: Sequence[DeadLetter]) -> None:
        raise Unavailable("no broker")

    with pytest.raises(Abandoned):
        await processing(store, dead_letter=publish).apply(
            ready(list(arrive([click(T0)])), [LETTER]), lambda: next(answers)
        )
    assert store.profiles == {}


async def test_waking_those_who_are_not_due_or_not_known_writes_nothing() -> None:
    store = MemoryStore()
    processor = processing(store)
    await processor.apply(ready(list(arrive([click(T0)]))), always)
    before = dict(store.profiles)
    await processor.wake(["c", "nobody"], T0 + 1)
    assert store.profiles == before


async def test_a_wake_up_sees_what_another_worker_wrote_meanwhile() -> None:
    store = MemoryStore(buckets=1)
    first, second = processing(store), processing(store)
    arrivals = list(arrive([click(T0), order("a", T0 + DAY, 1), click(T0 + 2 * DAY)]))
    await first.apply(ready(arrivals[:1]), always)  # cached by the first
    await second.apply(ready(arrivals[1:]), always)
    for _ in range(100):
        if not (due := await store.due([0], END, 10)):
            break
        await first.wake(due, END)
    state = codec.decode(store.profiles["c"].state)
    assert (state.wake_at_ms, state.tags["lifecycle"].value, store.wakes[0]) == (0, "lost", {})


async def test_a_wake_up_does_not_retry_a_store_that_does_not_answer() -> None:
    store = FaultyStore(random.Random(0))
    processor = processing(store)
    await processor.apply(ready(list(arrive([click(T0)]))), always)
    store.fails, store.calls = 1.0, 0
    with pytest.raises(StoreError):
        await processor.wake(["c"], END)
    assert store.calls == 1
    assert await store.due(range(4), END, 1) == ["c"]
