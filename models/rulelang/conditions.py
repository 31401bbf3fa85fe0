"""Conditions compiled to closures that answer, and say until when the answer stands, in one number.

The number is an instant with a sign: positive where the condition holds, negative where it does not; its
size is the instant, epoch ms, before which time alone does not change that, `NEVER` for ever. So the soonest
end of several true ones is a `min`, and "not" is a minus. How unknown values count is said in the package's
head.

A stretch may end with the same answer: of two false conditions joined by `and` the answer can change at the
earliest when the later one does. `Condition` says where that cannot be.
"""

import operator
from collections.abc import Callable
from datetime import date
from math import ceil, floor
from typing import Any, NamedTuple

from models.rulelang.facts import NEVER, Bind, Facts
from models.rulelang.nodes import And, Call, Compare, Const, Field, In, Node, Not, Or
from models.rulelang.values import Moves, Value, earliest, is_falling, is_since, value

YES, NO = NEVER, -NEVER
Sign = Callable[[Facts], int]
_DAY_MS = 86_400_000
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


class Condition(NamedTuple):
    """A compiled condition.

    Attributes:
        sign: the answer and its end, see the module.
        firm: whether a false, and whether a true answer is sure to change at its end.
        rises: whether, left alone, it never ceases to hold once it does.
        sinks: whether, left alone, it never comes to hold once it does not.
    """

    sign: Sign
    firm: tuple[bool, bool] = (True, True)
    rises: bool = True
    sinks: bool = True


def condition(node: Node, bind: Bind) -> Condition:
    """The closure of a condition.

    Raises:
        RuleError: see `value`.
    """
    match node:
        case And() | Or():
            return _joined(node, [condition(one, bind) for one in node.operands])
        case Not():
            inner = condition(node.operand, bind)
            sign = inner.sign
            return Condition(lambda facts: -sign(facts), inner.firm[::-1], inner.sinks, inner.rises)
        case Compare():
            return _compare(node, bind)
        case In():
            return _in(node, value(node.item, bind))
        case Field():
            found = value(node, bind)
            return _told(bool, found, (False, True))
        case Call(name="known"):
            return _told(lambda a: a is not None, value(node.args[0], bind), (False, False))
        case Call(name="within"):
            return _within(node, value(node.args[0], bind))
        case _:
            raise AssertionError(f"not a condition: {node}")


def turned(node: Compare) -> Compare:
    """The same, with the constant, or what a `since` is compared with, on the right."""
    is_turned = isinstance(node.left, Const) or (is_since(node.right) and not is_since(node.left))
    if not is_turned:
        return node
    return Compare(TURNED[node.op], node.right, node.left, line=node.line, column=node.column)  # type: ignore[arg-type]


def _joined(node: And | Or, parts: list[Condition]) -> Condition:
    signs = [part.sign for part in parts]
    is_and = isinstance(node, And)
    rises, sinks = all(part.rises for part in parts), all(part.sinks for part in parts)
    # False ones joined by `and` end with the last of them, if by then none of the others has changed again.
    false = all(part.firm[False] for part in parts) and (rises or not is_and)
    true = all(part.firm[True] for part in parts) and (sinks or is_and)
    return Condition(_all(signs) if is_and else _any(signs), (false, true), rises, sinks)


def _all(signs: list[Sign]) -> Sign:
    if len(signs) == 2:
        first, second = signs

        def both(facts: Facts) -> int:
            a = first(facts)
            if a == NO:
                return NO
            b = second(facts)
            return min(a, b) if a < 0 or b < 0 or a > b else a

        return both

    def every(facts: Facts) -> int:
        soonest, latest = YES, 0
        for sign in signs:
            a = sign(facts)
            if a < 0:
                if a == NO:
                    return NO
                latest = min(latest, a)
            elif a < soonest:
                soonest = a
        return latest or soonest

    return every


