"""A deployment on Apache Kafka that is watched by a real Prometheus, and the faults that alerts are for."""

import contextlib
import re
import threading
import time
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import redis
from kafka import KafkaAdminClient, KafkaConsumer, TopicPartition
from kafka.errors import KafkaError
from monitoring import WatchedStack
from parts import ApacheKafka

from streams.topics import INPUT_TOPICS

PATIENCE_S = 300.0  # for what comes within seconds, or a minute; a busy machine comes round to it later
FACTORS = 60.0, 10.0  # an hour of the rules is a minute here; 10 seconds too late are one
SETTINGS = {
    "partitions": 2,
    "session_timeout_s": 6,
    "heartbeat_s": 0.3,
    "commit_interval_s": 0.5,
    "lag_slo_s": 3,
    "stall_s": 60,
    "trainer_interval_s": 2,
    "trainer_lease_s": 3,
    "outbox_limit": 100,
    "cart_abandoned_s": 2,
    "log_level": "warning",
}


class Watched(WatchedStack):
    """Two workers, a trainer, a lag exporter."""

    def __init__(self, directory: Path) -> None:
        kafka = ApacheKafka(directory / "kafka")
        super().__init__(directory, SETTINGS, FACTORS, broker=kafka)
        self.kafka = kafka
        self.seen: set[str] = set()  # every alert that ever fired in a fault of ours

    def start(self) -> "Watched":
        super().start()
        self.workers = [self.start_watched("worker") for _ in range(2)]
        self.trainer = self.start_watched("trainer")
        self.exporter = self.start_exporter()
        self.console = self.start_console()
        return self

    def start_exporter(self) -> Any:
        return self.start_watched(
            "lag", "lag", "--serve", "{at}", "--every", "500ms", "--stalled-after", "3s"
        )

    def wait_firing(
        self, expected: Collection[str], since_s: float | None = None, timeout_s: float = PATIENCE_S
    ) -> None:
        """Until each has fired since then (monotonic; None = from now on), together or one after another."""
        now_s = time.monotonic()
        wanted, began_s = {f"Profilestream{name}" for name in expected}, since_s or now_s
        while left := wanted - self.fired(began_s):
            assert time.monotonic() < now_s + timeout_s, f"never: {sorted(left)}; {self.prometheus.firing()}"
            self._read_what_they_say()
            time.sleep(0.2)
        self.seen |= wanted

    def fired(self, since_s: float) -> set[str]:
        """Every alert that has been firing since then, also where it is over before anybody looks."""
        lately = f"{int((time.monotonic() - since_s) * 1000) + 1}ms"
        found = self.prometheus.query(f'present_over_time(ALERTS{{alertstate="firing"}}[{lately}])')
        return {labels["alertname"] for labels, _ in found}

    def _read_what_they_say(self) -> None:
        """Every place in the texts of active alerts is filled in."""
        for alert in self.prometheus.alerts():
            for text in alert["annotations"].values():
                assert not re.search(r"\{\{|<no value>|<error|NaN|%!", text), text

    def wait_quiet(
        self, timeout_s: float = PATIENCE_S, least_s: float = 3.0, but: Collection[str] = ()
    ) -> None:
        """Until nothing has been firing for a while, apart from `but`."""
        deadline, since = time.monotonic() + timeout_s, time.monotonic()
        while time.monotonic() - since < least_s:
            if left := self.prometheus.firing() - {f"Profilestream{name}" for name in but}:
                since = time.monotonic()
                assert since < deadline, f"still firing: {sorted(left)}"
            time.sleep(0.2)

    def wait_true(self, expr: str, timeout_s: float = PATIENCE_S) -> None:
        """Until a query gives something."""
        deadline = time.monotonic() + timeout_s
        while not self.prometheus.query(expr):
            assert time.monotonic() < deadline, expr
            time.sleep(0.2)

    def store_client(self) -> Any:
        return redis.Redis.from_url(self.store.url, socket_timeout=60)  # else it gives up after five

    def pause_writes(self, seconds: float) -> None:
        """The store takes no write for so long, and answers reads meanwhile."""
        with self.store_client() as client:
            client.client_pause(int(seconds * 1000), all=False)

    def set_log(self, on: bool) -> None:
        """Switch the store's append-only file."""
        with self.store_client() as client:
            client.config_set("appendonly", "yes" if on else "no")

    @contextlib.contextmanager
    def slow_disk(self) -> Iterator[None]:
        """Nothing that is written gets onto the store's disk."""
        with self.store_client() as client:
            client.config_set("appendfsync", "no")  # WAITAOF waits for it in vain
            try:
                yield
            finally:
                client.config_set("appendfsync", "everysec")

    def delete_input(self) -> None:
        """All records of the input topics are gone from the broker, as when retention has passed."""
        tps = [TopicPartition(topic, number) for topic in INPUT_TOPICS for number in range(2)]
        consumer = KafkaConsumer(bootstrap_servers=[self.kafka.address])
        ends = consumer.end_offsets(tps)
        consumer.close()
        admin = KafkaAdminClient(bootstrap_servers=[self.kafka.address])
        try:
            admin.delete_records({tp: end for tp, end in ends.items() if end})
        finally:
            admin.close()

    @contextlib.contextmanager
    def coming_and_going(self) -> Iterator[None]:
        """Somebody joins the group and leaves it, over and over."""
        ended = threading.Event()
        thread = threading.Thread(target=self._come_and_go, args=(ended.is_set,), daemon=True)
        thread.start()
        try:
            yield
        finally:
            ended.set()
            thread.join(60)

    def _come_and_go(self, ended: Callable[[], bool]) -> None:
        while not ended():
            with contextlib.suppress(KafkaError):  # who is not let in tries again
                self._visit()

    def _visit(self) -> None:
        guest = KafkaConsumer(
            *INPUT_TOPICS,
            bootstrap_servers=[self.kafka.address],
            group_id=self.config.group,
            enable_auto_commit=False,
            heartbeat_interval_ms=300,
            session_timeout_ms=6000,
        )
        with contextlib.closing(guest):
            stay_until = time.monotonic() + 1
            while time.monotonic() < stay_until:
                guest.poll(timeout_ms=50, max_records=1)
