import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

import pytest
from builders import RULES, T0, click, records

from streams import worker as module
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake
from streams.lane import DeadLetter
from streams.processor import Processor
from streams.store.contract import StoreError, StoreRestarted, Write
from streams.store.memory import MemoryStore
from streams.worker import DataLost, Worker

CLICKS, OTHER = ("clicks", 0), ("clicks", 1)
Offsets = dict[tuple[str, int], int | None]


class Store(MemoryStore):
    """A memory store that remembers what was asked of it and fails when told to."""

    def __init__(self) -> None:
        super().__init__(buckets=4)
        self.fail: dict[str, list[Exception]] = {}
        self.on_disk = self.holds_data = True
        self.asked: list[str] = []
        self.voided: list[bool] = []
        self.committing, self.pause = asyncio.Event(), asyncio.Event()
        self.pause.set()

    async def _about(self, what: str) -> None:
        self.asked.append(what)
        if self.fail.get(what):
            raise self.fail[what].pop(0)
        if what == "commit":
            self.committing.set()
            await self.pause.wait()

    async def adopt(self) -> bool:
        await self._about("adopt")
        return self.holds_data

    async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
        await self._about("commit")
        return await super().commit(writes, revision)

    async def watermark(
        self, generation: int, offsets: Mapping[str, int | None], *, void_newer: bool = False
    ) -> dict[str, int | None]:
        await self._about("watermark")
        self.voided.append(void_newer)
        return await super().watermark(generation, offsets, void_newer=void_newer)

    async def barrier(self, timeout_s: float) -> bool:
        await self._about("barrier")
        return self.on_disk


class Bench:
    """A worker on that store."""

    def __init__(self, *, rebuild: bool = True) -> None:
        async def no_dead_letters(letters: Sequence[DeadLetter]) -> None:
            raise AssertionError(letters)

        self.store = Store()
        self.intake = Intake(Decoding(Config()).event, live=True, future_limit_ms=None)
        self.processor = Processor(self.store, RULES, live=True, dead_letter=no_dead_letters, cache_size=99)
        self.worker = Worker(self.store, self.intake, self.processor, rebuild=rebuild, outbox_limit=10)

    async def poll(self, first: int, n: int, generation: int = 1) -> bool:
        rows = records([click(T0 + k) for k in range(first, first + n)], first)
        return await self.worker.poll({CLICKS: rows}, {CLICKS: (None, first + n)}, generation)


@pytest.fixture
def bench(monkeypatch: pytest.MonkeyPatch) -> Bench:
    real = asyncio.sleep
    monkeypatch.setattr(module.asyncio, "sleep", lambda _: real(0))
    return Bench()


# -- where to start ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("committed", "watermark", "start"),
    [(50, 50, 50), (50, 30, 30), (30, 50, 30), (50, None, 0), (None, 50, 0), (None, None, 0), (0, 5, 0)],
)
async def test_reading_starts_at_the_lower_of_commit_and_watermark(
    bench: Bench, committed: int | None, watermark: int | None, start: int
) -> None:
    if watermark is not None:
        await bench.store.watermark(1, {"clicks/0": watermark})
    assert await bench.worker.positions({CLICKS: committed}, 1) == {CLICKS: start}
    assert bench.intake.offset(CLICKS) == start


@pytest.mark.parametrize(
    ("committed", "fresh"),
    [
        ({CLICKS: None, OTHER: None}, True),
        ({CLICKS: None, OTHER: 3}, False),
        ({CLICKS: 0, OTHER: None}, False),
    ],
)
async def test_newer_generations_are_void_only_for_a_group_without_any_commit(
    bench: Bench, committed: Offsets, fresh: bool
) -> None:
    await bench.worker.positions(committed, 1)
    assert bench.store.voided == [fresh]


async def test_starting_claims_the_partitions_so_that_the_former_owner_is_fenced(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: 7}, 4)
    assert await bench.store.watermark(3, {"clicks/0": 9}) == {}


