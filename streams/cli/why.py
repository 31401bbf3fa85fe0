"""Why a customer holds a tag, since when, by which rule and until when: `profilestream explain` in words.

Pure: a document in, sentences out. What decided stands in the document; a tag or a version of a rule that
this program does not know is told from its `because` alone. Text of the document is only ever text.
"""

import re
from collections.abc import Callable
from datetime import UTC, datetime, tzinfo
from typing import Any, NamedTuple

from models import lifecycle
from models.rules import DAY_MS, Rules
from models.tags import TAGS
from streams.cli import wording
from streams.cli.part import Part
from streams.cli.wording import named
from streams.screen import Times, many, money, plain

_FACTS = ("value", "since", "rule", "because", "until")
_RULES = {tag.id: tag.rule for tag in TAGS}  # of any other this program does not know the meaning
_SILENT = {name for words in lifecycle.VOCABULARIES.values() for _, name in words.silence}
_STAGES = {name for words in lifecycle.VOCABULARIES.values() for name in words.stages()}
_THRESHOLDS = ("at_risk_days", "dormant_days", "lost_days")
_UNITS = ((86_400, "day"), (3_600, "hour"), (60, "minute"))
_INSTANT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d.*(Z|[+-]\d\d:\d\d)", re.ASCII)
_MOST = 12  # facts of a tag that is not known here


class _Page(NamedTuple):
    """What all sentences need."""

    doc: Part
    times: Times
    zone: str
    rules: Rules

    @property
    def who(self) -> str:
        return self.doc.text("customer_id") or "the customer"

    def money(self, minor: float) -> str:
        return money(minor, self.doc.part("rfm").text("currency"))


def explain(
    doc: dict[str, Any], now_ms: int, rules: Rules, zone: tzinfo = UTC, tag: str | None = None
) -> list[str]:
    """Who it is and how fresh, then a sentence a tag; one sentence alone where nothing is held.

    Args:
        doc: the document as Redis has it.
        now_ms: the reader's now, epoch ms.
        rules: of the deployment; they name what follows.
        zone: in which times are shown.
        tag: only this one.
    """
    page = _Page(Part(doc), Times(now_ms, zone), plain(str(zone)), rules)
    consent = page.doc.part("consent")
    if consent.text("status") == "withdrawn":
        at = page.times.minute(consent.text("at"))
        when = f" on {at} {page.zone}" if at else ""
        return [f"{page.who} has withdrawn consent{when}: nothing is kept, and no tag is held."]
    held = [Part(entry) for entry in entries(doc, tag)]
    if not held:
        return [_not_held(page, tag) if tag is not None else f"{page.who} holds no tag."]
    as_of, times = page.doc.text("as_of"), page.times
    fresh = f" as of {times.minute(as_of)}, {times.ago(as_of)}" if times.ago(as_of) else ""
    return [f"{page.who}{fresh}; times in {page.zone}", *(_sentence(page, entry) for entry in held)]


def entries(doc: dict[str, Any], tag: str | None = None) -> list[dict[str, Any]]:
    """What the document says of each tag held, or of this one, unchanged; what is absent stays absent."""
    tags = doc.get("tags")
    return [
        {"tag": name, **{fact: entry[fact] for fact in _FACTS if fact in entry}}
        for name, entry in (tags.items() if isinstance(tags, dict) else ())
        if isinstance(entry, dict) and tag in (None, name)
    ]


def known(doc: dict[str, Any]) -> list[str]:
    """The tags of this version, and those held beyond them."""
    return list(dict.fromkeys([*_RULES, *(entry["tag"] for entry in entries(doc))]))


def _sentence(page: _Page, entry: Part) -> str:
    tag, value, rule = entry.text("tag"), entry.value("value"), entry.text("rule")
    if _is_flag(entry):
        head = wording.TAGS.get(tag, named(tag))
    else:
        head = f"{tag if tag in _RULES else named(tag)} {value}"
    if since := page.times.minute(entry.text("since")):
        head += f" since {since}"
    why = _BECAUSE[tag](page, entry) if tag in _BECAUSE and rule == _RULES[tag] else ""
    why = why or _generic(page, entry.part("because"))
    return f"{head}{why and f': {why}'}{rule and f' ({rule})'}. {_until(page, entry)}"


def _until(page: _Page, entry: Part) -> str:
    """What follows when nothing happens."""
    if "until" not in entry:
        return "Time alone does not change it."
    at = page.times.exact(entry.text("until")) or "an unknown instant"
    if next_stage := _next_stage(page.rules, entry):
        return f"Becomes {next_stage} on {at} if nothing happens."
    verb = "Leaves" if _is_flag(entry) else "Changes"
    return f"{verb} on {at} unless something happens before."


def _is_flag(entry: Part) -> bool:
    return entry.value("value") == "yes" and not entry.text("value")


def _lifecycle(page: _Page, entry: Part) -> str:
    """Why it is held, as each of the next; "" where a fact is missing."""
    because, stage = entry.part("because"), entry.text("value")
    orders, last = because.number("orders"), page.times.minute(because.text("last_order_at"))
    days = [because.count(name) for name in _THRESHOLDS if name in because]
    if orders is None or stage not in _STAGES or (orders and (not last or len(days) != 1)):
        return ""
    if not orders:
        return "no order counts"
    out = f"{many(orders, 'order')}, {'the last ' if orders > 1 else ''}on {last}"
    silence = f"{many(days[0], 'day')} of silence"
    if stage in _SILENT:
        return f"{out}, {silence} {'makes' if days[0] == 1 else 'make'} {stage}"
    return f"{out}{' after a long pause' if stage == 'reactivated' else ''}, less than {silence}"


