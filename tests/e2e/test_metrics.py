"""What the processes say of themselves on a real run is what happened, and names nobody."""

import asyncio
import os
import re
import sys
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis.asyncio as redis
import rollout
from faults import alert_run
from kafka import KafkaProducer
from prometheus_client.parser import text_string_to_metric_families
from waiting import wait_for

from models import changes
from models.step import Change
from streams import catalogues, exporter, keys
from streams.config import PREFIX as VARIABLE
from streams.local import load
from streams.local.process import LocalProcess
from streams.local.stack import LocalStack
from streams.local.synthetic import synthetic
from streams.metrics import vitals
from streams.metrics.declared import BY_NAME, METRICS, PREFIX
from streams.pace import SHARE_LEAST, SHARE_MOST
from streams.recorded import records
from streams.topics import DEAD_LETTER, FEEDBACK, INPUT_KINDS, TAG_CHANGES

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1200)]
MARK = "zqx"  # stands in every customer id
SETTINGS = {"partitions": 2, "commit_interval_s": 0.3, "metrics": "127.0.0.1:0", "clusters": 3}
DAY_MS = 86_400_000
WRONG = [b"{", b'{"type":"order"}', b'{"type":"order","event_id":"e","customer_id":"zqx-1","ts":1}', b"[]"]
Samples = dict[str, dict[tuple[str, ...], float]]


def get(process: LocalProcess, path: str) -> tuple[int, str]:
    """An answer of a process, at the port that its log names."""
    url = wait_for(lambda: re.search(r"metrics at (http://127.0.0.1:\d+)/", process.log.read_text("utf-8")))[
        1
    ]
    try:
        with urllib.request.urlopen(url + path, timeout=60) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def scraped(process: LocalProcess, role: str) -> Samples:
    """Metric -> values of its labels in the declared order -> value; histograms by their counts."""
    text = get(process, "/metrics")[1]
    assert MARK not in text
    out: Samples = {}
    for family in text_string_to_metric_families(text):
        if not family.name.startswith(PREFIX):
            continue
        name = family.name.removeprefix(PREFIX) + ("_total" if family.type == "counter" else "")
        said = BY_NAME[name]
        assert (said.kind, said.role in ("", role)) == (family.type, True)
        for sample in family.samples:
            if sample.name in (family.name, f"{family.name}_total", f"{family.name}_count"):
                key = tuple(sample.labels[label] for label in said.labels)
                assert out.setdefault(name, {}).setdefault(key, sample.value) == sample.value
    return out


def topic(brokers: str, name: str) -> list[Any]:
    """Every record of a topic, as JSON; it is there, and begins where it began."""
    notes: list[str] = []
    found = [orjson.loads(record.value) for record in records(brokers, (name,), notes)]
    assert notes == []
    return found


def summed(samples: dict[tuple[str, ...], float], at: int) -> Counter[str]:
    out: Counter[str] = Counter()
    for labels, value in samples.items():
        out[labels[at]] += int(value)
    return out


def send(brokers: str, where: str, values: Iterable[bytes]) -> None:
    producer = KafkaProducer(bootstrap_servers=brokers, enable_idempotence=False)
    for value in values:
        producer.send(where, value, key=b"k")
    producer.flush()
    producer.close()


def events(seed: int) -> list[dict[str, Any]]:
    now_ms = int(time.time() * 1000)
    some = list(synthetic(seed, 300, 6_000, now_ms - 50 * DAY_MS, now_ms - 1_000))
    return [event | {"customer_id": f"{MARK}-{event['customer_id']}"} for event in some]


def everything(samples: Samples) -> set[str]:
    """Declared for a worker and not shown."""
    return {metric.name for metric in METRICS if metric.role in ("", "worker")} - samples.keys()


