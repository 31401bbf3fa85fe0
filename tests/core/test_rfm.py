from itertools import pairwise, product

import pytest
from builders import DAY, RULES

from models.rfm import SEGMENTS, frequency_score, monetary_score, recency_score, segment

SCORES = range(1, 6)
ELEVEN = {
    "champions", "loyal_customers", "potential_loyalists", "new_customers", "promising", "need_attention",
    "about_to_sleep", "at_risk", "cannot_lose_them", "hibernating", "lost",
}  # fmt: skip


@pytest.mark.parametrize(("edge_days", "score"), [(30, 4), (90, 3), (180, 2), (365, 1)])
def test_recency_falls_at_each_edge_and_not_a_millisecond_before(edge_days: int, score: int) -> None:
    assert recency_score(edge_days * DAY - 1, RULES) == (score + 1, edge_days * DAY)
    assert recency_score(edge_days * DAY, RULES)[0] == score


def test_recency_says_when_it_falls_next_until_it_cannot() -> None:
    silent_ms, seen = 0, []
    while True:
        score, silent_ms = recency_score(silent_ms, RULES)
        seen.append(score)
        if not silent_ms:
            break
    assert seen == [5, 4, 3, 2, 1]


@pytest.mark.parametrize(
    ("orders", "score"), [(1, 1), (2, 2), (3, 3), (5, 3), (6, 4), (11, 4), (12, 5), (900, 5)]
)
def test_frequency_reaches_a_score_at_its_edge(orders: int, score: int) -> None:
    assert frequency_score(orders, RULES) == score


@pytest.mark.parametrize(
    ("minor", "score"), [(0, 1), (2_499, 1), (2_500, 2), (7_500, 3), (20_000, 4), (49_999, 4), (50_000, 5)]
)
def test_money_reaches_a_score_at_its_edge(minor: int, score: int) -> None:
    assert monetary_score(minor, RULES) == score


def test_the_grid_names_exactly_the_eleven_segments() -> None:
    assert {segment(r, f, m) for r, f, m in product(SCORES, repeat=3)} == ELEVEN
    assert [len(row) for row in SEGMENTS] == [5] * 5


@pytest.mark.parametrize(
    ("scores", "name"),
    [
        ((5, 5, 5), "champions"), ((5, 1, 1), "new_customers"), ((4, 1, 1), "promising"),
        ((3, 2, 2), "need_attention"), ((3, 1, 1), "about_to_sleep"), ((2, 3, 3), "at_risk"),
        ((1, 5, 5), "cannot_lose_them"), ((1, 3, 3), "hibernating"), ((1, 1, 1), "lost"),
        ((5, 2, 2), "potential_loyalists"), ((3, 4, 4), "loyal_customers"),
    ],
)  # fmt: skip
def test_each_segment_has_a_customer(scores: tuple[int, int, int], name: str) -> None:
    assert segment(*scores) == name


def test_the_mean_of_frequency_and_money_is_rounded_up() -> None:
    assert segment(5, 1, 2) == segment(5, 2, 2) != segment(5, 1, 1)
    assert segment(5, 4, 5) == segment(5, 5, 5) != segment(5, 4, 4)


def test_frequency_and_money_weigh_the_same() -> None:
    assert all(segment(r, f, m) == segment(r, m, f) for r, f, m in product(SCORES, repeat=3))


def test_more_money_never_lowers_the_score() -> None:
    scores = [monetary_score(minor, RULES) for minor in range(0, 60_000, 50)]
    assert all(a <= b for a, b in pairwise(scores))
    assert set(scores) == set(SCORES)
