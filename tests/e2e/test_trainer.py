"""Trainers that die, come back and meet, beside workers: one line of snapshots, and everyone judged by it."""

import random
import signal
import socket
import time
from bisect import bisect_left
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import rollout
from faults.crash_run import within_contract
from waiting import wait_for

from models import codec, rfm
from models.population.codec import decode
from models.population.snapshot import Snapshot
from streams import catalogues, exporter, keys
from streams.config import Config
from streams.local.stack import LocalStack
from streams.recorded import records
from streams.topics import POPULATION, TAG_CHANGES

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1800)]
INTERVAL_S, LEASE_S = 1.0, 1.5
WAIT_S = 300.0  # for what comes within seconds, but on a machine that is busy


def test_one_line_of_snapshots_whatever_happens_to_trainers(tmp_path: Path, seed: int) -> None:
    settings = {"partitions": 4, "commit_interval_s": 0.3, "trainer_interval_s": INTERVAL_S,
                "trainer_lease_s": LEASE_S, "clusters": 4}  # fmt: skip
    with LocalStack(tmp_path, settings) as stack:
        pids = [stack.start_worker().pid for _ in range(2)]
        ends = rollout.produce(stack, within_contract(rollout.history(seed, 1_500, 8_000)))
        client, config = exporter.connect(stack.config.redis_url), stack.config
        rollout.settle(stack, client, ends, WAIT_S)
        for _ in range(2):
            stack.start_trainer()
        wait_for(lambda: version(client) >= 2)
        traffic = rollout.Traffic(stack, seed, exporter.customer_ids(client)[:100], 100)
        traffic.start()
        fire(stack, client, random.Random(seed))
        traffic.stop()
        stop_trainers(stack)
        together = {tp: ends.get(tp, 0) + traffic.ends.get(tp, 0) for tp in ends.keys() | traffic.ends.keys()}
        rollout.settle(stack, client, together, WAIT_S)
        assert [(one.pid, one.running) for one in stack.workers] == [(pid, True) for pid in pids]

        line = snapshots(config.brokers, client)
        assert len(line) == version(client) >= 6
        chain = [(line[n].version, line[n].parent) for n in sorted(line)]
        assert chain == [(n, n - 1) for n in range(1, len(line) + 1)]
        judged_by(client, config, line[len(line)])
        causes = announced(config.brokers)
        print(f"{len(line)} snapshots, tag changes by version: {dict(sorted(causes.items()))}")
        assert causes[1] > 100
        verdict = orjson.loads(rollout.cli(stack, "verify", "--json"))
        print({name: verdict[name] for name in ("differences", "profiles", "not_yet_judged", "notes")})
        assert (verdict["differences"], verdict["not_yet_judged"]) == (0, 0), verdict["first"]
        assert set(causes) <= set(line)


def fire(stack: LocalStack, client: Any, rng: random.Random) -> None:
    """Kill, freeze and double, each time until all run and another snapshot has come into force."""
    for what in ("kill", "freeze", "kill", "double", "kill"):
        time.sleep(rng.uniform(0, INTERVAL_S))
        if what == "double":
            stack.start_trainer()
        elif what == "freeze":  # a zombie that wakes up believing that it is the active one
            sleeper = rng.choice(stack.trainers)
            sleeper.signal(signal.SIGSTOP)
            time.sleep(2 * LEASE_S)
            sleeper.signal(signal.SIGCONT)
        else:
            for victim in stack.trainers:
                victim.kill()
            for victim in stack.trainers:
                victim.start()
        before = version(client)  # by now: what those who are gone put into force is no proof
        wait_for(lambda before=before: version(client) > before and run(stack, client), WAIT_S)


def run(stack: LocalStack, client: Any) -> bool:
    """Whether every trainer says that it lives; one that still starts would not end in order."""
    live = {name.decode() for name in client.zrange(keys.VITALS, 0, -1)}
    return all(f"trainer:{socket.gethostname()}-{one.pid}" in live for one in stack.trainers)


