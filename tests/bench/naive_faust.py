"""The naive contender: one stock Faust agent, one event at a time, as most Faust services are written.

The same fold, document and tag changes as the product, at least once: read the state from Redis, apply
one order, write it back in one MULTI, send the changes. There is no outbox: changes go straight to the
topic, and an XADD that nobody reads would only slow it. Three things are better than stock, so that the
bench compares programs and not bad settings: producer linger is 5 ms, the 1.5 s of fetch wait that Faust
hard-codes become the product's value, and log records below warning are off.

    python tests/bench/naive_faust.py BROKERS REDIS_URL FETCH_WAIT_MS SESSION_TIMEOUT_S HEARTBEAT_S
"""

import logging
import sys
import time
from pathlib import Path
from typing import Any

import faust
import redis.asyncio as redis
from faust.transport.drivers import aiokafka as driver

sys.path.insert(0, str(Path(__file__).parents[2]))

from models import changes, codec, document, step
from models.events import parse
from models.state import State
from models.step import Arrival
from streams import keys
from streams.config import Config

BROKERS, REDIS_URL, FETCH_WAIT_MS, SESSION_TIMEOUT_S, HEARTBEAT_S = sys.argv[1:]
BUCKETS = 64
FUTURE_MS = 300_000


class Thread(driver.AIOKafkaConsumerThread):  # type: ignore[misc]
    def _create_worker_consumer(self, transport: Any) -> Any:
        consumer = super()._create_worker_consumer(transport)
        consumer._fetch_max_wait_ms = int(FETCH_WAIT_MS)
        return consumer


class Consumer(driver.Consumer):  # type: ignore[misc]
    def _new_consumer_thread(self) -> Thread:
        return Thread(self, loop=self.loop, beacon=self.beacon)


class Transport(driver.Transport):  # type: ignore[misc]
    Consumer = Consumer


app = faust.App(
    "naive",
    broker=f"kafka://{BROKERS}",
    broker_session_timeout=float(SESSION_TIMEOUT_S),
    broker_heartbeat_interval=float(HEARTBEAT_S),
    broker_max_poll_records=4000,
    broker_commit_interval=1.0,
    producer_linger=0.005,
    consumer_auto_offset_reset="earliest",
    stream_wait_empty=False,
    topic_disable_leader=True,
    topic_allow_declare=False,
    store="memory://",
    web_enabled=False,
    worker_redirect_stdouts=False,
)
app.transport = Transport(app.conf.broker_consumer, app)
orders = app.topic("orders", key_serializer="raw", value_serializer="raw")
tag_changes = app.topic("tag-changes", key_serializer="raw", value_serializer="raw")
store = redis.Redis.from_url(REDIS_URL, protocol=2)
rules = Config().rules()


@app.agent(orders)  # type: ignore[untyped-decorator]
async def fold(stream: Any) -> None:
    async for event in stream.events():
        message = event.message
        known_ms = int(time.time() * 1000)
        order = parse("order", message.value, latest_ms=known_ms + FUTURE_MS)
        customer_id = order.customer_id
        bucket = keys.bucket(customer_id, BUCKETS)
        key = keys.profile(bucket, customer_id)
        stored: Any = await store.hget(key, keys.STATE)
        state = codec.decode(stored) if stored else State()
        source = f"{message.topic}/{message.partition}"
        mark_ms = min(int(message.timestamp * 1000), known_ms)
        arrival = Arrival(order, source, message.offset, mark_ms)
        done = step.on_events(state, [arrival], rules, live=True)
        state.version += 1
        assert done.view is not None
        doc = document.render(done.view, customer_id, known_ms)
        async with store.pipeline(transaction=True) as pipe:
            pipe.hset(key, mapping={keys.STATE: codec.encode(state), keys.DOC: doc})
            if state.wake_at_ms:
                pipe.zadd(keys.due(bucket), {customer_id: state.wake_at_ms})
            await pipe.execute()
        for change in done.changes:
            value = changes.render(change, customer_id, state.version, "bench", known_ms)
            await tag_changes.send(key=customer_id.encode(), value=value)


if __name__ == "__main__":
    logging.basicConfig(level=logging.WARNING)
    faust.Worker(app, override_logging=False, redirect_stdouts=False, quiet=True).execute_from_commandline()
