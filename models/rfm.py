"""Recency, frequency, monetary: scores 1..5 and the eleven segments.

The segment names and the grid follow the widely used eleven-segment RFM scheme: rows by recency score,
columns by the mean of frequency and monetary score.
"""

from bisect import bisect_right

from models.rules import DAY_MS, Rules

# fm =     1                2                      3                      4                  5
SEGMENTS = (
    ("lost", "lost", "hibernating", "at_risk", "cannot_lose_them"),  # r = 1
    ("hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose_them"),  # r = 2
    ("about_to_sleep", "need_attention", "need_attention", "loyal_customers", "loyal_customers"),
    ("promising", "promising", "potential_loyalists", "loyal_customers", "loyal_customers"),
    ("new_customers", "potential_loyalists", "potential_loyalists", "loyal_customers", "champions"),  # r = 5
)


def recency_score(silent_ms: int, rules: Rules) -> tuple[int, int]:
    """Score 1..5 (5 = bought most recently), and the silence in ms at which it falls next (0 = never)."""
    score = 5
    for edge_days in rules.recency_edges_days:
        if silent_ms < edge_days * DAY_MS:
            return score, edge_days * DAY_MS
        score -= 1
    return score, 0


def frequency_score(orders: int, rules: Rules) -> int:
    """Score 1..5 of a number of orders."""
    return 1 + bisect_right(rules.frequency_edges, orders)


def monetary_score(total_minor: int, rules: Rules) -> int:
    """Score 1..5 of a total in minor units."""
    return 1 + bisect_right(rules.monetary_edges_minor, total_minor)


def segment(r: int, f: int, m: int) -> str:
    """Segment of three scores, each 1..5.

    >>> segment(5, 5, 5), segment(1, 1, 1)
    ('champions', 'lost')
    """
    return SEGMENTS[r - 1][(f + m + 1) // 2 - 1]
