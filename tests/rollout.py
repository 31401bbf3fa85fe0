"""A change of the catalogue on a running deployment, under live traffic, and the questions asked then."""

import asyncio
import random
import subprocess
import sys
import threading
import time
from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from waiting import wait_for

from models import codec
from models.catalogue.catalogue import set_of
from models.rules import DAY_MS
from models.view import View
from streams import catalogues, exporter, keys
from streams.cli.replay import wait_settled
from streams.config import Config
from streams.local import load
from streams.local.stack import LocalStack, environment
from streams.local.synthetic import synthetic
from streams.recorded import records
from streams.topics import TAG_CHANGES

Event = dict[str, Any]
FREQUENT = """
[tags.frequent]
label = { en = "Frequent" }
enter = "rfm.frequency >= 3"
members = true
"""


class Report(NamedTuple):
    """What came of it; every list is empty where all is well."""

    customers: int
    predicted: int
    touched: int
    unlike: list[str]
    stale: list[str]
    wrong_sets: list[str]
    apply_s: float
    live_events: int


def changed(text: str) -> str:
    """The shipped catalogue with a moved threshold, a tag that goes, one that comes, a set that goes."""
    begin, end = text.index("[tags.dormant]"), text.index("[tags.reactivated]")
    text = text[:begin] + text[end:]
    threshold = 'label = { en = "High value", zh = "高价值" }\nenter = "rfm.net_minor >= 50_000"'
    assert threshold in text
    text = text.replace(threshold, 'version = 2\nenter = "rfm.net_minor >= 20_000"')
    kept = 'enter = "since(last_active_at) < 30d"\nmembers = true'
    assert kept in text
    return text.replace(kept, 'enter = "since(last_active_at) < 30d"') + FREQUENT


def history(seed: int, customers: int, events: int) -> list[Event]:
    """Events of the last 200 days, up to a minute ago."""
    now_ms = int(time.time() * 1000)
    return list(synthetic(seed, customers, events, now_ms - 200 * DAY_MS, now_ms - 60_000))


def produce(stack: LocalStack, events: Sequence[Event], per_second: float | None = None) -> dict[Any, int]:
    """Send; gives how many went to each partition."""
    rows = load.rows((orjson.dumps(event) for event in events), lambda _: True)
    return asyncio.run(load.produce(stack.config.brokers, rows, per_second))


def settle(stack: LocalStack, client: Any, ends: dict[Any, int], within_s: float) -> None:
    """Wait for all records, and for the timers that became due meanwhile: they move members too."""
    now_ms = int(time.time() * 1000)
    wait_settled(client, stack.config.buckets, ends, now_ms, stack.workers, time.monotonic() + within_s)


class Traffic(threading.Thread):
    """Clicks and orders of random customers at a rate, until stopped."""

    def __init__(self, stack: LocalStack, seed: int, ids: Sequence[str], per_second: float) -> None:
        super().__init__(daemon=True)
        self.stack, self.seed, self.ids, self.per_second = stack, seed, ids, per_second
        self.ends: dict[Any, int] = {}
        self.sent = 0
        self._done = threading.Event()

    def run(self) -> None:
        """Half a second of events at a time."""
        rng, n = random.Random(self.seed), 0
        while not self._done.is_set():
            some = []
            for _ in range(max(1, int(self.per_second / 2))):
                n += 1
                cid, at_ms = rng.choice(self.ids), int(time.time() * 1000)
                event = {"event_id": f"live-{n}", "customer_id": cid, "ts": at_ms}
                kind = {"type": "order", "order_id": f"live-{n}", "amount": rng.randrange(1, 300)}
                some.append(event | (kind if n % 4 == 0 else {"type": "click", "action": "product_view"}))
            for tp, count in produce(self.stack, some, self.per_second).items():
                self.ends[tp] = self.ends.get(tp, 0) + count
            self.sent += len(some)

    def stop(self) -> None:
        """Until the last event is acknowledged."""
        self._done.set()
        self.join()


def cli(stack: LocalStack, *args: str) -> str:
    """What a command prints, run as a user would."""
    argv = [sys.executable, "-m", "streams", *args]
    done = subprocess.run(
        argv, env=environment(stack.settings), capture_output=True, text=True, timeout=900, check=False
    )
    assert done.returncode == 0, done.stderr or done.stdout[-3000:]
    return done.stdout


