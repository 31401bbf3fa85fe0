"""What a read costs: profiles in a store under live writes, the reader beside plain HGET through redis-py.

Documents are those of simulated customers under the shipped catalogue, copied under other ids. A process of
its own writes them with the worker's store function at the given rate and reports the clock. Four in five
reads go to the hottest 2 % of customers. Contenders take turns, `--rounds` times; each value is the median of
the rounds.

    python tests/bench/reader.py --profiles 100000 --rate 5000 --rounds 5 --seed 20261121
"""

import argparse
import asyncio
import gc
import random
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median
from typing import Any

import orjson
import redis

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))
sys.path.insert(0, str(Path(__file__).parents[2] / "deploy/examples/recommender"))

from builders import document_at, fold
from throughput import machine
from workload import SEED

import streams.reader
from streams import keys
from streams.config import Config
from streams.local.store import EmbeddedStore
from streams.local.synthetic import synthetic
from streams.reader import ProfileReader, Settings, key_of, options
from streams.store.contract import Write
from streams.store.redis_store import RedisStore

BUCKETS = Config().buckets
MANY = 100
PATIENT = Settings(timeout_s=30, max_age_s=3_600)  # an unknown profile has nothing to measure
DAY_MS = 86_400_000
Call = Callable[[], Any]


def documents(seed: int) -> list[dict[str, Any]]:
    """Of 400 customers: a few with a lot of events, many with little."""
    now_ms, rules = int(time.time() * 1000), Config().rules()
    events: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for event in synthetic(seed, 400, 6_000, now_ms - 400 * DAY_MS, now_ms):
        events[event["customer_id"]].append(event)
    return [document_at(fold(mine, rules)[0], now_ms, rules) for mine in events.values()]


class Writer:
    """The worker's part: every write is `ps_commit`, every batch is followed by a report of the clock."""

    def __init__(self, url: str, docs: list[dict[str, Any]]) -> None:
        self._store = RedisStore(url, BUCKETS)
        self._docs = docs

    async def start(self) -> None:
        await self._store.adopt()

    async def write(self, numbers: list[int], expect: bytes) -> None:
        """Store some customers' documents; `expect` is the token that stands there."""
        state = b"s" * 800
        writes = [
            Write(cid, expect, b"t", state, orjson.dumps(doc | {"customer_id": cid}), None, ())
            for cid, doc in ((f"c{n}", self._docs[n % len(self._docs)]) for n in numbers)
        ]
        if await self._store.commit(writes):
            raise RuntimeError("a write was refused")
        await self._store.report_clock({"orders/0": (True, int(time.time() * 1000))})


async def fill(url: str, docs: list[dict[str, Any]], profiles: int) -> None:
    writer = Writer(url, docs)
    await writer.start()
    for first in range(0, profiles, 1000):
        await writer.write(list(range(first, min(profiles, first + 1000))), b"")


