"""Where producers put customers: the newest keys of each input topic against the partitioners in use.

A worker owns one partition number of all input topics. Producers that place the same key differently send a
customer's orders and clicks to two workers: right all the same, but each write makes the other's cache stale.
"""

import time
import zlib
from collections import Counter, deque
from collections.abc import Callable, Collection, Iterable
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.partitioner.default import murmur2

from streams.config import Config
from streams.recorded import consumer
from streams.topics import INPUT_TOPICS, partitions_of

MOST = 100  # newest records of a partition
ENOUGH = 20  # customers of a topic: fewer say nothing
AGREE = 0.95  # of the records: below, producers differ among themselves
_READ_S = 5.0
# Java, kafka-python and confluent's murmur2_random; librdkafka's consistent and consistent_random.
PARTITIONERS: dict[str, Callable[[bytes], int]] = {
    "murmur2": lambda key: murmur2(key) & 0x7FFFFFFF,
    "crc32": zlib.crc32,
}


class Placed(NamedTuple):
    """One record: where it lies among how many partitions, and its key; None = it has none."""

    topic: str
    partition: int
    partitions: int
    key: bytes | None


def verdict(placed: Iterable[Placed]) -> list[str]:
    """What is to be said of the sampled records, in sentences; empty where all is well."""
    by_topic: dict[str, list[Placed]] = {}
    for one in placed:
        if one.partitions > 1:
            by_topic.setdefault(one.topic, []).append(one)
    sentences, used = [], {}
    for topic, some in by_topic.items():
        keyless = sum(not one.key for one in some)
        if keyless:
            sentences.append(
                f"{keyless} of {len(some)} sampled records of {topic} have no key; the key is the customer id"
            )
        customers = {one for one in some if one.key}  # a busy one counts once
        if len(customers) >= ENOUGH:
            used[topic] = partitioner(customers)
    for topic, name in used.items():
        if not name:
            sentences.append(
                f"no one partitioner explains where the sampled records of {topic} lie; producers differ, and"
                " a customer's events go to several workers, which costs cache misses and changes no result"
            )
    if len(named := {name for name in used.values() if name}) > 1:
        says = ", ".join(f"{topic} by {name}" for topic, name in used.items() if name)
        sentences.append(
            f"topics are placed by {len(named)} partitioners ({says}); a customer's events go to several"
            " workers, which costs cache misses and changes no result"
        )
    return sentences


def partitioner(placed: Collection[Placed]) -> str:
    """The partitioner that put nearly all of some records where they lie, "" where none did."""
    agree = Counter(
        {
            name: sum(place(one.key or b"") % one.partitions == one.partition for one in placed)
            for name, place in PARTITIONERS.items()
        }
    )
    (name, count), *_ = agree.most_common(1)
    return name if count >= AGREE * len(placed) else ""


def sample(config: Config) -> list[Placed]:
    """The newest `MOST` records of each partition of the input topics, or as many as come in 5 s.

    Raises:
        Unavailable: the broker does not answer.
    """
    with consumer(config.brokers) as client:
        return _newest(client)


def _newest(client: Any) -> list[Placed]:
    counts = {topic: len(partitions_of(client, topic)) for topic in INPUT_TOPICS}
    tps = [TopicPartition(topic, p) for topic, count in counts.items() for p in range(count)]
    if not tps:
        return []
    begins, ends = client.beginning_offsets(tps), client.end_offsets(tps)
    client.assign(tps)
    for tp in tps:
        client.seek(tp, max(begins[tp], ends[tp] - MOST))
    until_s = time.monotonic() + _READ_S
    newest: dict[Any, deque[Placed]] = {
        tp: deque(maxlen=MOST) for tp in tps
    }  # some brokers' end is not theirs
    while time.monotonic() < until_s and any(client.position(tp) < ends[tp] for tp in tps):
        for tp, records in client.poll(timeout_ms=100).items():
            newest[tp] += [Placed(tp.topic, tp.partition, counts[tp.topic], record.key) for record in records]
    return [one for some in newest.values() for one in some]
