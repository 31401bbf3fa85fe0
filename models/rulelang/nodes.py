"""The typed expression of a rule, and questions about it.

Positions are those of the first character of the expression, parentheses around it aside, and take no part
in comparing nodes.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

Kind = Literal["number", "duration", "instant", "text", "flag", "yearday"]
Function = Literal["since", "known", "count", "within"]
Comparison = Literal["==", "!=", "<", "<=", ">", ">="]
Operator = Literal["+", "-", "*", "/"]


@dataclass(frozen=True, slots=True)
class Type:
    """What a value is.

    Attributes:
        kind: number; duration in ms; instant in epoch ms; text; flag, true or false; yearday, a day of
            every year as text `YYYY-MM-DD` or `MM-DD`.
        values: the only texts there are; None = any.
    """

    kind: Kind
    values: frozenset[str] | None = None


NUMBER, DURATION, INSTANT = Type("number"), Type("duration"), Type("instant")
TEXT, FLAG, YEARDAY = Type("text"), Type("flag"), Type("yearday")
RESULTS: dict[Function, Type] = {"since": DURATION, "known": FLAG, "count": NUMBER, "within": FLAG}


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """Line and column, both from 1; 0 = not written anywhere."""

    line: int = field(default=0, compare=False)
    column: int = field(default=0, compare=False)


@dataclass(frozen=True, slots=True)
class Const(Place):
    """A literal: int or float, ms of a duration as int, text without line breaks, or bool."""

    type: Type
    value: bool | int | float | str


@dataclass(frozen=True, slots=True)
class Field(Place):
    """A field of the document.

    Attributes:
        type: of its value.
        path: dotted; in the middle of a path `*` stands for the key, at its end nothing does.
        key: of a map, as in `journey.steps["browse"]`.
    """

    type: Type
    path: str
    key: str | None = None

    @property
    def written(self) -> str:
        """As a rule writes it."""
        if self.key is None:
            return self.path
        quote = '["' + self.key.replace("\\", "\\\\").replace('"', '\\"') + '"]'
        return self.path.replace(".*", quote, 1) if ".*" in self.path else self.path + quote


@dataclass(frozen=True, slots=True)
class Call(Place):
    """A function.

    - `since(instant)`: time from it until now, negative where it is yet to come.
    - `known(field)`: whether it is there.
    - `count(subject, window)`: events of the window that ends now; the subject is a text.
    - `within(yearday, window)`: whether the day comes in the window that begins now, of whole days.
    """

    name: Function
    args: tuple["Node", ...]

    @property
    def type(self) -> Type:
        """Of the result."""
        return RESULTS[self.name]


@dataclass(frozen=True, slots=True)
class Not(Place):
    """The opposite."""

    operand: "Node"
    type: ClassVar[Type] = FLAG


@dataclass(frozen=True, slots=True)
class And(Place):
    """Two conditions or more, none of them an `And`; a chained comparison is one too."""

    operands: tuple["Node", ...]
    type: ClassVar[Type] = FLAG


@dataclass(frozen=True, slots=True)
class Or(Place):
    """Two conditions or more, none of them an `Or`."""

    operands: tuple["Node", ...]
    type: ClassVar[Type] = FLAG


@dataclass(frozen=True, slots=True)
class Compare(Place):
    """Both of one kind; false where either is unknown."""

    op: Comparison
    left: "Node"
    right: "Node"
    type: ClassVar[Type] = FLAG


@dataclass(frozen=True, slots=True)
class In(Place):
    """Whether one of the options, all different; with `negated` none of them. False where unknown."""

    item: "Node"
    options: tuple[Const, ...]
    negated: bool = False
    type: ClassVar[Type] = FLAG


@dataclass(frozen=True, slots=True)
class Arith(Place):
    """Of numbers and durations."""

    type: Type
    op: Operator
    left: "Node"
    right: "Node"


Node = Const | Field | Call | Not | And | Or | Compare | In | Arith


def children(node: Node) -> tuple[Node, ...]:
    """The expressions it is made of, as written."""
    match node:
        case Call():
            return node.args
        case Not():
            return (node.operand,)
        case And() | Or():
            return node.operands
        case Compare() | Arith():
            return (node.left, node.right)
        case In():
            return (node.item, *node.options)
        case _:
            return ()


def walk(node: Node) -> Iterator[tuple[Node, int]]:
    """Every expression in it, itself first, as written; and how deep it lies, from 1."""
    todo = [(node, 1)]
    while todo:
        one, depth = todo.pop()
        yield one, depth
        todo.extend((child, depth + 1) for child in reversed(children(one)))


def fields_of(node: Node) -> frozenset[str]:
    """Paths of the fields it reads, without keys; `walk` tells the keys."""
    return frozenset(one.path for one, _ in walk(node) if isinstance(one, Field))


def counts_of(node: Node) -> frozenset[tuple[str, int]]:
    """(subject, window in ms) of what it counts."""
    return frozenset(
        (str(subject.value), int(window.value))
        for one, _ in walk(node)
        if isinstance(one, Call) and one.name == "count"
        for subject, window in [one.args]
        if isinstance(subject, Const) and isinstance(window, Const)
    )
