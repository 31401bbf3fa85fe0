"""Latency: from the send of an order to its being visible in Redis, at a steady rate, one customer an order.

- A sender process of its own sends order `i` at start + i / rate. Latency counts from that *planned* instant,
  so a sender or client that falls behind shows up instead of hiding; its worst lag is printed.
- Each order is the first of its customer, so every one takes the way of a cache miss: load, fold, commit.
- One order in 20 is watched: the store announces the write of exactly these profile keys (keyspace
  notification on the key's own channel), so nothing is polled and the store sends one message in 20
  writes. Resolution is one loopback message, about 0.1-0.3 ms. The announcement reaches a connection
  when a read of another one would, after the transaction or function call.
- The first seconds are warm-up and not counted. What is not visible 5 s after the end (`--grace`) counts
  as slower than everything: percentiles that land there say "never".

    python tests/bench/latency.py --rate 2000 --seconds 20
"""

import argparse
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import orjson
import redis
from confluent_kafka import Producer
from harness import BUCKETS, GROUPS, ROOT, cpu_s, site
from redis.client import PubSub
from throughput import machine

from models.calendar import iso
from streams import keys

WARM_S = 3
GRACE_S = 5.0
EVERY = 20
READY_S = 180
PROBE = "probe"  # the customer that shows that a worker has started


def order(customer: str, number: int) -> bytes:
    """One order, now."""
    return orjson.dumps(
        {
            "event_id": f"{customer}-{number}",
            "type": "order",
            "customer_id": customer,
            "ts": iso(int(time.time() * 1000)),
            "order_id": f"{customer}-{number}",
            "amount": 19.99,
            "currency": "USD",
            "items": [{"sku": "cd", "category": "cd", "qty": 1}],
        }
    )


def customer_of(i: int) -> str:
    return f"latency-{i:07}"


def producer(brokers: str) -> Producer:
    return Producer(
        {
            "bootstrap.servers": brokers,
            "acks": "all",
            "linger.ms": 1,
            "partitioner": "murmur2_random",
        }
    )


def send(brokers: str, rate: int, count: int, start_s: float, number: int = 0) -> None:
    """The sender process: prints how far it fell behind its plan, ms."""
    out = producer(brokers)
    out.list_topics("orders", timeout=10)
    worst_s = 0.0
    for i in range(count):
        wait_s = start_s + i / rate - time.monotonic()
        if wait_s > 0:
            out.poll(0)
            time.sleep(wait_s)
        worst_s = max(worst_s, -wait_s)
        customer = customer_of(i)
        out.produce("orders", order(customer, number), customer)
    out.flush()
    print(f"{worst_s * 1000:.1f}")


def measure(contender: str, kind: str, rate: int, seconds: int, grace_s: float, directory: Path) -> str:
    """A row of the table."""
    with (
        site(kind, directory, **{"notify-keyspace-events": "Kh"}) as here,
        here.client() as client,
        here.worker(contender) as worker,
        client.pubsub(ignore_subscribe_messages=True) as listener,
    ):
        _until_started(client, here.config.brokers)
        first, count = WARM_S * rate, (WARM_S + seconds) * rate
        watched = {_channel(customer_of(i)): i for i in range(first, count, EVERY)}
        _subscribe(listener, list(watched))
        start_s = time.monotonic() + 2.0
        argv = [sys.executable, __file__, "--send", here.config.brokers, str(start_s), "0"]
        argv += ["--rate", str(rate), "--seconds", str(WARM_S + seconds)]
        sender = subprocess.Popen(argv, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)})
        try:
            pids = [process.pid for process in (worker, here.store.process, here.broker.process)]
            before = [cpu_s(pid) for pid in pids]
            seen = _listen(listener, watched, start_s + count / rate + grace_s)
            spent = [cpu_s(pid) - cpu for pid, cpu in zip(pids, before, strict=True)]
            behind_ms = float(sender.communicate(timeout=60)[0])
        finally:
            sender.kill()
            sender.wait()
    took_ms = [(at_s - start_s - i / rate) * 1000 for i, at_s in seen.items()]
    never = len(watched) - len(seen)
    ms = sorted(took_ms) + [float("inf")] * never
    cells = [contender, f"{len(ms):,}", *(_percentile(ms, q) for q in (50, 95, 99, 100)), str(never)]
    cells += [f"{cpu / (WARM_S + seconds):.2f}" for cpu in spent]
    return "| " + " | ".join([*cells, f"{behind_ms:.1f}"]) + " |"


def _until_started(client: "redis.Redis", brokers: str) -> None:
    """The worker has its partitions: a probe order is visible."""
    out = producer(brokers)
    probe = keys.profile(keys.bucket(PROBE, BUCKETS), PROBE)
    out.produce("orders", order(PROBE, 0), PROBE)
    out.flush()
    deadline_s = time.monotonic() + READY_S
    while not client.exists(probe):
        if time.monotonic() > deadline_s:
            raise SystemExit(f"the worker did not start within {READY_S} s")
        time.sleep(0.1)


def _channel(customer: str) -> bytes:
    return f"__keyspace@0__:{keys.profile(keys.bucket(customer, BUCKETS), customer)}".encode()


def _subscribe(listener: PubSub, names: list[bytes]) -> None:
    """Before the sender starts: what was announced before is not announced again."""
    for at in range(0, len(names), 1000):
        listener.subscribe(*names[at : at + 1000])


def _listen(listener: PubSub, watched: dict[bytes, int], until_s: float) -> dict[int, float]:
    """When each watched order was first announced, monotonic seconds."""
    seen: dict[int, float] = {}
    while len(seen) < len(watched) and time.monotonic() < until_s:
        message = listener.get_message(timeout=0.2)
        if message is not None:
            seen.setdefault(watched[message["channel"]], time.monotonic())
    return seen


def _at(ordered: list[float], q: int) -> float:
    return ordered[min(len(ordered) - 1, len(ordered) * q // 100)]


def _percentile(ordered: list[float], q: int) -> str:
    value = _at(ordered, q)
    return "never" if value == float("inf") else f"{value:.1f}"


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rate", type=int, default=2_000)
    options.add_argument("--seconds", type=int, default=20)
    options.add_argument("--rounds", type=int, default=1)
    options.add_argument("--grace", type=float, default=GRACE_S, help="seconds")
    options.add_argument("--contenders", default="product,naive", help=f"of {', '.join(GROUPS)}")
    options.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    options.add_argument("--send", nargs=3, metavar=("BROKERS", "START", "NUMBER"), help=argparse.SUPPRESS)
    args = options.parse_args()
    if args.send:
        brokers, start_s, number = args.send
        send(brokers, args.rate, args.rate * args.seconds, float(start_s), int(number))
        return
    print(machine())
    print(f"{args.rate} orders/s for {args.seconds} s after {WARM_S} s of warm-up, broker {args.broker}\n")
    columns = [
        "contender",
        "watched",
        "p50 ms",
        "p95",
        "p99",
        "max",
        "never",
        "worker cores",
        "store",
        "broker",
    ]
    print("| " + " | ".join([*columns, "sender behind ms"]) + " |\n|" + "---|" * 11)
    for _ in range(args.rounds):
        for contender in args.contenders.split(","):
            with tempfile.TemporaryDirectory(prefix=f"bench-{contender}-") as directory:
                row = measure(contender, args.broker, args.rate, args.seconds, args.grace, Path(directory))
                print(row, flush=True)


if __name__ == "__main__":
    main()
