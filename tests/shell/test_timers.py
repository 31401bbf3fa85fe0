"""How a worker comes and goes, as far as the sharing of timers is concerned."""

import asyncio
from collections.abc import Iterable

import pytest

from models.rules import Rules
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake
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
async def test_a_goodbye_is_not_overtaken_by_a_heartbeat(politely: bool) -> None:
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
