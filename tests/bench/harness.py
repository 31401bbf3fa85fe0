"""One measured run: a fresh broker and store, the workload in place, then the worker process under test.

Progress is read the same way for every contender, costs it nothing per event, and is exact: Kafka keeps
the order of a partition and every contender applies it in that order, so a partition is applied once the
profile of its last order's customer counts all of that customer's orders. Those profiles (one a
partition, about 1 KB each) are polled every 20 ms, which is also the resolution. `settled` is when
the outbox is empty, no wake-up is overdue and the group has committed the end of every partition: a
crash would repeat nothing.

CPU is utime + stime of /proc/PID/stat (10 ms ticks) from the worker's start until it is settled; memory
is VmHWM.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import orjson
import redis
from confluent_kafka import Consumer, TopicPartition

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

from checks import check
from parts import ApacheKafka
from workload import PARTITIONS, Workload

from streams import admin, keys
from streams.config import Config
from streams.local.broker import EmbeddedBroker
from streams.local.load import produce
from streams.local.process import LocalProcess
from streams.local.server import LocalServer
from streams.local.store import EmbeddedStore

ROOT = Path(__file__).parents[2]
BUCKETS = 64
POLL_S = 0.02
STOP_S = 60  # a contender that has to be killed would lose what it has still to send
SESSION_S, HEARTBEAT_S = 6, 1
GROUPS = {"product": "profilestream", "naive": "naive", "confluent": "confluent"}
SCRIPTS = {"naive": "naive_faust.py", "confluent": "confluent_loop.py"}
PROCESSES = ("worker", "store", "broker")
_TICKS = os.sysconf("SC_CLK_TCK")


class BenchError(Exception):
    """The run says nothing: a process died, or nothing was settled in time."""


@dataclass(frozen=True, slots=True)
class Result:
    """One run.

    Attributes:
        events: how many.
        all_s: start of the worker process to last order applied.
        span_s: first order seen applied to last order applied.
        settle_s: last order applied to settled.
        cpu_s: of worker, store and broker, start of the worker to settled.
        rss_mb: peak of the worker.
        changes: records in tag-changes.
        problems: what the check found wrong; empty is right.
    """

    events: int
    all_s: float
    span_s: float
    settle_s: float
    cpu_s: dict[str, float]
    rss_mb: float
    changes: int
    problems: list[str]


@dataclass(frozen=True, slots=True)
class Site:
    """Running broker and store with their topics made."""

    config: Config
    broker: LocalServer
    store: EmbeddedStore
    directory: Path

    def client(self) -> "redis.Redis":
        """A connection of the bench's own."""
        return redis.Redis.from_url(self.store.url, protocol=2, socket_timeout=30)

    def worker(
        self, contender: str, *, root: Path = ROOT, program: Sequence[str] = ("-m", "streams"), **more: str
    ) -> LocalProcess:
        """The process under test, not started.

        Args:
            contender: which.
            root: of the product: another tree than ours, to compare with it.
            program: of the product.
            more: further variables of its environment.
        """
        config = self.config
        env = {**os.environ, "PYTHONPATH": str(root), "PYTHONUNBUFFERED": "1", **more}
        if contender == "product":
            argv = [sys.executable, *program, "worker"]
            for name in ("brokers", "redis_url", "partitions", "clock", "session_timeout_s", "heartbeat_s",
                         "fetch_wait_ms", "log_level"):  # fmt: skip
                env[f"PROFILESTREAM_{name.upper()}"] = str(getattr(config, name))
            env["PROFILESTREAM_PRODUCER_IDEMPOTENT"] = str(int(config.producer_idempotent))
        else:
            argv = [sys.executable, str(Path(__file__).with_name(SCRIPTS[contender])), config.brokers]
            argv += [config.redis_url, str(config.fetch_wait_ms), str(SESSION_S), str(HEARTBEAT_S)]
        return LocalProcess(
            contender, argv, log=self.directory / f"{contender}.log", env=env, cwd=self.directory
        )


@contextmanager
def site(kind: str, directory: Path, **store_options: str) -> Iterator[Site]:
    """A fresh broker ("embedded" or "kafka") and store; both are stopped by pid."""
    embedded = kind == "embedded"
    broker = EmbeddedBroker(directory / "broker") if embedded else ApacheKafka(directory / "kafka")
    store = EmbeddedStore(directory / "store", extra=store_options)
    config = Config(
        brokers=broker.address,
        redis_url=store.url,
        partitions=PARTITIONS,
        session_timeout_s=SESSION_S,
        heartbeat_s=HEARTBEAT_S,
        fetch_wait_ms=20,
        producer_idempotent=not embedded,
        log_level="warning",
    )
    with broker, store:
        admin.create_topics(config)
        yield Site(config, broker, store, directory)


