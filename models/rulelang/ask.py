"""Rules compiled to closures: the answer of an expression to the facts.

How unknown values count is said in the package's head.
"""

import operator
from bisect import bisect_right
from collections.abc import Callable
from datetime import date
from typing import Any

from models.rulelang.facts import Facts
from models.rulelang.nodes import And, Arith, Call, Compare, Const, Field, In, Node, Not, Or

Ask = Callable[[Facts], Any]
_DAY_MS = 86_400_000
_COMPARE: dict[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt,
    "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip
_ARITH: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_PYTHON: dict[str, tuple[type, ...]] = {
    "number": (int, float), "duration": (int, float), "instant": (int,),
    "text": (str,), "flag": (bool,), "yearday": (str,),
}  # fmt: skip


def ask(node: Node) -> Ask:
    """The closure that answers an expression; it gives None where the answer is unknown."""
    return _ASKS[type(node)](node)


def _const(node: Const) -> Ask:
    value = node.value
    return lambda _: value


def _not(node: Not) -> Ask:
    operand = ask(node.operand)
    return lambda facts: not operand(facts)


def _and(node: And) -> Ask:
    parts = [ask(one) for one in node.operands]
    return lambda facts: all(part(facts) for part in parts)


def _or(node: Or) -> Ask:
    parts = [ask(one) for one in node.operands]
    return lambda facts: any(part(facts) for part in parts)


def _field(node: Field) -> Ask:
    path, key, types = node.path, node.key, _PYTHON[node.type.kind]
    is_flag = node.type.kind == "flag"

    def value(facts: Facts) -> Any:
        found = facts.get(path, key)
        return found if isinstance(found, types) and (is_flag or not isinstance(found, bool)) else None

    return value


def _pair(node: Compare | Arith) -> Ask:
    left, right = ask(node.left), ask(node.right)
    if isinstance(node, Compare):
        holds = _COMPARE[node.op]

        def compare(facts: Facts) -> bool:
            a, b = left(facts), right(facts)
            return a is not None and b is not None and holds(a, b)

        return compare
    apply = _ARITH[node.op]

    def arith(facts: Facts) -> Any:
        a, b = left(facts), right(facts)
        try:
            return None if a is None or b is None else apply(a, b)
        except (ZeroDivisionError, OverflowError):
            return None

    return arith


def _in(node: In) -> Ask:
    item, negated = ask(node.item), node.negated
    options = frozenset(one.value for one in node.options)

    def holds(facts: Facts) -> bool:
        value = item(facts)
        return value is not None and (value in options) != negated

    return holds


def _since(node: Call) -> Ask:
    instant = ask(node.args[0])

    def passed(facts: Facts) -> int | None:
        at_ms = instant(facts)
        return None if at_ms is None else facts.at_ms - at_ms

    return passed


def _known(node: Call) -> Ask:
    value = ask(node.args[0])
    return lambda facts: value(facts) is not None


def _count(node: Call) -> Ask:
    subject, window_ms = counted(node)

    def count(facts: Facts) -> int:
        times = facts.times(subject)
        return bisect_right(times, facts.at_ms) - bisect_right(times, facts.at_ms - window_ms)

    return count


def _within(node: Call) -> Ask:
    day, days = ask(node.args[0]), days_of(node)

    def comes(facts: Facts) -> bool:
        ahead = days_ahead(day(facts), facts.today())
        return ahead is not None and ahead < days

    return comes


_CALLS: dict[str, Callable[[Call], Ask]] = {
    "since": _since, "known": _known, "count": _count, "within": _within,
}  # fmt: skip


def counted(node: Call) -> tuple[str, int]:
    """Subject and window, ms, of a `count`."""
    subject, window = node.args
    assert isinstance(subject, Const)
    assert isinstance(window, Const)
    return str(subject.value), int(window.value)


def days_of(node: Call) -> int:
    """Window of a `within`, days."""
    window = node.args[1]
    assert isinstance(window, Const)
    return int(window.value) // _DAY_MS


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


_ASKS: dict[type, Callable[[Any], Ask]] = {
    Const: _const,
    Field: _field,
    Call: lambda node: _CALLS[node.name](node),
    Not: _not,
    And: _and,
    Or: _or,
    Compare: _pair,
    Arith: _pair,
    In: _in,
}
