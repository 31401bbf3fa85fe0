"""Every query of every panel and rule gives data in a real run, or stands on a list that says why not."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest
from conftest import missing
from kafka import KafkaProducer
from monitoring import RULES, Asked, WatchedStack, panel_queries, prometheus_available, rules
from traffic import Traffic
from waiting import wait_for

from models.rules import DAY_MS
from streams.cli import cli
from streams.local import load
from streams.local.synthetic import synthetic

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(1500)]

SETTINGS = {
    "partitions": 2,
    "trainer_interval_s": 2,
    "clusters": 2,
    "cart_abandoned_s": 2,
    "log_level": "warning",
}
ALERTS = """
name = "seen"
[rules.cart]
tag = "cart_abandoned"
sinks = ["record"]
[sinks.record]
kind = "jsonl"
path = "{path}"
"""
# What has no sample while all is well on the embedded broker.
SILENT = {
    "pipeline: Members of the group: members": "the embedded broker does not say; see test_alarms.py",
    "pipeline: Records lost: {{topic}}/{{partition}}": "records deleted before they were applied",
    "models: Corrections: corrections": "a late event that takes back what was announced",
}


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory) -> Iterator[WatchedStack]:
    """Broker, store, worker, trainer, lag exporter, alerts, feedback, console, and people who shop."""
    if not prometheus_available():
        missing("Prometheus")
    directory = tmp_path_factory.mktemp("watched")
    rules_file = directory / "alerts.toml"
    rules_file.write_text(ALERTS.format(path=directory / "alerts.jsonl"))
    with WatchedStack(directory, SETTINGS) as stack:
        stack.start_watched("worker")
        stack.start_watched("trainer")
        stack.start_watched("lag", "lag", "--serve", "{at}", "--every", "1s")
        stack.start_watched("alerts", "alerts", "--rules", str(rules_file))
        stack.start_watched("feedback")
        stack.start_console()
        now_ms = int(time.time() * 1000)
        past = synthetic(1, 400, 3000, now_ms - 400 * DAY_MS, now_ms - DAY_MS)  # enough for every model
        asyncio.run(load.produce(stack.config.brokers, load.rows(map(orjson.dumps, past), lambda _: True)))
        with Traffic(stack.config.brokers) as traffic:
            traffic.bad_share = 2
            judge_an_alert(stack, directory / "alerts.jsonl")
            yield stack


def judge_an_alert(stack: WatchedStack, raised: Path) -> None:
    """Say of the first alert that it was right."""
    wait_for(lambda: raised.exists() and b"\n" in raised.read_bytes(), 300)  # a whole line
    alert = orjson.loads(raised.read_bytes().splitlines()[0])
    said = {
        "type": "feedback",
        "event_id": "f1",
        "customer_id": alert["customer_id"],
        "ts": alert["known_at"],
    }
    said |= {"kind": "alert_outcome", "alert_id": alert["id"], "outcome": "right"}
    producer = KafkaProducer(bootstrap_servers=stack.config.brokers.split(","), enable_idempotence=False)
    producer.send("feedback", orjson.dumps(said), key=alert["customer_id"].encode())
    producer.close()


def silent(stack: WatchedStack, asked: list[Asked], timeout_s: float = 300) -> set[str]:
    """Those that give nothing, however long one waits; a scrape that fails silences some for a moment."""
    deadline = time.monotonic() + timeout_s
    while True:
        asked = [one for one in asked if not stack.prometheus.query(one.expr)]
        if not asked or time.monotonic() > deadline:
            return {one.where for one in asked}
        time.sleep(0.5)


def test_every_panel_shows_something(watched: WatchedStack) -> None:
    asked = [
        one._replace(expr=one.expr.replace("$__rate_interval", "5s"))
        for one in panel_queries()
        if one.where not in SILENT
    ]
    if "console" not in cli.commands:
        asked = [one for one in asked if ": Console: " not in one.where]
    assert silent(watched, asked) == set()


def test_what_may_be_silent_is_understood(watched: WatchedStack) -> None:
    known = {one.where: one.expr for one in panel_queries()}
    for where in SILENT:
        watched.prometheus.query(known[where].replace("$__rate_interval", "5s"))  # raises where it is not


def test_every_recording_rule_records_something(watched: WatchedStack) -> None:
    asked = [
        Asked(rule["record"], rule["record"]) for rule in rules(RULES.read_text("utf-8")) if "record" in rule
    ]
    assert silent(watched, asked) == set()
