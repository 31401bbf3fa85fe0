"""Every event that was ever sent and still exists, as it was written: out of the input topics, or of files.

Held in memory, a kilobyte or two each. Reads without a group: nothing is committed, no worker notices.
"""

import json
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import orjson
from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError

from models.events import Control, EventError
from streams.config import Config
from streams.decoding import Decoding
from streams.local.load import routed
from streams.oracle import event_time_ms
from streams.store.contract import Unavailable
from streams.topics import DEAD_LETTER, INPUT_TOPICS, partitions_of

_TIMEOUT_MS = 10_000
_PATIENCE = 100  # polls without a record, 0.1 s each, before a silent broker is given up


class Fact(NamedTuple):
    """One valid event; a file's events have source ""."""

    source: str
    offset: int
    event: dict[str, Any]


@dataclass(slots=True)
class Facts:
    """What the events say.

    Attributes:
        by_customer: valid events in stream order.
        read: topic or file -> records.
        refused: records that break the contract.
        notes: what a reader must know before trusting the comparison.
    """

    by_customer: dict[str, list[Fact]] = field(default_factory=dict)
    read: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    notes: list[str] = field(default_factory=list)

    def add(
        self, where: str, topic: str | None, value: bytes | None, decoding: Decoding, at: tuple[str, int]
    ) -> None:
        """Take in one record; `topic` None: the one to which it would be sent."""
        self.read[where] += 1
        event = _valid(topic, value, decoding)
        if event is None:
            self.refused += 1
        else:
            self.by_customer.setdefault(event["customer_id"], []).append(Fact(*at, event))

    def newest_ms(self) -> int:
        """Event time of the newest valid event, 0 where there is none."""
        every = (fact.event["ts"] for facts in self.by_customer.values() for fact in facts)
        return max(map(event_time_ms, every), default=0)


def from_topics(config: Config) -> Facts:
    """Every record that the input topics hold now.

    Raises:
        Unavailable: the broker does not answer.
    """
    facts, decoding = Facts(), Decoding(config)
    # Whether an event lay in the future depends on when it came in, which only the worker knows.
    letters = (orjson.loads(record.value) for record in records(config.brokers, (DEAD_LETTER,), facts.notes))
    future = {(x["topic"], x["partition"], x["offset"]) for x in letters if x["reason"] == "in_future"}
    suffix = f"@{config.input_epoch}" if config.input_epoch else ""
    for record in records(config.brokers, INPUT_TOPICS, facts.notes):
        topic, partition, offset = record.topic, record.partition, record.offset
        value = None if (topic, partition, offset) in future else record.value
        at = (f"{topic}/{partition}{suffix}", offset)
        facts.add(topic, topic, value, decoding, at)
    return facts


def from_files(files: Iterable[Path], config: Config) -> Facts:
    """Every line of JSON-lines files."""
    facts, decoding = Facts(), Decoding(config)
    for file in files:
        with file.open("rb") as lines:
            for number, line in enumerate(lines):
                if line.strip():
                    facts.add(str(file), None, line, decoding, ("", number))
    return facts


def _valid(topic: str | None, value: bytes | None, decoding: Decoding) -> dict[str, Any] | None:
    """The raw event with exact decimals; None where the contract refuses it."""
    try:
        if topic is None:
            topic = routed(orjson.loads(value or b""))[0]
        parsed = decoding.event(topic, value, None)
        event: dict[str, Any] = json.loads(decoding.plain(topic, value) or b"", parse_float=Decimal)
    except (EventError, ValueError, KeyError, TypeError, AttributeError):
        return None
    if isinstance(parsed, Control):
        event["attributes"] = parsed.attributes
    return event


@contextmanager
def consumer(brokers: str) -> Iterator[Any]:
    """A client of no group, closed at the end; what it raises becomes one sentence."""
    client = None
    try:
        client = KafkaConsumer(
            bootstrap_servers=brokers.split(","),
            request_timeout_ms=_TIMEOUT_MS,
            bootstrap_timeout_ms=_TIMEOUT_MS,
            fetch_max_wait_ms=50,
            max_poll_records=5_000,
            enable_auto_commit=False,
        )
        yield client
    except (KafkaError, OSError) as error:
        raise Unavailable(f"broker {brokers} cannot be read: {type(error).__name__}") from error
    finally:
        if client is not None:
            client.close()


def records(brokers: str, topics: Iterable[str], notes: list[str] | None = None) -> Iterator[Any]:
    """Every record from the oldest to the present end; ends come from fetches (see `lag.broker`).

    Raises:
        Unavailable: the broker does not answer.
    """
    with consumer(brokers) as client:
        yield from _to_the_end(client, topics, [] if notes is None else notes)


def dead_letters(brokers: str) -> int:
    """How many dead letters there are; raises as `records` does."""
    return sum(1 for _ in records(brokers, (DEAD_LETTER,)))


def _to_the_end(consumer: Any, topics: Iterable[str], notes: list[str]) -> Iterator[Any]:
    tps = [TopicPartition(t, p) for t in topics for p in partitions_of(consumer, t)]
    known = {tp.topic for tp in tps}
    notes += [f"topic {topic} does not exist" for topic in topics if topic not in known]
    begins = consumer.beginning_offsets(tps) if tps else {}
    for tp, at in begins.items():
        if at:
            notes.append(f"{tp.topic}/{tp.partition} begins at offset {at}: profiles may know older events")
    consumer.assign(tps)
    for tp in tps:
        consumer.seek(tp, begins[tp])
    ends: dict[Any, int] = {}
    unfinished, quiet = set(tps), 0
    while unfinished:
        found = consumer.poll(timeout_ms=100)
        quiet = 0 if found else quiet + 1
        if quiet > _PATIENCE:
            raise Unavailable(f"{len(unfinished)} partitions cannot be read to their end")
        for tp in unfinished:
            end = consumer.highwater(tp)
            if tp not in ends and end is not None:
                ends[tp] = end
        for records in found.values():
            yield from records
        unfinished = {tp for tp in unfinished if tp not in ends or consumer.position(tp) < ends[tp]}
