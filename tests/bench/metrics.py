"""What being looked at costs a worker: metrics scraped every second and vitals, against a worker without.

Both apply the same orders, interleaved, each round in the other order. The share of throughput is the median
of the rounds' ratios; CPU seconds of the worker stand beside it, because they depend less on the neighbours.
`--base` names another tree to compare with, for instance the commit before the metrics: so what the parts
count as they go is part of the difference, too.

    python tests/bench/metrics.py --rounds 7 --events 150000
"""

import argparse
import gc
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from statistics import median

from harness import BenchError, Result, Site, run
from throughput import machine
from workload import SEED, Workload, make

from streams.local.ports import free_port
from streams.local.process import LocalProcess

SCRAPE_S = 1.0
LIMIT = 0.03


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=7)
    options.add_argument("--events", type=int, default=150_000)
    options.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    options.add_argument("--base", type=Path, help="another tree; default: this one, with nothing looked at")
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    print(
        machine(),
        f"seed      {args.seed}, broker {args.broker}, {args.events:,} orders",
        sep="\n",
        flush=True,
    )
    gc.disable()
    load = make(args.events, args.seed)
    found: list[tuple[Result, Result]] = []
    for number in range(args.rounds):
        pair: dict[bool, Result] = {}
        for is_seen in (True, False) if number % 2 else (False, True):
            pair[is_seen] = _seen(load, args.broker) if is_seen else _unseen(load, args.broker, args.base)
        found.append((pair[True], pair[False]))
        print(_line(number + 1, *found[-1]), flush=True)
    return _verdict(found, "the other tree" if args.base else "one without")


def _seen(load: Workload, broker: str) -> Result:
    """A worker that is scraped every second."""
    port, stop = free_port(), threading.Event()
    scraper = threading.Thread(target=_scrape, args=(port, stop))
    scraper.start()
    try:
        start = lambda site: site.worker("product", PROFILESTREAM_METRICS=f"127.0.0.1:{port}")  # noqa: E731
        return _run(load, broker, start)
    finally:
        stop.set()
        scraper.join()


def _unseen(load: Workload, broker: str, base: Path | None) -> Result:
    program = [str(Path(__file__).with_name("unseen_worker.py"))]
    more = {"root": base.resolve()} if base is not None else {"program": program}
    return _run(load, broker, partial(Site.worker, contender="product", **more))


def _run(load: Workload, broker: str, start: Callable[[Site], LocalProcess]) -> Result:
    with tempfile.TemporaryDirectory(prefix="bench-metrics-") as directory:
        try:
            result = run("product", load, broker, Path(directory), make=start)
        except BenchError as error:
            sys.exit(str(error))
    if result.problems:
        sys.exit("; ".join(result.problems))
    return result


def _scrape(port: int, stop: threading.Event) -> None:
    while not stop.wait(SCRAPE_S):
        with (
            suppress(OSError),
            urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=10) as answer,
        ):
            answer.read()


def _line(number: int, seen: Result, unseen: Result) -> str:
    rate, other = seen.events / seen.span_s, unseen.events / unseen.span_s
    cpu, idle = seen.cpu_s["worker"], unseen.cpu_s["worker"]
    return (
        f"round {number}  seen {rate:,.0f} orders/s, CPU {cpu:.2f} s; unseen {other:,.0f} orders/s, "
        f"CPU {idle:.2f} s; ratio {rate / other:.3f}, CPU {cpu / idle:.3f}"
    )


def _verdict(found: list[tuple[Result, Result]], other: str) -> int:
    speed = sorted(unseen.span_s / seen.span_s for seen, unseen in found)
    cpu = sorted(seen.cpu_s["worker"] / unseen.cpu_s["worker"] for seen, unseen in found)
    print(
        f"throughput of a worker that is looked at, of that of {other}: median {median(speed):.3f} "
        f"({speed[0]:.3f} to {speed[-1]:.3f}); CPU {median(cpu):.3f} ({cpu[0]:.3f} to {cpu[-1]:.3f})"
    )
    return int(median(speed) < 1 - LIMIT)


if __name__ == "__main__":
    sys.exit(main())
