"""Reads a topic with `kafka-python`, each partition from where its book stands (`books`).

Blocking, in one thread; the client keeps the group's heartbeat in a thread of its own. Whatever fails in
the world is waited out: partitions are begun again from their books, nothing is skipped.
"""

import logging
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import orjson
from kafka import ConsumerRebalanceListener, KafkaConsumer, KafkaProducer, OffsetAndMetadata, TopicPartition
from kafka.errors import KafkaError
from redis.exceptions import RedisError

from streams.books import Book, Moved
from streams.config import Config
from streams.store.contract import Unavailable
from streams.topics import partitions_of

log = logging.getLogger(__name__)
MOST_RECORDS = 200  # of one round
COMMIT_S = 1.0
AGAIN_S = 1.0
_PATIENCE_MS = 300_000  # least time that the group grants between two polls
_ACK_S = 30.0
Handle = Callable[[int, int, Sequence[Any]], None]


class Reader:
    """Hands records of a topic to a function, which writes the book.

    Args:
        config: brokers and times of the group.
        topic: what to read.
        group: Kafka consumer group; "" = this process reads all partitions.
        book: where each partition stands.
        handle: told (partition, where its book stands, records); writes the book, or raises `Moved`.
        stop: ends `run`.
        start: where a partition begins that was never read: earliest or latest.
        round_s: how long `handle` may take at most.
    """

    def __init__(
        self,
        config: Config,
        topic: str,
        group: str,
        book: Book,
        handle: Handle,
        stop: threading.Event,
        *,
        start: str = "earliest",
        round_s: float = 0.0,
    ) -> None:
        self._topic = topic
        self._group = group
        self._book = book
        self._handle = handle
        self._stop = stop
        self._start = start
        self._at: dict[Any, int] = {}  # where the book of each of our partitions stands
        self._uncommitted: dict[Any, Any] = {}
        self._committed_s = 0.0
        self.beat_s = time.monotonic()  # when the latest round began
        options = _options(config, group, round_s)
        self.patience_s: float = options["max_poll_interval_ms"] / 1000  # a longer round loses the group
        try:
            self._consumer = KafkaConsumer(**options)
            if group:
                self._consumer.subscribe([topic], listener=_Anew(self._at))
            else:
                parts = partitions_of(self._consumer, topic)
                if not parts:
                    raise Unavailable(f"topic {topic} does not exist; run 'profilestream topics create'")
                self._consumer.assign([TopicPartition(topic, p) for p in sorted(parts)])
        except (KafkaError, OSError) as error:
            raise Unavailable(f"broker {config.brokers} cannot be read: {type(error).__name__}") from error

    @property
    def assigned(self) -> int:
        """How many partitions are ours."""
        return len(self._at)

    @property
    def is_at_end(self) -> bool:
        """Whether all is read that there was when the broker last said so; ends come from fetches."""
        ends = {tp: self._consumer.highwater(tp) for tp in self._at}
        return bool(ends) and all(end is not None and self._at[tp] >= end for tp, end in ends.items())

    def run(self) -> None:
        """Until stopped."""
        try:
            while not self._stop.is_set():
                try:
                    self.round()
                except (KafkaError, OSError, RedisError, Unavailable) as error:
                    what = error if isinstance(error, Unavailable) else type(error).__name__
                    log.warning("%s waits: %s", self._topic, what)
                    self._at.clear()
                    self._stop.wait(AGAIN_S)
        finally:
            self.close()

    def round(self, timeout_ms: int = 200) -> int:
        """One poll and what came of it; gives the number of records read."""
        self.beat_s = time.monotonic()
        self._finish_joining()
        found = self._consumer.poll(timeout_ms=timeout_ms, max_records=MOST_RECORDS)
        mine = self._consumer.assignment()
        for tp in self._at.keys() - mine:
            del self._at[tp]
        for tp in mine - self._at.keys():
            found.pop(tp, None)  # read from where Kafka's commit stood: its book may say otherwise
            self._begin(tp)
        for tp, records in found.items():
            self._one(tp, records)
        self._commit()
        return sum(map(len, found.values()))

    def _finish_joining(self) -> None:
        """Join again where the client forgot that it was about to.

        A poll that ends while a join is under way leaves it to the next one, which asks first whether there
        is a need to join. Where the partitions of the topic were the reason, the join itself has just
        answered that with no: kafka-python then fetches nothing and sends no heartbeat, for good.
        """
        coordinator = self._consumer._coordinator  # noqa: SLF001 (nothing else tells, or can be told)
        if coordinator.rebalance_in_progress() and not coordinator.need_rejoin():
            coordinator.request_rejoin()

    def _one(self, tp: Any, records: Sequence[Any]) -> None:
        at = self._at[tp]
        if records[0].offset < at:
            raise Unavailable(f"{tp.topic}/{tp.partition} begins anew: its book is of another topic")
        try:
            self._handle(tp.partition, at, records)
        except Moved:
            self._begin(tp)
            return
        self._at[tp] = then = records[-1].offset + 1
        self._uncommitted[tp] = OffsetAndMetadata(then, "", -1)

    def _begin(self, tp: Any) -> None:
        """Read a partition from where its book stands."""
        at = self._book.next_offset(tp.partition)
        if at is None:
            at = self._book.open(tp.partition, self._first(tp))
        oldest = self._consumer.beginning_offsets([tp])[tp]
        if oldest > at:
            log.error("%s/%d: %d records expired before they were read", tp.topic, tp.partition, oldest - at)
        self._consumer.seek(tp, max(at, oldest))
        self._at[tp] = at

    def _first(self, tp: Any) -> int:
        """Where to begin what no book knows: a group that has read before lost its book and reads all."""
        known = self._consumer.committed(tp) if self._group else None
        if known is None and self._start == "latest":
            return int(self._consumer.end_offsets([tp])[tp])
        return int(self._consumer.beginning_offsets([tp])[tp])

    def _commit(self) -> None:
        """Tell Kafka, for whoever looks at the lag; the books are what counts."""
        if not self._uncommitted or not self._group or time.monotonic() < self._committed_s + COMMIT_S:
            return
        self._committed_s = time.monotonic()
        mine = {tp: offset for tp, offset in self._uncommitted.items() if tp in self._at}
        self._uncommitted.clear()
        try:
            self._consumer.commit(mine)
        except KafkaError as error:
            log.info("not committed: %s", type(error).__name__)

    def close(self) -> None:
        """Leave the group."""
        self._committed_s = 0.0
        self._commit()
        self._consumer.close(autocommit=False, timeout_ms=5_000)


