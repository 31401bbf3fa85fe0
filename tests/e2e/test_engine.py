"""The engine on live brokers: subscribe, rebalance, seek, commit, graceful stop."""

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from commits import committed
from conftest import missing
from faults.crash_run import Fire, check, within_contract
from parts import ApacheKafka, kafka_available
from waiting import wait_for

from models.rules import DAY_MS
from streams import exporter, keys
from streams.local.synthetic import synthetic

START_MS = 1_483_228_800_000
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(900)]


@pytest.fixture(params=["embedded", "kafka"])
def fire(request: pytest.FixtureRequest, tmp_path: Path, seed: int) -> Iterator[Fire]:
    if request.param == "kafka":
        if not kafka_available():
            missing("Apache Kafka")
        with Fire(tmp_path, ApacheKafka(tmp_path / "kafka"), seed, workers=1) as started:
            yield started
    else:
        settings = {"fetch_wait_ms": 20, "session_timeout_s": 2, "heartbeat_s": 0.5}
        with Fire(tmp_path, None, seed, workers=1, **settings) as started:
            yield started


def owners(client: Any) -> int:
    """Live workers, as they report themselves; one that is held up for five seconds is none."""
    return int(client.zcount(keys.WORKERS, int(time.time() * 1000), "+inf"))


def test_workers_join_and_leave_and_every_event_counts_once(fire: Fire, seed: int) -> None:
    events = within_contract(synthetic(seed, 400, 9_000, START_MS, START_MS + 20 * DAY_MS))
    parts = [
        events[: len(events) // 3],
        events[len(events) // 3 : 2 * len(events) // 3],
        events[2 * len(events) // 3 :],
    ]
    fire.produce(parts[0])
    fire.settle()
    fire.stack.start_worker()
    fire.stack.start_worker()
    fire.produce(parts[1])
    fire.settle()
    client = exporter.connect(fire.stack.store.url)
    wait_for(lambda: owners(client) == 3)

    leaver = fire.stack.workers[1]
    leaver.stop(timeout_s=60)
    assert leaver.returncode == 0
    fire.stack.workers.remove(leaver)
    fire.produce(parts[2])
    fire.settle()
    check(fire)

    wait_for(lambda: committed(fire.stack.config) == fire.ends)


def test_a_worker_that_starts_before_its_watermark_changes_nothing(fire: Fire, seed: int) -> None:
    fire.produce(within_contract(synthetic(seed, 100, 2_000, START_MS, START_MS + 20 * DAY_MS)))
    fire.settle()
    client = exporter.connect(fire.stack.store.url)
    worker = fire.stack.workers[0]
    worker.stop(timeout_s=60)
    before = {key: client.hget(key, keys.TOKEN) for key in client.scan_iter("ps:profile:*")}
    stored = client.hgetall(keys.WATERMARKS)
    client.hset(
        keys.WATERMARKS, mapping={source: b"0:" + value.split(b":")[1] for source, value in stored.items()}
    )
    worker.start()
    fire.settle()
    after = {key: client.hget(key, keys.TOKEN) for key in client.scan_iter("ps:profile:*")}
    assert after == before
    check(fire)