def test_a_worker_says_what_happened(tmp_path: Path, seed: int) -> None:
    # A worker that the group gave up would count again what it takes in again: its patience is long here.
    with LocalStack(tmp_path, SETTINGS | {"session_timeout_s": 20}) as stack:
        worker, brokers = stack.start_worker(), stack.config.brokers
        wait_for(lambda: get(worker, "/readyz")[0] == 200)
        made = events(seed)
        rows = list(load.rows((orjson.dumps(event) for event in made + made[:500]), lambda _: True))
        asyncio.run(load.produce(brokers, rows))
        send(brokers, "orders", WRONG)
        came = Counter(name for name, _, _ in rows) + Counter({"orders": len(WRONG)})
        wait_for(lambda: summed(scraped(worker, "worker").get("records_total", {}), 0) == came)
        # Taken in is not yet applied, and the trainer wants profiles.
        wait_for(lambda: at_rest(stack, worker))
        trained_s = time.time()
        rollout.cli(stack, "trainer", "--once")
        wait_for(lambda: not everything(scraped(worker, "worker")) - {"data_gap_records_total"})
        said, changed = wait_for(lambda: at_rest(stack, worker))

        # Sent at least once: one whose acknowledgement came late is there twice.
        places = ("topic", "partition", "offset")
        letters = {
            tuple(one[at] for at in places): one for one in wait_for(lambda: topic(brokers, DEAD_LETTER))
        }.values()
        assert summed(said["dead_letters_total"], 1) == Counter(one["reason"] for one in letters)
        dead = Counter({"orders": len(letters)})
        assert len(letters) >= len(WRONG)
        assert summed(said["events_applied_total"], 0) == came - dead
        assert summed(said["event_to_visible_seconds"], 0) == came - dead
        assert said["events_repeated_total"][()] >= 500 * 0.9
        assert sum(said["events_late_total"].values()) > 0.9 * len(made)
        told = Counter((one["data"]["tag"], one["type"].rpartition(".")[2]) for one in changed)
        assert said["tag_changes_total"] == told
        assert said["tag_changes_published_total"][()] == len(changed) == told.total()
        assert said["partitions_assigned"] == {(): 8.0}
        assert len(said["lag_records"]) == 8
        assert len(said["lag_seconds"]) == 16
        assert set(said["batch_seconds"]) == {("load",), ("fold",), ("store",), ("apply",)}
        assert said["batch_seconds"]["apply",] == said["batch_seconds"]["fold",] > 0
        customers = len({event["customer_id"] for event in made})
        # Each once; a timer may take one out of the cache just when an event asks for it.
        assert said["cache_misses_total"][()] <= 1.1 * customers
        assert said["swept_customers_total"][()] >= customers
        assert said["population_version"][()] == 1
        assert said["rebalances_total"][()] >= 1
        assert SHARE_LEAST <= said["background_share_ratio"][()] <= SHARE_MOST
        assert 0 <= said["population_age_seconds"][()] <= time.time() - trained_s
        wait_for(lambda: in_redis(stack, "worker") == published(scraped(worker, "worker")))
        away(stack, worker)
        worker.stop(timeout_s=60)
        assert worker.returncode == 0
        # Taken out as it ends, which the store has a second to do; else it runs out.
        wait_for(lambda: in_redis(stack, "worker") is None)
        assert MARK not in worker.log.read_text("utf-8")


def at_rest(stack: LocalStack, worker: LocalProcess) -> tuple[Samples, list[Any]] | None:
    """What the worker says and every tag change in the topic, both of one moment; None = something moved.

    Time goes on and tags change with it, so the topic is read between two looks that say the same. A change
    that was sent twice, which is allowed, counts once.
    """
    before = scraped(worker, "worker")
    if not (swept(stack) and quiet(before)):
        return None
    changed = list({one["id"]: one for one in topic(stack.config.brokers, TAG_CHANGES)}.values())
    after = scraped(worker, "worker")
    still = quiet(after) and published(before) == published(after) <= len(changed)
    return (after, changed) if still else None


def swept(stack: LocalStack) -> bool:
    """Everyone is judged under the population in force, which the worker does beside its events."""
    with exporter.connect(stack.config.redis_url) as client:
        return catalogues.is_swept(client, stack.config.buckets)