async def test_the_marks_of_a_former_owner_are_taken_over(bench: Bench) -> None:
    await bench.store.report_clock({"clicks/0": (False, T0 + 5)})
    await bench.worker.positions({CLICKS: 7}, 1)
    assert bench.intake.report(T0 + 99) == {"clicks/0": (False, T0 + 5)}


async def test_starting_waits_for_a_store_that_does_not_answer(bench: Bench) -> None:
    bench.store.fail = {
        "adopt": [StoreError("down"), StoreRestarted("other")],
        "watermark": [StoreError("down")],
    }
    assert await bench.worker.positions({CLICKS: 0}, 1) == {CLICKS: 0}
    assert bench.store.asked == ["adopt", "adopt", "adopt", "watermark", "adopt", "watermark"]
    assert bench.worker.rewinds == 1


async def test_lost_data_are_refused_where_the_configuration_says_so() -> None:
    refusing = Bench(rebuild=False)
    refusing.store.holds_data = False
    with pytest.raises(DataLost, match="on_data_loss"):
        await refusing.worker.positions({CLICKS: 7}, 1)
    assert "watermark" not in refusing.store.asked
    assert await refusing.worker.positions({CLICKS: None}, 1) == {
        CLICKS: 0
    }  # a new deployment has lost nothing


async def test_lost_data_are_rebuilt_from_the_earliest_record(bench: Bench) -> None:
    bench.store.holds_data = False
    assert await bench.worker.positions({CLICKS: 7}, 1) == {CLICKS: 0}


# -- polls -------------------------------------------------------------------------------------------------


