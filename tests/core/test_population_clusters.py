import random
from math import expm1, log1p

import msgspec
import pytest
from builders import DAY, T0
from hypothesis import given
from hypothesis import strategies as st
from panels import CLUSTERS

from models.population.clusters import PATIENCE_MS, Assigner, Membership, vector
from models.population.drifting import looks_again_ms
from models.population.snapshot import Clusters, SnapshotError, Three

ASSIGNER = Assigner(CLUSTERS, 1)
MARGIN_FREE = Assigner(msgspec.structs.replace(CLUSTERS, margin=0.0), 1)
REPLACE = msgspec.structs.replace
three = st.tuples(*[st.floats(-12, 20, allow_nan=False)] * 3)


def squares(x: Three, clusters: Clusters) -> dict[int, float]:
    """Squared distance to each centre, the long way."""
    z = [
        min(max((one - mean) / sd, -clusters.clip), clusters.clip)
        for one, mean, sd in zip(x, clusters.mean, clusters.sd, strict=True)
    ]
    return {
        cluster: sum((a - b) ** 2 for a, b in zip(z, centre, strict=True))
        for cluster, centre in zip(clusters.ids, clusters.centres, strict=True)
    }


def at_centre(cluster: int, clusters: Clusters = CLUSTERS) -> Three:
    """Raw features that stand exactly on a centre."""
    centre = clusters.centres[clusters.ids.index(cluster)]
    raw = [c * sd + mean for c, sd, mean in zip(centre, clusters.sd, clusters.mean, strict=True)]
    return raw[0], raw[1], raw[2]


def member(cluster: int, **more: object) -> Membership:
    return Membership(cluster, T0, 1, tuple(round(one * 1000) for one in at_centre(cluster)), **more)  # type: ignore[arg-type]


@given(three, st.sampled_from(CLUSTERS.ids))
def test_the_linear_form_finds_the_nearest_and_knows_the_margin(x: Three, held: int) -> None:
    d2 = squares(x, CLUSTERS)
    best, clear = ASSIGNER.nearest(x, held)
    assert d2[best] == pytest.approx(min(d2.values()), abs=1e-9)
    if abs(d2[best] - 0.7 * d2[held]) > 1e-9 and best != held:
        assert clear == (d2[best] <= 0.7 * d2[held])


@given(st.integers(0, 4_000 * DAY), st.integers(1, 900), st.integers(0, 10**9))
def test_features_are_finite_and_grow_with_what_they_measure(silent: int, orders: int, minor: int) -> None:
    one, more = vector(silent, orders, minor), vector(silent + DAY, orders + 1, minor + 100)
    assert all(a < b for a, b in zip(one, more, strict=True))
    assert one == (log1p(silent / DAY), log1p(orders), log1p(minor / 100))


def test_refunds_beyond_all_spending_count_as_nothing() -> None:
    assert vector(0, 1, -500) == vector(0, 1, 0)


def test_a_customer_without_a_cluster_gets_the_nearest_at_once() -> None:
    held, cause = ASSIGNER.assign(None, at_centre(2), T0)
    assert (held.cluster, held.since_ms, cause) == (2, T0, "behaviour")


def test_two_evaluations_in_a_row_move_a_customer_and_one_does_not() -> None:
    held, cause = ASSIGNER.assign(member(2), at_centre(3), T0 + 5)
    assert (held.cluster, held.candidate, held.run, cause) == (2, 3, 1, None)
    moved, cause = ASSIGNER.assign(held, at_centre(3), T0 + 6)
    assert (moved.cluster, moved.since_ms, moved.run, cause) == (3, T0 + 6, 0, "behaviour")


def test_the_same_instant_counts_once() -> None:
    held, _ = ASSIGNER.assign(member(2), at_centre(3), T0 + 5)
    assert ASSIGNER.assign(held, at_centre(3), T0 + 5) == (held, None)


@pytest.mark.parametrize("between", [2, 1])
def test_a_run_that_is_broken_begins_anew(between: int) -> None:
    held, _ = ASSIGNER.assign(member(2), at_centre(3), T0 + 5)
    held, _ = ASSIGNER.assign(held, at_centre(between), T0 + 6)
    held, cause = ASSIGNER.assign(held, at_centre(3), T0 + 7)
    assert (held.cluster, held.candidate, held.run, cause) == (2, 3, 1, None)


