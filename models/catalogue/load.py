"""From the catalogue file to tags: every mistake has a place and a sentence.

The file is TOML: a table `[tags.<id>]` for each tag, and `[attributes]` with the types of the attributes
that rules speak of. What a tag may say stands in `_FIELDS`.
"""

import re
import tomllib
from collections.abc import Callable
from functools import reduce
from operator import and_
from typing import Any

from models.catalogue.catalogue import Catalogue
from models.catalogue.fields import bind
from models.catalogue.parts import parts
from models.catalogue.scope import scope, stated
from models.catalogue.tag import About, Flag, Tag
from models.catalogue.valued import Cases, Stated
from models.rulelang import Node, Rule, RuleError, Scope, compiled, fact, needs, parse, unparse, value
from models.rulelang.literals import duration_ms
from models.rulelang.nodes import And, Not

MOST_TAGS = 512
_ID = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CASE = re.compile(r"[a-z][a-z0-9_]{0,63}")
_KINDS = {
    "flag": {"enter", "leave", "dwell", "ttl"},
    "category": {"value", "when", "cases", "because", "dwell"},
    "number": {"value", "when", "step", "because", "dwell"},
}
_FIELDS = {"kind", "version", "label", "members", "owner", "purpose"}
_YEAR_MS = 366 * 86_400_000


class CatalogueError(ValueError):
    """The catalogue cannot be used; the message says where and why, and what to do."""


def load(text: str, revision: int = 0, since: int | None = None) -> Catalogue:
    """The catalogue of a file's text.

    Args:
        text: TOML.
        revision: under which it is in force.
        since: with which it came into force; None = the same.

    Raises:
        CatalogueError: with every mistake, a paragraph each.
    """
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise CatalogueError(f"the file is not TOML: {error}") from None
    unknown = sorted(data.keys() - {"attributes", "tags"})
    if unknown:
        raise CatalogueError(f"unknown table '{unknown[0]}': there are [attributes] and [tags.<id>]")
    try:
        known = scope(_table(data.get("attributes", {}), "[attributes]"))
    except ValueError as error:
        raise CatalogueError(f"[attributes]: {error}") from None
    declared = _table(data.get("tags", {}), "[tags]")
    if len(declared) > MOST_TAGS:
        raise CatalogueError(f"there are {len(declared)} tags; at most {MOST_TAGS} are allowed")
    tags, mistakes = [], []
    for tag_id, said in declared.items():
        try:
            tags.append(_tag(tag_id, _table(said, f"[tags.{tag_id}]"), known))
        except (CatalogueError, RuleError) as error:
            mistakes.append(str(error))
    if mistakes:
        raise CatalogueError("\n".join(mistakes))
    return Catalogue(tags, text, revision, since)


class _Said:
    """What the file says of one tag, taken out field by field."""

    def __init__(self, tag_id: str, table: dict[str, Any], known: Scope) -> None:
        self.id, self.table, self.scope = tag_id, table, known

    def wrong(self, field: str, message: str) -> CatalogueError:
        return CatalogueError(f"[tags.{self.id}] {field}: {message}")

    def get(self, field: str, kind: type, default: Any, article: str) -> Any:
        found = self.table.get(field, default)
        if not isinstance(found, kind) or (kind is int and isinstance(found, bool)):
            raise self.wrong(field, f"must be {article}")
        return found

    def span(self, field: str) -> int:
        """A duration, ms; 0 where it is not said."""
        written = self.get(field, str, "", 'a duration in quotes, like "7d"')
        if not written:
            return 0
        try:
            ms = duration_ms(written)
        except ValueError as error:
            raise self.wrong(field, str(error)) from None
        if ms is None or ms > _YEAR_MS:
            raise self.wrong(field, f"'{written}' is no duration up to a year, like 90s, 2h, 7d")
        return ms

    def rule(
        self, field: str, text: object, compile_rule: Callable[[Node], Any], expect: Any = "flag"
    ) -> Any:
        """(expression, what it compiles to) of a rule's text; without `expect` of what a reason states."""
        if not isinstance(text, str):
            raise self.wrong(field, "must be a rule in quotes")
        try:
            node = parse(text, self.scope if expect else stated(self.scope), expect=expect)
            return node, compile_rule(node)
        except RuleError as error:
            raise self.wrong(field, str(error.within(text) if not error.source else error)) from None


def _tag(tag_id: str, table: dict[str, Any], known: Scope) -> Tag:
    said = _Said(tag_id, table, known)
    if not _ID.fullmatch(tag_id):
        raise said.wrong("id", "must be small letters, digits and _, at most 64, a letter first")
    kind = said.get("kind", str, "flag", "flag, category or number")
    if kind not in _KINDS:
        raise said.wrong("kind", f"must be flag, category or number, not '{kind}'")
    unknown = sorted(table.keys() - _FIELDS - _KINDS[kind])
    if unknown:
        names = ", ".join(sorted(_FIELDS | _KINDS[kind]))
        raise said.wrong(unknown[0], f"is not known of a {kind}; there are {names}")
    return {"flag": _flag, "category": _category, "number": _number}[kind](said)


