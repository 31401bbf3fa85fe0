"""Lifecycle: a table of stages over aggregates and the instant, never a remembered state.

Because a stage is a function of what is known and of the instant, late events and replays cannot leave a
customer in a stage that the facts do not support. "Reactivated" is a gap before the last order.

Stages, first that holds (thresholds in days since the last order, from `Rules`):

    prospect      no order counts
    lost          silent for lost_days or longer
    dormant       silent for dormant_days or longer
    at_risk       silent for at_risk_days or longer
    reactivated   the last order came dormant_days or more after the one before it
    new           exactly one order
    active        anything else
"""

from models.rules import DAY_MS, Rules

PROSPECT, NEW, ACTIVE, REACTIVATED = "prospect", "new", "active", "reactivated"
AT_RISK, DORMANT, LOST = "at_risk", "dormant", "lost"
STAGES = (PROSPECT, NEW, ACTIVE, REACTIVATED, AT_RISK, DORMANT, LOST)


def stage(at_ms: int, orders: int, last_order_ms: int, last_gap_ms: int, rules: Rules) -> tuple[str, int]:
    """Stage at an instant, and the instant at which it changes if nothing happens.

    Args:
        at_ms: the instant.
        orders: orders that count.
        last_order_ms: time of the latest of them.
        last_gap_ms: time between the last two of them.
        rules: the thresholds.

    Returns:
        The stage and the next change in epoch ms, 0 where time alone changes nothing.
    """
    if not orders:
        return PROSPECT, 0
    silent_ms = at_ms - last_order_ms
    if silent_ms < rules.at_risk_days * DAY_MS:
        until_ms = last_order_ms + rules.at_risk_days * DAY_MS
        if last_gap_ms >= rules.dormant_days * DAY_MS:
            return REACTIVATED, until_ms
        return (NEW if orders == 1 else ACTIVE), until_ms
    if silent_ms < rules.dormant_days * DAY_MS:
        return AT_RISK, last_order_ms + rules.dormant_days * DAY_MS
    if silent_ms < rules.lost_days * DAY_MS:
        return DORMANT, last_order_ms + rules.lost_days * DAY_MS
    return LOST, 0
