"""From text to a typed expression."""

from collections.abc import Callable, Sequence

from lark import Token, Tree

from models.rulelang import check, leaves, literals
from models.rulelang.errors import RuleError, a, nearest, quoted
from models.rulelang.grammar import tree_of
from models.rulelang.leaves import at, place, tokens, trees, wrong
from models.rulelang.nodes import (
    FLAG,
    TEXT,
    And,
    Call,
    Const,
    Field,
    Function,
    Kind,
    Node,
    Not,
    Or,
    walk,
)
from models.rulelang.scope import Scope

MAX_LENGTH = 4_000  # characters
MAX_DEPTH = 50
# Of the syntax, where parentheses count too: canonical text needs at most one pair an expression.
_MAX_LEVELS = 2 * MAX_DEPTH
_TOO_DEEP = f"this is nested more than {MAX_DEPTH} deep"
_FUNCTIONS: dict[str, tuple[Function, str]] = {
    "since": ("since", "since(rfm.last_order_at)"),
    "known": ("known", "known(rfm.segment)"),
    "count": ("count", "count(orders, 30d)"),
    "within": ("within", 'within(attributes["birthday"], 7d)'),
}
_NOTHING = {"null", "none", "nil", "undefined", "nan"}


def parse(text: str, scope: Scope, *, expect: Kind | None = "flag") -> Node:
    """The expression that a rule states.

    Args:
        text: at most `MAX_LENGTH` characters.
        scope: what it may speak of.
        expect: kind of its value, None = any. A flag must depend on something: constants are refused.

    Raises:
        RuleError: it is no such expression; with one place where it is wrong.
    """
    try:
        if len(text) > MAX_LENGTH:
            head = text[:MAX_LENGTH]
            column = MAX_LENGTH - (head.rfind("\n") + 1) + 1
            raise RuleError(f"a rule has at most {MAX_LENGTH} characters", head.count("\n") + 1, column)
        node = _Builder(scope).build(tree_of(text), 0)
        for one, depth in walk(node):
            if depth > MAX_DEPTH:
                raise check.refuse(_TOO_DEEP, one)
        if expect == "flag":
            return _condition(node)
        if expect is not None and node.type.kind != expect:
            raise check.refuse(f"the value is {a(node.type.kind)}, expected is {a(expect)}", node)
        return node
    except RuleError as error:
        raise error.within(text) from None


def _condition(node: Node) -> Node:
    if node.type.kind != "flag":
        raise check.refuse(f"{node.type.kind} where a condition is expected: compare it with something", node)
    if isinstance(node, Const):
        raise check.refuse("a constant is no condition: it is always the same", node)
    return node


