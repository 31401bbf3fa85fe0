"""Calm against noise: how often customers change clusters who should not; and what clusters cost."""

import random
import time
from collections.abc import Callable

import numpy as np
from populations import GROUPS, drawn

from models.calendar import DAY_MS
from models.population.clusters import Assigner, Membership
from models.population.snapshot import Three
from streams.population.clustering import Clustering
from streams.population.online import FastKMeans
from streams.population.scale import three


def assigner_of(rows: np.ndarray, seed: int, *, margin: float, dwell: int) -> Assigner:
    """The assigner after a warm-up on rows."""
    found = Clustering(k=6, seed=seed, margin=margin, dwell=dwell).epoch(rows, 1)
    assert found is not None
    return Assigner(found.clusters, 1)


def calm(seed: int, noise: float, customers: int = 4_000, steps: int = 40) -> None:
    """Changes of customers who did not change, and how many of those who did are noticed.

    Each customer stands in its group with noise that fades slowly (autoregressive, .9); a tenth of them
    move to another group once.
    """
    rng, np_rng = random.Random(seed), np.random.default_rng(seed)
    rows, _ = drawn(20_000, seed, noise)
    lines = {}
    for name, margin, dwell in (("argmin", 0.0, 1), ("margin .3, dwell 2", 0.3, 2)):
        assigner = assigner_of(rows, seed, margin=margin, dwell=dwell)
        rng.seed(seed)
        np_rng = np.random.default_rng(seed)
        lines[name] = _lived(assigner, rng, np_rng, noise, customers, steps)
    spurious, noticed = zip(*lines.values(), strict=True)
    for name, (false, real) in lines.items():
        print(
            f"    {name:<20} spurious changes {false:.4f} per 100 evaluations, real moves noticed {real:.4f}"
        )
    print(f"  noise {noise}: {spurious[0] / max(spurious[1], 1e-9):.1f} times fewer, recall {noticed[1]:.4f}")


def _lived(
    assigner: Assigner,
    rng: random.Random,
    draws: np.random.Generator,
    noise: float,
    customers: int,
    steps: int,
) -> tuple[float, float]:
    false = evaluations = moved = noticed = 0
    for _ in range(customers):
        home = rng.randrange(6)
        away = rng.choice([g for g in range(6) if g != home]) if rng.random() < 0.1 else home
        when = rng.randrange(10, 25)
        error, held, last = np.zeros(3), None, -1
        for step in range(steps):
            error = 0.9 * error + draws.normal(0, noise * 0.436, 3)  # stationary spread = noise
            x = three(GROUPS[away if step >= when else home] + error)
            held, cause = assigner.assign(held, x, step + 1)
            if cause and step and away == home:
                false += 1
            last = held.cluster
            evaluations += 1
        if away != home:
            moved += 1
            noticed += last == assigner.nearest(three(GROUPS[away]), -1)[0]
    return 100 * false / evaluations, noticed / moved


def churned(seed: int, epochs: int = 30) -> None:
    """Labels of customers who stand still, under new centres every day from new draws of one population."""
    fixed, _ = drawn(5_000, seed, 0.8)
    points: list[Three] = list(map(three, fixed))
    clustering = Clustering(k=6, seed=seed)
    held: list[Membership | None] = [None] * len(points)
    bare: list[int] = [0] * len(points)
    changes = relabelled = 0
    for version in range(1, epochs + 1):
        found = clustering.epoch(drawn(5_000, seed + version, 0.8)[0], version)
        assert found is not None
        assigner = Assigner(found.clusters, version)
        for i, x in enumerate(points):
            nearest_now = assigner.nearest(x, -1)[0]
            relabelled += version > 1 and nearest_now != bare[i]
            bare[i] = nearest_now
            held[i], cause = assigner.assign(held[i], x, version * DAY_MS)
            changes += version > 1 and cause is not None
    total = (epochs - 1) * len(points)
    print(f"  stationary, overlapping, a new panel a day: of customers a day change {relabelled / total:.4%} "
          f"by nearest centre, {changes / total:.4%} with margin and dwell")  # fmt: skip


def cost(seed: int, rows: int = 1_000_000) -> None:
    """Learning over a million rows, and assigning."""
    points, _ = drawn(10_000, seed)
    dicts = [dict(enumerate(row)) for row in points.tolist()]
    model, times = FastKMeans(GROUPS), []
    for _ in range(10):
        started = time.process_time()
        for i in range(rows // 10):
            model.learn_one(dicts[i % 10_000])
        times.append((time.process_time() - started) / (rows / 10) * 1e6)
    print(f"  learn_one over {rows:,} rows, us each by tenth: {' '.join(f'{one:.2f}' for one in times)}")
    assigner = assigner_of(points, seed, margin=0.3, dwell=2)
    xs, held = list(map(three, points)), assigner.assign(None, three(points[0]), 0)[0]
    calls: dict[str, Callable[[Three], object]] = {
        "nearest": lambda x: assigner.nearest(x, 1),
        "assign": lambda x: assigner.assign(held, x, 1),
    }
    for name, call in calls.items():
        best = min(_timed(call, xs) for _ in range(5))
        print(f"  {name}, k=6: {best:.2f} us (least of 5)")


def _timed(call: Callable[[Three], object], xs: list[Three]) -> float:
    started = time.process_time()
    for x in xs:
        call(x)
    return (time.process_time() - started) / len(xs) * 1e6


def run(seed: int) -> None:
    """Everything on calm and cost."""
    print("\ncalm and cost of clusters")
    for noise in (0.5, 0.9):
        calm(seed, noise)
    churned(seed)
    cost(seed)
