"""A console against a store that is filled by the real fold, asked over HTTP as a browser would."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiohttp.test_utils import TestClient, TestServer
from aiokafka import TopicPartition
from builders import DAY
from panels import SNAPSHOT

from models.events import parse
from models.population.codec import encode
from models.step import Arrival
from streams.config import Config
from streams.console import app, customer, known, live, prometheus
from streams.console.app import Parts
from streams.intake import Ready
from streams.local.ports import free_port
from streams.local.synthetic import synthetic
from streams.oracle import event_time_ms
from streams.processor import Processor
from streams.store.redis_store import RedisStore
from streams.topics import INPUT_KINDS, TAG_CHANGES

TOPIC = {kind: topic for topic, kind in INPUT_KINDS.items()}
PARTITIONS = 2


def config_of(url: str, **settings: Any) -> Config:
    """Settings of a console that reads a store, and a broker that does not answer."""
    return Config(redis_url=url, brokers=f"127.0.0.1:{free_port()}", partitions=PARTITIONS, **settings)


async def nothing(_: object) -> None:
    """No dead letters here."""


async def fill(url: str, seed: int, customers: int = 60, events: int = 1_500) -> list[Any]:
    """Empty the store and fold a year of synthetic events into it under a population; gives the tag changes.

    Returns:
        Records as they would stand in topic `tag-changes`, partition 0.
    """
    store = RedisStore(url, Config().buckets)
    await store._client.flushall()
    await store.adopt()
    end_ms = int(time.time() * 1000) - 3_600_000
    processor = Processor(store, Config().rules(), live=False, dead_letter=nothing, cache_size=10_000)
    await processor.folding.refresh()
    assert await store.publish(SNAPSHOT.version, encode(SNAPSHOT), b"", 0)
    await processor.folding.refresh()
    arrivals: dict[str, list[Arrival]] = {}
    for offset, raw in enumerate(synthetic(seed, customers, events, end_ms - 300 * DAY, end_ms)):
        event = parse(raw["type"], orjson.dumps(raw), latest_ms=None)
        at_ms = event_time_ms(raw["ts"])
        arrivals.setdefault(event.customer_id, []).append(
            Arrival(event, f"{TOPIC[raw['type']]}/0", offset, at_ms)
        )
    await processor.apply(Ready(arrivals, [], {}), lambda: True)
    ids = list(arrivals)
    await processor.wake(ids, end_ms)
    await store.report_clock({"orders/0": (True, end_ms), "clicks/0": (True, end_ms)})
    await store.watermark(1, {"orders/0": 700, "orders/1": 11, "clicks/0": 400})
    entries = await store.outbox(range(store.buckets), 100_000)
    await store.delivered(entries)
    await store.close()
    lines = [line for entry in entries for line in entry.changes]
    return [SimpleNamespace(offset=n, value=line, timestamp=end_ms) for n, line in enumerate(lines)]


async def record(parts: Parts, records: list[Any], topic: str = TAG_CHANGES, first: int = 0) -> None:
    """Take records in as the recorder does, which stands at `first`."""
    from streams import keys
    from streams.console.notes import Notes

    tp = TopicPartition(topic, 0)
    await parts.client.hsetnx(keys.console("at"), f"{topic}/0", first)
    parts.recorder._at[tp] = first
    if records:
        await parts.recorder._take(Notes(), {tp: records})


# How long the console waits for the store, its first look and its first survey, and searches: it answers 503,
# or less, after a second or so, which a busy machine shall not bring about.
WAITS = (
    (known, "TIMEOUT_S"),
    (live, "FIRST_S"),
    (app, "FIRST_SURVEY_S"),
    (customer, "SEARCH_S"),
    (prometheus, "TIMEOUT_S"),
)


@asynccontextmanager
async def served(
    config: Config, *, patience_s: float | None = 60.0, **headers: str
) -> AsyncIterator[tuple[Parts, TestClient[Any, Any]]]:
    """A console on a free port of loopback, and a browser; without patience it waits as in production."""
    with pytest.MonkeyPatch.context() as patch:
        for module, name in WAITS if patience_s is not None else ():
            patch.setattr(module, name, patience_s)
        parts = Parts(config)
        async with TestClient(TestServer(parts.application()), headers=headers) as client:
            yield parts, client


async def until(met: Callable[[], bool]) -> None:
    """Wait for what has no event."""
    async with asyncio.timeout(120):
        while not met():  # noqa: ASYNC110
            await asyncio.sleep(0.02)


async def get(client: TestClient[Any, Any], path: str, status: int = 200, **headers: str) -> Any:
    """A JSON answer."""
    async with client.get(path, headers=headers) as response:
        assert response.status == status, (path, response.status, await response.text())
        assert response.content_type == "application/json"
        return orjson.loads(await response.read())