def roll_out(
    stack: LocalStack, directory: Path, seed: int, ends: dict[Any, int], *, live_per_s: float, kill: bool
) -> Report:
    """Look at the difference, apply it beside live traffic, and hold the one against the other.

    With `kill` the first worker is killed while it sweeps, and started again.
    """
    client, config = exporter.connect(stack.config.redis_url), stack.config
    file, predicted_file = directory / "changed.toml", directory / "predicted.jsonl"
    file.write_text(changed(catalogues.rules_in_force(client, config).catalogue.text), encoding="utf-8")
    ids = exporter.customer_ids(client)
    versions = {cid: codec.decode(blob).version for cid, blob in exporter.states(client, ids, config.buckets)}
    cli(stack, "tags", "diff", str(file), "--out", str(predicted_file))
    predicted: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for line in predicted_file.read_bytes().splitlines():
        row = orjson.loads(line)
        predicted[row["customer_id"]].add((row["tag"], row["old"], row["new"]))
    traffic = Traffic(stack, seed, ids[: max(1, len(ids) // 20)], live_per_s)
    traffic.start()
    started = time.monotonic()
    victim = threading.Thread(target=_kill, args=[stack, client], daemon=True) if kill else None
    if victim is not None:
        victim.start()
    cli(stack, "tags", "apply", str(file))
    if victim is not None:
        victim.join()
    apply_s = time.monotonic() - started
    traffic.stop()
    together = {tp: ends.get(tp, 0) + traffic.ends.get(tp, 0) for tp in ends.keys() | traffic.ends.keys()}
    settle(stack, client, together, 300)
    actual = announced(config.brokers, revision=2)
    after = {cid: codec.decode(blob) for cid, blob in exporter.states(client, ids, config.buckets)}
    untouched = [cid for cid in ids if after[cid].version == versions[cid] + 1]
    unlike = [
        f"{cid}: {sorted(map(str, predicted[cid] ^ actual[cid]))}"
        for cid in untouched
        if predicted[cid] != actual[cid]
    ]
    stale, wrong = stale_members(client, config)
    count = sum(map(len, predicted.values()))
    return Report(
        len(ids), count, len(ids) - len(untouched), unlike, stale, wrong, apply_s, traffic.sent
    )  # fmt: skip


def _kill(stack: LocalStack, client: Any) -> None:
    """Once the sweep of the second revision is under way, however long the command takes to begin it."""
    wait_for(lambda: (found := catalogues.read(client)).revision == 2 and found.judged, within_s=600)
    stack.workers[0].kill()
    stack.workers[0].start()


def announced(brokers: str, revision: int) -> dict[str, set[tuple[Any, ...]]]:
    """Changes in the topic that a catalogue caused, by customer."""
    out: dict[str, set[tuple[Any, ...]]] = defaultdict(set)
    for record in records(brokers, (TAG_CHANGES,)):
        data = orjson.loads(record.value)["data"]
        if data["cause"].get("catalogue") == revision:
            out[data["customer_id"]].add((data["tag"], data["old"], data["new"]))
    return out


def stale_members(client: Any, config: Config) -> tuple[list[str], list[str]]:
    """Tags held against the catalogue in force, and sets that are not those who hold."""
    rules = catalogues.rules_in_force(client, config)
    catalogue, kept = rules.catalogue, list(rules.catalogue.sets())
    stale: list[str] = []
    holders: dict[str, set[str]] = defaultdict(set)
    states, members = at_one_moment(client, config, kept)
    for cid, blob in states.items():
        state = codec.decode(blob)
        if state.revision != catalogue.revision:
            stale.append(f"{cid}: judged under {state.revision}")
        view = View(state, state.as_of_ms, rules)
        for tag in catalogue.tags:
            held, left = state.tags.get(tag.id), state.left.get(tag.id)
            value = tag.judge(view, held, held is None and left is not None and left.spent)[0]
            if value != (held.value if held is not None else None):
                stale.append(f"{cid}: {tag.id} is {held and held.value}, not {value}")
        stale += [f"{cid}: {tag_id} is no tag" for tag_id in state.tags if tag_id not in catalogue.by_id]
        for tag_id in catalogue.members & state.tags.keys():
            holders[set_of(tag_id, state.tags[tag_id].value)].add(cid)
    wrong = [name for name in kept if members[name] != holders[name]]
    known = {keys.members(b, name).encode() for name in kept for b in range(config.buckets)}
    wrong += [key.decode() for key in client.scan_iter("ps:members:*", count=2000) if key not in known]
    return stale, wrong


def at_one_moment(
    client: Any, config: Config, sets: Sequence[str]
) -> tuple[dict[str, bytes], dict[str, set[str]]]:
    """States by customer, and who is in each set; of each bucket as both are between two writes.

    Time goes on and moves customers, each together with its sets.
    """
    by_bucket: dict[int, list[str]] = defaultdict(list)
    for cid in exporter.customer_ids(client):
        by_bucket[keys.bucket(cid, config.buckets)].append(cid)
    states: dict[str, bytes] = {}
    members: dict[str, set[str]] = defaultdict(set)
    for b in range(config.buckets):
        ids = by_bucket[b]
        pipe = client.pipeline(transaction=True)
        for cid in ids:
            pipe.hget(keys.profile(b, cid), keys.STATE)
        for name in sets:
            pipe.smembers(keys.members(b, name))
        found = pipe.execute()
        states |= {cid: blob for cid, blob in zip(ids, found, strict=False) if blob is not None}
        for name, some in zip(sets, found[len(ids) :], strict=True):
            members[name] |= {cid.decode() for cid in some}
    return states, members
