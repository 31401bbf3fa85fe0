"""The trainer: out of the store a panel, out of that a snapshot; of those one line, whoever makes them."""

import asyncio
import logging
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import DAY, HOUR, T0, control, fold, order
from panels import NOW, Orders, histories, order_events, panel_of
from panels import row_of as recounted

from models import codec
from models.calendar import Calendar
from models.population import codec as snapshots
from models.population.row import Row
from models.population.sample import in_panel
from models.population.snapshot import Snapshot
from streams.population import trainer as module
from streams.population.epoch import Population, Settings
from streams.population.lease import Lease
from streams.population.panel import SHRINK, Panel
from streams.population.survey import row_of, survey
from streams.population.trainer import Trainer
from streams.store.contract import StoreUnfit, Unavailable, Write
from streams.store.memory import MemoryStore

CUSTOMERS = 400
MODELS = Settings(clusters=3)
UTC = Calendar()


def put(store: MemoryStore, cid: str, state: bytes) -> None:
    store.profiles[cid] = Write(cid, b"", b"token", state, b"{}", None, ())


def filled(world: dict[str, Orders]) -> MemoryStore:
    store = MemoryStore()
    for cid, some in world.items():
        put(store, cid, codec.encode(fold(order_events(some))[0]))
    return store


class Run(Trainer):
    """A trainer with a clock of its own that notes what it announces."""

    def __init__(self, store: MemoryStore, *, at_ms: int = NOW, interval_s: float = 3600.0) -> None:
        self.at_ms = at_ms
        self.announced: list[bytes] = []
        self.lease = Lease(store, 600.0)  # runs out in no test, however long the machine pauses
        super().__init__(
            store, MODELS, self.lease, calendar=UTC, now_ms=self.clock, announce=self.note,
            interval_s=interval_s,
        )  # fmt: skip

    async def clock(self) -> int:
        return self.at_ms

    async def note(self, blob: bytes) -> None:
        self.announced.append(blob)

    @property
    def versions(self) -> list[int]:
        return [orjson.loads(blob)["version"] for blob in self.announced]


@pytest.fixture(autouse=True)
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LOOK_S", 0.002)


async def until(met: Any) -> None:
    async with asyncio.timeout(100):
        while not met():  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.002)


async def ended(*tasks: "asyncio.Task[None]") -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


# -- the panel ---------------------------------------------------------------------------------------------


def test_a_row_is_what_the_orders_say(seed: int) -> None:
    for some in histories(seed, 100).values():
        assert row_of(fold(order_events(some))[0], UTC) == recounted(some)


@pytest.mark.parametrize(
    "happened",
    [
        [order("a", T0, 5), order("a", T0 + 1, status="cancelled")],
        [control(T0, attributes={"city": "Bonn"})],
        [order("a", T0, 5), control(T0 + 1, "consent", consent={"status": "withdrawn"})],
    ],
    ids=["cancelled", "never bought", "withdrawn"],
)
def test_who_has_no_order_or_must_not_be_profiled_has_no_row(happened: list[dict[str, Any]]) -> None:
    assert row_of(fold(happened)[0], UTC) is None


