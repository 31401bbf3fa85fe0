"""Where a customer stands at an instant: everything that follows from aggregates, rules and the instant.

Computed afresh at every evaluation and never stored. Each value that time alone can change comes with
the exact instant of its next change, so that a profile needs one wake-up and no polling.
"""

from typing import NamedTuple

from models import journey, lifecycle, rfm
from models.journey import Where
from models.rules import Rules
from models.state import State


class Standing(NamedTuple):
    """What holds at `at_ms`; instants in epoch ms, 0 = never or unknown; money in minor units.

    Scores are 0 and the segment None for a customer without an order.
    """

    at_ms: int
    orders: int
    last_order_ms: int
    last_gap_ms: int
    net_minor: int
    total_minor: int
    stage: str
    stage_until_ms: int
    r: int
    f: int
    m: int
    r_until_ms: int
    segment: str | None
    journey: Where
    withdrawn: bool = False


def standing(state: State, at_ms: int, rules: Rules) -> Standing:
    """Evaluate a state at an instant not earlier than its events."""
    if state.withdrawn:
        return _withdrawn(at_ms)
    orders = state.orders
    n, total = orders.n, orders.total_minor
    net = total - state.service.refunds_minor if state.service is not None else total
    last = orders.last_ms()
    way = journey.where(state.journey, at_ms, last, rules)
    if not n:
        stage, _ = lifecycle.stage(at_ms, 0, 0, 0, rules)
        return Standing(at_ms, 0, 0, 0, net, total, stage, 0, 0, 0, 0, 0, None, way)  # fmt: skip
    gap = orders.last_gap_ms() if n > 1 else 0
    stage, stage_until = lifecycle.stage(at_ms, n, last, gap, rules)
    scores = rfm.scores(at_ms - last, n, total, state.scores, rules)
    return Standing(at_ms, n, last, gap, net, total, stage, stage_until, *scores,
                    _falls_ms(last, scores.r, rules), rfm.segment(*scores), way)  # fmt: skip


def _falls_ms(last_order_ms: int, r: int, rules: Rules) -> int:
    """When the recency score falls if nothing happens, epoch ms; 0 = never."""
    return last_order_ms + rfm.recency_edges_ms(rules)[5 - r] if r > 1 else 0


def _withdrawn(at_ms: int) -> Standing:
    """Nothing is known of a customer who must not be profiled."""
    return Standing(at_ms, 0, 0, 0, 0, 0, "", 0, 0, 0, 0, 0, None, journey.NOWHERE, withdrawn=True)


def segment_until_ms(now: Standing, rules: Rules) -> int:
    """The first recency edge that changes the segment's name if nothing happens, epoch ms; 0 = never."""
    r = now.r
    for edge_ms in rfm.recency_edges_ms(rules)[5 - r :] if r else ():
        r -= 1
        if rfm.segment(r, now.f, now.m) != now.segment:
            return now.last_order_ms + edge_ms
    return 0
