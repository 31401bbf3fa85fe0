"""What must hold after a run, whoever made it: profiles, their counts, and the stream of tag changes.

For a sample of customers: the profile counts all orders, the change numbers run from 1 without a gap
(repeats are allowed: at least once), and the changes replayed give the tags of the profile.
"""

import random
from typing import Any

import orjson
import redis
from confluent_kafka import Consumer, KafkaError, TopicPartition
from workload import PARTITIONS, Workload

from streams import keys

SAMPLE = 1_000
BUCKETS = 64
_SHOWN = 5


def check(client: "redis.Redis", brokers: str, workload: Workload) -> tuple[int, list[str]]:
    """Number of records in tag-changes, and the first few things that are wrong."""
    customers = sorted(workload.orders)
    sample = random.Random(workload.seed).sample(customers, min(SAMPLE, len(customers)))
    problems = []
    profiles = sum(1 for _ in client.scan_iter("ps:profile:*", count=5_000))
    if profiles != len(customers):
        problems.append(f"{profiles} profiles, {len(customers)} expected")
    total, changes = _changes(brokers, set(sample))
    for customer, doc in zip(sample, _documents(client, sample), strict=True):
        if doc["rfm"]["frequency"] != workload.orders[customer]:
            problems.append(
                f"{customer}: {doc['rfm']['frequency']} orders, {workload.orders[customer]} expected"
            )
        told = changes.get(customer, {})
        if sorted(told) != list(range(1, len(told) + 1)):
            problems.append(f"{customer}: changes {sorted(told)}")
        tags = dict(told[seq] for seq in sorted(told))
        held = {tag: entry["value"] for tag, entry in doc["tags"].items()}
        if {tag: value for tag, value in tags.items() if value is not None} != held:
            problems.append(f"{customer}: changes say {tags}, profile says {held}")
    return total, problems[:_SHOWN]


def _documents(client: "redis.Redis", customers: list[str]) -> list[dict[str, Any]]:
    pipe = client.pipeline(transaction=False)
    for customer in customers:
        pipe.hget(keys.profile(keys.bucket(customer, BUCKETS), customer), keys.DOC)
    missing = b'{"rfm":{"frequency":0},"tags":{}}'
    return [orjson.loads(doc or missing) for doc in pipe.execute()]


def _changes(brokers: str, wanted: set[str]) -> tuple[int, dict[str, dict[int, tuple[str, Any]]]]:
    """How many there are; of the wanted customers: seq -> (tag, new value)."""
    consumer = Consumer(
        {
            "bootstrap.servers": brokers,
            "group.id": "bench-check",
            "enable.auto.commit": False,
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 20,
            "fetch.queue.backoff.ms": 10,
        }
    )
    total = 0
    open_partitions = set(range(PARTITIONS))
    found: dict[str, dict[int, tuple[str, Any]]] = {}
    try:
        consumer.assign([TopicPartition("tag-changes", p, 0) for p in open_partitions])
        while open_partitions:
            for message in consumer.consume(10_000, 0.5):
                error = message.error()
                if error is not None:
                    if error.code() != KafkaError._PARTITION_EOF:
                        raise RuntimeError(error)
                    open_partitions.discard(message.partition())
                    continue
                total += 1
                customer = (message.key() or b"").decode()
                if customer in wanted:
                    data = orjson.loads(message.value() or b"")["data"]
                    found.setdefault(customer, {})[data["seq"]] = (data["tag"], data["new"])
    finally:
        consumer.close()
    return total, found