def cpu_s(pid: int) -> float:
    """CPU seconds of a process so far, all its threads."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def peak_mb(pid: int) -> float:
    """Largest resident size of a process so far."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def run(
    contender: str,
    workload: Workload,
    kind: str,
    directory: Path,
    timeout_s: float = 900,
    make: Callable[[Site], LocalProcess] | None = None,
) -> Result:
    """Measure one contender once; `make` gives its process where it is not the usual one.

    Raises:
        BenchError: the worker died or did not finish; the message holds the end of its log.
    """
    with site(kind, directory) as here, here.client() as client:
        asyncio.run(produce(here.config.brokers, workload.rows))
        worker = make(here) if make is not None else here.worker(contender)
        before = {
            "store": cpu_s(here.store.process.pid),
            "broker": cpu_s(here.broker.process.pid),
            "worker": 0.0,
        }
        started = time.monotonic()
        with worker:
            watch = _Watch(worker, started + timeout_s)
            first = watch.until_first(client, workload) - started
            last = watch.until_last(client, workload) - started
            settled = watch.until_settled(client, workload, here.config.brokers, contender) - started
            pids = dict(
                zip(PROCESSES, (worker.pid, here.store.process.pid, here.broker.process.pid), strict=True)
            )
            spent = {name: cpu_s(pid) - before[name] for name, pid in pids.items()}
            rss = peak_mb(worker.pid)
            worker.stop(STOP_S)
        changes, problems = check(client, here.config.brokers, workload)
        return Result(len(workload.rows), last, last - first, settled - last, spent, rss, changes, problems)


class _Watch:
    """Waits for stages of a run; every stage answers with the moment it was reached, monotonic seconds."""

    def __init__(self, worker: LocalProcess, deadline: float) -> None:
        self._worker = worker
        self._deadline = deadline

    def until_first(self, client: "redis.Redis", workload: Workload) -> float:
        """The profile of some partition's first order exists."""
        names = [_profile(first) for _, first, _ in workload.per_partition.values()]
        while not client.exists(*names):
            self._rest()
        return time.monotonic()

    def until_last(self, client: "redis.Redis", workload: Workload) -> float:
        """Every partition's last order is in its profile."""
        waiting = {customer for _, _, customer in workload.per_partition.values()}
        while True:
            order = sorted(waiting)
            pipe = client.pipeline(transaction=False)
            for customer in order:
                pipe.hget(_profile(customer), keys.DOC)
            for customer, doc in zip(order, pipe.execute(), strict=True):
                if doc and orjson.loads(doc)["rfm"]["frequency"] >= workload.orders[customer]:
                    waiting.discard(customer)
            if not waiting:
                return time.monotonic()
            self._rest()

    def until_settled(self, client: "redis.Redis", workload: Workload, brokers: str, contender: str) -> float:
        """Nothing waits in the outbox, no wake-up is overdue, and the group has committed everything.

        Only the product has timers; what falls due during another's run stays due for ever.
        """
        ends = {partition: count for partition, (count, _, _) in workload.per_partition.items()}
        consumer = Consumer({"bootstrap.servers": brokers, "group.id": GROUPS[contender]})
        try:
            while True:
                now_ms = int(time.time() * 1000)
                pipe = client.pipeline(transaction=False)
                for b in range(BUCKETS):
                    pipe.xlen(keys.outbox(b))
                    if contender == "product":
                        pipe.zcount(keys.due(b), "-inf", now_ms)
                if not sum(pipe.execute()):
                    found = consumer.committed([TopicPartition("orders", p) for p in ends], timeout=10)
                    if all(tp.offset >= ends[tp.partition] for tp in found):
                        return time.monotonic()
                self._rest()
        finally:
            consumer.close()

    def _rest(self) -> None:
        if not self._worker.running or time.monotonic() > self._deadline:
            state = "is not done in time" if self._worker.running else "died"
            raise BenchError(f"{self._worker.name} {state}\n{self._worker.log.read_text()[-3000:]}")
        time.sleep(POLL_S)


def _profile(customer: str) -> str:
    return keys.profile(keys.bucket(customer, BUCKETS), customer)
