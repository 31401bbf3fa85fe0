"""Workers, broker and store under fire, and the questions asked afterwards.

Everything is a real process: Apache Kafka, Valkey with its log synced each second, worker processes.
A run produces events in chunks, does something terrible after each, and at the end compares every
profile with the oracle and the tag-change topic with the profiles.
"""

import asyncio
import random
import signal
import time
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, Self

import orjson
from oracle import SHIPPED, OracleSettings, compare, event_time_ms, recompute

from models import history
from models.rules import DAY_MS
from streams import exporter, keys
from streams.cli.replay import wait_settled
from streams.local import load
from streams.local.process import LocalProcess
from streams.local.stack import Broker, LocalStack
from streams.local.store import EmbeddedStore
from streams.recorded import records
from streams.topics import TAG_CHANGES

Event = dict[str, Any]
SESSION_S = 6.0


class Fire:
    """A deployment with `workers` workers; each fault is a method, drawn and timed by a seeded generator."""

    def __init__(
        self,
        directory: Path,
        broker: Broker | None,
        seed: int,
        *,
        workers: int = 3,
        **settings: Any,
    ) -> None:
        self.rng = random.Random(seed)
        self.at_ms = 0  # the newest event sent, and so where the event clock ends
        defaults = {
            "clock": "event",
            "session_timeout_s": SESSION_S,
            "heartbeat_s": 1,
            "fetch_wait_ms": 100,
            "commit_interval_s": 0.5,
            "partitions": 12,
            "log_level": "warning",
        }
        store = EmbeddedStore(directory / "store", appendfsync="everysec")
        self.stack = LocalStack(directory, {**defaults, **settings}, broker=broker, store=store)
        self.sent: list[Event] = []
        self.ends: dict[tuple[str, int], int] = {}
        self._workers = workers

    def __enter__(self) -> Self:
        self.stack.start()
        for _ in range(self._workers):
            self.stack.start_worker()
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self.stack.workers:
            if worker.running:
                worker.signal(signal.SIGCONT)
        self.stack.stop()

    def produce(self, events: Sequence[Event]) -> None:
        """Send a chunk; returns once acknowledged."""
        rows = load.rows((orjson.dumps(event) for event in events), lambda _: True)
        for tp, count in asyncio.run(load.produce(self.stack.config.brokers, rows)).items():
            self.ends[tp] = self.ends.get(tp, 0) + count
        self.sent.extend(events)
        self.at_ms = max(self.at_ms, *(event_time_ms(event["ts"]) for event in events))

    def pause(self, least_s: float = 0.05, most_s: float = 1.5) -> None:
        """A random moment later."""
        time.sleep(self.rng.uniform(least_s, most_s))

    def kill_worker(self) -> None:
        """SIGKILL in the middle of whatever it does, and a new process in its place."""
        victim = self.rng.choice(self.stack.workers)
        victim.kill()
        victim.start()

    def kill_store(self) -> None:
        """SIGKILL of the store; it comes back with what its log holds."""
        self.stack.store.kill()
        self.pause(0.0, 0.5)
        self.stack.store.start()

    def freeze_worker(self) -> None:
        """A worker sleeps past its session: a zombie that wakes up believing it still owns its partitions."""
        victim = self.rng.choice(self.stack.workers)
        victim.signal(signal.SIGSTOP)
        time.sleep(SESSION_S + self.rng.uniform(1.0, 3.0))
        victim.signal(signal.SIGCONT)

    def settle(self) -> None:
        """Wait until all is applied, fired and published.

        A worker that ended is started again, as a supervisor would.
        """
        restarts = 0
        client = exporter.connect(self.stack.store.url)
        deadline = time.monotonic() + 1200
        while True:
            try:
                wait_settled(
                    client, self.stack.config.buckets, self.ends, self.at_ms, self.stack.workers, deadline
                )
            except Exception as error:
                ended = [w for w in self.stack.workers if not w.running]
                if not ended or restarts > 5:
                    raise AssertionError(f"not settled: {error}") from error
                for worker in ended:
                    worker.start()
                restarts += 1
            else:
                return

    def differences(self) -> list[str]:
        """Every way in which a profile differs from the oracle."""
        config = self.stack.config
        client = exporter.connect(config.redis_url)
        ids = exporter.customer_ids(client)
        found = dict(exporter.documents(client, ids, config.buckets, config.rules(), self.at_ms, 0))
        expected = recompute(self.sent, self.at_ms, settings=OracleSettings(catalogue_text=SHIPPED))
        out = [
            f"{cid}: unknown to {'the store' if cid in expected else 'the oracle'}"
            for cid in found.keys() ^ expected.keys()
        ]
        for cid in found.keys() & expected.keys():
            out += [f"{cid}: {line}" for line in compare(expected[cid], found[cid])]
        return out

    def announced(self) -> list[Event]:
        """The data of every tag change in the topic, in the order of each partition, repeats included."""
        return [orjson.loads(one.value) for one in records(self.stack.config.brokers, (TAG_CHANGES,))]

    def held(self) -> dict[str, dict[str, Any]]:
        """The tags in the store's documents, by customer."""
        config = self.stack.config
        client = exporter.connect(config.redis_url)
        out = {}
        for cid in exporter.customer_ids(client):
            doc = orjson.loads(client.hget(keys.profile(keys.bucket(cid, config.buckets), cid), keys.DOC))
            out[cid] = {tag: entry["value"] for tag, entry in doc["tags"].items()}
        return out

    def histories(self) -> dict[str, list[Event]]:
        """What is kept with the profiles, by customer."""
        config = self.stack.config
        client = exporter.connect(config.redis_url)
        out = {}
        for cid in exporter.customer_ids(client):
            log = client.hget(keys.profile(keys.bucket(cid, config.buckets), cid), keys.LOG)
            out[cid] = [past.public() for past in history.read(log)]
        return out


