"""What goes with what: comparisons, sets and arithmetic are built here or refused."""

import operator
from collections.abc import Callable
from math import floor
from typing import Any, get_args

from models.rulelang.errors import RuleError, a, nearest, quoted
from models.rulelang.literals import MAX_DURATION_MS, UNITS_MS
from models.rulelang.nodes import (
    DURATION,
    NUMBER,
    Arith,
    Call,
    Compare,
    Comparison,
    Const,
    Field,
    In,
    Node,
    Operator,
    Type,
)
from models.rulelang.scope import Scope

COMPARISONS: dict[str, Comparison] = {op: op for op in get_args(Comparison)}
OPERATORS: dict[str, Operator] = {op: op for op in get_args(Operator)}
_MEANINGS: dict[Comparison, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_TURNED: dict[Comparison, Comparison] = {"==": "==", "!=": "!=", "<": ">", "<=": ">=", ">": "<", ">=": "<="}
_RESULTS: dict[tuple[str, str, str], Type] = {
    **{("number", op, "number"): NUMBER for op in "+-*/"},
    **{("duration", op, "duration"): DURATION for op in "+-"},
    ("duration", "*", "number"): DURATION,
    ("number", "*", "duration"): DURATION,
    ("duration", "/", "number"): DURATION,
    ("duration", "/", "duration"): NUMBER,
}


def refuse(message: str, node: Node) -> RuleError:
    """The error that points at a node."""
    return RuleError(message, node.line, node.column)


def comparison(op: Comparison, at: tuple[int, int], left: Node, right: Node, scope: Scope) -> Compare:
    """`left op right`.

    Args:
        op: what is asked.
        at: line and column of the operator.
        left: one side.
        right: the other.
        scope: knows what can be counted.

    Raises:
        RuleError: the two cannot be compared, or the answer is always the same.
    """
    kind = left.type.kind
    if kind != right.type.kind:
        raise _mismatch(left, right)
    if kind == "yearday":
        raise RuleError("a yearday is not compared: ask within(..., 7d)", *at)
    if kind in {"text", "flag"} and op not in {"==", "!="}:
        raise RuleError(f"{kind}s have no order: only == and != compare them", *at)
    if isinstance(left, Const) and isinstance(right, Const):
        answer = _MEANINGS[op](left.value, right.value)
        raise refuse(f"both sides are constant, so this is always {_truth(answer)}", left)
    for one, other, turned in ((left, right, op), (right, left, _TURNED[op])):
        if isinstance(other, Const):
            _vocabulary(one, other)
            _countable(turned, one, other, scope)
    return Compare(op, left, right, line=left.line, column=left.column)


def membership(item: Node, options: list[Const], *, negated: bool, scope: Scope) -> In:
    """`item in {options}`.

    Raises:
        RuleError: they are not of one kind, stand twice, or can never be the item.
    """
    if item.type.kind not in {"number", "duration", "text"}:
        raise refuse(f"{a(item.type.kind)} is not looked up in a set", item)
    if isinstance(item, Const):
        raise refuse("a constant is not looked up in a set: the answer is always the same", item)
    seen: set[object] = set()
    for option in options:
        if option.type.kind != item.type.kind:
            raise _mismatch(item, option)
        if option.value in seen:
            raise refuse("this stands in the set twice", option)
        seen.add(option.value)
        _vocabulary(item, option)
        _countable("==", item, option, scope)
    return In(item, tuple(options), negated, line=item.line, column=item.column)


def arithmetic(op: Operator, at: tuple[int, int], left: Node, right: Node) -> Arith:
    """`left op right`; `at` is line and column of the operator.

    Raises:
        RuleError: it has no meaning, or is a constant.
    """
    result = _RESULTS.get((left.type.kind, op, right.type.kind))
    if result is None:
        hint = _hint(left, right) if op in "+-" else ""
        raise RuleError(f"{left.type.kind} {op} {right.type.kind} has no meaning{hint}", *at)
    if isinstance(left, Const) and isinstance(right, Const):
        raise refuse("both sides are constant: write the result", left)
    if op == "/" and isinstance(right, Const) and right.value == 0:
        raise refuse("nothing is divided by 0", right)
    return Arith(result, op, left, right, line=left.line, column=left.column)


def _mismatch(left: Node, right: Node) -> RuleError:
    at = left if isinstance(left, Const) and not isinstance(right, Const) else right
    return refuse(f"{left.type.kind} compared with {right.type.kind}{_hint(left, right)}", at)


def _hint(left: Node, right: Node) -> str:
    for one, other in ((left, right), (right, left)):
        if one.type.kind == "duration" and isinstance(other, Const) and other.type.kind == "number":
            fits = isinstance(other.value, int) and 0 < other.value <= MAX_DURATION_MS // UNITS_MS["d"]
            return f": write {other.value if fits else 30}d"
        if one.type.kind == "instant" and other.type.kind == "duration":
            return f": write since({one.written})" if isinstance(one, Field) else ""
    return ""


def _vocabulary(node: Node, said: Const) -> None:
    values = node.type.values
    if values is None or not isinstance(node, Field) or said.value in values:
        return
    word = str(said.value)
    raise refuse(f"{quoted(word)} is no {node.written}{nearest(word, values)}", said)


def _countable(op: Comparison, node: Node, said: Const, scope: Scope) -> None:
    """Refuse what is the same for every number from 0 to the largest that is remembered."""
    if not isinstance(node, Call) or node.name != "count" or isinstance(said.value, str):
        return
    subject = node.args[0]
    assert isinstance(subject, Const)
    most, low = scope.counts[str(subject.value)], floor(said.value)
    samples = {0, most, *(n for n in (low - 1, low, low + 1) if 0 <= n <= most)}
    answers = {_MEANINGS[op](n, said.value) for n in samples}
    if len(answers) == 1:
        bound = f"at most {most} {subject.value} are remembered" if said.value > 0 else "a count is 0 or more"
        raise refuse(f"{bound}, so this is always {_truth(*answers)}", said)


def _truth(answer: bool) -> str:
    return "true" if answer else "false"
