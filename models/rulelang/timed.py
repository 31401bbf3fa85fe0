"""Conditions that time alone answers: how long ago something was, and days of the year that come."""

from collections.abc import Callable
from datetime import date
from math import ceil, floor
from typing import Any

from models.rulelang.facts import Facts
from models.rulelang.nodes import Call, Const
from models.rulelang.sign import NO, YES, Condition, Sign, stands_until
from models.rulelang.values import Value, earliest

_DAY_MS = 86_400_000


def elapsed(op: str, instant: Value, limit: Value, fixed_ms: int | None) -> Condition:
    """A `since` against a duration: the instant at which it reaches it; a millisecond later it is past it.

    Args:
        op: how they are compared.
        instant: since when.
        limit: the duration.
        fixed_ms: the same where it is written out.
    """
    get, threshold = instant.get, limit.get
    reach = ceil if op in {">=", "<"} else lambda ms: floor(ms) + 1

    def longer(facts: Facts) -> int:
        from_ms, limit_ms = get(facts), threshold(facts)
        if from_ms is None or limit_ms is None:
            return NO
        from_ms += reach(limit_ms)
        return YES if facts.at_ms >= from_ms else -from_ms

    def shorter(facts: Facts) -> int:
        from_ms, limit_ms = get(facts), threshold(facts)
        if from_ms is None or limit_ms is None:
            return NO
        from_ms += reach(limit_ms)
        return NO if facts.at_ms >= from_ms else int(from_ms)

    def equal(facts: Facts) -> int:
        from_ms, limit_ms = get(facts), threshold(facts)
        if from_ms is None or limit_ms is None:
            return NO
        past_ms = facts.at_ms - from_ms - limit_ms
        return (
            facts.at_ms + 1
            if past_ms == 0
            else NO
            if past_ms > 0 or limit_ms % 1
            else int(past_ms - facts.at_ms)
        )

    def unequal(facts: Facts) -> int:
        known = get(facts) is not None and threshold(facts) is not None
        return -equal(facts) if known else NO

    signs = {">=": longer, ">": longer, "<": shorter, "<=": shorter, "==": equal, "!=": unequal}
    moves = earliest(instant.moves, limit.moves)
    is_usual = fixed_ms is not None and op not in {"==", "!="}
    sign = _fixed(op, get, fixed_ms or 0) if is_usual else signs[op]
    is_alone = moves is None
    rises, sinks = is_alone and op in {">=", ">"}, is_alone and op in {"<", "<="}
    return Condition(stands_until(sign, moves), (is_alone, is_alone), rises, sinks)


def _fixed(op: str, get: Callable[[Facts], Any], limit_ms: int) -> Sign:
    """The same against a duration that is written out, the usual case, with less to do."""
    reach_ms = limit_ms if op in {">=", "<"} else limit_ms + 1

    def longer(facts: Facts) -> int:
        from_ms = get(facts)
        if from_ms is None:
            return NO
        from_ms += reach_ms
        return YES if facts.at_ms >= from_ms else -from_ms

    def shorter(facts: Facts) -> int:
        from_ms = get(facts)
        if from_ms is None:
            return NO
        from_ms += reach_ms
        return NO if facts.at_ms >= from_ms else int(from_ms)

    return longer if op in {">=", ">"} else shorter


def within(node: Call, found: Value) -> Condition:
    """Whether a day of the year comes soon: it does from one midnight to another."""
    get, window = found.get, node.args[1]
    assert isinstance(window, Const)
    days = int(window.value) // _DAY_MS

    def comes(facts: Facts) -> int:
        ahead = days_ahead(get(facts), facts.today())
        if ahead is None:
            return NO
        return facts.start_of_day_ms(ahead + 1) if ahead < days else -facts.start_of_day_ms(ahead - days + 1)

    is_firm = days < 365  # a longer one holds on from one year to the next
    return Condition(stands_until(comes, found.moves), (is_firm, is_firm), rises=False, sinks=False)


def days_ahead(yearday: Any, today: date) -> int | None:
    """Days from today to the next such day; 29 February is 28 February in a common year."""
    if not isinstance(yearday, str):
        return None
    try:
        month, day = (int(part) for part in yearday[-5:].split("-"))
        date(2000, month, day)
    except ValueError:
        return None
    for year in (today.year, today.year + 1):
        is_leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
        comes = date(year, month, 28 if (month, day) == (2, 29) and not is_leap else day)
        if comes >= today:
            return (comes - today).days
    return None
