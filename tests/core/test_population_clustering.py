import json
import random

import numpy as np
import pytest
from river import cluster
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from streams.population.clustering import ALGORITHMS, Clustering
from streams.population.drift import Drift
from streams.population.lloyd import kmeans, nearest
from streams.population.names import PROTOTYPES, described, matched, names_of
from streams.population.online import FastKMeans
from streams.population.scale import scale_of

CENTRES = np.array([(1, 1, 3), (1, 3, 6), (4, 0.7, 3), (4, 2, 6), (6, 0.7, 2), (6, 1.5, 5)], float)


def blobs(n: int, seed: int, spread: float = 0.3, shift: float = 0.0) -> tuple[np.ndarray, np.ndarray]:
    """Separated groups of raw features, and who belongs to which."""
    rng = np.random.default_rng(seed)
    group = rng.choice(6, n, p=(0.1, 0.1, 0.15, 0.15, 0.3, 0.2))
    return CENTRES[group] + rng.normal(0, spread, (n, 3)) + shift, group


def labels(found: object, rows: np.ndarray) -> np.ndarray:
    scale = (np.array(found.mean), np.array(found.sd))  # type: ignore[attr-defined]
    return nearest((rows - scale[0]) / scale[1], np.array(found.centres))[0]  # type: ignore[attr-defined]


def test_the_fast_distance_gives_the_centres_of_river(seed: int) -> None:
    rows, _ = blobs(5_000, seed)
    ours = FastKMeans(CENTRES, 0.05)
    theirs = cluster.KMeans(n_clusters=6, halflife=0.05, seed=0)
    for i, centre in enumerate(CENTRES):
        theirs.centers[i].update(enumerate(map(float, centre)))
    for row in rows.tolist():
        point = dict(enumerate(row))
        assert ours.predict_one(point) == theirs.predict_one(point)
        ours.learn_one(point)
        theirs.learn_one(point)
    assert ours.centers == {i: dict(centre) for i, centre in theirs.centers.items()}


@pytest.mark.parametrize("poison", [float("nan"), float("inf"), -float("inf")])
def test_a_row_that_is_not_finite_moves_nothing(poison: float) -> None:
    model = FastKMeans(CENTRES)
    model.learn_one({0: poison, 1: 1.0, 2: 1.0})
    assert (model.table() == CENTRES).all()


def test_batch_k_means_is_as_good_as_that_of_scikit_learn(seed: int) -> None:
    rows, _ = blobs(3_000, seed, spread=0.9)
    rng = np.random.default_rng(seed)
    ours = float(nearest(rows, kmeans(rows, 6, rng))[1].sum())
    assert ours <= 1.005 * KMeans(6, n_init=10, random_state=0).fit(rows).inertia_


def test_weights_count_as_so_many_rows(seed: int) -> None:
    rows, _ = blobs(300, seed)
    weight = np.random.default_rng(seed).integers(1, 5, len(rows)).astype(float)
    repeated = np.repeat(rows, weight.astype(int), axis=0)
    light = kmeans(rows, 6, np.random.default_rng(1), weight)
    heavy = kmeans(repeated, 6, np.random.default_rng(1))
    assert nearest(repeated, light)[1].sum() == pytest.approx(nearest(repeated, heavy)[1].sum(), rel=1e-6)


def test_fewer_distinct_rows_than_clusters_are_refused() -> None:
    with pytest.raises(ValueError, match="fewer than 3"):
        kmeans(np.ones((100, 2)), 3, np.random.default_rng(0))


@pytest.mark.parametrize("algorithm", ["kmeans", pytest.param("clustream", marks=pytest.mark.slow)])
def test_separated_groups_are_found_and_kept(algorithm: str, seed: int) -> None:
    clustering = Clustering(k=6, algorithm=algorithm, seed=seed)
    for version in (1, 2, 3):
        rows, group = blobs(3_000, seed + version)
        found, reason = clustering.epoch(rows, version) or pytest.fail("no clusters")
        assert reason == ("warm_up" if version == 1 else "refresh")
        assert adjusted_rand_score(group, labels(found, rows)) >= 0.97


@pytest.mark.parametrize("algorithm", ["kmeans", "clustream"])
def test_what_is_saved_as_json_goes_on_bit_for_bit(algorithm: str, seed: int) -> None:
    one = Clustering(k=6, algorithm=algorithm, seed=seed)
    last = None
    for version in (1, 2, 3):
        last = one.epoch(blobs(900, seed + version, spread=0.8)[0], version)
    assert last is not None
    other = Clustering(k=6, algorithm=algorithm, seed=seed)
    other.restore(json.loads(json.dumps(one.save())), last[0])
    for version in (4, 5, 6):
        rows, _ = blobs(900, seed + version, spread=0.8)
        assert one.epoch(rows, version) == other.epoch(rows, version)
        assert one.save() == other.save()


