"""A store that is away for longer than a session: the worker keeps its partitions, and catches up."""

import os
import time
from pathlib import Path

import pytest
from conftest import missing
from faults.crash_run import SESSION_S, Fire, check, within_contract
from parts import ApacheKafka, kafka_available

from models.rules import DAY_MS
from streams.local.synthetic import synthetic

AWAY_S = float(os.environ.get("STORE_AWAY_S", "15"))
START_MS = 1_483_228_800_000
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(900)]


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_a_worker_without_its_store_keeps_its_partitions_and_catches_up(tmp_path: Path, seed: int) -> None:
    if not kafka_available():
        missing("Apache Kafka")
    assert AWAY_S > SESSION_S
    events = within_contract(synthetic(seed, 500, 12_000, START_MS, START_MS + 20 * DAY_MS))
    third = len(events) // 3
    with Fire(
        tmp_path, ApacheKafka(tmp_path / "kafka"), seed, workers=1, log_level="info", stall_s=10
    ) as fire:
        fire.produce(events[:third])
        fire.settle()
        worker = fire.stack.workers[0]
        pid, before_mb = worker.pid, resident_mb(worker.pid)
        fire.stack.store.kill()
        fire.produce(events[third : 2 * third])
        time.sleep(AWAY_S)
        grown_mb = resident_mb(pid) - before_mb
        fire.stack.store.start()
        fire.produce(events[2 * third :])
        fire.settle()
        check(fire)
        log = worker.log.read_text(encoding="utf-8")
        assert (worker.pid, worker.running) == (pid, True)
        assert grown_mb < 200
        assert log.count("generation 1: starting") == log.count(": starting on ")  # no rebalance