def _about(said: _Said, kind: str, rules: dict[str, str], required: int, **more: Any) -> About:
    version = said.get("version", int, 1, "a whole number from 1")
    if version < 1:
        raise said.wrong("version", "must be a whole number from 1")
    label = said.get("label", dict, {}, 'a table of texts by language, like { en = "Active" }')
    if not all(isinstance(text, str) for text in label.values()):
        raise said.wrong("label", "must be a table of texts by language")
    dwell_ms = said.span("dwell")
    spans = {"dwell": dwell_ms, "ttl": more.get("ttl_ms", 0)}
    lines = [kind, *(f"{name}: {text}" for name, text in rules.items())]
    lines += [f"{name}: {ms} ms" for name, ms in spans.items() if ms]
    members = said.get("members", bool, False, "true or false")
    if members and kind != "flag" and not more.get("values"):
        raise said.wrong("members", "sets are kept of flags, and of categories whose values are known")
    return About(
        said.id, version, label, kind, "\n".join(lines),
        members=members,
        owner=said.get("owner", str, "", "a text"),
        purpose=said.get("purpose", str, "", "a text"),
        dwell_ms=dwell_ms, needs=required, **more,
    )  # fmt: skip


def _flag(said: _Said) -> Tag:
    if "enter" not in said.table:
        raise said.wrong("enter", "is missing: when is the tag entered?")
    enter, _ = said.rule("enter", said.table["enter"], lambda node: compiled(node, bind))
    rules, entering, staying = {"enter": unparse(enter)}, enter, enter
    if "leave" in said.table:
        leave, _ = said.rule("leave", said.table["leave"], lambda node: compiled(node, bind))
        rules["leave"] = unparse(leave)
        entering, staying = And((enter, Not(leave))), Not(leave)
    ttl_ms = said.span("ttl")
    about = _about(said, "flag", rules, needs(entering, parts), ttl_ms=ttl_ms)
    if ttl_ms and about.dwell_ms > ttl_ms:
        raise said.wrong("dwell", "must not be longer than ttl")
    return Flag(about, compiled(entering, bind), compiled(staying, bind))


def _category(said: _Said) -> Tag:
    if ("value" in said.table) == ("cases" in said.table):
        raise said.wrong("value", "a category has either a value or cases")
    if "value" in said.table:
        return _stated(said, "category", "text")
    table = said.get("cases", dict, {}, "a table of rules by value")
    if not table:
        raise said.wrong("cases", "are missing")
    cases, nodes = [], []
    for name, text in table.items():
        if not _CASE.fullmatch(name):
            raise said.wrong("cases", f"'{name}' must be small letters, digits and _, at most 64")
        node, rule = said.rule(f"cases.{name}", text, lambda node: compiled(node, bind))
        cases.append((name, rule))
        nodes.append(node)
    if "because" in said.table:
        raise said.wrong("because", "cases explain themselves")
    rules = {name: unparse(node) for name, node in zip(table, nodes, strict=True)}
    required = reduce(and_, [needs(node, parts) for node in nodes])
    required, when = _when(said, rules, required)
    return Cases(_about(said, "category", rules, required, values=tuple(table)), when, cases)


def _when(said: _Said, rules: dict[str, str], required: int) -> tuple[int, Rule | None]:
    """The condition of a value; its text joins the rules, what it needs joins what is required."""
    if "when" not in said.table:
        return required, None
    node, rule = said.rule("when", said.table["when"], lambda node: compiled(node, bind))
    rules["when"] = unparse(node)
    return required | needs(node, parts), rule


def _number(said: _Said) -> Tag:
    if "value" not in said.table:
        raise said.wrong("value", "is missing: what is the number?")
    return _stated(said, "number", "number")


def _stated(said: _Said, kind: str, expect: str) -> Tag:
    node, expression = said.rule("value", said.table["value"], lambda node: value(node, bind), expect)
    step = said.table.get("step", 0)
    if not isinstance(step, int | float) or isinstance(step, bool) or step < 0:
        raise said.wrong("step", "must be a number above 0")
    rules = {"value": unparse(node)} | ({"step": f"{step:g}"} if step else {})
    required, when = _when(said, rules, needs(node, parts))
    named = said.get("because", list, [], "a list of fields in quotes")
    told = [said.rule("because", text, lambda node: fact(node, bind), None)[1] for text in named]
    values = tuple(sorted(node.type.values or ()))
    about = _about(said, kind, rules, required, values=values)
    return Stated(about, when, expression, step, told or [fact(node, bind)])


def _table(found: object, name: str) -> dict[str, Any]:
    if not isinstance(found, dict):
        raise CatalogueError(f"{name} must be a table")
    return found