async def test_what_a_poll_brought_is_applied_and_done(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    assert bench.worker.done() == {}
    assert await bench.poll(0, 3)
    assert (bench.worker.done(), bench.worker.progress) == ({CLICKS: 3}, 3)
    assert list(bench.store.profiles) == ["c"]


async def test_what_is_applied_counts_as_visible_and_what_is_abandoned_does_not(bench: Bench) -> None:
    visible = bench.processor.counts.visible
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.fail = {"commit": [StoreRestarted("other")]}
    await bench.poll(0, 3)
    assert not visible
    await bench.worker.positions({CLICKS: None}, 1)
    await bench.poll(0, 3)
    assert {topic: seen.total for topic, seen in visible.items()} == {"clicks": 3}
    assert visible["clicks"].counts[-1] == 3  # appended in 2023
    assert (bench.worker.rewinds, bench.worker.rebalances) == (2, 1)
    await bench.worker.positions({CLICKS: None}, 2)
    assert (bench.worker.rewinds, bench.worker.rebalances, bench.worker.generation) == (3, 2, 2)


@pytest.mark.parametrize("generation", [0, 2])
async def test_a_poll_of_another_generation_is_ignored(bench: Bench, generation: int) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    assert await bench.poll(0, 3, generation)
    assert (bench.worker.done(), bench.store.profiles) == ({}, {})


async def test_a_restarted_store_asks_for_a_rewind_and_nothing_is_done(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.fail = {"commit": [StoreRestarted("other")]}
    assert await bench.poll(0, 3) is False
    assert (bench.worker.done(), bench.worker.progress) == ({}, 0)
    await bench.worker.positions({CLICKS: None}, 1)
    assert await bench.poll(0, 3)
    assert bench.worker.done() == {CLICKS: 3}


async def test_records_that_are_not_the_ones_to_come_next_ask_for_a_rewind(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    assert await bench.poll(5, 2) is False
    assert bench.store.profiles == {}
    await bench.worker.positions({CLICKS: None}, 1)
    assert await bench.poll(5, 2) is True  # seen twice: what lies before is gone for good
    assert bench.worker.done() == {CLICKS: 7}


async def test_an_idle_worker_rewinds_when_somebody_else_met_another_server(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.replaced = True
    assert await bench.worker.poll({}, {CLICKS: (None, 0)}, 1) is False
    bench.store.replaced = False
    assert await bench.worker.poll({}, {CLICKS: (None, 0)}, 1) is True


async def test_after_a_rewind_the_cache_is_empty(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    await bench.poll(0, 3)
    bench.store.profiles.clear()  # the server forgot
    await bench.worker.positions({CLICKS: 3}, 1)
    await bench.poll(0, 3)  # with a cached profile these would pass for applied
    assert list(bench.store.profiles) == ["c"]


async def test_a_rebalance_while_a_batch_is_applied_leaves_it_undone(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.pause.clear()
    poll = asyncio.create_task(bench.poll(0, 3))
    await bench.store.committing.wait()
    await bench.worker.positions({CLICKS: None}, 2)
    bench.store.pause.set()
    assert await poll is True
    assert (bench.worker.done(), bench.worker.progress) == ({}, 0)


async def test_a_poll_while_the_start_is_looked_for_is_ignored(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    await bench.poll(0, 3)
    bench.store.profiles.clear()  # the server forgot everything; what comes next must wait for the seek
    during: list[bool] = []

    class Claiming(Store):
        async def watermark(self, *args: Any, **options: Any) -> dict[str, int | None]:
            during.append(await bench.poll(3, 2))
            return await super().watermark(*args, **options)

    bench.store.__class__ = Claiming
    await bench.worker.positions({CLICKS: 3}, 1)
    assert during == [True]
    assert bench.store.profiles == {}


async def test_everything_rests_while_too_many_changes_wait(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None, OTHER: None}, 1)
    bench.worker.outbox_size = 10
    assert bench.worker.paused() == set()
    bench.worker.outbox_size = 11
    assert bench.worker.paused() == {CLICKS, OTHER}
    assert bench.worker.held_back()


# -- commits -----------------------------------------------------------------------------------------------


async def test_a_commit_follows_the_watermark_and_the_barrier(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.asked.clear()
    assert await bench.worker.before_commit({CLICKS: 3}, 1) is True
    assert bench.store.asked == ["watermark", "barrier"]
    assert await bench.store.watermarks() == {"clicks/0": 3}


async def test_nothing_is_committed_when_one_partition_is_fenced(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None, OTHER: None}, 1)
    await bench.store.watermark(2, {"clicks/1": None})
    assert await bench.worker.before_commit({CLICKS: 3, OTHER: 3}, 1) is False


async def test_nothing_is_committed_when_the_barrier_is_not_reached(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.on_disk = False
    assert await bench.worker.before_commit({CLICKS: 3}, 1) is False


async def test_where_the_server_cannot_tell_time_stands_in_for_the_barrier(
    bench: Bench, monkeypatch: Any
) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    waits: list[float] = []

    async def wait(seconds: float) -> None:
        waits.append(seconds)

    monkeypatch.setattr(module.asyncio, "sleep", wait)
    bench.store.on_disk = bench.store.durable = False
    assert await bench.worker.before_commit({CLICKS: 3}, 1) is True
    assert waits == [module.FSYNC_CYCLES_S]


@pytest.mark.parametrize("what", ["watermark", "barrier"])
async def test_nothing_is_committed_when_the_store_does_not_answer(bench: Bench, what: str) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    bench.store.fail = {what: [StoreError("down")]}
    assert await bench.worker.before_commit({CLICKS: 3}, 1) is False


async def test_nothing_is_committed_for_another_generation_even_if_it_changed_meanwhile(bench: Bench) -> None:
    await bench.worker.positions({CLICKS: None}, 1)
    assert await bench.worker.before_commit({CLICKS: 3}, 0) is False

    class Slow(Store):
        async def barrier(self, timeout_s: float) -> bool:
            await bench.worker.positions({CLICKS: None}, 2)
            return True

    bench.store.__class__ = Slow
    assert await bench.worker.before_commit({CLICKS: 3}, 1) is False
