"""Each alert of deploy/prometheus/rules.yml fires in a real fault, and none while all is well.

Real processes on Apache Kafka and Valkey, scraped by a real Prometheus with the shipped rules, in which time
is shortened (`monitoring.shortened`). Faults that do not hide each other come together.
"""

import signal
import time
from collections.abc import Iterator

import pytest
from conftest import missing
from faults.alarm_run import PATIENCE_S, Watched
from monitoring import alert_names, prometheus_available
from parts import kafka_available
from traffic import Traffic

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(3000)]


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Watched]:
    if not kafka_available():
        missing("Apache Kafka")
    if not prometheus_available():
        missing("Prometheus")
    with Watched(tmp_path_factory.mktemp("alarms")) as stack:
        yield stack


def test_each_alert_fires_in_its_fault_and_none_before(watched: Watched) -> None:
    started = time.monotonic()

    def done(what: str) -> None:
        print(f"{time.monotonic() - started:6.1f} s  {what}", flush=True)

    with Traffic(watched.kafka.address, per_s=60) as traffic:
        all_is_well(watched)
        done("all is well")
        producers_and_trainer(watched, traffic)
        done("producers disagree and send rubbish; trainer and console die")
        a_group_without_rest(watched)
        done("somebody comes and goes; the exporter dies")
        a_slow_disk(watched)
        done("nothing gets onto the store's disk")
        a_store_that_only_reads(watched)
        done("the store takes no writes")
        a_store_without_a_log(watched)
        done("the store has no log, then is away")
        workers_stop(watched)
        done("workers hang, die, and come back too late")
    the_broker_goes(watched)
    done("the broker is away")
    untested = set() if watched.console is not None else {"ProfilestreamConsoleDown"}
    assert set(alert_names()) - watched.seen == untested


def all_is_well(watched: Watched) -> None:
    watched.wait_true("profilestream_population_version > 0")
    watched.wait_quiet()
    told = {"lag_slo_seconds": 3, "stall_seconds": 60, "snapshot_limit_seconds": 6}  # from the settings
    for name, value in told.items():
        watched.wait_true(f"profilestream:{name} == {value}")
    watched.wait_true("max(profilestream_group_members) == 2")


def producers_and_trainer(watched: Watched, traffic: Traffic) -> None:
    watched.trainer.kill()
    if watched.console is not None:
        watched.console.kill()
        watched.wait_firing({"ConsoleDown"})
    traffic.scattered, traffic.bad_share, traffic.per_s = True, 5, 400
    watched.wait_firing({"DeadLetters", "StaleWrites", "TrainerInactive", "SnapshotOld"})
    traffic.scattered, traffic.bad_share, traffic.per_s = False, 0, 60


def a_group_without_rest(watched: Watched) -> None:
    watched.exporter.kill()
    with watched.coming_and_going():
        watched.wait_firing({"RebalanceLoop", "LagExporterDown"})
    watched.exporter = watched.start_exporter()


def a_slow_disk(watched: Watched) -> None:
    with watched.slow_disk():
        watched.wait_firing({"OutboxOld", "HeldBack"})
    watched.wait_true("sum(profilestream_held_back) == 0 and sum(profilestream_outbox_entries) < 20")


def a_store_that_only_reads(watched: Watched) -> None:
    began_s = time.monotonic()
    # The watchdog's warning comes after 30 s, and 60 end a worker: on both sides there is room for a pause of
    # the whole machine.
    watched.pause_writes(43)
    watched.wait_firing({"WatchdogNear", "Stale", "LagBudgetBurnsFast"})
    deadline = time.monotonic() + PATIENCE_S
    while "ProfilestreamTimersLate" not in watched.fired(began_s):  # late again and again
        assert time.monotonic() < deadline, watched.prometheus.query(
            "profilestream:timer_delay_seconds:p99_5m"
        )
        assert all(worker.running for worker in watched.workers)
        watched.pause_writes(2.2)
        time.sleep(3.4)  # a busy machine gets some work done in between, too: the watchdog must see it
    watched.wait_firing({"TimersLate", "LagBudgetBurnsSlowly"}, began_s)


def a_store_without_a_log(watched: Watched) -> None:
    watched.set_log(on=False)
    watched.wait_firing({"StoreNotDurable"})
    watched.set_log(on=True)
    watched.store.kill()
    watched.wait_firing({"StoreAway"})
    watched.store.start()


def workers_stop(watched: Watched) -> None:
    for worker in watched.workers:
        worker.signal(signal.SIGSTOP)
    watched.wait_firing({"WorkerDown", "NoWorkers", "StalledPartition", "Stale"})
    for worker in watched.workers:
        worker.kill()
    watched.delete_input()
    watched.wait_firing({"DataGap"})
    watched.workers[0].start()
    watched.wait_true("profilestream_data_gap_records_total > 0")


def the_broker_goes(watched: Watched) -> None:
    watched.kafka.kill()
    watched.wait_firing({"BrokerAway"})
