"""The bench's input: CDNOW, replicated under new customer ids until there are as many orders as wanted.

Whole copies of the 23,570 customers first, then a seeded sample of customers for the rest, so that orders
per customer and the gaps between them stay CDNOW's: 500,000 orders come of about 169,000 customers. The
18 months are shifted to end yesterday (wall-clock mode), each order gets a seeded time of day (the source
has days only, and half a million orders at 540 instants would flatter every cache of times), and all of
it is in time order.

    python tests/bench/workload.py --orders 500000 --seed 20261121
"""

import argparse
import random
import sys
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import orjson
from aiokafka.partitioner import DefaultPartitioner

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.calendar import DAY_MS, iso
from streams.local.datasets import cdnow

SEED = 20_261_121
PARTITIONS = 12


@dataclass(frozen=True, slots=True)
class Workload:
    """Orders in time order, and what a contender must have made of them.

    Attributes:
        seed: of every random draw.
        rows: (topic, key, value), as `streams.local.load.produce` takes them.
        orders: customer id -> number of orders.
        per_partition: partition -> (number of orders, customer of the first, customer of the last).
    """

    seed: int
    rows: list[tuple[str, bytes, bytes]]
    orders: dict[str, int]
    per_partition: dict[int, tuple[int, str, str]]


def make(n: int, seed: int = SEED, now_ms: int | None = None) -> Workload:
    """`n` orders; the same for the same seed, but for the day on which they end."""
    draw = random.Random(seed)
    now_ms = int(time.time() * 1000) if now_ms is None else now_ms
    source = list(cdnow())
    days = [int(datetime.fromisoformat(event["ts"]).timestamp()) * 1000 // DAY_MS for event in source]
    shift = now_ms // DAY_MS - 1 - max(days)
    chosen = [(copy, i) for copy in range(n // len(source)) for i in range(len(source))]
    chosen += [(n // len(source), i) for i in _sample(source, n % len(source), draw)]
    timed = sorted(((days[i] + shift) * DAY_MS + draw.randrange(DAY_MS), copy, i) for copy, i in chosen)
    rows = []
    orders: Counter[str] = Counter()
    for at_ms, copy, i in timed:
        customer, identity = f"{copy}-{source[i]['customer_id']}", f"{copy}-{source[i]['event_id']}"
        own = {"event_id": identity, "customer_id": customer, "order_id": identity, "ts": iso(at_ms)}
        rows.append(("orders", customer.encode(), orjson.dumps(source[i] | own)))
        orders[customer] += 1
    return Workload(seed, rows, dict(orders), _per_partition(rows))


def _sample(source: list[dict[str, object]], n: int, draw: random.Random) -> list[int]:
    """All orders of customers drawn at random, cut to exactly `n` orders."""
    by_customer: dict[object, list[int]] = {}
    for i, event in enumerate(source):
        by_customer.setdefault(event["customer_id"], []).append(i)
    customers = list(by_customer)
    draw.shuffle(customers)
    return [i for customer in customers for i in by_customer[customer]][:n]


def _per_partition(rows: list[tuple[str, bytes, bytes]]) -> dict[int, tuple[int, str, str]]:
    partitioner, every = DefaultPartitioner(), list(range(PARTITIONS))
    known: dict[bytes, int] = {}
    out: dict[int, tuple[int, str, str]] = {}
    for _, key, _ in rows:
        partition = known.get(key)
        if partition is None:
            partition = known[key] = partitioner(key, every, every)
        count, first, _ = out.get(partition, (0, key.decode(), ""))
        out[partition] = count + 1, first, key.decode()
    return out


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--orders", type=int, default=500_000)
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    started = time.perf_counter()
    made = make(args.orders, args.seed)
    size = sum(len(value) for _, _, value in made.rows) / len(made.rows)
    print(f"{len(made.rows):,} orders of {len(made.orders):,} customers, {size:.0f} bytes each, "
          f"made in {time.perf_counter() - started:.1f} s")  # fmt: skip
    print(f"first {made.rows[0][2].decode()}\nlast  {made.rows[-1][2].decode()}")


if __name__ == "__main__":
    main()
