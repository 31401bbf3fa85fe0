"""A store that is away for longer than a session: the worker keeps its partitions, and catches up."""

import os
import re
import time
from pathlib import Path

import pytest
from conftest import missing
from faults.crash_run import Fire, check, within_contract
from parts import ApacheKafka, kafka_available

from models.rules import DAY_MS
from streams.local.process import LocalProcess
from streams.local.synthetic import synthetic

AWAY_S = float(os.environ.get("STORE_AWAY_S", "25"))
# Both are shorter than the store is away, and long enough for a busy machine once it is back.
SESSION_S = STALL_S = 20.0
START_MS = 1_483_228_800_000
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1800)]


def resident_mb(pid: int) -> float:
    """Resident memory of a process."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="utf-8")
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def generations(worker: LocalProcess) -> list[str]:
    """Of the group, of each time that the worker began to read."""
    return re.findall(r"generation (\d+): starting on ", worker.log.read_text(encoding="utf-8"))


def test_a_worker_without_its_store_keeps_its_partitions_and_catches_up(tmp_path: Path, seed: int) -> None:
    if not kafka_available():
        missing("Apache Kafka")
    assert max(SESSION_S, STALL_S) < AWAY_S
    events = within_contract(synthetic(seed, 500, 12_000, START_MS, START_MS + 20 * DAY_MS))
    third = len(events) // 3
    settings = {"session_timeout_s": SESSION_S, "stall_s": STALL_S, "log_level": "info"}
    with Fire(tmp_path, ApacheKafka(tmp_path / "kafka"), seed, workers=1, **settings) as fire:
        fire.produce(events[:third])
        fire.settle()
        worker = fire.stack.workers[0]
        pid, before_mb, joined = worker.pid, resident_mb(worker.pid), generations(worker)
        fire.stack.store.kill()
        fire.produce(events[third : 2 * third])
        time.sleep(AWAY_S)
        grown_mb = resident_mb(pid) - before_mb
        fire.stack.store.start()
        fire.produce(events[2 * third :])
        fire.settle()
        check(fire)
        assert (worker.pid, worker.running) == (pid, True)
        assert grown_mb < 200
        began = generations(worker)[len(joined) :]
        assert began  # from what the store knew
        assert set(began) == {joined[-1]}  # no rebalance
