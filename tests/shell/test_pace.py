"""How much of its time a worker gives to wake-ups and sweeps while live events come in."""

from collections.abc import Iterable, Sequence

import pytest
from builders import RULES, T0

from streams import pace as module
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake, Ready
from streams.metrics import counts
from streams.pace import AT_ONCE, GROWTH_PER_S, REST_MOST_S, SHARE_LEAST, SHARE_MOST, SLOW_S, Pace, paced
from streams.processor import Processor
from streams.store.contract import Write
from streams.store.memory import MemoryStore
from streams.timers import Timers


class Clock:
    """Moves when somebody rests or works."""

    def __init__(self) -> None:
        self.now_s = 100.0
        self.rests: list[float] = []

    def __call__(self) -> float:
        return self.now_s

    async def sleep(self, seconds: float) -> None:
        self.rests.append(seconds)
        self.now_s += seconds

    async def work(self, seconds: float) -> None:
        self.now_s += seconds


class FixedPace(Pace):
    """A share that somebody says."""

    def __init__(self, share: float) -> None:
        super().__init__(yields=True)
        self._fixed = share

    @property
    def share(self) -> float:
        return self._fixed


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(module.time, "monotonic", clock)
    monkeypatch.setattr(module.asyncio, "sleep", clock.sleep)
    return clock


@pytest.mark.parametrize(
    ("took_s", "share", "least_s", "rest_s"),
    [
        (0.01, SHARE_MOST, 0.0, 0.01),  # as long as it worked
        (0.01, 1 / 4, 0.0, 0.03),
        (0.01, SHARE_LEAST, 0.0, 0.15),
        (0.5, SHARE_LEAST, 0.0, REST_MOST_S),  # it waited for the store: no reason to wait for minutes
        (0.01, SHARE_MOST, 1.0, 0.99),  # a sweep may do so many a second
        (2.0, SHARE_MOST, 1.0, REST_MOST_S),
    ],
)
async def test_it_rests_by_its_share(
    clock: Clock, took_s: float, share: float, least_s: float, rest_s: float
) -> None:
    await paced(clock.work(took_s), FixedPace(share), least_s)
    assert clock.rests == [pytest.approx(rest_s)]


async def test_without_a_pace_half_of_the_time_is_rest(clock: Clock) -> None:
    await paced(clock.work(0.2))
    assert clock.rests == [pytest.approx(0.2)]


async def test_what_the_work_raises_comes_through_without_a_rest(clock: Clock) -> None:
    async def fails() -> None:
        raise ValueError("broken")

    with pytest.raises(ValueError, match="broken"):
        await paced(fails())
    assert clock.rests == []


def test_slow_live_batches_halve_the_share_and_time_gives_it_back() -> None:
    clock = Clock()
    pace = Pace(yields=True, now_s=clock)
    pace.live(SLOW_S)
    assert pace.share == SHARE_MOST  # quick enough
    pace.live(SLOW_S * 1.01)
    assert pace.share == SHARE_MOST / 2
    clock.now_s += 1
    assert pace.share == pytest.approx(SHARE_MOST / 2 + GROWTH_PER_S)
    pace.live(10.0)
    assert pace.share == pytest.approx((SHARE_MOST / 2 + GROWTH_PER_S) / 2)  # however slow: one step
    for _ in range(20):
        pace.live(1.0)
    assert pace.share == SHARE_LEAST  # wake-ups are never shut out
    clock.now_s += SHARE_MOST / GROWTH_PER_S
    assert pace.share == SHARE_MOST  # and never more than before
    clock.now_s += 3600
    pace.live(1.0)
    assert pace.share == SHARE_MOST / 2  # a long calm is no credit


def test_where_nobody_waits_it_does_not_yield() -> None:
    pace = Pace(yields=False, now_s=Clock())
    pace.live(60.0)
    assert pace.share == SHARE_MOST


@pytest.mark.parametrize("live", [True, False])
async def test_a_batch_that_took_long_tells_the_pace(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a replay, by the clock of the events, a batch takes long because it is long."""
    now_s = iter([0.0, SLOW_S, 1.0, 1.0 + 2 * SLOW_S])
    monkeypatch.setattr(counts, "perf_counter", lambda: next(now_s))  # asked at begin and end of a batch
    processor, clock = processor_of(live=live), Clock()
    monkeypatch.setattr(processor, "pace", Pace(yields=live, now_s=clock))
    await processor.apply(Ready({}, [], {}), lambda: True)
    assert processor.pace.share == SHARE_MOST
    await processor.apply(Ready({}, [], {}), lambda: True)
    assert processor.pace.share == (SHARE_MOST / 2 if live else SHARE_MOST)
    assert processor.counts.phases["apply"].sum == pytest.approx(3 * SLOW_S)


@pytest.mark.parametrize("live", [True, False])
def test_the_clock_of_the_worker_decides(live: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "GROWTH_PER_S", 0.0)  # five seconds of real time would give all of it back
    processor = processor_of(live=live)
    processor.pace.live(10 * SLOW_S)
    assert (processor.pace.share < SHARE_MOST) == live


async def test_wake_ups_rest_by_the_share_of_their_worker(clock: Clock) -> None:
    """Three handfuls of customers; live events have begun to wait meanwhile."""
    processor = processor_of(live=True)
    processor.pace = Pace(yields=True, now_s=clock)
    woken = []

    async def wake(customer_ids: Sequence[str], now_ms: int) -> None:
        woken.append((len(customer_ids), now_ms))
        clock.now_s += 0.01
        if len(woken) == 2:
            for _ in range(10):
                processor.pace.live(10 * SLOW_S)

    store = MemoryStore(1)
    await store.commit([Write(f"c{n}", b"", b"t", b"s", b"{}", T0, ()) for n in range(2 * AT_ONCE + 1)])
    await store.report_clock({"orders/0": (True, T0)})
    timers = Timers(
        store,
        Intake(Decoding(Config()).event, live=True, future_limit_ms=None),
        processor,
        name="one",
        expected=sources,
        live=True,
        until_ms=None,
    )
    processor.wake = wake  # type: ignore[method-assign]
    assert await timers.tick() == 2 * AT_ONCE + 1
    assert [count for count, _ in woken] == [AT_ONCE, AT_ONCE, 1]
    least_s = 0.01 * (1 / SHARE_LEAST - 1)
    grown_s = 0.01 * (1 / (SHARE_LEAST + GROWTH_PER_S * (least_s + 0.01)) - 1)  # no batch was slow since
    assert clock.rests == [pytest.approx(rest_s) for rest_s in (0.01, least_s, grown_s)]


async def sources() -> Iterable[str]:
    return ["orders/0"]


def processor_of(*, live: bool) -> Processor:
    async def nothing(_: object) -> None:
        """No dead letters here."""

    return Processor(MemoryStore(4), RULES, live=live, dead_letter=nothing, cache_size=10)
