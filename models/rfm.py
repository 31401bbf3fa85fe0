"""Recency, frequency, monetary: scores 1..5 and the eleven segments.

The segment names and the grid follow the widely used eleven-segment RFM scheme: rows by recency score,
columns by the mean of frequency and monetary score.
"""

from bisect import bisect_right
from typing import NamedTuple

from models.population.quintiles import recency_score, score
from models.rules import Rules

# fm =     1                2                      3                      4                  5
SEGMENTS = (
    ("lost", "lost", "hibernating", "at_risk", "cannot_lose_them"),  # r = 1
    ("hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose_them"),  # r = 2
    ("about_to_sleep", "need_attention", "need_attention", "loyal_customers", "loyal_customers"),
    ("promising", "promising", "potential_loyalists", "loyal_customers", "loyal_customers"),
    ("new_customers", "potential_loyalists", "potential_loyalists", "loyal_customers", "champions"),  # r = 5
)


class Scores(NamedTuple):
    """Recency, frequency, monetary: 1..5, 5 best; 0 = none."""

    r: int
    f: int
    m: int


NONE = Scores(0, 0, 0)


def scores(
    silent_ms: int, orders: int, total_minor: int, before: tuple[int, int, int], rules: Rules
) -> Scores:
    """Scores of a customer with an order: by the quintiles of the population, else by the settings' edges.

    Args:
        silent_ms: since the last order.
        orders: that count, at least 1.
        total_minor: their known amounts.
        before: scores announced before, 0 = none: a moving edge of the population flaps nobody.
        rules: edges of either kind.
    """
    quintiles = rules.population.quintiles if rules.population is not None else None
    if quintiles is None:
        return Scores(
            5 - bisect_right(recency_edges_ms(rules), silent_ms),
            1 + bisect_right(rules.frequency_edges, orders),
            1 + bisect_right(rules.monetary_edges_minor, total_minor),
        )
    r, f, m = before
    return Scores(
        recency_score(silent_ms, quintiles.recency_ms, r),
        score(orders, quintiles.frequency, f),
        score(total_minor, quintiles.monetary_minor, m),
    )


def recency_edges_ms(rules: Rules) -> tuple[int, ...]:
    """The silences, ms ascending, from which recency scores 4, 3, 2 and 1."""
    if rules.population is not None and rules.population.quintiles is not None:
        return rules.population.quintiles.recency_ms.at
    return rules.recency_edges_ms


def segment(r: int, f: int, m: int) -> str:
    """Segment of three scores, each 1..5.

    >>> segment(5, 5, 5), segment(1, 1, 1)
    ('champions', 'lost')
    """
    return SEGMENTS[r - 1][(f + m + 1) // 2 - 1]
