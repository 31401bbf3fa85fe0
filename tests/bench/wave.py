"""A wave: very many customers whose wake-up comes at one instant, beside live orders.

Every sleeper bought once, 30 days before the instant at which `active_30d` and `new_customer` end and the
segment changes. Live orders come at a steady rate before the wave (calm) and, in stretches, until nothing of
it is left, of the same customers, who have all bought before in a stretch that warms everything up; how long
each takes to be visible is measured as in `latency.py`. While the store rewrites its append-only file its
child takes a core for itself, which costs more than the wave. So it rewrites in none of the stretches; with
--rewriting always, in all of them all the time; with --rewriting default, when it wants to.

With --kill the worker is killed in the middle of the wave and starts again. At the end every sleeper's
changes are looked up in the topic: each must be there, once, or again under the same id.

    python tests/bench/wave.py --sleepers 1000000 --rate 2000 --seconds 60
"""

import argparse
import asyncio
import tempfile
import time
from collections import Counter
from pathlib import Path

import orjson
import redis
from confluent_kafka import Consumer, TopicPartition
from harness import BUCKETS, Site, site
from latency import _at, _until_started
from stretch import Stretch, live
from throughput import machine

from models import codec, document, step
from models.events import parse
from models.rules import DAY_MS
from models.state import State
from models.step import Arrival
from models.view import View
from streams import keys
from streams.config import Config
from streams.store.contract import Write
from streams.store.redis_store import RedisStore
from streams.topics import TAG_CHANGES

EXPECTED = {
    ("active_30d", True, None),
    ("new_customer", True, None),
    ("rfm_segment", "new_customers", "promising"),
}
PLACEHOLDER = "wave-0000000"


def sleeper(i: int) -> str:
    return f"wave-{i:07}"


async def fill(url: str, count: int, due_ms: int) -> None:
    """Sleepers, as a worker would have left them."""
    store = RedisStore(url, BUCKETS)
    await store.adopt()
    rules = Config().rules()
    await store.apply(rules.catalogue.text, 0, due_ms, ())
    await store.swept(range(BUCKETS), 1, ())
    bought = {"type": "order", "event_id": "e", "customer_id": PLACEHOLDER, "ts": due_ms - 30 * DAY_MS,
              "order_id": "o", "amount": 19.99}  # fmt: skip
    state = State()
    event = parse("order", orjson.dumps(bought), latest_ms=None)
    step.on_events(state, [Arrival(event, "orders/0", 0, event.ts_ms)], rules, live=False)
    step.on_wake(state, due_ms - 1, rules)
    assert state.wake_at_ms == due_ms
    state.revision = 1
    blob, seq = codec.encode(state), state.seq
    doc = document.render(View(state, due_ms - 1, rules), PLACEHOLDER, due_ms)
    for start in range(0, count, 2_000):
        writes = [
            Write(cid, b"", b"filled00", blob, doc.replace(PLACEHOLDER.encode(), cid.encode()), due_ms, ())
            for cid in map(sleeper, range(start, min(start + 2_000, count)))
        ]
        assert await store.commit(writes, 1) == []
    await store.close()
    print(f"filled    {count:,} sleepers, {len(blob)} B of state, {seq} changes each before", flush=True)


def throughout(here: Site, client: "redis.Redis", args: argparse.Namespace, due_ms: int) -> Stretch:
    """Stretches of live orders until nothing of the wave is left; all of them as one."""
    stretches: list[Stretch] = []
    since_s = time.monotonic() + 2
    while not stretches or waiting(client, due_ms):
        stretches.append(live(here, client, args, len(stretches) + 2))
        left, after_s = waiting(client, due_ms), time.monotonic() - since_s
        print(stretches[-1].row(f"wave; {left:,} left after {after_s:.0f} s"), flush=True)
        if len(stretches) == args.stretches:
            break
    ms = sorted(ms for stretch in stretches for ms in stretch.ms)
    behind_ms = max(stretch.behind_ms for stretch in stretches)
    return Stretch(ms, behind_ms, sum(stretch.rewrites for stretch in stretches))


def waiting(client: "redis.Redis", now_ms: int) -> int:
    """Customers that are due, and entries of the outbox."""
    pipe = client.pipeline(transaction=False)
    for b in range(BUCKETS):
        pipe.zcount(keys.due(b), "-inf", now_ms)
        pipe.xlen(keys.outbox(b))
    return sum(pipe.execute())


