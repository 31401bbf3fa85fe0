"""The population models: scores, clusters, churn and value, against oracles and over time.

    python tests/bench/population.py                    everything, about ten minutes
    python tests/bench/population.py --only churn,calm

Simulated customers are called simulated; all else is CDNOW (`lifetimes`), which is real.
"""

import argparse
import sys
import time
from importlib.metadata import version
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[2]))

import population_alarms
import population_calm
import population_churn
import population_clusters
import population_memory
import population_scores
from throughput import machine
from workload import SEED

PARTS = {
    "scores": population_scores.run,
    "clusters": population_clusters.run,
    "calm": population_calm.run,
    "churn": population_churn.run,
    "alarms": population_alarms.run,
    "memory": population_memory.run,
}
PACKAGES = ("river", "numpy", "scipy", "scikit-learn", "lifetimes")


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--only", default=",".join(PARTS), help="parts, separated by commas")
    options.add_argument("--seed", type=int, default=SEED)
    args = options.parse_args()
    print(machine())
    print(f"trainer   {', '.join(f'{name} {version(name)}' for name in PACKAGES)}\nseed      {args.seed}\n")
    for part in args.only.split(","):
        started = time.process_time()
        PARTS[part](args.seed)
        print(f"  ({part}: {time.process_time() - started:.0f} s of CPU)", flush=True)


if __name__ == "__main__":
    main()