def stop_trainers(stack: LocalStack) -> None:
    """SIGTERM, upon which each ends by itself and lets the lease go."""
    for trainer in stack.trainers:
        trainer.signal(signal.SIGTERM)
    wait_for(lambda: not any(one.running for one in stack.trainers))
    logs = "\n".join(one.log.read_text() for one in stack.trainers)
    assert [one.returncode for one in stack.trainers] == [0] * len(stack.trainers), logs[-3000:]
    assert "Traceback" not in logs
    assert "customer-" not in logs
    with exporter.connect(stack.config.redis_url) as client:
        assert client.get(keys.TRAINER) is None


def version(client: Any) -> int:
    """Of the snapshot in force."""
    return int(client.hget(keys.POPULATION, "version") or 0)


def snapshots(brokers: str, client: Any) -> dict[int, Snapshot]:
    """Version -> snapshot, out of the topic, in which the newest comes last and repeats are alike.

    The one in force is there by then, or will be: a trainer that is told to end between store and topic
    leaves it to whoever becomes active next.
    """
    out: dict[int, Snapshot] = {}
    last = 0
    for record in records(brokers, (POPULATION,)):
        assert record.key == b"snapshot"
        found = decode(record.value)
        assert out.setdefault(found.version, found) == found
        last = found.version
    assert last == max(out)
    found = decode(catalogues.read(client).snapshot)
    assert out.setdefault(found.version, found) == found
    return out


def announced(brokers: str) -> Counter[int]:
    """Tag changes that a snapshot caused, by its version."""
    causes = (orjson.loads(record.value)["data"]["cause"] for record in records(brokers, (TAG_CHANGES,)))
    found = [cause for cause in causes if "population" in cause]
    assert all(set(cause) == {"population"} for cause in found)
    return Counter(cause["population"] for cause in found)


def judged_by(client: Any, config: Config, snapshot: Snapshot) -> None:
    """After the sweep everyone stands where the last snapshot puts them, and their documents say so."""
    found = catalogues.read(client)
    assert found.population == snapshot.version
    wait_for(lambda: catalogues.progress(client, config.buckets, found.revision).done == config.buckets)
    rules = catalogues.rules_in_force(client, config)
    assert rules.population is not None
    assert snapshot.clusters is not None
    names = dict(zip(snapshot.clusters.ids, snapshot.clusters.names, strict=True))
    buyers, moved = 0, 0
    for cid in exporter.customer_ids(client):
        profile = keys.profile(keys.bucket(cid, config.buckets), cid)
        blob, text = client.hmget(profile, keys.STATE, keys.DOC)  # of one moment: timers go on
        state, doc = codec.decode(blob), orjson.loads(text)
        assert state.revision == found.revision
        orders = state.orders
        if not orders.n:
            assert not {"churn", "value", "cluster"} & doc.keys()
            continue
        buyers += 1
        held = tuple(doc["rfm"][name] for name in "rfm")
        silent_ms = state.as_of_ms - orders.last_ms()
        assert held == rfm.scores(silent_ms, orders.n, orders.total_minor, state.scores, rules)
        plain = plain_scores(snapshot, silent_ms, orders.n, orders.total_minor)
        assert all(abs(one - two) <= 1 for one, two in zip(held, plain, strict=True))
        moved += held != plain
        assert 0 <= doc["churn"]["p_alive"] <= 1  # to six places: who was busy and is long gone has 0
        assert doc["churn"]["risk"] in ("low", "medium", "high")
        assert doc["value"]["expected_orders_365d"] >= 0
        assert doc["cluster"]["name"] == names[doc["cluster"]["id"]]
        assert doc["cluster"]["model_version"] == snapshot.version
    print(f"{buyers} buyers under population {snapshot.version}, {moved} with a score that is held")
    assert buyers > 500
    assert moved <= 8 * 0.002 * 3 * buyers + 3


def plain_scores(snapshot: Snapshot, silent_ms: int, orders: int, total_minor: int) -> tuple[int, int, int]:
    """By the edges alone, nothing held."""
    edges = snapshot.quintiles
    assert edges is not None
    silence = sum(edge <= silent_ms for edge in edges.recency_ms.at)
    return (
        5 - silence,
        1 + bisect_left(edges.frequency.at, orders),
        1 + bisect_left(edges.monetary_minor.at, total_minor),
    )