def _segment(_: _Page, entry: Part) -> str:
    because = entry.part("because")
    r, f, m = (because.count(name) for name in "rfm")
    return f"scores from 1 to 5: recency {r:g}, frequency {f:g}, money {m:g}" if r and f and m else ""


def _active(page: _Page, entry: Part) -> str:
    because = entry.part("because")
    last, days = page.times.minute(because.text("last_active_at")), because.number("within_days")
    return f"last activity {last}, within {many(days, 'day')}" if last and days is not None else ""


def _high_value(page: _Page, entry: Part) -> str:
    because = entry.part("because")
    net, least = because.number("net_minor"), because.number("at_least_minor")
    if net is None or least is None:
        return ""
    return f"net spending {page.money(net)}, at least {page.money(least)}"


def _idle(page: _Page, entry: Part) -> str:
    because = entry.part("because")
    idle, after = page.times.minute(because.text("idle_since")), because.number("after_s")
    return f"idle since {idle}, for {_duration(after)} or more" if idle and after is not None else ""


_BECAUSE: dict[str, Callable[[_Page, Part], str]] = {
    "lifecycle": _lifecycle,
    "rfm_segment": _segment,
    "active_30d": _active,
    "high_value": _high_value,
    "cart_abandoned": _idle,
    "browse_abandoned": _idle,
}


def _generic(page: _Page, because: Part) -> str:
    """What decided, in the words of its own names."""
    names = list(because)
    said = [_fact(page, because, name) for name in names[:_MOST]]
    return ", ".join([*said, f"{len(names) - _MOST} more"] if len(names) > _MOST else said)


def _fact(page: _Page, because: Part, name: str) -> str:
    number, text = because.number(name), because.text(name)
    word, _, unit = name.rpartition("_")
    if word and number is not None and unit in ("minor", "days", "s"):
        said = {"minor": page.money(number), "days": many(number, "day"), "s": _duration(number)}
        return f"{named(word)} {said[unit]}"
    instant = page.times.minute(text) if _INSTANT.fullmatch(text) else ""
    return f"{named(name)} {instant or because.value(name)}"


def _duration(seconds: float) -> str:
    """In the largest unit that says it exactly."""
    fits = ((seconds / one, noun) for one, noun in _UNITS if seconds and not seconds % one)
    return many(*next(fits, (seconds, "second")))


def _next_stage(rules: Rules, entry: Part) -> str:
    """The stage that follows in time; "" unless the rules agree with the document on when and from what."""
    stage, because = entry.text("value"), entry.part("because")
    until_ms, last_ms = _ms(entry.text("until")), _ms(because.text("last_order_at"))
    is_known = entry.text("tag") == "lifecycle" and entry.text("rule") == _RULES["lifecycle"]
    names = lifecycle.VOCABULARIES[rules.lifecycle].stages()
    if not is_known or stage not in names or until_ms is None or last_ms is None:
        return ""
    orders = int(because.count("orders"))
    before, changes_ms = lifecycle.stage(until_ms - 1, orders, last_ms, 0, rules)
    after, _ = lifecycle.stage(until_ms, orders, last_ms, 0, rules)  # silence: no gap before it matters
    is_same = stage == before if stage in _SILENT else before not in _SILENT
    return after if changes_ms == until_ms and is_same else ""


def _ms(text: str) -> int | None:
    try:
        return round(datetime.fromisoformat(text).timestamp() * 1000) if _INSTANT.fullmatch(text) else None
    except (ValueError, OverflowError):
        return None


def _not_held(page: _Page, tag: str) -> str:
    why = _WHY_NOT[tag](page) if tag in _WHY_NOT else ""
    verb = "is not" if why and tag in ("active_30d", "high_value") else "does not hold"
    return f"{page.who} {verb} {plain(tag)}{why and f': {why}'}."


def _inactive(page: _Page) -> str:
    """Said where nothing at all was seen for so long: what was seen later need not be activity."""
    last, at_ms = page.doc.text("last_seen_at"), _ms(page.doc.text("as_of"))
    last_ms, days = _ms(last), page.rules.active_days
    if last_ms is None or at_ms is None or at_ms - last_ms < days * DAY_MS:
        return ""
    return f"last seen {page.times.minute(last)} {page.zone}, {many(days, 'day')} or more ago"


def _low_value(page: _Page) -> str:
    rfm, least = page.doc.part("rfm"), page.rules.high_value_minor
    net = rfm.number("net_minor")
    if net is None or net >= least or rfm.text("currency") != page.rules.currency:
        return ""
    return f"net spending {page.money(net)}, less than {page.money(least)}"


def _cart_kept(page: _Page) -> str:
    cart = page.doc.part("journey").part("cart")
    if not cart:
        return "nothing is in the cart" if page.doc.part("journey") else ""
    idle = page.times.minute(cart.text("idle_since"))
    says = {"open": "still being filled", "expired": "given up"}.get(cart.text("state"))
    return f"the cart is {says}, untouched since {idle} {page.zone}" if says and idle else ""


_WHY_NOT: dict[str, Callable[[_Page], str]] = {
    "rfm_segment": lambda page: "no order counts" if page.doc.part("rfm").number("frequency") == 0 else "",
    "active_30d": _inactive,
    "high_value": _low_value,
    "cart_abandoned": _cart_kept,
}
