from types import SimpleNamespace
from typing import Any

import pytest

from streams.store.contract import StoreError
from streams.store.memory import MemoryStore
from streams.watchdog import Stalled, Watchdog


class World:
    """A worker with ten records of lag, and everything about it that the watchdog may ask."""

    def __init__(self) -> None:
        self.lag, self.tps, self.held, self.store_down = 10, (("orders", 0),), False, False
        self.worker: Any = SimpleNamespace(progress=0, rewinds=0, held_back=lambda: self.held)
        intake: Any = SimpleNamespace(partitions=lambda: self.tps, lag=lambda: self.lag)
        self.store = MemoryStore()
        self.store.clock = self._clock  # type: ignore[method-assign]
        self.dog = Watchdog(self.store, intake, self.worker, stall_s=60)

    async def _clock(self) -> dict[str, tuple[bool, int]]:
        if self.store_down:
            raise StoreError("down")
        return {}

    async def looks(self, *at_s: float) -> None:
        for now_s in at_s:
            await self.dog.look(now_s)


@pytest.fixture
async def world() -> World:
    found = World()
    await found.looks(1_000)
    return found


async def test_lag_without_progress_ends_the_process_after_the_limit_and_not_before(world: World) -> None:
    await world.looks(1_001, 1_059.9)
    with pytest.raises(Stalled, match="no progress for 60 s"):
        await world.looks(1_060)


@pytest.mark.parametrize("what", ["progress", "rewinds"])
async def test_any_movement_starts_the_time_anew(world: World, what: str) -> None:
    await world.looks(1_059)
    setattr(world.worker, what, 1)
    await world.looks(1_100, 1_159)
    with pytest.raises(Stalled):
        await world.looks(1_160)


@pytest.mark.parametrize(
    ("name", "rest", "again"),
    [("lag", 0, 10), ("tps", (), (("orders", 0),)), ("held", True, False), ("store_down", True, False)],
)
async def test_having_nothing_to_do_or_waiting_for_another_is_not_being_stuck(
    world: World, name: str, rest: Any, again: Any
) -> None:
    setattr(world, name, rest)
    await world.looks(1_030, 1_100, 5_000)
    setattr(world, name, again)
    await world.looks(5_059)
    with pytest.raises(Stalled):
        await world.looks(5_060)
