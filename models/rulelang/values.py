"""Expressions compiled to closures that give a value, and the instant until which it stands."""

import operator
from bisect import bisect_right
from collections.abc import Callable
from typing import Any, NamedTuple

from models.rulelang.errors import RuleError
from models.rulelang.facts import NEVER, Bind, Facts
from models.rulelang.nodes import Arith, Call, Compare, Const, Field, Node

Get = Callable[[Facts], Any]
Moves = Callable[[Facts], int]
_ARITH: dict[str, Callable[[Any, Any], Any]] = {
    "+": operator.add, "-": operator.sub, "*": operator.mul, "/": operator.truediv,
}  # fmt: skip
_PYTHON: dict[str, tuple[type, ...]] = {
    "number": (int, float), "duration": (int, float), "instant": (int,),
    "text": (str,), "flag": (bool,), "yearday": (str,),
}  # fmt: skip


class Value(NamedTuple):
    """An expression's value, None = unknown, and when time may change it, as in `Reader`."""

    get: Get
    moves: Moves | None = None
    falls: Callable[[Facts, float], int] | None = None
    is_sure: bool = False


def value(node: Node, bind: Bind) -> Value:
    """The closures of a literal, a field, a count or arithmetic.

    Raises:
        RuleError: a `since` does not stand alone on one side of a comparison: when its answer changes could
            not be solved.
    """
    match node:
        case Const():
            const = node.value
            return Value(lambda _: const)
        case Field():
            return _field(node, bind)
        case Arith():
            return _arith(node, value(node.left, bind), value(node.right, bind))
        case Call(name="count"):
            return _count(node)
        case Call(name="since"):
            raise RuleError("since(...) must stand alone on one side of a comparison", node.line, node.column)
        case _:
            raise RuleError("a condition has no value here: compare fields instead", node.line, node.column)


def earliest(*several: Moves | None) -> Moves | None:
    """When the first of them moves; None where none ever does by time."""
    found = [moves for moves in several if moves is not None]
    if len(found) < 2:
        return found[0] if found else None
    return lambda facts: min([moves(facts) for moves in found])


def counted(node: Call) -> tuple[str, int]:
    """Subject and window, ms, of a `count`."""
    subject, window = node.args
    assert isinstance(subject, Const)
    assert isinstance(window, Const)
    return str(subject.value), int(window.value)


def is_since(node: Node) -> bool:
    """Whether it is a `since`."""
    return isinstance(node, Call) and node.name == "since"


def is_falling(node: Compare, left: Value) -> bool:
    """Whether it is an order between something that time only lowers and a number."""
    return left.falls is not None and isinstance(node.right, Const) and node.op not in {"==", "!="}


def _field(node: Field, bind: Bind) -> Value:
    reader = bind(node)
    get = reader.get
    if reader.is_typed:
        return Value(get, reader.moves, reader.falls, reader.is_sure)
    types, is_flag = _PYTHON[node.type.kind], node.type.kind == "flag"

    def typed(facts: Facts) -> Any:
        found = get(facts)
        return found if isinstance(found, types) and (is_flag or not isinstance(found, bool)) else None

    return Value(typed, reader.moves, is_sure=reader.is_sure)


def _arith(node: Arith, left: Value, right: Value) -> Value:
    apply, first, second = _ARITH[node.op], left.get, right.get
    if isinstance(node.right, Const) and node.right.value:  # the usual case, with less to do
        const = node.right.value

        def with_const(facts: Facts) -> Any:
            a = first(facts)
            return None if a is None else apply(a, const)

        return Value(with_const, left.moves)

    def arith(facts: Facts) -> Any:
        a, b = first(facts), second(facts)
        try:
            return None if a is None or b is None else apply(a, b)
        except (ZeroDivisionError, OverflowError):
            return None

    return Value(arith, earliest(left.moves, right.moves))


def _count(node: Call) -> Value:
    """The number of events in the window that ends now; it moves when the oldest of them leaves."""
    subject, window_ms = counted(node)

    def count(facts: Facts) -> int:
        times = facts.times(subject)
        return len(times) - bisect_right(times, facts.at_ms - window_ms)

    def leaves(facts: Facts) -> int:
        times = facts.times(subject)
        oldest = bisect_right(times, facts.at_ms - window_ms)
        return times[oldest] + window_ms if oldest < len(times) else NEVER

    def falls(facts: Facts, below: float) -> int:
        times, least = facts.times(subject), -int(-below // 1)
        return times[-least] + window_ms if 0 < least <= len(times) else NEVER

    return Value(count, leaves, falls, is_sure=True)
