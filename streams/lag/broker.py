"""What the broker knows: offsets, the oldest record not applied, and who is in the group.

Blocking; connections are kept from one look to the next. Every wait is bounded: a look takes at most about
`TIMEOUT_MS` twice, whatever the broker does.

The end of a partition is the high watermark of a fetch, which is right on Apache Kafka and on the embedded
broker. ListOffsets, too low on the latter, stands in where a fetch is refused or takes longer than `FETCH_S`.
"""

import time
from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import (
    AuthorizationError,
    CoordinatorLoadInProgressError,
    CoordinatorNotAvailableError,
    KafkaError,
    NotCoordinatorError,
)

from models.events import EventError
from streams.config import Config
from streams.decoding import Decoding
from streams.lag.sample import Group, Partition, applied_offset
from streams.local.broker import broker_answers
from streams.store.contract import Unavailable
from streams.topics import DEAD_LETTER, INPUT_TOPICS

TIMEOUT_MS = 4_000
FETCH_S = 2.0  # longest wait for the first record, or the end, of every partition
FETCH_BYTES = 64 * 1024  # of each partition; a larger batch comes whole
_COORDINATOR_S = 2.0  # a fresh broker makes the topic of commits when it is first asked for one
_COORDINATOR = (CoordinatorLoadInProgressError, CoordinatorNotAvailableError, NotCoordinatorError)


class Seen(NamedTuple):
    """The broker's part of a `Sample`."""

    partitions: tuple[Partition, ...]
    missing: tuple[str, ...]
    group: Group | None
    dead_letters: int | None
    notes: tuple[str, ...]
    knows_commits: bool


class _Head(NamedTuple):
    """What a fetch said of a partition; `first` None: nothing was read, `end` None: nothing was said."""

    first: int | None = None
    end: int | None = None
    record: Any = None