def expected_histories(changes: Iterable[Event], most: int) -> dict[str, list[Event]]:
    """What the topic says that the profiles must keep, by customer."""
    out: dict[str, dict[int, Event]] = {}
    for event in changes:
        data, kind = event["data"], event["type"].rpartition(".")[2]
        told = {name: data[name] for name in ("seq", "tag", "old", "new", "cause")}
        times = {
            "at_ms": event_time_ms(data["effective_at"]),
            "known_ms": event_time_ms(data["known_at"]),
        }
        out.setdefault(data["customer_id"], {})[data["seq"]] = {**told, **times, "kind": kind}
    return {cid: list(rows.values())[-most:] for cid, rows in out.items()}


def fold(changes: Iterable[Event]) -> tuple[dict[str, dict[str, Any]], list[str], int]:
    """Fold a tag-change topic as a consumer would.

    Returns:
        Tags by customer, every broken promise, and the number of repeats.
    """
    seen: dict[str, bytes] = {}
    last: dict[str, int] = {}
    tags: dict[str, dict[str, Any]] = {}
    broken, repeats = [], 0
    for event in changes:
        data = event["data"]
        cid, seq = data["customer_id"], data["seq"]
        body = orjson.dumps(event, option=orjson.OPT_SORT_KEYS)
        if event["id"] in seen:
            repeats += 1
            if seen[event["id"]] != body:
                broken.append(f"{cid}: one id, two contents")
            continue
        seen[event["id"]] = body
        if seq != last.get(cid, 0) + 1:
            broken.append(f"{cid}: seq {seq} after {last.get(cid, 0)}")
        last[cid] = seq
        mine = tags.setdefault(cid, {})
        if mine.get(data["tag"]) != data["old"]:
            broken.append(f"{cid}: {data['tag']} was {mine.get(data['tag'])}, the change says {data['old']}")
        if data["new"] is None:
            mine.pop(data["tag"], None)
        else:
            mine[data["tag"]] = data["new"]
    return tags, broken, repeats


def check(fire: Fire, say: Callable[[str], None] = print) -> None:
    """Everything that is promised, after everything has settled."""
    differences = fire.differences()
    changes = fire.announced()
    tags, broken, repeats = fold(changes)
    held = fire.held()
    apart = [cid for cid in held if held[cid] != tags.get(cid, {})]
    say(
        f"events {len(fire.sent)}  profiles {len(held)}  differences {len(differences)}  "
        f"tag changes {len(changes)}  "
        f"repeats {repeats}  broken promises {len(broken)}  folded topic unlike tags {len(apart)}"
    )
    assert not differences, differences[:5]
    assert not broken, broken[:5]
    assert not apart, apart[:5]
    kept, wanted = fire.histories(), expected_histories(changes, fire.stack.config.history)
    unlike = [cid for cid in held if kept[cid] != wanted.get(cid, [])]
    assert not unlike, (unlike[0], kept[unlike[0]][-2:], wanted.get(unlike[0], [])[-2:])


def within_contract(events: Iterable[Event], most: int = 400, apart_ms: int = 15 * DAY_MS) -> list[Event]:
    """At most so many events a customer, and no repeat that comes too late to be recognised.

    Repeats are recognised within bounds (see ARCHITECTURE, "Bounds of one state"); the oracle has none.
    With the event clock those bounds are counted from the newest event of any partition, which a
    chunk at a time runs ahead of the others: hence half of them here.
    """
    counts: dict[str, int] = {}
    seen: dict[tuple[str, str, str], tuple[int, int]] = {}
    out, newest_ms = [], 0
    for event in events:
        customer, kind = event["customer_id"], event["type"]
        counts[customer] = number = counts.get(customer, 0) + 1
        newest_ms = max(newest_ms, event_time_ms(event["ts"]))
        first, first_ms = seen.setdefault((customer, kind, event["event_id"]), (number, newest_ms))
        if number <= most and number - first <= 32 and newest_ms - first_ms <= apart_ms:
            out.append(event)
    return out


__all__ = ["Fire", "LocalProcess", "check", "fold", "within_contract"]