def test_occasions_are_days_of_the_deployment(seed: int) -> None:
    from zoneinfo import ZoneInfo

    state, _ = fold(
        [order("a", T0 - 2 * HOUR, 5), order("b", T0 - HOUR // 2, 5)]
    )  # one day in UTC, two there
    assert state.orders.second_ms(UTC) == 0
    row = row_of(state, Calendar(ZoneInfo("Europe/Berlin")))
    assert row is not None
    assert row.second_ms == T0 - HOUR // 2


async def test_everyone_is_in_a_small_panel(seed: int) -> None:
    world = histories(seed)
    looked = await survey(filled(world), UTC, 1.0)
    assert contents(looked.panel) == contents(panel_of({cid: recounted(some) for cid, some in world.items()}))
    assert looked.newest_ms == max(some[-1][0] for some in world.values())
    assert (len(looked.panel), looked.panel.share, looked.unreadable) == (CUSTOMERS, 1.0, 0)


async def test_a_large_one_is_a_share_by_id_which_widens_again_where_customers_have_gone(seed: int) -> None:
    world = histories(seed)
    store = filled(world)
    first = (await survey(store, UTC, 1.0, capacity=100)).panel
    assert first.share < 0.3
    assert len(first) == sum(in_panel(cid, first.share) for cid in world) <= 100
    again = (await survey(store, UTC, first.share, capacity=100)).panel
    assert again.share == pytest.approx(first.share)
    assert contents(again) == contents(first)
    for cid in list(world)[50:]:
        del store.profiles[cid]
    wider = (await survey(store, UTC, first.share, capacity=100)).panel
    assert wider.share == pytest.approx(first.share / SHRINK)


async def test_a_state_of_another_version_is_left_out(seed: int) -> None:
    store = filled(histories(seed))
    put(store, "customer-7", b"\xff not ours")
    looked = await survey(store, UTC, 1.0)
    assert (len(looked.panel), looked.unreadable) == (CUSTOMERS - 1, 1)


def contents(panel: Panel) -> Sequence[Row]:
    return [column.tolist() for column in panel.columns()]


# -- one line of snapshots ---------------------------------------------------------------------------------


async def test_an_epoch_comes_into_force_and_is_announced(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(histories(seed))
    run = Run(store)
    with caplog.at_level(logging.INFO):
        made = await run.once()
    assert made is not None
    assert (made.version, made.parent, made.panel, made.event_ms) == (1, 0, CUSTOMERS, NOW)
    assert None not in (made.quintiles, made.clusters, made.churn, made.value)
    found = await store.trained()
    assert (found.version, [found.snapshot]) == (1, run.announced)
    assert snapshots.decode(found.snapshot) == made
    assert (await store.in_force()).revision == 1
    (line,) = [record.message for record in caplog.records if "population 1" in record.message]
    assert line.startswith(f"population 1 (warm_up): {CUSTOMERS} customers, 1 of all, inertia ")
    assert not any("customer-" in record.message for record in caplog.records)


async def test_trainers_that_each_start_anew_make_what_one_that_never_stops_makes(seed: int) -> None:
    world = histories(seed)
    store = filled(world)
    made = []
    for n in range(4):
        run = Run(store, at_ms=NOW + n * 20 * DAY)
        made.append(await run.once())
        await run.lease.let_go()
    panel, never_stops = panel_of({cid: recounted(some) for cid, some in world.items()}), Population(MODELS)
    assert made == [never_stops.epoch(panel, NOW + n * 20 * DAY) for n in range(4)]
    assert [(one.version, one.parent) for one in made if one] == [(1, 0), (2, 1), (3, 2), (4, 3)]
    saved = orjson.loads((await store.trained()).trainer)["population"]
    assert saved == orjson.loads(orjson.dumps(never_stops.save()))


async def test_of_two_that_both_think_they_are_active_one_wins_and_the_other_goes_on_from_it(
    seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(histories(seed))
    monkeypatch.setattr(Lease, "is_held", True)
    one, two = Run(store), Run(store, at_ms=NOW + DAY)
    for version in (1, 2, 3):
        made = await asyncio.gather(one.epoch(), two.epoch())
        (winner,) = [snapshot for snapshot in made if snapshot is not None]
        assert (winner.version, winner.parent) == (version, version - 1)
        assert snapshots.decode((await store.trained()).snapshot) == winner
        one.at_ms, two.at_ms = two.at_ms + DAY, two.at_ms + 2 * DAY
    assert sorted(one.versions + two.versions) == [1, 2, 3]
    assert sum("another trainer was quicker" in record.message for record in caplog.records) == 3


async def test_a_lost_lease_publishes_nothing(seed: int) -> None:
    store = filled(histories(seed))
    run = Run(store)
    assert await run.epoch() is None  # never taken
    assert (await store.trained()).version == 0
    await run.lease.take()
    assert await run.epoch() is not None
    await run.lease.let_go()
    run.at_ms += DAY
    assert await run.epoch() is None
    assert ((await store.trained()).version, run.versions) == (1, [1])


async def test_a_lease_whose_answer_was_not_awaited_is_let_go_too(monkeypatch: pytest.MonkeyPatch) -> None:
    store = MemoryStore()
    lease, other = Lease(store, 600.0), Lease(store, 600.0)
    taken, take = asyncio.Event(), store.lease

    async def slow(holder: str, ttl_ms: int) -> bool:
        held = await take(holder, ttl_ms)
        taken.set()
        await asyncio.sleep(600)
        return held

    monkeypatch.setattr(store, "lease", slow)
    taking = asyncio.create_task(lease.take())
    await taken.wait()
    taking.cancel()  # as a trainer that is stopped while it asks
    monkeypatch.undo()
    assert not await other.take()
    await lease.let_go()
    assert await other.take()


async def test_too_few_customers_make_none_and_that_is_said_once(
    seed: int, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(histories(seed, 99))
    run = Run(store)
    await run.lease.take()
    for _ in range(3):
        assert await run.epoch() is None
    # Of this logger: whatever other tests have left may say something now.
    assert [record.message for record in caplog.records if record.name == module.__name__] == [
        "no population snapshot: fewer than 100 customers have an order"
    ]
    assert ((await store.trained()).version, run.announced) == (0, [])


async def test_no_time_no_snapshot(seed: int, caplog: pytest.LogCaptureFixture) -> None:
    store = filled(histories(seed))
    run = Run(store, at_ms=0)
    assert await run.once() is None
    assert "has not reported yet" in caplog.text
    run.at_ms = NOW
    assert await run.once() is not None
    for run.at_ms in (NOW, NOW - DAY):
        assert await run.once() is None
    assert caplog.text.count("time stands still") == 1
    assert run.versions == [1]


async def test_customers_ahead_of_the_clock_are_looked_at_when_they_bought(seed: int) -> None:
    world = histories(seed)
    made = await Run(filled(world), at_ms=T0 + DAY).once()
    assert made is not None
    assert made.event_ms == max(some[-1][0] for some in world.values())


async def test_what_a_newer_version_wrote_is_not_overwritten(seed: int) -> None:
    store = filled(histories(seed))
    once = Run(store)
    first = await once.once()
    await once.lease.let_go()
    assert isinstance(first, Snapshot)
    newer = orjson.dumps({**orjson.loads(snapshots.encode(first)), "version": 2, "schema": 9})
    assert await store.publish(2, newer, b'{"published_ms": 0, "population": {"schema": 1}}', 1)
    with pytest.raises(StoreUnfit, match="population 2 cannot be gone on from"):
        await Run(store).run()
    assert (await store.trained()).snapshot == newer


async def test_who_slept_between_store_and_topic_does_not_leave_an_old_one_last_there(seed: int) -> None:
    store = filled(histories(seed))
    topic: list[int] = []

    class Sleepy(Run):
        async def note(self, blob: bytes) -> None:
            if not topic:
                topic.append(0)
                await self.lease.let_go()
                other = Run(store, at_ms=NOW + DAY)
                await other.once()
                topic.extend(other.versions)
            topic.append(orjson.loads(blob)["version"])

    await Sleepy(store).once()
    assert topic == [0, 2, 1, 2]


# -- one active, the others stand by -----------------------------------------------------------------------


async def test_a_stand_by_takes_over_and_sends_what_is_in_force_again(seed: int) -> None:
    store = filled(histories(seed))
    one, two = Run(store), Run(store)
    first = asyncio.create_task(one.run())
    await until(lambda: one.announced)
    second = asyncio.create_task(two.run())
    await asyncio.sleep(0.1)
    assert (one.versions, two.versions) == ([1], [])
    with pytest.raises(Unavailable, match="another trainer is active"):
        await Run(store).once()
    await ended(first)
    await one.lease.let_go()
    await until(lambda: two.announced)
    await asyncio.sleep(0.05)
    assert two.versions == [1]  # the interval is not over: it does not train just because it started
    await ended(second)


async def test_an_active_one_trains_each_interval(seed: int) -> None:
    store = filled(histories(seed))
    run = Run(store, interval_s=0.05)
    task = asyncio.create_task(run.run())
    await until(lambda: run.announced)
    for _ in range(3):
        before = len(run.announced)
        run.at_ms += DAY
        await until(lambda before=before: len(run.announced) > before)
    assert run.versions == [1, 2, 3, 4]
    await ended(task)


async def test_a_store_that_is_away_is_waited_for(
    seed: int, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = filled(histories(seed))
    asked = 0

    async def away(cursor: int, count: int) -> tuple[int, list[str]]:
        nonlocal asked
        asked += 1
        raise Unavailable("it is away")

    real = store.scan
    monkeypatch.setattr(store, "scan", away)
    run = Run(store)
    task = asyncio.create_task(run.run())
    await until(lambda: asked)
    monkeypatch.setattr(store, "scan", real)
    await until(lambda: run.announced)
    assert "the trainer waits: it is away" in caplog.text
    assert run.versions == [1]
    await ended(task)


# -- what a worker carries ---------------------------------------------------------------------------------


def test_a_worker_imports_no_numerical_library() -> None:
    heavy = "{'numpy', 'scipy', 'river', 'pandas', 'sklearn'}"
    code = f"import streams.app, streams.cli, sys; print(sorted({heavy} & set(sys.modules)))"
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root, timeout=100
    )
    assert done.stdout.strip() == "[]"
