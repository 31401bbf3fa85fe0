"""A worker more than there are partitions stands by for a month, and is needed then."""

import sys
from pathlib import Path

import pytest
from conftest import missing
from faults.crash_run import Fire, check, within_contract
from parts import ApacheKafka, kafka_available
from waiting import wait_for

from models.rules import DAY_MS
from streams import admin
from streams.local.process import LocalProcess
from streams.local.stack import environment
from streams.local.synthetic import synthetic

START_MS = 1_483_228_800_000
# A worker that has fetched nothing for a month, because nothing was its own: aiokafka keeps the time of that.
IDLE = """
import runpy
from aiokafka.consumer.subscription_state import SubscriptionState as State
begin = State.__init__
def long_ago(self, *args, **more):
    begin(self, *args, **more)
    self._last_fetch_ended -= 30 * 86_400
State.__init__ = long_ago
runpy.run_module("streams", run_name="__main__")
"""
pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(900)]


def spare(fire: Fire, directory: Path) -> LocalProcess:
    """A worker process beside the first one."""
    argv = [sys.executable, "-c", IDLE, "worker"]
    return LocalProcess("spare", argv, log=directory / "spare.log", env=environment(fire.stack.settings))


def members(fire: Fire) -> int:
    """How many are in the group once it is stable, else none."""
    group = fire.stack.config.group
    with admin._admin(fire.stack.config.brokers) as client:
        found = client.describe_groups([group])[group]
    return len(found["members"]) if found["group_state"] == "Stable" else 0


def test_a_spare_worker_takes_over_however_long_it_has_stood_by(tmp_path: Path, seed: int) -> None:
    if not kafka_available():
        missing("Apache Kafka")
    events = within_contract(synthetic(seed, 100, 2_000, START_MS, START_MS + 20 * DAY_MS))
    half = len(events) // 2
    with Fire(tmp_path, ApacheKafka(tmp_path / "kafka"), seed, workers=1, partitions=1) as fire:
        fire.produce(events[:half])
        fire.settle()
        with spare(fire, tmp_path) as other:
            wait_for(lambda: members(fire) == 2)
            fire.stack.workers[0].kill()
            fire.stack.workers[:] = [other]
            fire.produce(events[half:])
            fire.settle()
            check(fire)
