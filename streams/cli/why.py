"""Why a customer holds a tag, or does not, since when, by which rule and until when: `profilestream explain`.

Pure: a document in, sentences out. A tag is told from its entry in the document, in the words of the
catalogue; one that the catalogue does not know is told from its entry alone. What the document cannot say,
the value that follows and why a tag is not held, comes of the private state, where the caller has it.
"""

from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from models.calendar import iso
from models.catalogue.catalogue import Catalogue
from models.catalogue.tag import Tag, Value
from models.rulelang import Item
from models.rules import Rules
from models.state import State
from streams.cli import because, terms, wording
from streams.cli.because import Page
from streams.cli.foresight import Follows, Foresight, NotHeld, foresight
from streams.cli.nouns import ACTIVITY
from streams.cli.part import Part
from streams.cli.reasons import Bounds, told
from streams.cli.wording import named
from streams.screen import Times, figure, plain

_FACTS = ("value", "since", "rule", "because", "cause", "until")


class _Said(NamedTuple):
    """What sentences need besides the document."""

    page: Page
    zone: str
    catalogue: Catalogue
    ahead: Foresight | None
    lang: str

    @property
    def who(self) -> str:
        return self.page.doc.text("customer_id") or "the customer"

    def label(self, tag_id: str) -> str:
        return wording.label(self.catalogue, tag_id, self.lang)

    def value(self, tag: Tag | None, part: Part) -> str:
        """The value of that name, in words: "" for a flag; a number in the unit of its rule."""
        n = part.number("value")
        if n is None:
            return "" if part.is_true("value") else named(part.value("value"))
        line = next(
            (one for one in (tag.about.text if tag else "").split("\n") if one.startswith("value: ")), ""
        )
        node = terms.term(line.removeprefix("value: "), "number") if line else None
        return terms.amount(node, n, self.page.currency) if node is not None else figure(n)

    def word(self, tag: Tag, value: Value) -> str:
        """The same of a value that was judged."""
        return self.value(tag, Part({"value": value}))

    def because(self, items: list[Item]) -> str:
        return told(self.page, Part({"because": items}).rows("because", because.COLUMNS))


def explain(
    doc: dict[str, Any],
    now_ms: int,
    rules: Rules,
    zone: tzinfo = UTC,
    tag: str | None = None,
    *,
    state: State | None = None,
    lang: str = "en",
) -> list[str]:
    """Who it is and how fresh, then a sentence a tag; one sentence alone where nothing is held.

    Args:
        doc: the document as Redis has it.
        now_ms: the reader's now, epoch ms.
        rules: of the deployment; its catalogue is the one that explains.
        zone: in which times are shown.
        tag: only this one, and what the catalogue says it is for.
        state: the private state that the document shows; None = it cannot be read.
        lang: language of the labels; where there is none, the English one.
    """
    part = Part(doc)
    page = Page(part, Times(now_ms, zone))
    said = _Said(page, plain(str(zone)), rules.catalogue, foresight(state, rules), lang)
    consent = part.part("consent")
    if consent.text("status") == "withdrawn":
        at = page.times.minute(consent.text("at"))
        when = f" on {at} {said.zone}" if at else ""
        return [f"{said.who} has withdrawn consent{when}: nothing is kept, and no tag is held."]
    about = _about(said, tag) if tag is not None else []
    held = [Part(entry) for entry in entries(doc, tag)]
    if not held:
        return [_not_held(said, tag), *about] if tag is not None else [f"{said.who} holds no tag."]
    as_of, times = part.text("as_of"), page.times
    fresh = f" as of {times.minute(as_of)} {said.zone}, {times.ago(as_of)}" if times.ago(as_of) else ""
    return [f"{said.who}{fresh}:", *(_sentence(said, entry) for entry in held), *about]


class Sentence(NamedTuple):
    """What is said of one tag that is held.

    Attributes:
        tag: its id.
        says: the sentence.
        until_ms: when time alone ends it; None = never, or nobody knows.
        value: its value in words; "" of a flag.
        follows: the value after that; None = not known.
        then: that value in words.
    """

    tag: str
    says: str
    until_ms: int | None
    value: str
    follows: Follows | None
    then: str


def sentences(
    doc: dict[str, Any], now_ms: int, rules: Rules, zone: tzinfo = UTC, *, state: State | None = None
) -> list[Sentence]:
    """A sentence a tag that is held; arguments of `explain`."""
    page = Page(Part(doc), Times(now_ms, zone))
    said = _Said(page, plain(str(zone)), rules.catalogue, foresight(state, rules), "en")
    return [_told(said, Part(entry)) for entry in entries(doc)]


def _told(said: _Said, entry: Part) -> Sentence:
    tag_id = entry.raw_text("tag")
    tag, until_ms = said.catalogue.by_id.get(tag_id), because.instant_ms(entry.text("until"))
    follows = None
    if said.ahead is not None and tag is not None and tag.rule == entry.text("rule") and until_ms is not None:
        follows = said.ahead.follows(tag, until_ms)
    then = said.word(tag, follows.value) if follows is not None and follows.value is not None and tag else ""
    return Sentence(tag_id, _sentence(said, entry), until_ms, said.value(tag, entry), follows, then)


