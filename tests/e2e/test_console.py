"""The console on a real run, every part a process of its own: each figure against its source."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import aiohttp
import orjson
import pytest
import redis
from faults.crash_run import Fire, within_contract
from kafka import KafkaProducer
from waiting import wait_for

from models.rules import DAY_MS
from streams import keys
from streams.console.recorder import SAMPLES
from streams.local.ports import free_port
from streams.local.synthetic import synthetic
from streams.recorded import records
from streams.topics import DEAD_LETTER, INPUT_TOPICS, TAG_CHANGES

START_MS = 1_483_228_800_000
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(900)]
Row = dict[str, Any]
TAGS = ("lifecycle", "rfm_segment", "active_30d", "high_intent")


class Run:
    """A deployment with one worker, and consoles."""

    def __init__(self, folder: Path, seed: int) -> None:
        quick = {"fetch_wait_ms": 20, "session_timeout_s": 2, "heartbeat_s": 0.5, "commit_interval_s": 0.3}
        self.fire = Fire(folder, None, seed, workers=1, partitions=2, relay_durable=False, **quick)
        self.events = within_contract(synthetic(seed, 60, 4_000, START_MS, START_MS + 60 * DAY_MS))
        self.urls: list[str] = []
        self.bad: list[tuple[str, int, int]] = []

    @property
    def stack(self) -> Any:
        return self.fire.stack

    def store(self) -> redis.Redis:
        return redis.Redis.from_url(self.stack.store.url, socket_timeout=60)

    def console(self) -> str:
        """One more console, answering."""
        url = self.stack.start_console(free_port())
        self.urls.append(url)
        wait_for(lambda: ask(url, "/api/live") is not None)
        return url

    def spoil(self, topic: str, *values: bytes) -> None:
        """Records that break the contract."""
        producer = KafkaProducer(bootstrap_servers=self.stack.config.brokers, enable_idempotence=False)
        for value in values:
            place = producer.send(topic, value, key=b"c1", partition=0).get(60)
            self.fire.ends[topic, 0] = max(self.fire.ends.get((topic, 0), 0), place.offset + 1)
            self.bad.append((topic, 0, place.offset))
        producer.close()

    def letters(self) -> list[Row]:
        """What was refused, as the topic says it: each at least once, and twice after a rebalance."""
        return [orjson.loads(one.value) for one in records(self.stack.config.brokers, (DEAD_LETTER,))]

    def recorded(self) -> None:
        """Wait until everything that went out is counted."""
        wanted, letters, client = len(self.fire.announced()), self.letters(), self.store()
        assert {(one["topic"], one["partition"], one["offset"]) for one in letters} == set(self.bad)

        def is_counted() -> bool:
            at = {name.decode(): int(n) for name, n in client.hgetall(keys.console("at")).items()}
            told = sum(n for name, n in at.items() if name.startswith(f"{TAG_CHANGES}/"))
            return told >= wanted and at.get(f"{DEAD_LETTER}/0", 0) >= len(letters)

        wait_for(is_counted)

    def changes(self) -> list[Row]:
        """What the topic says, each once."""
        return list({event["id"]: event for event in self.fire.announced()}.values())


def comes_to(look: Callable[[], Any], wanted: Any) -> None:
    """Wait until something is what it must be: surveys take turns, processes speak every two seconds."""
    deadline_s = time.monotonic() + 120
    while (found := look()) != wanted and time.monotonic() < deadline_s:
        time.sleep(0.05)
    assert found == wanted


def answer(url: str, path: str) -> Any:
    """A JSON answer, waited for: of a store that is silent for a moment a console says that it is down."""
    deadline_s = time.monotonic() + 120
    while (found := ask(url, path)) is None:
        assert time.monotonic() < deadline_s
        time.sleep(0.05)
    return found


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
    changes, letters, store = run.changes(), run.letters(), run.store()
    ids = dict.fromkeys(store.scan_iter("ps:profile:*"))  # a scan may name somebody twice
    docs = [orjson.loads(doc) for key in ids if (doc := store.hget(key, "doc"))]
    applied = {
        topic: sum(n for (name, _), n in run.fire.ends.items() if name == topic) for topic in INPUT_TOPICS
    }
    comes_to(
        lambda: figures(answer(url, "/api/live")),
        {
            "profiles": len(docs),
            "applied": applied,
            "lag": 0,
            "dead letters": len(letters),
            "outbox": 0,
            "timers": (0, 0),
            "roles": {"worker", "console"},
            "well": True,
        },
    )
    stages = Counter(doc["lifecycle"]["stage"] for doc in docs)
    holders = {tag: sum(tag in doc["tags"] for doc in docs) for tag in TAGS}
    comes_to(lambda: surveyed(answer(url, "/api/segments")), (len(docs), stages, holders))
    said = Counter((one["data"]["tag"], one["type"].rpartition(".")[2]) for one in changes)
    for tag in TAGS:
        page = answer(url, f"/api/tags/{tag}")
        assert page["customers"] == holders[tag]
        for way in ("entered", "left", "changed", "corrected"):
            assert page[way] == said[tag, way], (tag, way)
    flows = Counter(
        (one["data"]["old"], one["data"]["new"]) for one in changes if one["data"]["tag"] == "lifecycle"
    )
    segments = answer(url, "/api/segments")
    assert {(row["from"], row["to"]): row["customers"] for row in segments["flows"]} == flows
    feed = lambda: answer(url, "/api/tag-changes?limit=500")["changes"]  # noqa: E731
    comes_to(lambda: len(feed()), min(500, len(changes)))
    assert {row["id"] for row in feed()} <= {one["id"] for one in changes}
    one = max(docs, key=lambda doc: len(doc["tags"]))
    found = answer(url, f"/api/customer/{one['customer_id']}")
    assert found["doc"] == one
    mine = [event["data"] for event in changes if event["data"]["customer_id"] == one["customer_id"]]
    assert [(past["seq"], past["tag"]) for past in found["history"]] == [
        (data["seq"], data["tag"]) for data in mine[-run.stack.config.history :]
    ]


def figures(live: Row) -> Row:
    """What a page shows of now."""
    processes = live["processes"]
    return {
        "profiles": live["profiles"],
        "applied": live["applied_total"],
        "lag": live["lag"]["records"],
        "dead letters": sum(live["dead_letters"].values()),
        "outbox": live["outbox"]["entries"],
        "timers": (live["timers"]["due"], live["timers"]["fired_per_s"]),
        "roles": {one["role"] for one in processes},
        "well": all(one["ready"] and (one["rss_bytes"] or 0) > 1_000_000 for one in processes),
    }


def surveyed(segments: Row) -> tuple[int, dict[str, int], dict[str, int]]:
    """How many customers the latest survey met, in which stages, and how many hold each tag."""
    holders = {tag: sum(row["customers"] for row in segments["tags"] if row["id"] == tag) for tag in TAGS}
    return segments["profiles"], {row["id"]: row["customers"] for row in segments["stages"]}, holders


def test_figures_are_those_of_the_sources_before_and_after_a_restart(run: Run) -> None:
    half = len(run.events) // 2
    run.fire.produce(run.events[:half])
    run.spoil("orders", b"no json", b"{}", b"[]")
    run.spoil("clicks", b'{"type":"click"}')
    run.fire.settle()
    url = run.console()
    run.recorded()
    check(run, url)
    letters = answer(url, "/api/dead-letters")
    assert letters["total"] == len(run.letters()) >= 4
    assert all(len(row["samples"]) <= SAMPLES for row in letters["reasons"])
    assert {(one["topic"], one["partition"]) for row in letters["reasons"] for one in row["samples"]} == {
        ("orders", 0), ("clicks", 0)
    }  # fmt: skip

    run.stack.consoles[0].stop(60)
    assert run.stack.consoles[0].returncode == 0
    run.fire.produce(run.events[half:])  # while nobody looks
    run.fire.settle()
    url = run.console()
    run.recorded()
    check(run, url)


def test_a_second_console_takes_over_and_counts_nothing_twice(run: Run) -> None:
    third = len(run.events) // 3
    store = run.store()
    lease: Callable[[], bytes | None] = lambda: store.get(keys.console("lease"))  # noqa: E731
    first = run.console()
    of_first, second = wait_for(lease), run.console()
    run.fire.produce(run.events[:third])
    run.fire.settle()
    run.recorded()
    for url in (first, second):
        check(run, url)
    holder = wait_for(lease)
    is_first = holder == of_first  # unless it was held up for so long that it lost its lease
    run.stack.consoles[0 if is_first else 1].kill()  # the one that records
    run.fire.produce(run.events[third:])
    run.fire.settle()
    wait_for(lambda: lease() not in (None, holder))
    run.recorded()
    wait_for(lambda: store.zcard(keys.VITALS) == 2)  # the dead one is forgotten
    check(run, second if is_first else first)


def test_pages_hear_what_happens(run: Run) -> None:
    url = run.console()
    run.fire.produce(run.events[:1_000])
    run.fire.settle()
    run.recorded()
    wait_for(lambda: answer(url, "/api/tag-changes")["changes"])  # pages are told what comes from now on

    async def listen() -> tuple[list[Row], list[Row]]:
        live: list[Row] = []
        changes: list[Row] = []
        async with aiohttp.ClientSession() as session, session.get(url + "api/stream") as stream:
            sent = False
            async with asyncio.timeout(240):
                while not (
                    changes and len(live) > 4 and any(sum(one["events_per_s"].values()) for one in live)
                ):
                    kind = await stream.content.readline()
                    if not kind.startswith(b"event: "):
                        continue
                    data = orjson.loads((await stream.content.readline()).removeprefix(b"data: "))
                    if b"live" not in kind:
                        changes.append(data)
                    elif "events_per_s" in data:  # else the store was silent for a moment
                        live.append(data)
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

    def is_kept() -> bool:  # a step is written down when it is over
        past = answer(url, "/api/history?span=1h")
        return len(past["at_ms"]) > 2 and sum(map(sum, past["events_per_s"].values())) > 0

    wait_for(is_kept)


def test_fifty_pages_ask_the_store_no_more_than_none(run: Run) -> None:
    """The worker and the store notice nothing: one sampler, whoever listens."""
    url = run.console()
    run.fire.produce(run.events[:500])
    run.fire.settle()
    run.recorded()
    run.stack.workers[0].stop()
    store, buckets = run.store(), run.stack.config.buckets

    def asked() -> tuple[int, int]:
        """Commands that the store was ever given, and looks of samplers: nobody else asks for lengths."""
        said = store.info("all")
        return said["total_commands_processed"], said["cmdstat_xlen"]["calls"] // buckets

    before = asked()
    wait_for(lambda: asked()[1] >= before[1] + 6)
    after = asked()
    of_look = (after[0] - before[0]) / (after[1] - before[1])

    async def watched() -> tuple[int, float]:
        async with (
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0)) as session,
            AsyncExitStack() as held,
        ):
            streams = [await held.enter_async_context(session.get(url + "api/stream")) for _ in range(50)]

            async def listen(stream: aiohttp.ClientResponse) -> None:
                """Told of six looks."""
                heard = 0
                while heard < 6:
                    heard += (await stream.content.readline()).startswith(b"event: live")

            began, since_s = store.info("stats")["total_commands_processed"], time.monotonic()
            async with asyncio.timeout(240):
                await asyncio.gather(*map(listen, streams))
            ended = store.info("stats")["total_commands_processed"]
            return ended - began, time.monotonic() - since_s

    commands, took_s = asyncio.run(watched())
    # A look a second at most, however slow the machine is.
    assert commands < 1.25 * of_look * (took_s + 1), (commands, of_look, took_s)
