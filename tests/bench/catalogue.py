"""A changed catalogue over many profiles under live traffic: foreseen, applied, and looked at again.

What `tags diff` foresees is held against what `tags apply` does, for every customer that nothing else touched
in between; then every profile is judged once more, and every set of members counted.

    python tests/bench/catalogue.py --customers 100000 --rate 500
"""

import argparse
import sys
import tempfile
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import rollout
from parts import ApacheKafka
from throughput import machine
from workload import SEED

from streams import exporter
from streams.local.stack import LocalStack


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--customers", type=int, default=100_000)
    options.add_argument("--rate", type=int, default=500, help="live events a second")
    options.add_argument("--seed", type=int, default=SEED)
    options.add_argument("--kill", action="store_true", help="kill -9 a worker in the sweep")
    options.add_argument("--broker", choices=("embedded", "kafka"), default="kafka")
    args = options.parse_args()
    print(machine())
    settings = {"partitions": 12, "log_level": "warning"}
    if args.broker == "kafka":
        settings |= {"session_timeout_s": 6, "heartbeat_s": 1}
    with tempfile.TemporaryDirectory(prefix="bench-catalogue-") as folder:
        directory = Path(folder)
        broker = ApacheKafka(directory / "kafka") if args.broker == "kafka" else None
        with LocalStack(directory, settings, broker=broker) as stack:
            stack.start_worker()
            # A few customers have a lot and some nothing at all: more are drawn than there will be.
            drawn = args.customers * 5 // 3
            ends = rollout.produce(stack, rollout.history(args.seed, drawn, args.customers * 5))
            client = exporter.connect(stack.config.redis_url)
            rollout.settle(stack, client, ends, 1_800)
            report = rollout.roll_out(stack, directory, args.seed, ends, live_per_s=args.rate, kill=args.kill)
    print(
        f"seed {args.seed}: {report.customers:,} profiles, {report.predicted:,} changes foreseen, "
        f"{report.live_events:,} live events at {args.rate}/s meanwhile\n"
        f"applied and everyone judged in {report.apply_s:.1f} s "
        f"({report.customers / report.apply_s:,.0f}/s, one worker)\n"
        f"customers touched in between {report.touched:,}; unlike what was foreseen {len(report.unlike)}; "
        f"stale tags {len(report.stale)}; sets of members that are not the holders {len(report.wrong_sets)}"
    )
    if report.unlike or report.stale or report.wrong_sets:
        raise SystemExit(f"{report.unlike[:3]} {report.stale[:3]} {report.wrong_sets[:3]}")


if __name__ == "__main__":
    main()
