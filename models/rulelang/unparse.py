"""An expression as canonical text."""

from models.rulelang.literals import write_duration, write_number, write_text
from models.rulelang.nodes import And, Arith, Call, Compare, Const, Field, In, Node, Not, Or

_OR, _AND, _NOT, _COMPARE, _SUM, _PRODUCT, _ATOM = range(7)


def unparse(node: Node) -> str:
    """Text of one line that `parse` reads as an equal expression in the same scope.

    It may be longer than the text it came from, so the length that `parse` allows may refuse it.
    """
    match node:
        case Const():
            out = _const(node)
        case Field():
            out = node.written
        case Call():
            out = _call(node)
        case Not():
            out = f"not {_inside(node.operand, _NOT)}"
        case And():
            out = " and ".join(_inside(operand, _NOT) for operand in node.operands)
        case Or():
            out = " or ".join(_inside(operand, _AND) for operand in node.operands)
        case Compare():
            out = f"{_inside(node.left, _SUM)} {node.op} {_inside(node.right, _SUM)}"
        case In():
            options = ", ".join(map(_const, node.options))
            out = f"{_inside(node.item, _SUM)} {'not in' if node.negated else 'in'} {{{options}}}"
        case Arith():
            own = _strength(node)
            out = f"{_inside(node.left, own)} {node.op} {_inside(node.right, own + 1)}"
    return out


def _inside(node: Node, weakest: int) -> str:
    text = unparse(node)
    return text if _strength(node) >= weakest else f"({text})"


def _strength(node: Node) -> int:
    match node:
        case Or():
            return _OR
        case And():
            return _AND
        case Not():
            return _NOT
        case Compare() | In():
            return _COMPARE
        case Arith():
            return _SUM if node.op in "+-" else _PRODUCT
        case _:
            return _ATOM


def _const(node: Const) -> str:
    value = node.value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return write_text(value)
    return write_duration(int(value)) if node.type.kind == "duration" else write_number(value)


def _call(node: Call) -> str:
    args = [unparse(arg) for arg in node.args]
    if node.name == "count" and isinstance(node.args[0], Const):
        args[0] = str(node.args[0].value)
    return f"{node.name}({', '.join(args)})"
