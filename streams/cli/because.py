"""One item of what decided about a tag, in words. The items are those of `models.rulelang.evidence`.

Nothing of a document is trusted: an item that makes no sense is told by its own names, harmlessly.
"""

import re
from collections.abc import Callable
from datetime import datetime
from typing import NamedTuple

from models import lifecycle
from models.rulelang import Node
from models.rulelang.literals import duration_ms
from models.rulelang.nodes import Arith, Call, Field
from streams.cli import terms
from streams.cli.nouns import VALUES
from streams.cli.part import Part
from streams.cli.wording import named
from streams.screen import Times, figure, many, plain

COLUMNS = ("fact", "value", "op", "limit")  # of an item
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)", re.ASCII)
_MOST = 12  # values in a list
_SILENT = {name for words in lifecycle.VOCABULARIES.values() for _, name in words.silence}
_THAN = {"<": "less than ", "<=": "at most ", ">": "more than ", ">=": "at least ", "==": "", "!=": "not "}
_PLACE = {"<": "before ", "<=": "not after ", ">": "after ", ">=": "not before ", "==": "", "!=": "not "}
_AGO = {"<": "less than {} ago", "<=": "at most {} ago", ">": "more than {} ago", ">=": "{} or more ago",
        "==": "{} ago", "!=": "not {} ago"}  # fmt: skip
_TURNED = {"<": ">", "<=": ">=", ">": "<", ">=": "<="}  # the longer since, the earlier it was
_BARE = {"==": "", "!=": "not "}
_KINDS = {bool: "flag", int: "number", float: "number"}
_LISTS = {"in": "one of ", "not in": "none of "}


class Page(NamedTuple):
    """What all sentences need."""

    doc: Part
    times: Times

    @property
    def currency(self) -> str:
        """Of the document's money."""
        return self.doc.part("rfm").text("currency")


class Said(NamedTuple):
    """An item in words.

    Attributes:
        fact: what is the case.
        comparison: how that compares; "" = there is nothing to compare.
        bound: (operator, limit) of a comparison of numbers or durations.
    """

    fact: str
    comparison: str = ""
    bound: tuple[str, float] | None = None


def said(page: Page, item: Part) -> Said:
    """One item."""
    node = node_of(item)
    if node is not None:
        if item.text("op") == "known":
            item = item.only("fact", "value")
        if item.text("op") == "unknown" or ("op" not in item and item.value("value") == "unknown"):
            return Said(terms.unknown(node, page.doc))
        if (found := _WAYS[_way(node, item)](page, node, item)) is not None:
            return found
    return _generic(item)


def node_of(item: Part) -> Node | None:
    """The expression of an item; None where it is none that is known here."""
    return terms.term(item.raw_text("fact"), _KINDS.get(item.kind("value"), "text"))


def instant_ms(text: str) -> int | None:
    """Epoch ms of an instant as documents have it."""
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000) if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


def _way(node: Node, item: Part) -> str:
    if isinstance(node, Call) and node.name == "since":
        return "since"
    if item.text("op") in ("within", "not within"):
        return "yearday"
    if isinstance(node, Field) and node.path == "lifecycle.threshold_days":
        return "silence"
    return node.type.kind


def _since(page: Page, node: Node, item: Part) -> Said | None:
    at, op, limit = _at(page, item, "value"), item.text("op"), item.text("limit")
    if not at:
        return None
    noun = terms.noun(node)
    if other := _at(page, item, "limit"):
        return Said(f"{noun} {at}", _PLACE.get(_TURNED.get(op, op), "") + other)
    try:
        ms = duration_ms(limit)
    except ValueError:
        ms = None
    return (
        None
        if ms is None or op not in _AGO
        else Said(f"{noun} {at}", _AGO[op].format(terms.span(ms)), (op, ms))
    )


def _instant(page: Page, node: Node, item: Part) -> Said | None:
    at, op, limit = _at(page, item, "value"), item.text("op"), _at(page, item, "limit")
    if not at or (op and not (limit and op in _PLACE)):
        return None
    if at == limit and item.text("value") != item.text("limit"):  # the minute does not tell them apart
        at, limit = (page.times.exact(item.text(name)) for name in ("value", "limit"))
    return Said(f"{terms.noun(node)} {at}", _PLACE[op] + limit if op and (op != "==" or at != limit) else "")