def announced(brokers: str) -> tuple[dict[str, Counter[tuple[str, object, object]]], int, int]:
    """Changes of sleepers by distinct id, how many came again, and how many came again unlike before."""
    consumer = Consumer({"bootstrap.servers": brokers, "group.id": "wave", "enable.auto.commit": False})
    seen: dict[str, bytes] = {}
    found: dict[str, Counter[tuple[str, object, object]]] = {}
    repeats = unlike = 0
    try:
        partitions = consumer.list_topics(TAG_CHANGES, timeout=10).topics[TAG_CHANGES].partitions
        consumer.assign([TopicPartition(TAG_CHANGES, p, 0) for p in partitions])
        while messages := consumer.consume(10_000, timeout=5):
            for message in messages:
                key = (message.key() or b"").decode()
                if not key.startswith("wave-"):
                    continue
                value = message.value() or b""
                event = orjson.loads(value)
                if event["id"] in seen:
                    repeats += 1
                    unlike += seen[event["id"]] != value
                    continue
                seen[event["id"]] = value
                data = event["data"]
                found.setdefault(key, Counter())[data["tag"], data["old"], data["new"]] += 1
    finally:
        consumer.close()
    return found, repeats, unlike


def run(args: argparse.Namespace, directory: Path) -> None:
    """One wave."""
    lead_s = 45 + args.sleepers / 8_000 + 2 * (args.seconds + 7 + args.sleepers / 40_000)
    due_ms = int((time.time() + lead_s) * 1000)
    with (
        site(args.broker, directory, **{"notify-keyspace-events": "Kh"}) as here,
        here.client() as client,
    ):
        asyncio.run(fill(here.store.url, args.sleepers, due_ms))
        with here.worker("product") as worker:
            _until_started(client, here.config.brokers)
            columns = "watched | p50 ms | p95 | p99 | max | sender behind ms | rewrites begun"
            print(f"| | {columns} |\n|---|---|---|---|---|---|---|---|")
            # First orders bring more changes than later ones: they are not what the wave is held against.
            print(live(here, client, args, 0).row("first orders"), flush=True)
            calm = live(here, client, args, 1)
            print(calm.row("calm"), flush=True)
            left_s = due_ms / 1000 - time.time()
            if left_s < 2:
                raise SystemExit(f"filling took too long: the wave came {2 - left_s:.0f} s too early")
            time.sleep(left_s - 2)  # `live` starts two seconds later
            started_s = time.monotonic() + 2
            if args.kill:
                time.sleep(2 + args.seconds / 4)
                worker.kill()
                worker.start()
                print("killed    and started again in the middle of it", flush=True)
            else:
                wave = throughout(here, client, args, due_ms)
                print(wave.row("whole wave"), flush=True)
                ratios = (_at(wave.ms, q) / _at(calm.ms, q) for q in (50, 95, 99))
                print("\nwave / calm: p50 {:.2f}, p95 {:.2f}, p99 {:.2f}".format(*ratios), flush=True)
            while waiting(client, int(time.time() * 1000)):
                time.sleep(0.2)
            took_s = time.monotonic() - started_s
        found, repeats, unlike = announced(here.config.brokers)
    right = sum(counts == Counter(EXPECTED) for counts in found.values())
    print(
        f"all fired after {took_s:.0f} s, {args.sleepers / took_s:,.0f}/s\n"
        f"sleepers with exactly the expected changes: {right:,} of {args.sleepers:,}; "
        f"repeats under the same id {repeats}, unlike {unlike}"
    )
    if right != args.sleepers or unlike:
        odd = next((item for item in found.items() if item[1] != Counter(EXPECTED)), None)
        raise SystemExit(f"lost or repeated: {odd}")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--sleepers", type=int, default=1_000_000)
    options.add_argument("--rate", type=int, default=2_000)
    options.add_argument("--seconds", type=int, default=60)
    options.add_argument("--rewriting", choices=("never", "always", "default"), default="never")
    options.add_argument(
        "--stretches", type=int, default=0, help="of live orders in the wave; 0 = to its end"
    )
    options.add_argument("--kill", action="store_true", help="kill -9 the worker in the wave")
    options.add_argument("--broker", choices=("embedded", "kafka"), default="kafka")
    args = options.parse_args()
    print(f"{machine()}\n{args.sleepers:,} sleepers, {args.rate} live orders/s, broker {args.broker}\n")
    with tempfile.TemporaryDirectory(prefix="bench-wave-") as directory:
        run(args, Path(directory))


if __name__ == "__main__":
    main()