def entries(doc: dict[str, Any], tag: str | None = None) -> list[dict[str, Any]]:
    """What the document says of each tag held, or of this one, unchanged; what is absent stays absent."""
    tags = doc.get("tags")
    return [
        {"tag": name, **{fact: entry[fact] for fact in _FACTS if fact in entry}}
        for name, entry in (tags.items() if isinstance(tags, dict) else ())
        if isinstance(entry, dict) and tag in (None, name)
    ]


def known(doc: dict[str, Any], catalogue: Catalogue) -> list[str]:
    """The tags of the catalogue, and those held beyond them."""
    return list(dict.fromkeys([*catalogue.by_id, *(entry["tag"] for entry in entries(doc))]))


def _about(said: _Said, tag_id: str) -> list[str]:
    """What a tag is for and whose it is."""
    tag = said.catalogue.by_id.get(tag_id)
    if tag is None:
        return []
    owner = f" of {plain(tag.about.owner)}" if tag.about.owner else ""
    purpose = f": {plain(tag.about.purpose, 200)}" if tag.about.purpose else "."
    return [f"{said.label(tag_id)} is a {tag.about.kind}{owner}{purpose}"]


def _sentence(said: _Said, entry: Part) -> str:
    tag_id, rule = entry.text("tag"), entry.text("rule")
    tag = said.catalogue.by_id.get(entry.raw_text("tag"))
    head = f"{said.label(entry.raw_text('tag'))} {said.value(tag, entry)}".strip() or tag_id
    if since := said.page.times.minute(entry.text("since")):
        head += f" since {since} {said.zone}"
    items = entry.rows("because", because.COLUMNS)
    is_ours = tag is not None and rule == tag.rule
    bounds: Bounds = (
        "to stay" if tag is not None and is_ours and "\nleave: " in tag.about.text else "tightest"
    )
    why = told(said.page, items, bounds)
    ruled = f" ({rule})" if rule else ""
    cause, until = _cause(said, entry.part("cause")), _until(said, entry, tag, items)
    return f"{head}{why and f': {why}'}{ruled}{cause}. {until}"


def _cause(said: _Said, cause: Part) -> str:
    """What announced it."""
    if topic := cause.text("topic"):
        partition, offset = cause.number("partition"), cause.number("offset")
        place = f"/{partition:.0f}@{offset:.0f}" if partition is not None and offset is not None else ""
        return f", announced by {topic}{place}"
    if at := said.page.times.exact(cause.text("timer")):
        return f", announced by time alone on {at}"
    for name in ("catalogue", "population"):
        if (number := cause.number(name)) is not None:
            return f", announced by revision {number:.0f} of the {name}"
    return ""


def _until(said: _Said, entry: Part, tag: Tag | None, items: list[Part]) -> str:
    """What follows when nothing happens, and what would prevent it."""
    if "until" not in entry:
        return "Time alone does not change it."
    until_ms, since_ms = (because.instant_ms(entry.text(name)) for name in ("until", "since"))
    at = said.page.times.exact(entry.text("until"))
    at = f"{at} {said.zone}" if at else "an unknown instant"
    then = "Leaves" if entry.is_true("value") else "Changes"
    is_ours = tag is not None and entry.text("rule") == tag.rule
    if tag is not None and is_ours and until_ms is not None and since_ms is not None:
        if tag.ttl_ms and until_ms == since_ms + tag.ttl_ms:
            return f"Leaves on {at} at the latest: it is held for {terms.span(tag.ttl_ms)} at most."
        follows = said.ahead.follows(tag, until_ms) if said.ahead is not None else None
        if follows is not None:
            then = "Leaves" if follows.value is None else f"Becomes {said.word(tag, follows.value)}"
        if tag.dwell_ms and until_ms == since_ms + tag.dwell_ms:
            at += f", after the {terms.span(tag.dwell_ms)} that it is held at least,"
    return f"{then} on {at} unless {_prevented(items)} before."


def _prevented(items: list[Part]) -> str:
    """What could move the facts that decided."""
    nodes = [node for item in items if (node := because.node_of(item)) is not None]
    found = terms.moved(nodes)
    if ACTIVITY in found:
        found = [ACTIVITY]
    if not found:
        return "something happens"
    *most, last = found
    return f"there is {', '.join(most)} or {last}" if most else f"there is {last}"


def _not_held(said: _Said, tag_id: str) -> str:
    """Why it is not, and when it would be."""
    head, tag = f"{said.who} does not hold {said.label(tag_id)}", said.catalogue.by_id.get(tag_id)
    if tag is None or said.ahead is None:
        return f"{head}."
    found = said.ahead.not_held(tag)
    left = said.page.times.minute(iso(found.left_ms)) if found.left_ms else ""
    head += f", left on {left} {said.zone}" if left else ""
    why = said.because(found.because)
    return f"{head}{why and f': {why}'} ({tag.rule}). {_enters(said, tag, found)}"


def _enters(said: _Said, tag: Tag, found: NotHeld) -> str:
    if found.is_spent:
        over = f"Its time of {terms.span(tag.ttl_ms)} is over"
        return f"{over}; it comes back only after this has ceased to be so."
    if found.value is not None:
        return "By this rule it would be held: it has not been judged by it yet."
    if not found.enters_ms:
        return "Time alone does not bring it."
    verb = "Would be entered" if found.enters is True else f"Would become {said.word(tag, found.enters)}"
    return f"{verb} on {said.page.times.exact(iso(found.enters_ms))} {said.zone} if nothing happens."