def test_within_the_margin_nobody_moves() -> None:
    two, three_ = at_centre(2), at_centre(3)
    half = tuple(0.48 * a + 0.52 * b for a, b in zip(two, three_, strict=True))
    assert ASSIGNER.nearest(half, 2) == (3, False)  # type: ignore[arg-type]
    assert MARGIN_FREE.nearest(half, 2) == (3, True)  # type: ignore[arg-type]
    held = member(2)
    for n in range(5):
        held, cause = ASSIGNER.assign(held, half, T0 + n)  # type: ignore[arg-type]
        assert (held.cluster, held.run, cause) == (2, 0, None)


def test_new_centres_that_move_a_customer_who_did_nothing_are_the_cause() -> None:
    swapped = REPLACE(CLUSTERS, centres=(CLUSTERS.centres[0], CLUSTERS.centres[2], CLUSTERS.centres[1]))
    newer = Assigner(swapped, 2)
    held, _ = newer.assign(member(2), at_centre(2), T0 + 5)
    assert held.by_model
    assert newer.assign(held, at_centre(2), T0 + 6)[1] == "model"


def test_a_customer_who_moved_itself_is_the_cause_under_new_centres_too() -> None:
    newer = Assigner(CLUSTERS, 2)
    held, _ = newer.assign(member(2), at_centre(3), T0 + 5)
    assert newer.assign(held, at_centre(3), T0 + 6)[1] == "behaviour"


def test_a_cluster_that_is_gone_is_left_at_once() -> None:
    fewer = REPLACE(CLUSTERS, ids=(1, 2), names=("a", "b"), centres=CLUSTERS.centres[:2], weights=(0.5, 0.5))
    held, cause = Assigner(fewer, 2).assign(member(3), at_centre(2), T0 + 5)
    assert (held.cluster, cause) == (2, "model")


@pytest.mark.parametrize(
    "change", [{"features": ("recency_days", "frequency", "visits")}, {"transform": "log1p.v2"}]
)
def test_features_that_are_not_known_are_refused(change: dict[str, object]) -> None:
    with pytest.raises(SnapshotError, match="not understood"):
        Assigner(REPLACE(CLUSTERS, **change), 1)


def test_a_membership_is_a_few_bytes_and_comes_back() -> None:
    held = member(3, candidate=2, run=1, run_ms=T0, by_model=True)
    blob = msgspec.msgpack.encode(held)
    assert msgspec.msgpack.decode(blob, type=Membership) == held
    assert len(blob) < 40


@pytest.mark.parametrize("assigner", [ASSIGNER, MARGIN_FREE])
def test_silence_carries_a_customer_over_at_the_instant_that_is_solved(assigner: Assigner, seed: int) -> None:
    rng = random.Random(seed)
    crossed = 0
    for _ in range(400):
        orders, minor, silent = rng.randrange(1, 8), rng.randrange(9_000), rng.randrange(9 * DAY)
        last = T0 - silent
        x = vector(silent, orders, minor)
        held, _ = assigner.assign(None, x, T0)
        due = looks_again_ms(held, x, last, T0, assigner)
        if not due:
            assert not assigner.nearest(vector(10_000 * DAY, orders, minor), held.cluster)[1]
            continue
        crossed += 1
        assert due > T0
        before, after = (vector(at - last, orders, minor) for at in (due - 60_000, due + 60_000))
        if due - 60_000 > T0:
            assert not assigner.nearest(before, held.cluster)[1]
        assert assigner.nearest(after, held.cluster)[1]
    assert crossed > 50


def test_a_candidate_is_looked_at_again_after_a_day_and_then_moves() -> None:
    silent = round(expm1(at_centre(3)[0]) * DAY)
    held, _ = ASSIGNER.assign(member(2), at_centre(3), T0)
    due = looks_again_ms(held, at_centre(3), T0 - silent, T0, ASSIGNER)
    assert due == T0 + PATIENCE_MS
    assert ASSIGNER.assign(held, at_centre(3), due)[1] == "behaviour"