def _any(signs: list[Sign]) -> Sign:
    def some(facts: Facts) -> int:
        soonest, latest = NO, 0
        for sign in signs:
            a = sign(facts)
            if a > 0:
                if a == YES:
                    return YES
                latest = max(latest, a)
            elif a > soonest:
                soonest = a
        return latest or soonest

    return some


def _until(sign: Sign, moves: Moves | None) -> Sign:
    """An answer that stands no longer than its parts."""
    if moves is None:
        return sign

    def stands(facts: Facts) -> int:
        a, end_ms = sign(facts), moves(facts)
        return min(a, end_ms) if a > 0 else max(a, -end_ms)

    return stands


def _told(holds: Callable[[Any], bool], found: Value, firm: tuple[bool, bool]) -> Condition:
    """A condition on one value."""
    get = found.get
    sign = _until(lambda facts: YES if holds(get(facts)) else NO, found.moves)
    if found.moves is None:
        return Condition(sign)
    return Condition(sign, firm if found.is_sure else (False, False), rises=False, sinks=False)


def _in(node: In, found: Value) -> Condition:
    options, negated = frozenset(one.value for one in node.options), node.negated
    return _told(lambda a: a is not None and (a in options) != negated, found, (False, False))


def _compare(node: Compare, bind: Bind) -> Condition:
    node = turned(node)
    left, right, op = node.left, node.right, node.op
    if is_since(left):
        assert isinstance(left, Call)
        instant = value(left.args[0], bind)
        if isinstance(right, Call) and is_since(right):  # the longer ago, the longer since
            return _generic(TURNED[op], instant, value(right.args[0], bind))
        return _elapsed(op, instant, value(right, bind), is_fixed=isinstance(right, Const))
    found = value(left, bind)
    if is_falling(node, found):
        assert isinstance(right, Const)
        assert not isinstance(right.value, str)
        return _falling(op, found, right.value)
    if isinstance(right, Const):
        holds, wanted = _COMPARE[op], right.value
        firm = (op == "!=", op == "==")  # what moves is another value then
        return _told(lambda a: a is not None and holds(a, wanted), found, firm)
    return _generic(op, found, value(right, bind))


def _generic(op: str, left: Value, right: Value) -> Condition:
    holds, first, second = _COMPARE[op], left.get, right.get

    def compare(facts: Facts) -> int:
        a, b = first(facts), second(facts)
        return YES if a is not None and b is not None and holds(a, b) else NO

    moves = earliest(left.moves, right.moves)
    is_still = moves is None
    return Condition(_until(compare, moves), (is_still, is_still), is_still, is_still)


def _falling(op: str, found: Value, wanted: float) -> Condition:
    """Against something that time only lowers: it is below a number from a known instant on."""
    get, falls = found.get, found.falls
    assert falls is not None
    least: float = wanted if op in {">=", "<"} else floor(wanted) + 1  # whole numbers

    def enough(facts: Facts) -> int:
        a = get(facts)
        return NO if a is None or a < least else falls(facts, least)

    def less(facts: Facts) -> int:
        a = get(facts)
        return NO if a is None else YES if a < least else -falls(facts, least)

    is_enough = op in {">=", ">"}
    return Condition(enough if is_enough else less, rises=not is_enough, sinks=is_enough)


def _elapsed(op: str, instant: Value, limit: Value, *, is_fixed: bool) -> Condition:
    """A `since` against a duration: the instant at which it reaches it; a millisecond later it is past it."""
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
    sign = _fixed(op, get, int(threshold(None))) if is_fixed and op not in {"==", "!="} else signs[op]  # type: ignore[arg-type]
    is_alone = moves is None
    rises, sinks = is_alone and op in {">=", ">"}, is_alone and op in {"<", "<="}
    return Condition(_until(sign, moves), (is_alone, is_alone), rises, sinks)


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


def _within(node: Call, found: Value) -> Condition:
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
    return Condition(_until(comes, found.moves), (is_firm, is_firm), rises=False, sinks=False)


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