class _Anew(ConsumerRebalanceListener):  # type: ignore[misc]
    """What a rebalance leaves to us is begun from its book, too: the client goes on at Kafka's commit.

    Called within a poll.
    """

    def __init__(self, at: dict[Any, int]) -> None:
        self._at = at

    def on_partitions_revoked(self, revoked: Any) -> None:
        """What becomes of them is told later."""

    def on_partitions_assigned(self, assigned: Any) -> None:  # noqa: ARG002
        """Forget where we were."""
        self._at.clear()


def _options(config: Config, group: str, round_s: float) -> dict[str, Any]:
    return {
        "bootstrap_servers": config.brokers.split(","),
        "group_id": group or None,
        "group_instance_id": (config.instance_id or None) if group else None,
        "auto_offset_reset": "earliest",
        "enable_auto_commit": False,
        "fetch_max_wait_ms": config.fetch_wait_ms,
        "session_timeout_ms": int(config.session_timeout_s * 1000),
        "heartbeat_interval_ms": int(config.heartbeat_s * 1000),
        "max_poll_interval_ms": max(_PATIENCE_MS, int(round_s * 1500)),
        "bootstrap_timeout_ms": 10_000,
    }


class Letters:
    """Writes dead letters to a topic, each acknowledged by all replicas; connects when the first comes."""

    def __init__(self, config: Config, topic: str) -> None:
        self._config = config
        self._topic = topic
        self._lock = threading.Lock()
        self._producer: Any = None

    def bury(self, letter: dict[str, Any], key: str = "") -> None:
        """Returns once it is acknowledged.

        Raises:
            Unavailable: it may be written or not; writing it again is safe.
        """
        try:
            with self._lock:
                if self._producer is None:
                    self._producer = KafkaProducer(
                        bootstrap_servers=self._config.brokers.split(","),
                        enable_idempotence=self._config.producer_idempotent,
                        acks="all",
                    )
            self._producer.send(self._topic, orjson.dumps(letter), key=key.encode()).get(_ACK_S)
        except (KafkaError, OSError) as error:
            raise Unavailable(f"dead letter not acknowledged: {type(error).__name__}") from error

    def close(self) -> None:
        """Disconnect."""
        if self._producer is not None:
            self._producer.close(timeout=5)