class BrokerProbe:
    """Asks the broker.

    Args:
        config: brokers, group, and how input is decoded.

    Raises:
        ConfigError: of `look`'s decoding: the tables `sources` or `privacy` cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._config = config
        self._decoding = Decoding(config)
        self._suffix = f"@{config.input_epoch}" if config.input_epoch else ""
        self._admin: Any = None
        self._consumer: Any = None

    def look(self, marks: Mapping[str, int] | None) -> Seen:
        """One pass over all partitions.

        Args:
            marks: the store's watermarks, read before; None = not known.

        Raises:
            Unavailable: no broker answers, or it refuses.
        """
        if not any(map(broker_answers, self._config.brokers.split(","))):
            self.close()  # the client would go on trying, a socket each time
            raise Unavailable(f"broker {self._config.brokers} does not answer")
        while True:
            is_new = self._consumer is None
            try:
                self._open()
                return self._look(marks)
            except (KafkaError, OSError) as error:
                self.close()
                if is_new:  # else the connections may merely have been old
                    said = f"broker {self._config.brokers} cannot be asked: {type(error).__name__}"
                    raise Unavailable(said) from error

    def close(self) -> None:
        """Disconnect; the next look connects anew."""
        for client in (self._admin, self._consumer):
            if client is not None:
                client.close()
        self._admin = self._consumer = None

    def _open(self) -> None:
        if self._consumer is not None:
            return
        common = {
            "bootstrap_servers": self._config.brokers.split(","),
            "request_timeout_ms": TIMEOUT_MS,
            "bootstrap_timeout_ms": TIMEOUT_MS,
        }
        self._admin = KafkaAdminClient(**common)
        self._consumer = KafkaConsumer(
            **common,
            enable_auto_commit=False,
            allow_auto_create_topics=False,
            enable_incremental_fetch_sessions=False,  # they are silent on what has not changed
            fetch_max_wait_ms=50,
            max_partition_fetch_bytes=FETCH_BYTES,
            check_crcs=False,  # in Python it costs more than all the rest; the broker checked them
        )

    def _look(self, marks: Mapping[str, int] | None) -> Seen:
        found = {t["name"]: t["partitions"] for t in self._admin.describe_topics() if t.get("partitions")}
        inputs, dead = _partitions(found, INPUT_TOPICS), _partitions(found, [DEAD_LETTER])
        notes: list[str] = []
        committed = self._committed(inputs, notes)  # before the ends: what is applied never exceeds them
        knows_commits = not notes
        applied = {tp: self._applied(tp, committed.get(tp), marks) for tp in inputs}
        begins = self._consumer.beginning_offsets([*inputs, *dead])
        listed = self._consumer.end_offsets([*inputs, *dead])
        wanted = {tp: max(applied[tp] or 0, begins[tp]) for tp in inputs}
        heads = self._heads(wanted | {tp: listed[tp] for tp in dead}, notes)
        rows = []
        for tp in inputs:
            head = heads[tp]
            end = max(listed[tp], head.end or 0)
            first = min(wanted[tp], end) if head.first is None else head.first
            record = head.record
            rows.append(
                Partition(
                    *(tp.topic, tp.partition, committed.get(tp), applied[tp], begins[tp], end),
                    is_exact=head.end is not None,
                    first=first,
                    append_ms=record.timestamp if record is not None and record.timestamp >= 0 else None,
                    event_ms=None if record is None else self._event_ms(tp.topic, record.value),
                )
            )
        missing = tuple(topic for topic in INPUT_TOPICS if topic not in found)
        buried = sum(max(listed[tp], heads[tp].end or 0) - begins[tp] for tp in dead) if dead else None
        return Seen(tuple(sorted(rows)), missing, self._group(), buried, tuple(notes), knows_commits)

    def _applied(self, tp: Any, committed: int | None, marks: Mapping[str, int] | None) -> int | None:
        mark = marks.get(f"{tp.topic}/{tp.partition}{self._suffix}") if marks is not None else None
        return applied_offset(committed, mark, is_stored=marks is not None)

    def _committed(self, tps: Collection[Any], notes: list[str]) -> dict[Any, int]:
        """What the group committed, where it did."""
        deadline_s = time.monotonic() + _COORDINATOR_S
        while tps:
            try:
                found = self._admin.list_group_offsets({self._config.group: list(tps)})
                break
            except _COORDINATOR:
                if time.monotonic() > deadline_s:
                    raise
                time.sleep(0.1)
            except AuthorizationError as error:
                notes.append(f"commits are not known: {type(error).__name__}")
                return {}
        else:
            return {}
        return {tp: at.offset for tp, at in found[self._config.group].items() if at.offset >= 0}

    def _group(self) -> Group | None:
        """None where the broker does not say; the embedded one says it in a form the client cannot read."""
        try:
            told = self._admin.describe_groups([self._config.group])[self._config.group]
        except (AuthorizationError, *_COORDINATOR, ValueError):
            return None
        if told["group_state"] == "Dead":  # nobody has ever joined, or all have left and nothing is kept
            return Group("Dead", 0)
        return None if told["error"] else Group(told["group_state"], len(told["members"]))

    def _heads(self, wanted: Mapping[Any, int], notes: list[str]) -> dict[Any, _Head]:
        """The first record from each offset on, and where the partitions end; what is known in time."""
        consumer = self._consumer
        heads = dict.fromkeys(wanted, _Head())
        consumer.unsubscribe()  # forgets the ends that the last look found
        consumer.assign(list(wanted))
        for tp, at in wanted.items():
            consumer.seek(tp, at)
        waiting, deadline_s = set(wanted), time.monotonic() + FETCH_S
        try:
            while waiting and time.monotonic() < deadline_s:
                for tp, records in consumer.poll(timeout_ms=50, max_records=1).items():
                    if heads[tp].record is None and records[0].offset >= wanted[tp]:
                        heads[tp] = _Head(records[0].offset, None, records[0])
                known = {tp for tp in waiting if self._is_known(tp, heads)}
                waiting -= known
                if known and waiting:
                    consumer.assign(list(waiting))  # a pause would keep what was fetched beyond the first
        except AuthorizationError as error:
            notes.append(f"ages are not known: {type(error).__name__}")
        if waiting and not notes:
            notes.append(f"{len(waiting)} partitions did not tell their end within {FETCH_S:.0f} s")
        return heads

    def _is_known(self, tp: Any, heads: dict[Any, _Head]) -> bool:
        """Whether all is known of a partition; its end is noted."""
        end = self._consumer.highwater(tp)
        if end is None:
            return False
        head = heads[tp] = heads[tp]._replace(end=end)
        if head.record is not None:
            return True
        position = self._consumer.position(tp, timeout_ms=100)
        if position is None or position < end:
            return False
        heads[tp] = head._replace(first=end)  # between here and there is nothing, or markers only
        return True

    def _event_ms(self, topic: str, value: bytes | None) -> int | None:
        try:
            return self._decoding.event(topic, value, None).ts_ms
        except EventError:
            return None


def _partitions(found: Mapping[str, Any], topics: Collection[str]) -> list[Any]:
    return [TopicPartition(topic, p["partition_index"]) for topic in topics for p in found.get(topic, ())]
