"""Topics through `kafka-python`; how far the group is on them, `streams.lag` says.

Blocking: never to be called on a worker's event loop.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from kafka import KafkaAdminClient
from kafka.errors import InvalidReplicationFactorError, KafkaError, TopicAlreadyExistsError

from streams.config import Config
from streams.store.contract import Unavailable
from streams.topics import INPUT_TOPICS, TOPICS

TIMEOUT_MS = 10_000


@contextmanager
def _admin(brokers: str) -> Iterator[Any]:
    """A client, closed at the end; what it raises becomes one sentence."""
    client = None
    try:
        client = KafkaAdminClient(
            bootstrap_servers=brokers.split(","),
            request_timeout_ms=TIMEOUT_MS,
            bootstrap_timeout_ms=TIMEOUT_MS,
        )
        yield client
    except (KafkaError, OSError) as error:
        raise Unavailable(f"broker {brokers} cannot be asked: {type(error).__name__}") from error
    finally:
        if client is not None:
            client.close()


def create_topics(config: Config, append_time: bool = True) -> dict[str, str]:
    """Create what is missing of the topic table; what exists is left as it is.

    Args:
        config: partitions and replication.
        append_time: ask the broker to stamp records when it appends them; the age of a backlog is
            measured by that.

    Returns:
        Topic -> "created", "exists", or "exists with N partitions, configured are M".

    Raises:
        Unavailable: no broker answers, or it refuses.
    """
    out = {}
    with _admin(config.brokers) as client:
        existing = {t["name"]: len(t["partitions"]) for t in client.describe_topics() if t.get("partitions")}
        for spec in TOPICS:
            wanted = config.partitions if spec.partitioned else 1
            if spec.name in existing:
                have = existing[spec.name]
                out[spec.name] = (
                    "exists" if have == wanted else f"exists with {have} partitions, configured are {wanted}"
                )
                continue
            settings = {"retention.ms": str(spec.retention_ms)}
            if spec.compacted:
                settings["cleanup.policy"] = "compact"
            if append_time and spec.name in INPUT_TOPICS:
                settings["message.timestamp.type"] = "LogAppendTime"
            options = {
                "num_partitions": wanted,
                "replication_factor": config.replication,
                "configs": settings,
            }
            out[spec.name] = _create(client, spec.name, options)
        _wait_until_described(client)
    return out


def _create(client: Any, name: str, options: dict[str, Any]) -> str:
    """Create a topic; too few brokers for its replication are waited for: some may still be joining."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while True:
        try:
            client.create_topics({name: options}, timeout_ms=TIMEOUT_MS)
        except TopicAlreadyExistsError:
            return "exists"
        except InvalidReplicationFactorError:
            if time.monotonic() >= deadline:
                raise
            time.sleep(0.1)
        else:
            return "created"


def _wait_until_described(client: Any) -> None:
    """A broker answers a creation before it shows the topic; who starts next would not find it."""
    deadline = time.monotonic() + TIMEOUT_MS / 1000
    while time.monotonic() < deadline:
        shown = {topic["name"] for topic in client.describe_topics() if topic.get("partitions")}
        if all(spec.name in shown for spec in TOPICS):
            return
        time.sleep(0.05)


def partition_counts(config: Config) -> dict[str, int]:
    """Topic -> number of partitions, of every topic the broker has.

    Raises:
        Unavailable: no broker answers.
    """
    with _admin(config.brokers) as client:
        return {t["name"]: len(t["partitions"]) for t in client.describe_topics() if t.get("partitions")}


def missing_topics(config: Config) -> list[str]:
    """Names of the topics that a worker needs and the broker does not have.

    Raises:
        Unavailable: no broker answers.
    """
    existing = partition_counts(config)
    return [spec.name for spec in TOPICS if spec.needed and spec.name not in existing]
