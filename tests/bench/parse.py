"""What one event costs: orjson with checks by hand against the typed decode with the same checks.

Both sides accept and refuse the same records and yield the same numbers; the runs alternate and CPU time
is counted, so that a noisy neighbour hits both alike.
`python tests/bench/parse.py [--events N] [--runs N]` from the repository's root.
"""

import argparse
import platform
import random
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from time import thread_time_ns
from typing import Any

import msgspec
import orjson
import xxhash

sys.path.insert(0, str(Path(__file__).parents[2]))

from models.contract import END_TS_MS, MAX_BYTES, MIN_TS_MS, SHALLOW_BYTES, STATUSES, epoch_ms, is_deep
from models.events import parse
from models.money import SCALES, minor

SEED = 20240305
START_MS = 1_709_640_000_000


def stamp(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def orders(n: int, items: int, ts: str) -> list[bytes]:
    """`ts`: "live" (100,000 a second, ISO), "spread" (200 s apart, ISO: no cache helps) or "epoch" (ms)."""
    draw = random.Random(SEED)
    values = []
    for i in range(n):
        at_ms = START_MS + (i // 100 if ts == "live" else i * 200_137)
        lines = [
            {
                "sku": f"sku-{draw.randrange(5000)}",
                "category": "dairy",
                "qty": 2,
                "price": 3.49,
                "line_total": 6.98,
            }
            for _ in range(items)
        ]
        event = {
            "event_id": f"evt-{i:012}", "type": "order", "customer_id": f"cust-{draw.randrange(10**6):07}",
            "ts": at_ms if ts == "epoch" else stamp(at_ms), "order_id": f"ord-{i:09}",
            "amount": round(draw.uniform(1, 500), 2), "currency": "USD", "status": "placed", "channel": "web",
            "payment": "card", "discount": round(draw.uniform(0, 20), 2), "items": lines,
        }  # fmt: skip
        values.append(orjson.dumps(event))
    return values


def clicks(n: int) -> list[bytes]:
    draw = random.Random(SEED)
    return [
        orjson.dumps(
            {
                "event_id": f"evt-{i:012}",
                "type": "click",
                "customer_id": f"cust-{draw.randrange(10**6):07}",
                "ts": stamp(START_MS + i // 100),
                "action": "product_view",
                "sku": f"sku-{draw.randrange(5000)}",
                "category": "dairy",
                "page": "/p/123",
                "channel": "web",
                "dwell_ms": 5400,
            }
        )
        for i in range(n)
    ]


def text(fields: dict[str, Any], name: str, most: int = 1 << 30, *, required: bool = False) -> Any:
    value = fields.get(name)
    if value is None and not required:
        return None
    if type(value) is not str or not value or len(value) > most:
        raise ValueError(name)
    return value


def number(fields: dict[str, Any], name: str, low: float, high: float) -> Any:
    value = fields.get(name)
    if value is None:
        return None
    if type(value) not in (float, int) or not low <= value <= high:
        raise ValueError(name)
    return value


def money(fields: dict[str, Any], name: str, currency: str) -> int | None:
    value = fields.get(name)
    return None if value is None else minor(float(value) if type(value) is int else value, currency)


def by_hand(kind: str, value: bytes) -> tuple[Any, ...]:
    """orjson, then the contract's checks one by one."""
    if len(value) > MAX_BYTES or (len(value) > SHALLOW_BYTES and is_deep(value)):
        raise ValueError(kind)
    fields = orjson.loads(value)
    if type(fields) is not dict or fields.get("type") != kind:
        raise ValueError(kind)
    event_id = text(fields, "event_id", 128, required=True)
    customer_id = text(fields, "customer_id", 128, required=True)
    if not customer_id.isprintable():
        raise ValueError(kind)
    ts = fields.get("ts")
    if type(ts) is str:
        ts = epoch_ms(ts)
    if type(ts) is not int or not MIN_TS_MS <= ts < END_TS_MS:
        raise ValueError(kind)
    head = (customer_id, ts, xxhash.xxh3_64_intdigest(event_id.encode()))
    if kind == "click":
        names = ("sku", "category", "page", "query", "channel", "campaign_id")
        return (*head, text(fields, "action", 128, required=True), *[text(fields, name) for name in names],
                number(fields, "dwell_ms", -1e12, 1e12))  # fmt: skip
    order_id = text(fields, "order_id", 128, required=True)
    if (fields.get("status") or "placed") not in STATUSES:
        raise ValueError(kind)
    currency = text(fields, "currency") or "USD"
    SCALES[currency]
    amounts = [money(fields, name, currency) for name in ("amount", "discount", "coupon_discount", "paid")]
    items = fields.get("items")
    for item in items or ():
        text(item, "sku")
        text(item, "category")
        number(item, "qty", 0, 1e9)
        number(item, "price", 0, 1e11)
        number(item, "line_total", 0, 1e11)
    return (*head, xxhash.xxh3_64_intdigest(order_id.encode()), *amounts,
            text(fields, "channel"), text(fields, "payment"), items)  # fmt: skip


def typed(kind: str, value: bytes) -> Any:
    return parse(kind, value, latest_ms=END_TS_MS)


def ns_per_event(read: Callable[[str, bytes], Any], kind: str, values: list[bytes]) -> float:
    epoch_ms.cache_clear()
    start = thread_time_ns()
    for value in values:
        read(kind, value)
    return (thread_time_ns() - start) / len(values)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--events", type=int, default=20_000)
    options.add_argument("--runs", type=int, default=9)
    args = options.parse_args()
    cases = [
        ("order, 2 items, ISO live", "order", orders(args.events, 2, "live")),
        ("order, 2 items, ISO spread", "order", orders(args.events, 2, "spread")),
        ("order, 2 items, epoch ms", "order", orders(args.events, 2, "epoch")),
        ("order, no items, ISO live", "order", orders(args.events, 0, "live")),
        ("click, ISO live", "click", clicks(args.events)),
    ]
    cpu = next(
        (
            line.split(":")[1].strip()
            for line in Path("/proc/cpuinfo").read_text().splitlines()
            if "model name" in line
        ),
        "?",
    )
    print(f"machine   {cpu}, {platform.system()} {platform.release()}")
    print(f"versions  Python {platform.python_version()}, msgspec {msgspec.__version__}, "
          f"orjson {orjson.__version__}, xxhash {xxhash.VERSION}")  # fmt: skip
    print(
        f"seed {SEED}, {args.events} events, {args.runs} alternating runs, medians (minima), CPU ns/event\n"
    )
    print(f"{'case':<28}{'bytes':>6}{'orjson + hand':>18}{'msgspec typed':>18}{'decode only':>18}")
    for name, kind, values in cases:
        decoder = msgspec.json.Decoder(type(typed(kind, values[0])))
        readers = (by_hand, typed, lambda _, value, decode=decoder.decode: decode(value))
        times: list[list[float]] = [[], [], []]
        for _ in range(args.runs):
            for reader, taken in zip(readers, times, strict=True):
                taken.append(ns_per_event(reader, kind, values))
        cells = "".join(f"{f'{median(t):.0f} ({min(t):.0f})':>18}" for t in times)
        print(f"{name:<28}{len(values[0]):>6}{cells}")


if __name__ == "__main__":
    main()