def _number(page: Page, node: Node, item: Part) -> Said | None:
    n, op, limit = item.number("value"), item.text("op"), item.number("limit")
    if n is None:
        return None
    noun = terms.noun(node)
    shown = terms.amount(node, n, page.currency)
    is_ = " is" if isinstance(node, Arith) else ""
    fact = terms.counted(n, noun) if "|" in noun and not is_ else f"{noun}{is_} {shown}{terms.whole(node)}"
    if op in _LISTS:
        return Said(fact, _LISTS[op] + _either(item, lambda one: figure(one.count("limit"))))
    if not op:
        return Said(fact)
    if limit is None or op not in _THAN:
        return None
    than = "fewer than " if op == "<" and "|" in noun else _THAN[op]
    other = terms.amount(node, limit, page.currency)
    if op == "==" and n == limit:
        return Said(fact)
    just = "just " if other == shown and n != limit else ""
    return Said(fact, f"{just}{than}{other}", (op, limit))


def _duration(_: Page, node: Node, item: Part) -> Said | None:
    try:
        n, limit = (duration_ms(item.text(name)) for name in ("value", "limit"))
    except ValueError:
        return None
    op = item.text("op")
    if n is None or (op and (limit is None or op not in _THAN)):
        return None
    return Said(
        f"{terms.plural(node)} {terms.span(n)}", _THAN[op] + terms.span(limit) if op and limit else ""
    )


def _silence(page: Page, node: Node, item: Part) -> Said | None:
    """The threshold of a lifecycle stage, where it is only looked at: what it did, or did not do yet."""
    days, stage = item.number("value"), page.doc.part("lifecycle").text("stage")
    if days is None or "op" in item or not stage:
        return _number(page, node, item)
    if "last_order_at" not in page.doc.part("rfm"):
        return Said("")
    silence = f"{many(days, 'day')} of silence"
    made = f"{silence} {'makes' if days == 1 else 'make'} {named(stage)}"
    return Said(made if stage in _SILENT else f"less than {silence}")


def _text(_: Page, node: Node, item: Part) -> Said | None:
    if item.kind("value") is not str:
        return None
    words = VALUES.get(node.path, {}) if isinstance(node, Field) else {}

    def word(part: Part, name: str) -> str:
        return words.get(part.text(name)) or named(part.text(name))

    op, fact = item.text("op"), f"{terms.noun(node)} {word(item, 'value')}"
    if op in _LISTS:
        return Said(fact, "" if op == "in" else _LISTS[op] + _either(item, lambda one: word(one, "limit")))
    if not op or (op == "==" and item.text("value") == item.text("limit")):
        return Said(fact)
    return Said(fact, _BARE[op] + word(item, "limit")) if op in _BARE else None


def _flag(_: Page, node: Node, item: Part) -> Said | None:
    return Said(f"{terms.noun(node)}: {item.value('value')}") if item.kind("value") is bool else None


def _yearday(_: Page, node: Node, item: Part) -> Said | None:
    day, op = item.text("value"), item.text("op")
    try:
        ms = duration_ms(item.text("limit"))
    except ValueError:
        return None
    if not day or not ms or op not in ("within", "not within"):
        return None
    comes = "comes" if op == "within" else "does not come"
    noun = named(node.key or "") if isinstance(node, Field) and node.key else terms.noun(node)
    return Said(f"{noun} {day} {comes} within {terms.span(ms)}")


_WAYS: dict[str, Callable[[Page, Node, Part], Said | None]] = {
    "since": _since,
    "instant": _instant,
    "number": _number,
    "duration": _duration,
    "silence": _silence,
    "text": _text,
    "flag": _flag,
    "yearday": _yearday,
}


def _at(page: Page, item: Part, name: str) -> str:
    text = item.text(name)
    return page.times.minute(text) if _INSTANT.fullmatch(text) else ""


def _either(item: Part, word: Callable[[Part], str]) -> str:
    *most, last = [word(one) for one in item.listed("limit")][:_MOST] or ["nothing"]
    return f"{', '.join(most)} or {last}" if most else last


def _generic(item: Part) -> Said:
    """An item that is not understood: its own names and values, and nothing else."""
    name = plain(re.sub(r"[\W_]+", " ", item.raw_text("fact")))
    op, limit = item.text("op"), item.value("limit")
    if op == "known":
        return Said(f"{name} {item.value('value')}")
    if op == "unknown":
        return Said(f"{name} is not known")
    than = _THAN.get(op, f"{op} ") + (limit if "limit" in item else "")
    return Said(f"{name} {item.value('value')}".strip(), than.strip() if op and op != "==" else "")
