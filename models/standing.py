"""Where a customer stands at an instant: everything that follows from aggregates, rules and the instant.

Computed afresh at every evaluation and never stored. Each value that time alone can change comes with
the exact instant of its next change, so that a profile needs one wake-up and no polling.
"""

from typing import NamedTuple

from models import journey, lifecycle, rfm
from models.engagement import WINDOWS as CLICK_WINDOWS
from models.journey import Where
from models.rules import DAY_MS, Rules
from models.state import State

ORDER_WINDOWS = (7, 30, 90, 365)


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
    r, falls_after = rfm.recency_score(at_ms - last, rules)
    f, m = rfm.frequency_score(n, rules), rfm.monetary_score(total, rules)
    return Standing(at_ms, n, last, gap, net, total, stage, stage_until, r, f, m,
                    last + falls_after if falls_after else 0, rfm.segment(r, f, m), way)  # fmt: skip


def _withdrawn(at_ms: int) -> Standing:
    """Nothing is known of a customer who must not be profiled."""
    return Standing(at_ms, 0, 0, 0, 0, 0, "", 0, 0, 0, 0, 0, None, journey.NOWHERE, withdrawn=True)


def segment_until_ms(now: Standing, rules: Rules) -> int:
    """The first recency edge that changes the segment's name if nothing happens, epoch ms; 0 = never."""
    r = now.r
    for edge_days in rules.recency_edges_days[5 - r :] if r else ():
        r -= 1
        if rfm.segment(r, now.f, now.m) != now.segment:
            return now.last_order_ms + edge_days * DAY_MS
    return 0


def next_change_ms(state: State, now: Standing, rules: Rules) -> int:
    """The earliest later instant at which a fact of the document changes with no event; 0 = never.

    Tags are not looked at; nor is what grows with every millisecond.
    """
    if now.withdrawn:
        return 0
    soon = now.stage_until_ms, now.r_until_ms, now.journey.until_ms
    changes = [at for at in soon if at]
    calendar = rules.calendar
    today = calendar.day(now.at_ms)
    day = state.orders.days.next_change(today, ORDER_WINDOWS)
    if day is not None:
        changes.append(calendar.start_ms(day))
    if state.engagement is not None:
        day = state.engagement.days.next_change(today, CLICK_WINDOWS)
        if day is not None:
            changes.append(calendar.start_ms(day))
    return min(changes, default=0)