class _Builder:
    """Turns syntax into nodes, from the leaves up."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.rules: dict[str, Callable[[Tree[Token], int], Node]] = {
            "disjunction": self._several,
            "conjunction": self._several,
            "inverse": self._inverse,
            "comparison": self._comparison,
            "membership": self._membership,
            "sum": self._arithmetic,
            "product": self._arithmetic,
            "group": lambda tree, level: self.build(trees(tree)[0], level),
            "number": lambda tree, _: leaves.number(tree),
            "text": lambda tree, _: leaves.text(tree),
            "truth": lambda tree, _: Const(FLAG, tree.children[0] == "true", **place(tree)),
            "field": lambda tree, _: self._field(tree),
            "call": self._call,
        }

    def build(self, tree: Tree[Token], level: int) -> Node:
        """The node of a tree that lies `level` deep."""
        if level > _MAX_LEVELS:
            raise RuleError(_TOO_DEEP, tree.meta.line, tree.meta.column)
        return self.rules[tree.data](tree, level + 1)

    def _several(self, tree: Tree[Token], level: int) -> Node:
        built = [_condition(self.build(part, level)) for part in trees(tree)]
        return _joined(And if tree.data == "conjunction" else Or, built)

    def _inverse(self, tree: Tree[Token], level: int) -> Node:
        return Not(_condition(self.build(trees(tree)[0], level)), **place(tree))

    def _comparison(self, tree: Tree[Token], level: int) -> Node:
        sides = [self.build(part, level) for part in trees(tree)]
        pairs = [
            check.comparison(check.COMPARISONS[op], at(op), left, right, self.scope)
            for op, left, right in zip(tokens(tree), sides, sides[1:], strict=False)
        ]
        return pairs[0] if len(pairs) == 1 else _joined(And, pairs)

    def _membership(self, tree: Tree[Token], level: int) -> Node:
        item, *options = [self.build(part, level) for part in trees(tree)]
        known = [option for option in options if isinstance(option, Const)]
        return check.membership(item, known, negated=bool(tokens(tree)), scope=self.scope)

    def _arithmetic(self, tree: Tree[Token], level: int) -> Node:
        first, *others = trees(tree)
        node = self.build(first, level)
        for op, other in zip(tokens(tree), others, strict=True):
            node = check.arithmetic(check.OPERATORS[op], at(op), node, self.build(other, level))
        return node

    def _field(self, tree: Tree[Token]) -> Field:
        path, *rest = tokens(tree)
        name = str(path)
        if not rest:
            return self._plain(tree, name)
        key_token = rest[0]
        name += f".*.{rest[1]}" if rest[1:] else ""
        keyed = self.scope.maps.get(name)
        if keyed is None:
            if name in self.scope.fields:
                raise wrong(tree, f"{name} takes no key")
            raise wrong(tree, f"no map {quoted(name)}{nearest(name, self.scope.maps, self._maps())}")
        key = leaves.read(literals.text, key_token)
        if keyed.keys is not None and key not in keyed.keys:
            message = f"{quoted(key)} is no key of {name}{nearest(key, keyed.keys)}"
            raise RuleError(message, *at(key_token))
        return Field(keyed.of(key), name, key, **place(tree))

    def _plain(self, tree: Tree[Token], name: str) -> Field:
        scope = self.scope
        found = scope.fields.get(name)
        if found is not None:
            return Field(found, name, **place(tree))
        if name in scope.hints:
            raise wrong(tree, f"{name} changes all the time: write {scope.hints[name]}")
        above, _, last = name.rpartition(".")
        if name in scope.maps or any(path.startswith(f"{name}.*.") for path in scope.maps):
            raise wrong(tree, f'{name} needs a key, as in {name}["..."]')
        if above in scope.maps:
            raise wrong(tree, f"no field {quoted(name)}: write {Field(TEXT, above, last).written}")
        if name.lower() in {"true", "false"}:
            raise wrong(tree, f"no field {quoted(name)}: write {name.lower()}")
        if name.lower() in _NOTHING:
            raise wrong(tree, f"no field {quoted(name)}: ask known(...) whether a field is there")
        raise wrong(
            tree, f"no field {quoted(name)}{nearest(name, [*scope.fields, *scope.maps], self._maps())}"
        )

    def _maps(self) -> dict[str, str]:
        return {path: Field(TEXT, path, "...").written for path in self.scope.maps}

    def _call(self, tree: Tree[Token], level: int) -> Node:
        (token,) = tokens(tree)
        if token not in _FUNCTIONS:
            raise wrong(tree, f"no function {quoted(token)}{nearest(token, _FUNCTIONS)}")
        name, usage = _FUNCTIONS[token]
        args = trees(tree)
        wanted = usage.count(",") + 1
        if len(args) != wanted:
            raise wrong(tree, f"{name} takes {wanted} argument{'s'[: wanted - 1]}, as in {usage}")
        first = self._subject(args[0]) if name == "count" else self._argument(name, usage, args[0], level)
        window = [leaves.window(name, self.build(arg, level)) for arg in args[1:]]
        if name == "count" and isinstance(first, Const):
            self._within_span(str(first.value), window[0])
        return Call(name, (first, *window), **place(tree))

    def _subject(self, tree: Tree[Token]) -> Const:
        name = tree.children[0]
        if tree.data != "field" or len(tree.children) > 1:
            raise wrong(tree, "count takes the name of what is counted, as in count(orders, 30d)")
        if name not in self.scope.counts:
            raise wrong(tree, f"{quoted(str(name))} cannot be counted{nearest(str(name), self.scope.counts)}")
        return Const(TEXT, str(name), **place(tree))

    def _within_span(self, subject: str, window: Const) -> None:
        span_ms = self.scope.spans.get(subject)
        if span_ms is not None and int(window.value) > span_ms:
            kept = literals.write_duration(span_ms)
            raise check.refuse(
                f"{subject} are remembered for {kept} after the newest: write {kept} or less", window
            )

    def _argument(self, name: Function, usage: str, tree: Tree[Token], level: int) -> Node:
        node = self.build(tree, level)
        if not isinstance(node, Field):
            raise check.refuse(f"{name} takes a field, as in {usage}", node)
        kind = {"since": "instant", "within": "yearday"}.get(name, node.type.kind)
        if node.type.kind != kind:
            raise check.refuse(f"{name} takes {a(kind)}, {node.written} is {a(node.type.kind)}", node)
        return node


def _joined(kind: type[And] | type[Or], parts: Sequence[Node]) -> And | Or:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.operands if isinstance(part, kind) else [part])
    return kind(tuple(flat), line=parts[0].line, column=parts[0].column)
