from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from panels import EDGES

from models.population.quintiles import BAND, recency_falls_ms, recency_score, score
from models.population.snapshot import Edges

SCORES = range(1, 6)


def some_edges() -> st.SearchStrategy[Edges]:
    def build(numbers: list[int]) -> Edges:
        ranked = sorted(numbers)
        return Edges(*(tuple(ranked[i::3]) for i in (1, 0, 2)))  # type: ignore[arg-type]

    return st.lists(st.integers(0, 60), min_size=12, max_size=12).map(build)


@pytest.mark.parametrize(("value", "plain"), [(0, 1), (10, 1), (11, 2), (20, 2), (21, 3), (40, 4), (41, 5)])
def test_a_value_that_ties_with_an_edge_stands_below_it(value: int, plain: int) -> None:
    assert score(value, EDGES) == plain


def test_a_score_is_held_in_the_band_of_the_edge_that_was_crossed_and_given_up_beyond() -> None:
    assert [score(value, EDGES, before=2) for value in (20, 21, 22)] == [2, 2, 3]
    assert [score(value, EDGES, before=3) for value in (21, 20, 19)] == [3, 3, 2]


def test_where_half_of_all_tie_the_smallest_of_their_scores_is_theirs() -> None:
    once = Edges(at=(1, 1, 1, 3), low=(1, 1, 1, 3), high=(1, 1, 1, 3))
    assert [score(value, once) for value in (1, 2, 3, 4)] == [1, 4, 4, 5]
    assert score(2, once, before=1) == 4


def test_recency_falls_at_the_edge_and_not_a_millisecond_before() -> None:
    for edge, held in zip(EDGES.at, (5, 4, 3, 2), strict=True):
        assert recency_score(edge - 1, EDGES, before=held) == held
        assert recency_score(edge, EDGES, before=held) == held - 1


def test_with_no_order_recency_rises_only_when_the_edge_has_left_it_behind() -> None:
    assert recency_score(9, EDGES, before=4) == 4
    assert recency_score(8, EDGES, before=4) == 5


def test_an_order_brings_the_best_recency_at_once() -> None:
    assert [recency_score(0, EDGES, before=held) for held in SCORES] == [5] * 5


@given(some_edges(), st.integers(0, 70), st.integers(0, 5))
def test_a_held_score_is_at_most_one_away_and_stays_when_asked_again(
    edges: Edges, value: int, before: int
) -> None:
    for of in (score, recency_score):
        held = of(value, edges, before)
        assert abs(held - of(value, edges)) <= 1
        assert of(value, edges, held) == held
        assert held in SCORES


@given(some_edges(), st.integers(0, 70), st.integers(0, 5))
def test_recency_falls_next_exactly_when_it_says(edges: Edges, silent: int, before: int) -> None:
    held, last = recency_score(silent, edges, before), 1_000
    falls = recency_falls_ms(last, held, edges)
    seen = held
    for later in range(silent, 130):
        seen = recency_score(later, edges, seen)
        if falls and last + later >= falls:
            assert seen < held
        else:
            assert seen == held
    assert bool(falls) == (held > 1)


@given(some_edges())
def test_more_is_never_a_lower_score_and_longer_silence_never_a_higher_one(edges: Edges) -> None:
    assert all(a <= b for a, b in pairwise(score(value, edges) for value in range(70)))
    assert all(a >= b for a, b in pairwise(recency_score(value, edges) for value in range(70)))


def test_an_edge_that_trembles_within_the_band_moves_nobody() -> None:
    moved = Edges(*(tuple(one - 1 for one in row) for row in (EDGES.at, EDGES.low, EDGES.high)))  # type: ignore[arg-type]
    held = score(20, EDGES)
    plain, kept = [], []
    for edges in [EDGES, moved] * 20:
        held = score(20, edges, held)
        kept.append(held)
        plain.append(score(20, edges))
    assert set(kept) == {2}
    assert plain == [2, 3] * 20


def test_held_scores_differ_for_at_most_the_share_that_the_bands_hold() -> None:
    values = list(range(1, 10_001))
    n = len(values)

    def at(q: float) -> int:
        return values[round(q * n) - 1]

    quantiles = (0.2, 0.4, 0.6, 0.8)
    edges = Edges(*(tuple(at(q + shift) for q in quantiles) for shift in (0, -BAND, BAND)))  # type: ignore[arg-type]
    for step in (-1, 1):  # the worst that can be: everyone was announced one lower, or one higher
        off = sum(score(v, edges, min(5, max(1, score(v, edges) + step))) != score(v, edges) for v in values)
        assert 0 < off <= 4 * BAND * n