async def keep_writing(url: str, profiles: int, rate: int, seed: int) -> None:
    """Until killed."""
    draw, writer = random.Random(seed), Writer(url, documents(seed))
    await writer.start()
    gc.freeze()
    batch = max(1, rate // 50)
    next_s = time.monotonic()
    while True:
        if rate:
            await writer.write(draw.sample(range(profiles), batch), b"t")
        else:
            await writer.write([], b"t")
        next_s += batch / rate if rate else 0.1
        await asyncio.sleep(max(0.0, next_s - time.monotonic()))


@contextmanager
def writing(args: argparse.Namespace, url: str) -> Iterator[None]:
    argv = [sys.executable, __file__, "--writer", url, "--profiles", args.profiles, "--rate", args.rate]
    child = subprocess.Popen([str(word) for word in [*argv, "--seed", args.seed]])
    try:
        time.sleep(3)  # it makes its documents
        if child.poll() is not None:
            raise RuntimeError("the writer died")
        yield
    finally:
        child.kill()
        child.wait()


def contenders(url: str, profiles: int, draw: random.Random) -> dict[str, Call]:
    """Name -> one read; the first of each kind is the floor."""
    sys.modules["profilestream_reader"] = streams.reader  # the example's name for it
    import recommend

    client: Any = redis.Redis.from_url(url, **options())
    plain, cached = (
        ProfileReader(url, PATIENT),
        ProfileReader(url, PATIENT, cache=profiles),
    )
    hot = max(MANY, profiles // 50)

    def one() -> str:
        return f"c{draw.randrange(hot if draw.random() < 0.8 else profiles)}"

    def many() -> list[str]:
        return [one() for _ in range(MANY)]

    def pipeline() -> list[bytes]:
        pipe = client.pipeline(transaction=False)
        for cid in dict.fromkeys(many()):
            pipe.execute_command("HGET", key_of(cid, BUCKETS), "doc")
        return list(pipe.execute())

    def parsed(reader: ProfileReader) -> Call:
        return lambda: [answer.value.doc for answer in reader.get_many(many()).values()]

    products = recommend.catalogue(
        orjson.loads(Path(recommend.__file__).with_name("products.json").read_bytes())
    )
    return {
        "HGET": lambda: client.execute_command("HGET", key_of(one(), BUCKETS), "doc"),
        "HGET, parsed": lambda: orjson.loads(client.execute_command("HGET", key_of(one(), BUCKETS), "doc")),
        "get": lambda: plain.get(one()).value,
        "get, parsed": lambda: plain.get(one()).value.doc,
        "get, cached": lambda: cached.get(one()).value,
        "has_tag": lambda: plain.has_tag(one(), "active_30d").known,
        f"pipeline of {MANY} HGET": pipeline,
        f"pipeline of {MANY} HGET, parsed": lambda: [orjson.loads(doc) for doc in pipeline()],
        f"get_many({MANY})": lambda: [answer.value for answer in plain.get_many(many()).values()],
        f"get_many({MANY}), parsed": parsed(plain),
        f"get_many({MANY}), cached": lambda: [answer.value for answer in cached.get_many(many()).values()],
        f"re-rank {len(products)} products for {MANY}": lambda: recommend.recommend(
            plain, products, many(), 5
        ),
    }


def measure(call: Call, seconds: float) -> tuple[float, float, float]:
    """p50 and p99 in us, and calls a second."""
    took = []
    ends = time.perf_counter() + seconds
    started = now = time.perf_counter()
    while now < ends:
        call()
        now, before = time.perf_counter(), now
        took.append((now - before) * 1e6)
    took.sort()
    return took[len(took) // 2], took[int(len(took) * 0.99)], len(took) / (now - started)


def report(found: dict[str, list[tuple[float, float, float]]]) -> None:
    print("\n| read | p50 us | p99 us | profiles/s | p50 against its floor |\n|---|---|---|---|---|")
    for name, rounds in found.items():
        p50, p99, rate = (median(column) for column in zip(*rounds, strict=True))
        is_many = str(MANY) in name
        floor_name = (f"pipeline of {MANY} HGET" if is_many else "HGET") + (
            ", parsed" if "parsed" in name or "rank" in name else ""
        )
        # Of each round, so that what slowed both down cancels out.
        ratio = median(mine[0] / floor[0] for mine, floor in zip(rounds, found[floor_name], strict=True))
        print(f"| {name} | {p50:,.0f} | {p99:,.0f} | {rate * (MANY if is_many else 1):,.0f} | {ratio:.2f} |")


def main() -> None:
    asked = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    asked.add_argument("--profiles", type=int, default=100_000)
    asked.add_argument("--rate", type=int, default=5_000, help="writes a second")
    asked.add_argument("--rounds", type=int, default=5)
    asked.add_argument("--seconds", type=float, default=2.0, help="of one contender in one round")
    asked.add_argument("--seed", type=int, default=SEED)
    asked.add_argument("--writer", help=argparse.SUPPRESS)
    args = asked.parse_args()
    if args.writer:
        asyncio.run(keep_writing(args.writer, args.profiles, args.rate, args.seed))
    docs = documents(args.seed)
    with (
        tempfile.TemporaryDirectory() as directory,
        EmbeddedStore(Path(directory), appendfsync="no") as store,
    ):
        asyncio.run(fill(store.url, docs, args.profiles))
        with redis.Redis.from_url(store.url) as client:
            client.hset(keys.CATALOGUE, mapping={"revision": 1, "text": Config().tags().text})
            server = client.info("server")
        sizes = [len(orjson.dumps(doc)) for doc in docs]
        print(f"{machine()}\nstore     {server.get('server_name', 'redis')} "
              f"{server.get('valkey_version', server['redis_version'])}\nseed      {args.seed}, "
              f"{args.profiles:,} profiles, documents of {median(sizes):,.0f} B (median), "
              f"{args.rate:,} writes a second")  # fmt: skip
        calls = contenders(store.url, args.profiles, random.Random(args.seed))
        found: dict[str, list[tuple[float, float, float]]] = {name: [] for name in calls}
        gc.collect()
        gc.freeze()  # what the bench itself holds is no part of a read
        with writing(args, store.url):
            for call in calls.values():
                measure(call, 0.3)
            for _ in range(args.rounds):
                for name, call in calls.items():
                    found[name].append(measure(call, args.seconds))
    report(found)


if __name__ == "__main__":
    main()
