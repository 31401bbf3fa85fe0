"""Conditions compiled to closures, from the leaves up; see `sign` for what they answer."""

import operator
from collections.abc import Callable
from math import floor
from typing import Any

from models.rulelang.facts import Bind, Facts
from models.rulelang.nodes import And, Call, Compare, Const, Field, In, Node, Not, Or
from models.rulelang.sign import NO, YES, Condition, Sign, stands_until
from models.rulelang.timed import elapsed, within
from models.rulelang.values import Value, earliest, is_falling, is_since, value

_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
TURNED = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}


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
            return within(node, value(node.args[0], bind))
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


def _told(holds: Callable[[Any], bool], found: Value, firm: tuple[bool, bool]) -> Condition:
    """A condition on one value."""
    get = found.get
    sign = stands_until(lambda facts: YES if holds(get(facts)) else NO, found.moves)
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
        fixed_ms = int(right.value) if isinstance(right, Const) else None
        return elapsed(op, instant, value(right, bind), fixed_ms)
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
    return Condition(stands_until(compare, moves), (is_still, is_still), is_still, is_still)


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
