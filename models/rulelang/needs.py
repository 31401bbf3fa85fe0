"""What must be known for a condition to hold at all."""

from collections.abc import Callable
from functools import reduce
from operator import and_, or_

from models.rulelang.nodes import And, Call, Compare, Const, Field, In, Node, Not, Or, children

Parts = Callable[[str], int]  # path of a field, or "count.<subject>" -> parts of the profile, a bit each


def needs(node: Node, parts: Parts) -> int:
    """Parts without which a condition does not hold, or a value is unknown, whatever else there is.

    So where one of them is missing, the expression need not be asked.
    """
    match node:
        case And():
            return reduce(or_, [needs(one, parts) for one in node.operands])
        case Or():
            return reduce(and_, [needs(one, parts) for one in node.operands])
        case Not() | Const():
            return 0
        case Field():
            return parts(node.path)
        case Call(name="count"):
            return 0  # of nothing it is 0
        case Compare() if _asks_for_one(node):
            assert isinstance(node.left, Call)
            subject = node.left.args[0]
            assert isinstance(subject, Const)
            return parts(f"count.{subject.value}")
        case Call(name="since" | "known" | "within"):
            return needs(node.args[0], parts)
        case In():
            return needs(node.item, parts)
        case _:
            return reduce(or_, [needs(one, parts) for one in children(node)])


def _asks_for_one(node: Compare) -> bool:
    """Whether it is a count that must be at least one."""
    is_count = isinstance(node.left, Call) and node.left.name == "count"
    if not is_count or not isinstance(node.right, Const) or isinstance(node.right.value, str):
        return False
    return node.right.value > 0 if node.op in {">=", "=="} else node.op == ">" and node.right.value >= 0
