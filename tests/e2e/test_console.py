"""The console on a real run, every part a process of its own: each figure against its source."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import redis
from faults.crash_run import Fire, within_contract
from kafka import KafkaProducer

from models.rules import DAY_MS
from streams import keys
from streams.console.recorder import LEASE_S, SAMPLES
from streams.local.ports import free_port
from streams.local.synthetic import synthetic
from streams.topics import DEAD_LETTER, INPUT_TOPICS, TAG_CHANGES

START_MS = 1_483_228_800_000
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(300)]
Row = dict[str, Any]


class Run:
    """A deployment with one worker, and consoles."""

    def __init__(self, folder: Path, seed: int) -> None:
        quick = {"fetch_wait_ms": 20, "session_timeout_s": 2, "heartbeat_s": 0.5, "commit_interval_s": 0.3}
        self.fire = Fire(folder, None, seed, workers=1, partitions=2, relay_durable=False, **quick)
        self.events = within_contract(synthetic(seed, 60, 4_000, START_MS, START_MS + 60 * DAY_MS))
        self.urls: list[str] = []
        self.bad = 0

    @property
    def stack(self) -> Any:
        return self.fire.stack

    def store(self) -> redis.Redis:
        return redis.Redis.from_url(self.stack.store.url)

    def console(self) -> str:
        """One more console, answering."""
        url = self.stack.start_console(free_port())
        self.urls.append(url)
        wait(lambda: ask(url, "/api/live") is not None)
        return url

    def spoil(self, topic: str, *values: bytes) -> None:
        """Records that break the contract."""
        producer = KafkaProducer(bootstrap_servers=self.stack.config.brokers, enable_idempotence=False)
        for value in values:
            place = producer.send(topic, value, key=b"c1", partition=0).get(10)
            self.fire.ends[topic, 0] = max(self.fire.ends.get((topic, 0), 0), place.offset + 1)
        producer.close()
        self.bad += len(values)

    def recorded(self) -> None:
        """Wait until everything that went out is counted."""
        wanted, client = len(self.fire.announced()), self.store()

        def is_counted() -> bool:
            at = {name.decode(): int(n) for name, n in client.hgetall(keys.console("at")).items()}
            told = sum(n for name, n in at.items() if name.startswith(f"{TAG_CHANGES}/"))
            return told >= wanted and at.get(f"{DEAD_LETTER}/0", 0) >= self.bad

        wait(is_counted)

    def changes(self) -> list[Row]:
        """What the topic says, each once."""
        return list({event["id"]: event for event in self.fire.announced()}.values())


def wait(met: Callable[[], bool], timeout_s: float = 60) -> None:
    deadline_s = time.monotonic() + timeout_s
    while not met():
        assert time.monotonic() < deadline_s
        time.sleep(0.05)


def ask(url: str, path: str) -> Any:
    """A JSON answer, None where there is none."""

    async def one() -> Any:
        try:
            async with aiohttp.ClientSession() as session, session.get(url.rstrip("/") + path) as response:
                return orjson.loads(await response.read()) if response.status == 200 else None
        except aiohttp.ClientError:
            return None

    return asyncio.run(one())


@pytest.fixture
def run(tmp_path: Path, seed: int) -> Iterator[Run]:
    made = Run(tmp_path, seed)
    with made.fire:
        yield made


def check(run: Run, url: str) -> None:
    """Every figure against its source, once everything has come to rest."""
    changes, store = run.changes(), run.store()
    docs = [orjson.loads(doc) for key in store.scan_iter("ps:profile:*") if (doc := store.hget(key, "doc"))]
    live: Row = {}

    def fresh() -> bool:
        live.update(ask(url, "/api/live"))
        return bool(live["profiles"] == len(docs) and live["timers"]["fired_per_s"] == 0)

    wait(fresh)
    applied = {
        topic: sum(n for (name, _), n in run.fire.ends.items() if name == topic) for topic in INPUT_TOPICS
    }
    assert live["applied_total"] == applied
    assert live["lag"]["records"] == 0
    assert sum(live["dead_letters"].values()) == run.bad
    assert live["outbox"]["entries"] == 0
    assert {one["role"] for one in live["processes"]} == {"worker", "console"}
    assert all(one["ready"] and one["rss_bytes"] > 1_000_000 for one in live["processes"])
    segments = ask(url, "/api/segments")
    assert segments["profiles"] == len(docs)
    assert {row["id"]: row["customers"] for row in segments["stages"]} == Counter(
        doc["lifecycle"]["stage"] for doc in docs
    )
    said = Counter((one["data"]["tag"], one["type"].rpartition(".")[2]) for one in changes)
    for tag in ("lifecycle", "rfm_segment", "active_30d", "high_intent"):
        page = ask(url, f"/api/tags/{tag}")
        assert page["customers"] == sum(tag in doc["tags"] for doc in docs)
        for way in ("entered", "left", "changed", "corrected"):
            assert page[way] == said[tag, way], (tag, way)
    flows = Counter(
        (one["data"]["old"], one["data"]["new"]) for one in changes if one["data"]["tag"] == "lifecycle"
    )
    assert {(row["from"], row["to"]): row["customers"] for row in segments["flows"]} == flows
    fed = ask(url, "/api/tag-changes?limit=500")["changes"]
    assert {row["id"] for row in fed} <= {one["id"] for one in changes}
    assert len(fed) == min(500, len(changes))
    one = max(docs, key=lambda doc: len(doc["tags"]))
    found = ask(url, f"/api/customer/{one['customer_id']}")
    assert found["doc"] == one
    mine = [event["data"] for event in changes if event["data"]["customer_id"] == one["customer_id"]]
    assert [(past["seq"], past["tag"]) for past in found["history"]] == [
        (data["seq"], data["tag"]) for data in mine[-run.stack.config.history :]
    ]


def test_figures_are_those_of_the_sources_before_and_after_a_restart(run: Run) -> None:
    half = len(run.events) // 2
    run.fire.produce(run.events[:half])
    run.spoil("orders", b"no json", b"{}", b"[]")
    run.spoil("clicks", b'{"type":"click"}')
    run.fire.settle()
    url = run.console()
    run.recorded()
    check(run, url)
    letters = ask(url, "/api/dead-letters")
    assert letters["total"] == 4
    assert all(len(row["samples"]) <= SAMPLES for row in letters["reasons"])
    assert {(one["topic"], one["partition"]) for row in letters["reasons"] for one in row["samples"]} == {
        ("orders", 0), ("clicks", 0)
    }  # fmt: skip

    run.stack.consoles[0].stop()
    assert run.stack.consoles[0].returncode == 0
    run.fire.produce(run.events[half:])  # while nobody looks
    run.fire.settle()
    url = run.console()
    run.recorded()
    check(run, url)


def test_a_second_console_takes_over_and_counts_nothing_twice(run: Run) -> None:
    third = len(run.events) // 3
    first, second = run.console(), run.console()
    run.fire.produce(run.events[:third])
    run.fire.settle()
    run.recorded()
    for url in (first, second):
        check(run, url)
    holder = run.store().get(keys.console("lease"))
    run.stack.consoles[0].kill()  # the one that records, most likely; either way nothing may be lost
    run.fire.produce(run.events[third:])
    run.fire.settle()
    wait(lambda: run.store().get(keys.console("lease")) not in (None, holder), 3 * LEASE_S)
    run.recorded()
    store = run.store()
    wait(lambda: store.zcard(keys.VITALS) == 2, 30)  # the dead one is forgotten
    check(run, second)


def test_pages_hear_what_happens(run: Run) -> None:
    url = run.console()
    run.fire.produce(run.events[:1_000])
    run.fire.settle()
    run.recorded()

    async def listen() -> tuple[list[Row], list[Row]]:
        live: list[Row] = []
        changes: list[Row] = []
        async with aiohttp.ClientSession() as session, session.get(url + "api/stream") as stream:
            sent = False
            async with asyncio.timeout(60):
                while not (
                    changes and len(live) > 4 and any(sum(one["events_per_s"].values()) for one in live)
                ):
                    kind = await stream.content.readline()
                    if not kind.startswith(b"event: "):
                        continue
                    data = orjson.loads((await stream.content.readline()).removeprefix(b"data: "))
                    (live if b"live" in kind else changes).append(data)
                    if live and not sent:
                        sent = True
                        await asyncio.to_thread(run.fire.produce, run.events[1_000:])
        return live, changes

    live, changes = asyncio.run(listen())
    assert [one["at_ms"] for one in live] == sorted({one["at_ms"] for one in live})
    run.fire.settle()
    run.recorded()
    known = {event["id"]: event["data"] for event in run.changes()}
    for row in changes:
        data = known[row["id"]]
        assert (row["customer_id"], row["tag"], row["old"], row["new"]) == (
            data["customer_id"], data["tag"], data["old"], data["new"]
        )  # fmt: skip
    check(run, url)
    past = ask(url, "/api/history?span=1h")
    assert len(past["at_ms"]) > 2
    assert sum(map(sum, past["events_per_s"].values())) > 0


def test_fifty_pages_ask_the_store_no_more_than_none(run: Run) -> None:
    """The worker and the store notice nothing: one sampler, whoever listens."""
    url = run.console()
    run.fire.produce(run.events[:500])
    run.fire.settle()
    run.recorded()
    run.stack.workers[0].stop()
    store = run.store()

    def asked_s(seconds: float = 6.0) -> float:
        before, since_s = store.info("stats")["total_commands_processed"], time.monotonic()
        time.sleep(seconds)
        return float(store.info("stats")["total_commands_processed"] - before) / (time.monotonic() - since_s)

    alone = asked_s()

    async def watched() -> tuple[float, list[int]]:
        async with aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session:
            streams = [await session.get(url + "api/stream") for _ in range(50)]
            heard = [0] * len(streams)

            async def listen(n: int) -> None:
                async for line in streams[n].content:
                    heard[n] += line.startswith(b"event: live")

            tasks = [asyncio.create_task(listen(n)) for n in range(len(streams))]
            rate = await asyncio.to_thread(asked_s)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            return rate, heard

    together, heard = asyncio.run(watched())
    assert min(heard) >= 4, "all of them were told, each second"
    assert together < 1.25 * alone, (alone, together)
