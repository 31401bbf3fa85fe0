"""What the demo shows, gathered the way an outsider would: from Redis, and from the output topics.

Rules of the file
    Nothing here is estimated. "Applied" follows the workers' own reports (`ps:clock`, twenty times a
    second, the event time up to which a partition is in the store) and the stored watermarks.
"""

import time
from bisect import bisect_right
from collections import Counter, deque
from typing import Any, NamedTuple

import orjson
from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as Partition
from redis.exceptions import RedisError

from streams import catalogues, exporter, keys
from streams.config import Config
from streams.local.demo_feed import Feeder
from streams.store.contract import StoreError
from streams.topics import DEAD_LETTER, INPUT_KINDS, TAG_CHANGES

_CAUSES = ("real", "simulated", "time", "others")
_POPULATION_S = 1.0
_CARD_S = 0.25
_FOLLOW_S = 6.0  # one customer is shown so long at least
_RATE_S = 2.0


class Seen(NamedTuple):
    """One tag change as shown; `cause` is one of real, simulated, time, others."""

    at: str
    customer_id: str
    kind: str
    tag: str
    old: Any
    new: Any
    cause: str
    event: str  # kind of the event that caused it, "" where time did


class Watch:
    """Everything known so far; `sample` and `follow` keep it up to date.

    Attributes:
        applied: records whose effects are in the store.
        rate: of them, a second.
        profiles, stages, segments, risks, clusters: from the stored documents.
        changes: tag changes, each counted once.
        recent: the last of them.
        by_tag: (tag, gained | lost | changed) -> count.
        by_cause: real | simulated | time | others (the population moved) -> count.
        latencies_s: record sent until its tag change was read back, where an event was the cause.
        card: document of the customer that is followed.
    """

    def __init__(self, config: Config, feeder: Feeder) -> None:
        self.applied = self.changes = 0
        self.rate = 0.0
        self.profiles = 0
        self.stages: Counter[str] = Counter()
        self.segments: Counter[str] = Counter()
        self.risks: Counter[str] = Counter()
        self.clusters: Counter[str] = Counter()
        self.recent: deque[Seen] = deque(maxlen=200)
        self.by_tag: Counter[tuple[str, str]] = Counter()
        self.by_cause: Counter[str] = Counter(dict.fromkeys(_CAUSES, 0))
        self.latencies_s: list[float] = []
        self.card: dict[str, Any] | None = None
        self.instant_ms = 0
        self._config = config
        self._feeder = feeder
        self._client = exporter.connect(config.redis_url)
        self._consumer: Any = None
        self._seqs: dict[str, int] = {}
        self._rejected: set[tuple[str, int, int]] = set()  # a letter may come twice, as a tag change may
        self._past: deque[tuple[float, int]] = deque()
        self._marks: dict[str, int] = {}
        self._stored: dict[str, int] = {}
        self._chosen = ""
        self._due = dict.fromkeys(("population", "card", "follow"), 0.0)
        self._heard: dict[Partition, set[int]] = {}  # when the broker spoke since everything came to rest

    @property
    def dead(self) -> int:
        """Rejected records, each counted once."""
        return len(self._rejected)

    async def start(self) -> None:
        """Read the output topics from their beginning."""
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._config.brokers,
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=self._config.fetch_wait_ms,
        )
        await self._consumer.start()
        wanted = [(TAG_CHANGES, p) for p in range(self._config.partitions)]
        self._consumer.assign([Partition(*tp) for tp in [*wanted, (DEAD_LETTER, 0)]])

    async def stop(self) -> None:
        """Let go of broker and store."""
        if self._consumer is not None:
            await self._consumer.stop()
        self._client.close()

    def ready(self) -> bool:
        """Whether the worker owns every input partition."""
        return len(self._ask("hgetall", keys.CLOCK)) >= len(INPUT_KINDS) * self._config.partitions

    async def follow(self) -> None:
        """Take in what comes out, at once, until cancelled."""
        while True:
            found = await self._consumer.getmany(timeout_ms=100, max_records=2_000)
            now_s = time.monotonic()
            for tp, records in found.items():
                for record in records:
                    told = orjson.loads(record.value)
                    if tp.topic == DEAD_LETTER:
                        self._rejected.add((told["topic"], told["partition"], told["offset"]))
                    else:
                        self._note(told, now_s)

    def sample(self) -> None:
        """Ask the store."""
        now_s = time.monotonic()
        self._progress(now_s)
        if now_s >= self._due["population"]:
            self._population()
            # With many households one look takes long; it may take a tenth of the time.
            self._due["population"] = now_s + max(_POPULATION_S, 10 * (time.monotonic() - now_s))
        if now_s >= self._due["follow"] and self.recent:
            self._chosen = self.recent[-1].customer_id
            self._due["follow"], self._due["card"] = now_s + _FOLLOW_S, 0.0
        if now_s >= self._due["card"] and self._chosen:
            b = keys.bucket(self._chosen, self._config.buckets)
            doc = self._ask("hget", keys.profile(b, self._chosen), keys.DOC)
            self.card = orjson.loads(doc) if doc else None
            self._due["card"] = now_s + _CARD_S

    async def settled(self) -> bool:
        """Whether everything sent is applied, every timer due is fired and every change is read."""
        self.sample()
        if not self._at_rest():
            self._heard.clear()
            return False
        for tp in self._consumer.assignment():
            end = self._consumer.highwater(tp)
            if not self._is_told(tp) or end is None or await self._consumer.position(tp) < end:
                return False
        self._heard.clear()
        self._population()
        return True

    def _at_rest(self) -> bool:
        """Whether the workers have nothing left to do, so that no output topic grows any more."""
        lanes = self._feeder.lanes
        if any(self._stored.get(source, 0) < len(lane.event_ms) for source, lane in lanes.items()):
            return False
        pipe = self._client.pipeline(transaction=False)
        for b in range(self._config.buckets):
            pipe.zcount(keys.due(b), "-inf", self.instant_ms)
            pipe.xlen(keys.outbox(b))
        return not any(self._ask_all(pipe))

    def _is_told(self, tp: Partition) -> bool:
        """Whether the end that is known of a partition is the last one.

        What the broker said before everything came to rest, and what it was asked before that, may be too
        old: so it must have spoken twice since.
        """
        heard = self._heard.setdefault(tp, set())
        heard.add(self._consumer.last_poll_timestamp(tp) or 0)
        return len(heard) > 2

    def _progress(self, now_s: float) -> None:
        clock = self._ask("hgetall", keys.CLOCK)
        self._marks = {source.decode(): int(value[2:]) for source, value in clock.items()}
        self.instant_ms = max(self._marks.values(), default=0)
        stored = self._ask("hgetall", keys.WATERMARKS)
        self._stored = {source.decode(): int(v.partition(b":")[0] or 0) for source, v in stored.items()}
        self.applied = sum(
            max(bisect_right(lane.event_ms, self._marks.get(source, 0)), self._stored.get(source, 0))
            for source, lane in self._feeder.lanes.items()
        )
        self._past.append((now_s, self.applied))
        while now_s - self._past[0][0] > _RATE_S and len(self._past) > 2:
            self._past.popleft()
        (then_s, before), span_s = self._past[0], now_s - self._past[0][0]
        self.rate = (self.applied - before) / span_s if span_s > 0 and then_s else 0.0

    def _population(self) -> None:
        buckets = self._config.buckets
        try:
            ids = exporter.customer_ids(self._client)
        except (RedisError, OSError) as error:
            raise _silent(error) from error
        pipe = self._client.pipeline(transaction=False)
        for cid in ids:
            pipe.hget(keys.profile(keys.bucket(cid, buckets), cid), keys.DOC)
        docs = [orjson.loads(doc) for doc in self._ask_all(pipe) if doc]
        self.profiles = len(docs)
        self.stages = Counter(doc["lifecycle"]["stage"] for doc in docs)
        self.segments = Counter(doc["rfm"]["segment"] for doc in docs if "segment" in doc["rfm"])
        self.risks = Counter(doc["churn"]["risk"] for doc in docs if "churn" in doc)
        self.clusters = Counter(doc["cluster"]["name"] for doc in docs if "cluster" in doc)

    def trained(self) -> bool:
        """Whether a trainer has looked at everyone as of now, and everyone is judged by that."""
        try:
            found = catalogues.read(self._client)
            seen = catalogues.population(found)
            if seen is None or seen.snapshot.event_ms < self.instant_ms:
                return False
            buckets = self._config.buckets
            return catalogues.progress(self._client, buckets, found.revision).done == buckets
        except (RedisError, OSError) as error:
            raise _silent(error) from error

    def _note(self, event: dict[str, Any], now_s: float) -> None:
        data = event["data"]
        if data["seq"] <= self._seqs.get(data["customer_id"], 0):
            return  # delivered twice
        self._seqs[data["customer_id"]] = data["seq"]
        cause, kind = "time", ""
        if "population" in data["cause"]:
            cause = "others"
        elif "topic" in data["cause"]:
            topic, offset = data["cause"]["topic"], data["cause"]["offset"]
            lane = self._feeder.lanes[f"{topic}/{data['cause']['partition']}"]
            cause, kind = _CAUSES[lane.simulated[offset]], INPUT_KINDS[topic]
            self.latencies_s.append(now_s - lane.sent_s[offset])
        what = "gained" if data["old"] is None else "lost" if data["new"] is None else "changed"
        at, customer = data["effective_at"], data["customer_id"]
        self.recent.append(Seen(at, customer, what, data["tag"], data["old"], data["new"], cause, kind))
        self.changes += 1
        self.by_tag[data["tag"], what] += 1
        self.by_cause[cause] += 1

    def _ask(self, command: str, *args: Any) -> Any:
        try:
            return getattr(self._client, command)(*args)
        except (RedisError, OSError) as error:
            raise _silent(error) from error

    def _ask_all(self, pipe: Any) -> list[Any]:
        try:
            return list(pipe.execute())
        except (RedisError, OSError) as error:
            raise _silent(error) from error


def _silent(error: Exception) -> StoreError:
    return StoreError(f"the store does not answer: {type(error).__name__}")
