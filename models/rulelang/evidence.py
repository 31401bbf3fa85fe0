"""Why a condition holds, or why it does not: the comparisons that decided, each with its values.

An item is `[fact, value, operator, limit]` and true as it stands: where a comparison does not hold it is
written the other way round. A duration since an instant is given by the instant, so that an item stays true
as time goes on until the answer changes. An unknown fact is `[fact, null, "unknown"]`.
"""

from collections.abc import Callable
from typing import Any

from models.calendar import iso
from models.rulelang.conditions import condition, turned
from models.rulelang.facts import Bind, Facts
from models.rulelang.literals import write_duration
from models.rulelang.nodes import And, Call, Compare, Const, Field, In, Node, Not, Or
from models.rulelang.unparse import unparse
from models.rulelang.values import Get, is_since, value

Item = list[Any]
Evidence = Callable[[Facts, bool], list[Item]]  # the facts, and the answer that is to be explained
_OPPOSITE = {"==": "!=", "!=": "==", "<": ">=", "<=": ">", ">": "<=", ">=": "<"}


def evidence(node: Node, bind: Bind) -> Evidence:
    """The closure that explains a condition."""
    match node:
        case And() | Or():
            return _joined(node, bind)
        case Not():
            inner = evidence(node.operand, bind)
            return lambda facts, holds: inner(facts, not holds)
        case Compare():
            return _compare(turned(node), bind)
        case In():
            options = [one.value for one in node.options]
            ops = ("in", "not in") if node.negated else ("not in", "in")
            return _of(node.item, bind, lambda _, holds: (ops[holds], options))
        case Call(name="within"):
            window = unparse(node.args[1])
            return _of(node.args[0], bind, lambda _, holds: ("within" if holds else "not within", window))
        case Call(name="known"):
            return _of(node.args[0], bind, lambda *_: ("known", True))
        case _:
            return _of(node, bind, lambda _, holds: ("==", holds))


def fact(node: Node, bind: Bind) -> Callable[[Facts], Item]:
    """The closure that states an expression: `[fact, value]`."""
    name, get = unparse(node), _shown(node, bind)
    return lambda facts: [name, get(facts)]


def _joined(node: And | Or, bind: Bind) -> Evidence:
    """Of `and` all where it holds, else those that fail; of `or` the other way round."""
    parts = [(condition(one, bind).sign, evidence(one, bind)) for one in node.operands]
    decides = isinstance(node, Or)

    def explain(facts: Facts, holds: bool) -> list[Item]:
        return [item for sign, inner in parts if (sign(facts) > 0) == holds for item in inner(facts, holds)]

    def first(facts: Facts, holds: bool) -> list[Item]:
        return next((inner(facts, holds) for sign, inner in parts if (sign(facts) > 0) == holds), [])

    return lambda facts, holds: (first if holds == decides else explain)(facts, holds)


def _of(node: Node, bind: Bind, said: Callable[[Facts, bool], tuple[str, Any]]) -> Evidence:
    name, get = unparse(node), _shown(node, bind)

    def explain(facts: Facts, holds: bool) -> list[Item]:
        found = get(facts)
        return [[name, None, "unknown"]] if found is None else [[name, found, *said(facts, holds)]]

    return explain


def _compare(node: Compare, bind: Bind) -> Evidence:
    ops = (_OPPOSITE[node.op], node.op)
    limit = _limit(node.right, bind)
    explain = _of(node.left, bind, lambda facts, holds: (ops[holds], limit(facts)))

    def unless_unknown(facts: Facts, holds: bool) -> list[Item]:
        if limit(facts) is None:
            return [[unparse(node.right), None, "unknown"]]
        return explain(facts, holds)

    return explain if isinstance(node.right, Const) else unless_unknown


def _limit(node: Node, bind: Bind) -> Get:
    if isinstance(node, Const):
        shown = write_duration(int(node.value)) if node.type.kind == "duration" else node.value
        return lambda _: shown
    return _shown(node, bind)


def _shown(node: Node, bind: Bind) -> Get:
    """A value as documents have it: instants as text, whole numbers whole; of a `since` its instant."""
    if is_since(node):
        assert isinstance(node, Call)
        node = node.args[0]
    get, kind = value(node, bind).get, node.type.kind
    if kind == "instant":
        return lambda facts: None if (at_ms := get(facts)) is None else iso(at_ms)
    if kind == "duration" and not isinstance(node, Field):
        return lambda facts: None if (ms := get(facts)) is None else write_duration(max(0, round(ms)))
    return get
