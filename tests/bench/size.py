"""What a profile takes in Redis: bytes of the key with all its fields, of the document and of the state.

Every customer of CDNOW (sparse: three orders on average) and 200 households of Complete Journey with the
visits and service events simulated around their orders (dense), evaluated at the data's end, written to a
real store as the worker writes them, and asked back with `MEMORY USAGE`.

    python tests/bench/size.py --binary /usr/bin/redis-server
"""

import argparse
import asyncio
import sys
import tempfile
from collections import defaultdict
from collections.abc import Iterable, Iterator
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import redis

sys.path.insert(0, str(Path(__file__).parents[2]))

from throughput import machine
from workload import SEED

from models import codec, document, history, step
from models.events import parse
from models.state import State
from models.step import Arrival
from models.view import View
from streams import keys
from streams.config import Config
from streams.local.datasets import cdnow, complete_journey
from streams.local.simulate import simulate
from streams.local.store import EmbeddedStore
from streams.oracle import event_time_ms
from streams.store.contract import HISTORY, Write
from streams.store.redis_store import RedisStore
from streams.topics import INPUT_KINDS

TOPIC = {kind: topic for topic, kind in INPUT_KINDS.items()}
RULES = Config().rules()
TOKEN = b"0123456789ab"


def writes(events: Iterable[dict[str, Any]], at_ms: int) -> Iterator[Write]:
    """Each customer's profile as it would be stored."""
    by_customer: dict[str, list[Arrival]] = defaultdict(list)
    for offset, raw in enumerate(events):
        event = parse(raw["type"], orjson.dumps(raw), latest_ms=None)
        source = f"{TOPIC[raw['type']]}/7"
        by_customer[event.customer_id].append(Arrival(event, source, offset, event.ts_ms))
    for cid, arrivals in by_customer.items():
        state = State()
        changes = step.on_events(state, arrivals, RULES, live=False).changes
        changes += step.on_wake(state, at_ms, RULES).changes
        lines = [history.line(change, at_ms) for change in changes]
        state.version = len(arrivals)
        doc = document.render(View(state, at_ms, RULES), cid, at_ms)
        yield Write(cid, b"", TOKEN, codec.encode(state), doc, None, [], history=lines)


async def store_all(url: str, made: list[Write], most: int) -> None:
    """Through the product's own store, with a history of so many lines at most."""
    store = RedisStore(url, 64, history=most)
    await store._client.flushall()
    await store.adopt()
    for start in range(0, len(made), 2_000):
        assert await store.commit(made[start : start + 2_000]) == []
    await store.close()


def in_memory(url: str, made: list[Write]) -> list[int]:
    """`MEMORY USAGE` of every profile key, bytes."""
    with redis.Redis.from_url(url) as client:
        pipe = client.pipeline(transaction=False)
        for write in made:
            pipe.memory_usage(keys.profile(keys.bucket(write.customer_id, 64), write.customer_id), samples=0)
        return list(pipe.execute())


def row(name: str, sizes: list[int]) -> str:
    """Median, 99th percentile and maximum."""
    ranked = sorted(sizes)
    return f"| {name} | {median(ranked):,.0f} | {ranked[len(ranked) * 99 // 100]:,} | {ranked[-1]:,} |"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--binary", type=Path, help="a redis-server to use instead of the embedded Valkey")
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    orders = list(complete_journey(200))
    dense = sorted([*orders, *simulate(orders, args.seed)], key=lambda event: event_time_ms(event["ts"]))
    corpora = {
        "CDNOW, 1998-07-01": list(writes(cdnow(), event_time_ms("1998-07-01T00:00:00Z"))),
        "Complete Journey and simulated, 2018-01-01": list(
            writes(dense, event_time_ms("2018-01-01T00:00:00Z"))
        ),
    }
    print(f"{machine()}\nseed      {args.seed}")
    with tempfile.TemporaryDirectory() as folder, EmbeddedStore(Path(folder), binary=args.binary) as server:
        for name, made in corpora.items():
            print(f"\n| {name}: {len(made):,} profiles | median B | p99 | max |\n|---|---|---|---|")
            for most in (0, HISTORY):
                asyncio.run(store_all(server.url, made, most))
                print(row(f"in Redis, whole key, history {most}", in_memory(server.url, made)))
            kept = [b"\n".join(write.history[-HISTORY:]) for write in made if write.history]
            print(row("history", [len(log) for log in kept]))
            print(row("document", [len(write.doc) for write in made]))
            print(row("state", [len(write.state) for write in made]))


if __name__ == "__main__":
    main()
