"""Online clusters against batch k-means.

Inertia is judged first: optima that differ by one per cent of inertia may agree in only two thirds of their
labels. The reference is scikit-learn's k-means with 20 starts on all customers at the same instant.
"""

import json

import numpy as np
from populations import Score, cdnow_features, cdnow_world, drawn, judged, reference
from sklearn.metrics import adjusted_rand_score

from models.calendar import DAY_MS
from models.population.clusters import FEATURES, TRANSFORM
from streams.population.clustering import Clustering
from streams.population.lloyd import nearest


def spread(name: str, scores: list[Score]) -> None:
    """One line."""
    ratios, aris = zip(*scores, strict=True)
    print(
        f"  {name:<62} inertia ratio max {max(ratios):.4f}  ARI mean {np.mean(aris):.4f} min {min(aris):.4f}"
    )


def static(seed: int) -> None:
    """CDNOW at its end: a warm-up, then two epochs of the same customers."""
    rows = cdnow_features(cdnow_world()[2] + DAY_MS)
    for algorithm, seeds in (("kmeans", 6), ("clustream", 3)):
        for k in (5, 6):
            best, scores = reference(rows, k), []
            for one in range(seed, seed + seeds):
                clustering = Clustering(k=k, algorithm=algorithm, seed=one)
                for version in (1, 2, 3):
                    found = clustering.epoch(rows, version)
                assert found is not None
                scores.append(judged(found.clusters, rows, best))
            spread(f"static CDNOW, k={k}, {algorithm}, {seeds} seeds", scores)


def replayed(seed: int, k: int = 6) -> None:
    """CDNOW in time, an epoch a week from day 30, judged on all customers at four dates."""
    _, first, last = cdnow_world()
    dates = [first + day * DAY_MS for day in (180, 300, 420)] + [last]
    for share in (1.0, 0.2):
        by_seed, restarts, alarms = [], 0, 0
        for one in range(seed, seed + 3):
            clustering, scores = Clustering(k=k, seed=one), []
            weeks = list(range(first + 30 * DAY_MS, last, 7 * DAY_MS))
            for version, at_ms in enumerate(sorted({*weeks, *dates}), 1):
                found = clustering.epoch(cdnow_features(at_ms, share), version)
                assert found is not None
                restarts += found.reason == "restart"
                alarms += found.clusters.drift
                if at_ms in dates:
                    rows = cdnow_features(at_ms)
                    scores.append(judged(found.clusters, rows, reference(rows, k)))
            by_seed += scores
        said = f"replayed CDNOW, k={k}, panel {share:.0%}, 3 seeds x 4 dates"
        spread(f"{said}, {restarts / 3:.1f} restarts", by_seed)
        print(f"    alarms of drift a run: {alarms / 3:.1f} in {len(weeks)} weeks")


def separated(seed: int) -> None:
    """Groups that are apart: agreement with the truth."""
    for algorithm in ("kmeans", "clustream"):
        aris = []
        for one in range(seed, seed + 3):
            clustering = Clustering(k=6, algorithm=algorithm, seed=one)
            for version in range(1, 5):
                rows, group = drawn(5_000, one * 100 + version)
                found = clustering.epoch(rows, version)
            assert found is not None
            scale = np.array(found.clusters.mean), np.array(found.clusters.sd)
            best, _ = nearest((rows - scale[0]) / scale[1], np.array(found.clusters.centres))
            aris.append(adjusted_rand_score(group, best))
        print(f"  separated groups, {algorithm}, 3 seeds: ARI to the truth min {min(aris):.4f}")


def restored(seed: int) -> None:
    """Saved as JSON in the middle of a replay and gone on from: the same, bit for bit."""
    _, first, _ = cdnow_world()
    for algorithm in ("kmeans", "clustream"):
        one, other = (Clustering(k=6, algorithm=algorithm, seed=seed) for _ in range(2))
        days = [first + day * DAY_MS for day in range(60, 130, 7)]
        same = True
        for version, at_ms in enumerate(days, 1):
            rows = cdnow_features(at_ms, 0.1)
            found = one.epoch(rows, version)
            assert found is not None
            if version > 5:
                same &= other.epoch(rows, version) == found
                same &= json.dumps(one.save()) == json.dumps(other.save())
            elif version == 5:
                other.restore(json.loads(json.dumps(one.save())), found.clusters)
        size = len(json.dumps(one.save()))
        print(f"  restored from JSON ({algorithm}, {size:,} B), 5 epochs more: bit-exact {same}")


def run(seed: int) -> None:
    """Everything on clusters."""
    print(f"\nclusters of {', '.join(FEATURES)} ({TRANSFORM})")
    static(seed)
    replayed(seed)
    separated(seed)
    restored(seed)
