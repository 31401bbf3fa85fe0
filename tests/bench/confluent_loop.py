"""The hand-written contender: a confluent-kafka loop that folds per batch, without the once-only effect.

The same fold, document and tag changes as the product. What it leaves out: offsets and watermarks in
the store, write tokens, the outbox, timers, a bound on its cache, rebalance and failure handling. States
stay decoded in memory. A crash repeats a second of work and may publish changes of it twice.

    python tests/bench/confluent_loop.py BROKERS REDIS_URL FETCH_WAIT_MS SESSION_TIMEOUT_S HEARTBEAT_S
"""

import signal
import sys
import time
from pathlib import Path
from typing import Any

import redis
from confluent_kafka import Consumer, Message, Producer

sys.path.insert(0, str(Path(__file__).parents[2]))

from models import changes, codec, document, step
from models.events import parse
from models.rules import Rules
from models.state import State
from models.step import Arrival
from streams import keys
from streams.config import Config

BUCKETS = 64
BATCH = 4000
FUTURE_MS = 300_000
COMMIT_S = 1.0
WAIT_S = 0.02  # how long a batch may take to fill up


class Loop:
    """Consumer, producer, store and cache."""

    def __init__(
        self, brokers: str, redis_url: str, fetch_wait_ms: int, session_s: float, heartbeat_s: float
    ) -> None:
        self.running = True
        self.rules: Rules = Config().rules()
        self.states: dict[str, State] = {}
        self.store = redis.Redis.from_url(redis_url, protocol=2)
        self.producer = Producer(
            {
                "bootstrap.servers": brokers,
                "acks": "all",
                "linger.ms": 20,
                "partitioner": "murmur2_random",
                "queue.buffering.max.messages": 1_000_000,
            }
        )
        self.consumer = Consumer(
            {
                "bootstrap.servers": brokers,
                "group.id": "confluent",
                "auto.offset.reset": "earliest",
                "enable.auto.commit": False,
                "fetch.wait.max.ms": fetch_wait_ms,
                "fetch.queue.backoff.ms": 10,  # the default of 1 s stalls a fast consumer
                "session.timeout.ms": int(session_s * 1000),
                "heartbeat.interval.ms": int(heartbeat_s * 1000),
            }
        )
        self.consumer.subscribe(["orders"])

    def stop(self, *_: Any) -> None:
        self.running = False

    def run(self) -> None:
        committed_s, dirty = time.monotonic(), False
        while self.running:
            messages = self.consumer.consume(BATCH, WAIT_S)
            if messages:
                self.apply(messages)
                dirty = True
            self.producer.poll(0)
            if dirty and time.monotonic() - committed_s >= COMMIT_S:
                self.producer.flush()
                self.consumer.commit(asynchronous=True)
                committed_s, dirty = time.monotonic(), False
        self.producer.flush()
        self.consumer.close()

    def apply(self, messages: list[Message]) -> None:
        now_ms = int(time.time() * 1000)
        work: dict[str, list[Arrival]] = {}
        for message in messages:
            if message.error():
                raise RuntimeError(message.error())
            order = parse("order", message.value(), latest_ms=now_ms + FUTURE_MS)
            source = f"orders/{message.partition()}"
            mark_ms = min(message.timestamp()[1], now_ms)
            work.setdefault(order.customer_id, []).append(
                Arrival(order, source, message.offset() or 0, mark_ms)
            )
        self.load([customer_id for customer_id in work if customer_id not in self.states])
        pipe = self.store.pipeline(transaction=False)
        for customer_id, arrivals in work.items():
            state = self.states[customer_id]
            wake_before_ms = state.wake_at_ms
            done = step.on_events(state, arrivals, self.rules, live=True)
            state.version += 1
            bucket = keys.bucket(customer_id, BUCKETS)
            assert done.view is not None
            doc = document.render(done.view, customer_id, now_ms)
            pipe.hset(
                keys.profile(bucket, customer_id), mapping={keys.STATE: codec.encode(state), keys.DOC: doc}
            )
            if state.wake_at_ms != wake_before_ms:
                pipe.zadd(keys.due(bucket), {customer_id: state.wake_at_ms})
            for change in done.changes:
                value = changes.render(change, customer_id, state.version, "bench", now_ms)
                self.producer.produce("tag-changes", value, customer_id)
        pipe.execute()

    def load(self, customer_ids: list[str]) -> None:
        pipe = self.store.pipeline(transaction=False)
        for customer_id in customer_ids:
            pipe.hget(keys.profile(keys.bucket(customer_id, BUCKETS), customer_id), keys.STATE)
        for customer_id, stored in zip(customer_ids, pipe.execute(), strict=True):
            self.states[customer_id] = codec.decode(stored) if stored else State()


if __name__ == "__main__":
    _, brokers_arg, redis_arg, wait_arg, session_arg, heartbeat_arg = sys.argv
    loop = Loop(brokers_arg, redis_arg, int(wait_arg), float(session_arg), float(heartbeat_arg))
    signal.signal(signal.SIGTERM, loop.stop)
    loop.run()
