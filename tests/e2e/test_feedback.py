"""A desk at work: changes in, alerts out, feedback in, numbers out; and a topic that outlives its book."""

import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest
from faults.alert_run import HOUR, T0, produce
from kafka import KafkaProducer
from waiting import wait_for

from models import changes
from models.step import Change
from streams import admin, exporter, keys, statistics
from streams.alerts import settings
from streams.alerts.consumer import ChurnAlerts
from streams.config import Config
from streams.feedback import FeedbackCounter
from streams.local.server import LocalServer
from streams.local.stack import BROKER_SETTINGS
from streams.local.store import EmbeddedStore
from streams.settings import load
from streams.topics import FEEDBACK

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]


def rules_file(name: str) -> settings.Settings:
    rule = {"tag": "churn_risk", "values": ["high"]}
    return settings.settings({"name": name, "salt": "s", "holdout": 0.4, "rules": {"churn": rule}}, {})


class Part:
    """Something with `run`, in a thread, until the block ends; what it raises is raised there."""

    def __init__(self, make: Callable[[threading.Event], Any]) -> None:
        self._stop = threading.Event()
        self._error: BaseException | None = None
        self._thread = threading.Thread(target=self._run, args=(make,))

    def _run(self, make: Callable[[threading.Event], Any]) -> None:
        try:
            make(self._stop).run()
        except BaseException as error:
            self._error = error

    def __enter__(self) -> None:
        self._thread.start()

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(120)
        assert not self._thread.is_alive()
        if self._error is not None:
            raise self._error


@pytest.fixture
def config(broker: LocalServer, valkey: EmbeddedStore) -> Config:
    """Both brokers hold topics of other tests, so names here are this test's own."""
    more = {"brokers": broker.address, "redis_url": valkey.url, "partitions": 2}  # type: ignore[attr-defined]
    found = load(environ={}, overrides={**BROKER_SETTINGS, **more, "group": f"feedback-{time.time_ns()}"})
    admin.create_topics(found)
    exporter.connect(valkey.url).flushall()
    return found


def test_feedback_tells_what_alerts_are_good_for(config: Config, tmp_path: Path) -> None:
    run = str(time.time_ns())
    client, ids = exporter.connect(config.redis_url), [f"{run}-{n}" for n in range(50)]
    got: list[dict[str, Any]] = []

    def mine() -> list[dict[str, Any]]:
        """Each once: a consumer that lost its partitions meanwhile delivers again."""
        own = [alert for alert in got if alert["customer_id"].startswith(run)]
        return list({alert["id"]: alert for alert in own}.values())

    produce(config.brokers, [entered(cid) for cid in ids])
    name = f"t{run}"
    with Part(lambda stop: ChurnAlerts(config, rules_file(name), client, got.append, stop)):
        wait_for(lambda: len(mine()) == len(ids))
    first = {alert["id"] for alert in mine()}
    assert len(first) == len(ids)

    send_feedback(config.brokers, mine() * 2)  # the desk's system sends everything twice

    def numbers() -> dict[str, Any]:
        found: dict[str, Any] = statistics.collect(client, config.buckets, [])["feedback"]
        return found

    with Part(lambda stop: FeedbackCounter(config, client, stop)):
        wait_for(lambda: numbers().get("repeats", 0) >= len(ids) and counted(numbers()) >= len(ids))
    rule = numbers()["rules"]["churn"]
    arms = [alert["arm"] for alert in mine()]
    assert rule["treatment"] == {"retained": arms.count("treatment"), "retained_ratio": 1.0}
    assert rule["holdout"] == {"churned": arms.count("holdout"), "retained_ratio": 0.0}
    assert rule["uplift"] == 1.0

    for p in range(admin.partition_counts(config)["tag-changes"]):
        client.delete(keys.book(f"alerts-{name}", p))  # the store was lost, the topic was not
    got.clear()
    with Part(lambda stop: ChurnAlerts(config, rules_file(name), client, got.append, stop)):
        wait_for(lambda: len(mine()) == len(ids))
    assert {alert["id"] for alert in mine()} == first  # all again, under the same ids


def counted(numbers: dict[str, Any]) -> int:
    """How many outcomes of alerts there are."""
    arms = numbers["rules"].get("churn", {})
    said = [arms.get(arm, {}) for arm in ("treatment", "holdout")]
    return sum(one.get("retained", 0) + one.get("churned", 0) for one in said)


def entered(customer_id: str) -> bytes:
    made = Change(1, "churn_risk", 1, None, "high", [["f", 1]], T0 + HOUR, "orders/0", 1)
    return changes.render(made, customer_id, 1, "e", T0)


def send_feedback(brokers: str, alerts: list[dict[str, Any]]) -> None:
    """Those who were called stayed, those who were left alone went."""
    producer = KafkaProducer(bootstrap_servers=brokers.split(","), enable_idempotence=False)
    for n, alert in enumerate(alerts):
        is_kept = alert["arm"] == "treatment"
        event = {
            "type": "feedback", "event_id": alert["id"], "customer_id": alert["customer_id"], "ts": T0 + n,
            "kind": "alert_outcome", "alert_id": alert["id"], "outcome": "retained" if is_kept else "churned",
        }  # fmt: skip
        producer.send(FEEDBACK, orjson.dumps(event), key=alert["customer_id"].encode())
    producer.flush()
    producer.close()