def test_another_algorithm_or_number_begins_anew(seed: int) -> None:
    one = Clustering(k=6, seed=seed)
    last = one.epoch(blobs(900, seed)[0], 1)
    assert last is not None
    for other in (Clustering(k=5, seed=seed), Clustering(k=6, algorithm="clustream", seed=seed)):
        other.restore(json.loads(json.dumps(one.save())), last[0])
        assert (other.epoch(blobs(900, seed)[0], 2) or pytest.fail("none"))[1] == "warm_up"


def test_ids_and_names_stay_while_the_population_ages(seed: int) -> None:
    clustering = Clustering(k=6, seed=seed)
    first, _ = clustering.epoch(blobs(2_000, seed)[0], 1) or pytest.fail("none")
    for version in range(2, 8):
        rows, _ = blobs(2_000, seed + version, shift=0.1 * version)
        found, reason = clustering.epoch(rows, version) or pytest.fail("none")
        assert (found.ids, found.names, reason) == (first.ids, first.names, "refresh")
        for before, now in zip(first.centres, found.centres, strict=True):
            assert np.abs(np.array(before) - now).max() < 0.4


def test_a_group_that_splits_restarts_the_clusters_and_raises_the_alarm(seed: int) -> None:
    clustering = Clustering(k=4, seed=seed)
    rng = np.random.default_rng(seed)
    old = CENTRES[[0, 1, 2, 3]]
    new = CENTRES[[0, 1, 4, 5]] * 1.3
    alarms, reasons = [], []
    for version in range(1, 13):
        centres = old if version < 8 else new
        rows = centres[rng.integers(0, 4, 2_000)] + rng.normal(0, 0.25, (2_000, 3))
        found, reason = clustering.epoch(rows, version) or pytest.fail("none")
        alarms.append(found.drift)
        reasons.append(reason)
    assert not any(alarms[:7])
    assert any(alarms[7:10])
    assert set(reasons[1:7]) == {"refresh"}


def test_a_wrong_amount_in_a_thousand_does_no_harm(seed: int) -> None:
    rows, group = blobs(4_000, seed)
    wild = random.Random(seed).sample(range(len(rows)), 4)
    rows[wild, 2] += np.log(1e9)
    clustering = Clustering(k=6, seed=seed)
    for version in (1, 2, 3):
        found, _ = clustering.epoch(rows, version) or pytest.fail("none")
    honest = np.setdiff1d(np.arange(len(rows)), wild)
    assert adjusted_rand_score(group[honest], labels(found, rows)[honest]) >= 0.97


def test_too_few_or_too_equal_customers_have_no_clusters() -> None:
    assert Clustering(k=6).epoch(np.ones((10, 3)), 1) is None
    assert Clustering(k=6).epoch(np.ones((1_000, 3)), 1) is None


def test_every_prototype_finds_its_name_and_the_rest_get_a_number() -> None:
    centres = np.array(list(PROTOTYPES.values()))
    ids = tuple(range(1, len(centres) + 1))
    assert names_of(centres, ids) == tuple(PROTOTYPES)
    strange = np.array([(9.0, 9.0, 9.0), (-0.4, 0.5, -9.0), (0.2, -0.1, 0.3)])
    assert names_of(strange[:2], (3, 5)) == ("silent_frequent_big_3", "small_5")
    assert described(strange[2]) == "average"


def test_matching_puts_centres_where_they_were() -> None:
    order = np.random.default_rng(1).permutation(6)
    assert (matched(CENTRES[order] + 0.01, CENTRES) == CENTRES + 0.01).all()


def test_the_alarm_is_quiet_while_nothing_moves_and_its_state_comes_back(seed: int) -> None:
    rng = random.Random(seed)
    drift, other = Drift(), Drift()
    other.restore(json.loads(json.dumps(drift.save())))
    for _ in range(300):
        value = 1 + rng.gauss(0, 0.004)
        assert not drift.update(value, 1.0)
        other.restore(json.loads(json.dumps(other.save())))
        assert not other.update(value, 1.0)
    assert drift.save() == other.save()
    assert any(drift.update(1.15, 1.0) for _ in range(3))


def test_every_algorithm_of_the_table_says_who_it_is() -> None:
    assert {make().algorithm for make in ALGORITHMS.values()} == {"river.KMeans", "river.CluStream"}
    assert scale_of(CENTRES).raw(scale_of(CENTRES).standard(CENTRES)) == pytest.approx(CENTRES)
