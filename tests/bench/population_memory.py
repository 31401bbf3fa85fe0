"""Memory: of a worker that uses a snapshot, and of a trainer with a full panel."""

import subprocess
import sys
import time
from pathlib import Path

_ROOT = Path(__file__).parents[2]
# Not getrusage: a child inherits the peak of the process that started it.
_RSS = """
import re
print(int(re.search(r"VmHWM:\\s+(\\d+)", open("/proc/self/status").read())[1]) // 1024)
"""
_WORKER = "import streams.worker, streams.processor, models.step"
_MODELS = (
    _WORKER
    + """
import models.population.clusters, models.population.drifting, models.population.codec
import models.population.quintiles, models.population.value
import sys
assert not {'numpy', 'scipy', 'river'} & set(sys.modules)
"""
)
_TRAINER = """
import sys
import streams.population.epoch as epoch
from models.population.row import Row
from streams.population.panel import Panel
"""
_PANEL = """
import random
rng = random.Random(%d)
panel, at = Panel(), 1_700_000_000_000
for i in range(50_000):
    n = 1 + int(rng.expovariate(0.4))
    first = at - rng.randrange(1, 400 * 86_400_000)
    last = first + rng.randrange(at - first) if n > 1 else first
    row = Row(first, last if n > 1 else 0, last, n, n, n * rng.randrange(100, 9_000), n)
    panel.take(f"customer-{i}", row)
"""
_EPOCHS = """
population = epoch.Population()
for n in range(3):
    assert population.epoch(panel, at + n * 86_400_000) is not None
"""


def peak_mb(code: str) -> int:
    """Peak resident memory of a process that runs this."""
    done = subprocess.run(
        [sys.executable, "-c", code + _RSS], cwd=_ROOT, capture_output=True, text=True, check=True
    )
    return int(done.stdout)


def run(seed: int) -> None:
    """Peak resident memory, MB."""
    print("\npeak resident memory")
    panel = _TRAINER + _PANEL % seed
    for name, code in {
        "worker, modules only": _WORKER,
        "worker, modules and population models": _MODELS,
        "trainer, modules only (river, numpy, scipy)": _TRAINER,
        "trainer, a panel of 50,000": panel,
        "trainer, a panel of 50,000, three epochs": panel + _EPOCHS,
    }.items():
        print(f"  {name:<46} {peak_mb(code):>5} MB")
    started = time.monotonic()
    peak_mb(panel)
    loaded = time.monotonic()
    peak_mb(panel + _EPOCHS)
    took = time.monotonic() - loaded - (loaded - started)
    print(f"  an epoch of 50,000: {took / 3:.2f} s")
