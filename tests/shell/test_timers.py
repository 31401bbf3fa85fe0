"""How a worker comes and goes, as far as the sharing of timers is concerned."""

import asyncio
from collections.abc import Iterable

import pytest

from models.rules import Rules
from streams import timers as module
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake
from streams.pace import AT_ONCE
from streams.processor import Processor
from streams.store.memory import MemoryStore
from streams.timers import Timers


class SlowStore(MemoryStore):
    """A heartbeat is long on its way: the server applies it even when nobody waits for the reply."""

    def __init__(self) -> None:
        super().__init__()
        self.sent = asyncio.Event()

    async def heartbeat(self, worker: str, now_ms: int, ttl_ms: int) -> list[str]:
        reply = asyncio.create_task(self._late(worker, now_ms, ttl_ms))
        self.sent.set()
        return await asyncio.shield(reply)

    async def _late(self, worker: str, now_ms: int, ttl_ms: int) -> list[str]:
        for _ in range(20):
            await asyncio.sleep(0)
        return await super().heartbeat(worker, now_ms, ttl_ms)


@pytest.mark.parametrize("politely", [True, False])
async def test_a_goodbye_is_not_overtaken_by_a_heartbeat(
    politely: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "LEAVE_S", 60.0)  # by turns of the loop the heartbeat arrives, not by time
    store = SlowStore()
    timers = timers_of(store)
    running = asyncio.create_task(timers.run())
    await store.sent.wait()
    if politely:
        await timers.leave()
    else:  # what the test must be able to see
        running.cancel()
        await store.retire("leaver")
    for _ in range(50):
        await asyncio.sleep(0)
    there = await MemoryStore.heartbeat(store, "other", 0, 5_000)
    assert there == (["other"] if politely else ["leaver", "other"])


def timers_of(store: MemoryStore) -> Timers:
    async def nothing(_: object) -> None:
        raise AssertionError("no dead letters here")

    async def expected() -> Iterable[str]:
        return []

    intake = Intake(Decoding(Config()).event, live=False, future_limit_ms=None)
    processor = Processor(store, Rules(), live=False, dead_letter=nothing, cache_size=8)
    return Timers(store, intake, processor, name="leaver", expected=expected, live=False, until_ms=None)


@pytest.mark.parametrize(("round_s", "rounds"), [(60.0, 1), (0.0, 4)])
async def test_a_worker_that_wakes_slowly_still_says_that_it_lives(
    round_s: float, rounds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MemoryStore()
    timers = timers_of(store)
    waiting, beats = [f"c{n}" for n in range(4 * AT_ONCE)], 0

    async def heartbeat(*_: object) -> list[str]:
        nonlocal beats
        beats += 1
        return ["leaver"]

    async def due(*_: object) -> list[str]:
        return waiting.copy()

    async def wake(customer_ids: list[str], _: int) -> None:
        del waiting[: len(customer_ids)]

    monkeypatch.setattr(module, "ROUND_MOST_S", round_s)  # of no time: each chunk is too long a round
    monkeypatch.setattr(module, "safe_now", lambda *_, **__: 1)
    monkeypatch.setattr(store, "heartbeat", heartbeat)
    monkeypatch.setattr(store, "due", due)
    monkeypatch.setattr(timers._processor, "wake", wake)
    while waiting:
        assert await timers.tick() >= AT_ONCE  # so that the next round follows at once
    assert beats == rounds
