from itertools import pairwise, product

import pytest
from builders import DAY, RULES

from models.population.population import Population
from models.population.snapshot import Edges, Quintiles, Snapshot
from models.rfm import NONE, SEGMENTS, recency_edges_ms, scores, segment
from models.rules import Rules

SCORES = range(1, 6)
ELEVEN = {
    "champions", "loyal_customers", "potential_loyalists", "new_customers", "promising", "need_attention",
    "about_to_sleep", "at_risk", "cannot_lose_them", "hibernating", "lost",
}  # fmt: skip


@pytest.mark.parametrize(("edge_days", "score"), [(30, 4), (90, 3), (180, 2), (365, 1)])
def test_recency_falls_at_each_edge_and_not_a_millisecond_before(edge_days: int, score: int) -> None:
    assert scores(edge_days * DAY - 1, 1, 0, NONE, RULES).r == score + 1
    assert scores(edge_days * DAY, 1, 0, NONE, RULES).r == score
    assert edge_days * DAY in recency_edges_ms(RULES)


@pytest.mark.parametrize(
    ("orders", "score"), [(1, 1), (2, 2), (3, 3), (5, 3), (6, 4), (11, 4), (12, 5), (900, 5)]
)
def test_frequency_reaches_a_score_at_its_edge(orders: int, score: int) -> None:
    assert scores(0, orders, 0, NONE, RULES).f == score


@pytest.mark.parametrize(
    ("minor", "score"), [(0, 1), (2_499, 1), (2_500, 2), (7_500, 3), (20_000, 4), (49_999, 4), (50_000, 5)]
)
def test_money_reaches_a_score_at_its_edge(minor: int, score: int) -> None:
    assert scores(0, 1, minor, NONE, RULES).m == score


def population() -> Rules:
    edges = Edges((10, 20, 30, 40), (9, 19, 29, 39), (11, 21, 31, 41))
    days = Edges(*(tuple(one * DAY for one in row) for row in (edges.at, edges.low, edges.high)))  # type: ignore[arg-type]
    quintiles = Quintiles(recency_ms=days, frequency=edges, monetary_minor=edges)
    return Rules(population=Population(Snapshot(1, 0, "refresh", 0, 100, quintiles=quintiles)))


def test_the_population_takes_the_place_of_the_settings_edges_and_flaps_nobody() -> None:
    rules = population()
    assert scores(25 * DAY, 25, 45, NONE, rules) == (3, 3, 5)
    assert recency_edges_ms(rules) == (10 * DAY, 20 * DAY, 30 * DAY, 40 * DAY)
    assert scores(0, 21, 21, (5, 2, 2), rules) == (5, 2, 2)  # within the band above the edge
    assert scores(0, 22, 22, (5, 2, 2), rules) == (5, 3, 3)
    assert scores(0, 21, 21, NONE, rules) == (5, 3, 3)


def test_the_grid_names_exactly_the_eleven_segments() -> None:
    assert {segment(r, f, m) for r, f, m in product(SCORES, repeat=3)} == ELEVEN
    assert [len(row) for row in SEGMENTS] == [5] * 5


@pytest.mark.parametrize(
    ("of", "name"),
    [
        ((5, 5, 5), "champions"), ((5, 1, 1), "new_customers"), ((4, 1, 1), "promising"),
        ((3, 2, 2), "need_attention"), ((3, 1, 1), "about_to_sleep"), ((2, 3, 3), "at_risk"),
        ((1, 5, 5), "cannot_lose_them"), ((1, 3, 3), "hibernating"), ((1, 1, 1), "lost"),
        ((5, 2, 2), "potential_loyalists"), ((3, 4, 4), "loyal_customers"),
    ],
)  # fmt: skip
def test_each_segment_has_a_customer(of: tuple[int, int, int], name: str) -> None:
    assert segment(*of) == name


def test_the_mean_of_frequency_and_money_is_rounded_up() -> None:
    assert segment(5, 1, 2) == segment(5, 2, 2) != segment(5, 1, 1)
    assert segment(5, 4, 5) == segment(5, 5, 5) != segment(5, 4, 4)


def test_frequency_and_money_weigh_the_same() -> None:
    assert all(segment(r, f, m) == segment(r, m, f) for r, f, m in product(SCORES, repeat=3))


def test_more_money_never_lowers_the_score() -> None:
    found = [scores(0, 1, minor, NONE, RULES).m for minor in range(0, 60_000, 50)]
    assert all(a <= b for a, b in pairwise(found))
    assert set(found) == set(SCORES)
