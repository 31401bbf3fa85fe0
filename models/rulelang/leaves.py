"""Places and literals of the syntax tree."""

from collections.abc import Callable
from typing import TypedDict, TypeVar

from lark import Token, Tree

from models.rulelang import literals
from models.rulelang.check import refuse
from models.rulelang.errors import RuleError, quoted
from models.rulelang.nodes import DURATION, NUMBER, TEXT, Const, Function, Node

_MAX_YEARDAY_MS = 365 * literals.UNITS_MS["d"]
_T = TypeVar("_T")


class At(TypedDict):
    """Line and column as nodes take them."""

    line: int
    column: int


def place(tree: Tree[Token]) -> At:
    """Where a tree begins."""
    return {"line": tree.meta.line, "column": tree.meta.column}


def at(token: Token) -> tuple[int, int]:
    """Line and column of a token."""
    return token.line or 1, token.column or 1


def wrong(tree: Tree[Token], message: str) -> RuleError:
    """The error that points at a tree."""
    return RuleError(message, tree.meta.line, tree.meta.column)


def trees(tree: Tree[Token]) -> list[Tree[Token]]:
    """Its parts that are trees."""
    return [child for child in tree.children if isinstance(child, Tree)]


def tokens(tree: Tree[Token]) -> list[Token]:
    """Its own tokens, without those of its parts."""
    return [child for child in tree.children if isinstance(child, Token)]


def read(reader: Callable[[str], _T], token: Token) -> _T:
    """A literal; its error points at the token."""
    try:
        return reader(str(token))
    except ValueError as error:
        raise RuleError(str(error), *at(token)) from None


def number(tree: Tree[Token]) -> Const:
    """A number or a duration."""
    *sign, token = tokens(tree)
    value = read(literals.number, token)
    if value is not None:
        return Const(NUMBER, -value if sign else value, **place(tree))
    ms = read(literals.duration_ms, token)
    if ms is None:
        hint = "durations are like 90s, 30m, 2h, 7d, 4w or 1d12h, numbers like 50_000 or 0.25"
        raise RuleError(f"{quoted(token)} is no number and no duration: {hint}", *at(token))
    if sign:
        raise wrong(tree, "a duration is longer than 0")
    return Const(DURATION, ms, **place(tree))


def text(tree: Tree[Token]) -> Const:
    """A text."""
    (token,) = tokens(tree)
    return Const(TEXT, read(literals.text, token), **place(tree))


def window(name: Function, node: Node) -> Const:
    """The last argument of a function, a literal duration.

    Raises:
        RuleError: it is none, or of `within` not of whole days or longer than a year.
    """
    if not isinstance(node, Const) or node.type.kind != "duration" or not isinstance(node.value, int):
        hint = f"{node.value}d" if isinstance(node, Const) and type(node.value) is int else "7d"
        raise refuse(f"the window of {name} is a duration that is written out: write {hint}", node)
    if name == "within" and (node.value % literals.UNITS_MS["d"] or node.value > _MAX_YEARDAY_MS):
        raise refuse("the window of within is of whole days, at most 365d", node)
    return node