def quiet(said: Samples) -> bool:
    """No event, timer or change is under way."""
    still = ("lag_records", "lag_seconds", "outbox_entries", "timers_due", "outbox_oldest_seconds")
    if not {*still, "tag_changes_total"} <= said.keys():
        return False  # not known yet
    told = sum(said["tag_changes_total"].values()) == published(said)
    return told and not any(sum(said[name].values()) for name in still)


def published(said: Samples) -> float:
    """Tag changes that a worker has sent."""
    return said["tag_changes_published_total"][()]


def in_redis(stack: LocalStack, role: str) -> float | None:
    """Published changes as the vitals have them; None = there are none of that role."""

    async def ask() -> float | None:
        # Left alone it gives up after five seconds.
        client = redis.Redis.from_url(stack.config.redis_url, socket_timeout=60)
        found = [one for one in await vitals.read(client) if one.role == role]
        await client.aclose()
        return found[0].value(f"{PREFIX}tag_changes_published_total") if found else None

    return asyncio.run(ask())


def away(stack: LocalStack, worker: LocalProcess) -> None:
    """The store goes and comes: the process lives, is not ready, and starts over."""
    stack.store.kill()
    wait_for(lambda: get(worker, "/readyz") == (503, '{"ready": false, "reasons": ["store_down"]}'))
    assert get(worker, "/healthz")[0] == 200
    assert scraped(worker, "worker")["store_up"] == {(): 0.0}
    stack.store.start()
    wait_for(lambda: get(worker, "/readyz")[0] == 200)
    wait_for(lambda: scraped(worker, "worker")["rewinds_total"][()] >= 1)
    wait_for(
        lambda: scraped(worker, "worker")["store_up"] == {(): 1.0}
    )  # it has a second to answer each time


def test_a_port_that_is_taken_ends_the_start_with_a_sentence(tmp_path: Path) -> None:
    with LocalStack(tmp_path, SETTINGS) as stack:
        first = stack.start_worker()
        port = wait_for(lambda: re.search(r"127.0.0.1:(\d+)/metrics", first.log.read_text("utf-8")))[1]
        stack.settings["metrics"] = f"127.0.0.1:{port}"
        rules = rules_file(tmp_path)
        for line in (["worker"], ["trainer"], ["alerts", "--rules", str(rules)], ["feedback"]):
            second = process(stack, tmp_path, *line)
            with second:
                wait_for(lambda second=second: not second.running)
                assert second.returncode == 1
                last = second.log.read_text("utf-8").strip().splitlines()[-1]
                wanted = (
                    f"profilestream: metrics cannot be served at 127.0.0.1:{port}: Address already in use"
                )
                assert last == wanted
        assert first.running


def process(stack: LocalStack, directory: Path, *line: str) -> LocalProcess:
    env = {name: value for name, value in os.environ.items() if not name.startswith(VARIABLE)}
    env |= {VARIABLE + name.upper(): str(value) for name, value in stack.settings.items()}
    argv = [sys.executable, "-m", "streams", *line]
    return LocalProcess(line[0], argv, log=directory / f"{line[0]}-beside.log", env=env)


def rules_file(directory: Path) -> Path:
    file = directory / "rules.toml"
    out = directory / "alerts.jsonl"
    file.write_text(
        'name = "desk"\n[rules.churn]\ntag = "churn_risk"\nvalues = ["high"]\nsinks = ["file"]\n'
        f'[sinks.file]\nkind = "jsonl"\npath = "{out}"\n'
    )
    return file


