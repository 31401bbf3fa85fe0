"""The crash suite: real Apache Kafka, real Valkey, three workers, and no mercy."""

from pathlib import Path

import pytest
from conftest import missing
from faults.crash_run import Fire, check, within_contract
from parts import ApacheKafka, kafka_available

from models.rules import DAY_MS
from streams.local.synthetic import synthetic

EVENTS = 222_000
CUSTOMERS = 20_000
START_MS = 1_483_228_800_000  # 2017-01-01
END_MS = START_MS + 300 * DAY_MS

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(2400)]


def test_nothing_is_lost_or_counted_twice_under_kills_restarts_and_zombies(tmp_path: Path, seed: int) -> None:
    if not kafka_available():
        missing("Apache Kafka")
    events = within_contract(synthetic(seed, CUSTOMERS, EVENTS, START_MS, END_MS))
    assert len(events) >= 200_000
    with Fire(tmp_path, ApacheKafka(tmp_path / "kafka"), seed) as fire:
        faults = [fire.kill_worker] * 10 + [fire.kill_store] * 5 + [fire.freeze_worker] * 5
        fire.rng.shuffle(faults)
        chunk = -(-len(events) // len(faults))
        for number, fault in enumerate(faults):
            fire.produce(events[number * chunk : (number + 1) * chunk])
            fire.pause()
            fault()
        fire.settle()
        check(fire)
