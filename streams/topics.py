"""Every Kafka topic: its name, what it carries, its partitions and how long it keeps records.

All input topics have the same number of partitions and are keyed by customer id, so that one worker
process owns one partition number of all of them and with it all events of a customer.
"""

import time
from dataclasses import dataclass
from typing import Any

DAY_MS = 86_400_000
INPUT_KINDS = {"orders": "order", "clicks": "click", "service": "service", "control": "control"}
INPUT_TOPICS = tuple(INPUT_KINDS)
TAG_CHANGES = "tag-changes"
DEAD_LETTER = "dead-letter"
POPULATION = "population"
ALERTS_DEAD = "alerts-dead"
FEEDBACK = "feedback"
_ASKED_MOST = 5  # times, for a topic, before it is believed not to exist


@dataclass(frozen=True, slots=True)
class TopicSpec:
    """One row of the topic table.

    Attributes:
        name: topic name.
        partitioned: True where the topic has the deployment's partition count, False for a single one.
        retention_ms: how long records are kept.
        compacted: True where the latest record of each key is kept instead, however old it is.
        needed: True where a worker refuses to start without it.
    """

    name: str
    partitioned: bool
    retention_ms: int
    compacted: bool = False
    needed: bool = True


TOPICS = (
    # Input must outlive the longest rewind: a Redis restored from yesterday's copy heals from here.
    TopicSpec("orders", partitioned=True, retention_ms=30 * DAY_MS),
    TopicSpec("clicks", partitioned=True, retention_ms=30 * DAY_MS),
    TopicSpec("service", partitioned=True, retention_ms=30 * DAY_MS),
    TopicSpec("control", partitioned=True, retention_ms=30 * DAY_MS),
    TopicSpec(TAG_CHANGES, partitioned=True, retention_ms=30 * DAY_MS),
    TopicSpec(DEAD_LETTER, partitioned=False, retention_ms=90 * DAY_MS),
    TopicSpec(POPULATION, partitioned=False, retention_ms=90 * DAY_MS, compacted=True),
    # Beside the workers: read by `profilestream feedback`, written by `profilestream alerts`.
    TopicSpec(FEEDBACK, partitioned=True, retention_ms=90 * DAY_MS, needed=False),
    TopicSpec(ALERTS_DEAD, partitioned=False, retention_ms=90 * DAY_MS, needed=False),
)


def partitions_of(consumer: Any, topic: str) -> set[int]:
    """Of a topic, none where it does not exist.

    Asked more than once: a client of kafka-python, busy in a thread of its own, may answer by an update that
    it began before it was asked, which was about no topic.

    Args:
        consumer: a `KafkaConsumer`.
        topic: its name.
    """
    for _ in range(_ASKED_MOST):
        if found := consumer.partitions_for_topic(topic):
            return set(found)
        time.sleep(0.1)
    return set()
