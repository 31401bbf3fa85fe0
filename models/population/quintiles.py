"""Scores 1..5 against the edges of the population, held inside a band so that a moving edge flaps nobody.

An edge is a quantile of the panel. Its band reaches from the quantile a little below to the one a little
above (`BAND` of the population each way), so the band is narrow where customers stand close together and
wide where they are few, and scores that are held can differ from those of the edges for at most
8 x BAND of all customers, whatever the distribution.

- Orders and money: the score announced before is held until the value has left the band of the edge
  that it crossed. A value that ties with an edge stands below it.
- Silence: the score falls at the edge itself, at an instant known in advance; with no order it rises
  again only when the edge has moved on so far that the silence lies below the band.

A held score is never more than one away from that of the edges.
"""

from bisect import bisect_left, bisect_right

from models.population.snapshot import Edges

BAND = 0.002


def score(value: int, edges: Edges, before: int = 0) -> int:
    """Score of a number of orders, or of money in minor units.

    Args:
        value: of the customer.
        edges: of the population, in the same unit.
        before: score announced before; 0 = none.

    >>> edges = Edges(at=(10, 20, 30, 40), low=(9, 19, 29, 39), high=(11, 21, 31, 41))
    >>> score(20, edges), score(21, edges), score(21, edges, before=2), score(22, edges, before=2)
    (2, 3, 2, 3)
    """
    plain = 1 + bisect_left(edges.at, value)
    if before == plain - 1 and before:
        return before if value <= edges.high[before - 1] else plain
    if before == plain + 1:
        return before if value > edges.low[plain - 1] else plain
    return plain


def recency_score(silent_ms: int, edges: Edges, before: int = 0) -> int:
    """Score of a silence, 5 = bought most recently.

    Args:
        silent_ms: time since the last order.
        edges: of the population, ms.
        before: score announced before; 0 = none.
    """
    plain = 5 - bisect_right(edges.at, silent_ms)
    if before == plain - 1 and before and silent_ms >= edges.low[4 - before]:
        return before
    return plain


def recency_falls_ms(last_order_ms: int, held: int, edges: Edges) -> int:
    """The instant, epoch ms, at which a recency score falls if nothing happens; 0 = never.

    Args:
        last_order_ms: time of the last order.
        held: the score as announced.
        edges: of the population, ms.
    """
    return last_order_ms + edges.at[5 - held] if held > 1 else 0