def test_trainer_alerts_and_feedback_say_what_they_did(tmp_path: Path, seed: int) -> None:
    with LocalStack(tmp_path, SETTINGS | {"trainer_interval_s": 2.0}) as stack:
        worker, brokers = stack.start_worker(), stack.config.brokers
        made = events(seed)
        ends = asyncio.run(load.produce(brokers, load.rows(map(orjson.dumps, made), lambda _: True)))
        rollout.settle(stack, exporter.connect(stack.config.redis_url), ends, 300)
        trainer = stack.start_trainer()
        alerts, feedback = (
            process(stack, tmp_path, "alerts", "--rules", str(rules_file(tmp_path))),
            process(stack, tmp_path, "feedback"),
        )
        with alerts, feedback:
            wait_for(lambda: get(trainer, "/readyz")[0] == 200)
            said = wait_for(lambda: between_epochs(scraped(trainer, "trainer")))
            assert {metric.name for metric in METRICS if metric.role == "trainer"} == {
                name for name in said if name.startswith("trainer_")
            }
            panel = said["trainer_panel_customers"][()]
            assert panel > 100
            assert sum(said["trainer_cluster_customers"].values()) == pytest.approx(panel, abs=3)
            assert said["trainer_epoch_seconds"][()] >= 2

            wait_for(lambda: get(alerts, "/readyz")[0] == get(feedback, "/readyz")[0] == 200)
            ids = [f"{MARK}-{n}" for n in range(20)]
            alert_run.produce(brokers, [entered(cid) for cid in ids])
            out = tmp_path / "alerts.jsonl"

            def counted() -> list[dict[str, Any]]:
                """Alerts raised, once all are delivered and counted; the trainer goes on: others come too."""
                whole = out.read_bytes().rpartition(b"\n")[0]  # another one may be half seen
                lines = [orjson.loads(line) for line in whole.splitlines()]
                raised = {one["id"]: one for one in lines if one["action"] == "raised"}  # each at least once
                said = scraped(alerts, "alerts")
                done = (
                    {one["customer_id"] for one in raised.values()} >= set(ids)
                    and said.get("alert_deliveries_total") == {("file", "delivered"): len(lines)}
                    # Written down, and counted, after they are delivered.
                    and said.get("alerts_total", {}).get(("churn", "treatment", "raised")) == len(raised)
                )
                return list(raised.values()) if done else []

            raised = wait_for(lambda: out.exists() and counted())
            send(brokers, FEEDBACK, [verdict(one, n) for n, one in enumerate(raised[:20])])
            wait_for(
                lambda: (
                    scraped(feedback, "feedback").get("feedback_precision") == {("churn", "treatment"): 0.75}
                )
            )
            client = exporter.connect(stack.config.redis_url)

            def live() -> list[bytes]:
                """Roles of those that have left their vitals lately; the store has a second to take them."""
                return sorted(name.partition(b":")[0] for name in client.zrange(keys.VITALS, 0, -1))

            wait_for(lambda: live() == [b"alerts", b"feedback", b"trainer", b"worker"])
            text = wait_for(
                lambda: (told := rollout.cli(stack, "metrics", "--live")).count("# PROCESS ") == 4 and told
            )
            assert MARK not in text
            for one in (alerts, feedback):
                one.stop(timeout_s=60)
        assert alerts.returncode == feedback.returncode == 0
        assert worker.running


def between_epochs(said: Samples) -> Samples | None:
    """What an active trainer says after two epochs or more; within one, its snapshot is not yet counted."""
    published, version = said["trainer_epochs_total"]["published",], said.get("trainer_snapshot_version")
    is_active = said["trainer_active"][()] == 1  # while its lease is known to run
    return said if is_active and published >= 2 and version == {(): published} else None


def entered(customer_id: str) -> bytes:
    made = Change(1, "churn_risk", 1, None, "high", [["f", 1]], alert_run.T0, "orders/0", 1)
    return changes.render(made, customer_id, 1, "e", alert_run.T0)


def verdict(alert: dict[str, Any], n: int) -> bytes:
    """Three of four were right."""
    event = {
        "type": "feedback", "event_id": f"f{n}", "customer_id": alert["customer_id"], "ts": alert_run.T0 + n,
        "kind": "alert_outcome", "alert_id": alert["id"], "outcome": "wrong" if n % 4 == 0 else "right",
    }  # fmt: skip
    return orjson.dumps(event)


assert set(INPUT_KINDS) == {"orders", "clicks", "service", "control"}  # 8 partitions in all, above
