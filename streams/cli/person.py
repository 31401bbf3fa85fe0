"""A customer on one screen: `profilestream get` for somebody in a shop who has never seen a profile.

Pure: a document in, a rich renderable out, at most 40 lines at 100 columns. Every section is optional,
unknown ones are passed over, and text of the document is only ever text: no markup, no control characters.
"""

from collections.abc import Sequence
from datetime import UTC, tzinfo
from typing import Any, NamedTuple

from rich.console import Group
from rich.text import Text

from models.catalogue.catalogue import EMPTY, Catalogue
from streams.cli import wording
from streams.cli.outlook import outlook
from streams.cli.part import Part
from streams.cli.wording import named
from streams.config import calendar_of
from streams.screen import STAGE_STYLE, Times, bar, dots, many, money, percent, plain, row, rule, spread

WIDTHS = 40, 120  # narrower than that is cut off; wider is hard to read
_BAR = 10  # cells of a whole among likes
_HEALTH_BAR = 20


class _Page(NamedTuple):
    """What all sections need."""

    doc: Part
    times: Times
    width: int
    catalogue: Catalogue

    @property
    def currency(self) -> str:
        return self.doc.part("rfm").text("currency")

    def row(
        self, label: str, pieces: Sequence[str | Text], lines: int = 1, between: str = " · "
    ) -> list[Text]:
        return row(label, pieces, self.width, lines, between)

    def since(self, part: Part, name: str = "since") -> str:
        """A day, or nothing where none is known."""
        day = self.times.day(part.text(name))
        return f"since {day}" if day else ""


def person(
    doc: dict[str, Any], now_ms: int, width: int, zone: tzinfo = UTC, catalogue: Catalogue = EMPTY
) -> Group:
    """One customer in full.

    Args:
        doc: the document as Redis has it.
        now_ms: the reader's now, epoch ms.
        width: of the screen, in columns.
        zone: in which days and times are shown.
        catalogue: what tags are called.
    """
    narrow, wide = WIDTHS
    page = _Page(Part(doc), Times(now_ms, zone), max(narrow, min(width, wide)), catalogue)
    if page.doc.part("consent").text("status") == "withdrawn":
        return Group(_title(page), _withdrawn(page))
    lines = [_title(page), *_who(page)]
    for title, rows in (
        ("standing", _standing(page) + _tags(page)),
        ("right now", _cart(page) + _visits(page) + _service(page)),
        ("likes and habits", _likes(page) + _habits(page)),
    ):
        if rows:
            lines += [rule(title, page.width), *rows]
    return Group(*lines)


def _title(page: _Page) -> Text:
    as_of = page.doc.text("as_of")
    fresh = page.times.minute(as_of, zone=True)
    right = Text(f"as of {fresh}, {page.times.ago(as_of)} " if fresh else "", "dim")
    left = Text.assemble(" ", (page.doc.text("customer_id") or "a customer", "bold"))
    left.truncate(page.width - right.cell_len - 1, overflow="ellipsis")
    return spread(left, right, page.width)


def _withdrawn(page: _Page) -> Text:
    at = page.times.minute(page.doc.part("consent").text("at"))
    says = f" Consent withdrawn{f' on {at}' if at else ''}: nothing about this customer is kept."
    return Text(says, no_wrap=True, overflow="crop")


def _who(page: _Page) -> list[Text]:
    doc, times = page.doc, page.times
    attributes = doc.part("attributes")
    pieces = [Text.assemble((f"{named(name)} ", "dim"), attributes.value(name)) for name in attributes]
    if times.day(first := doc.part("rfm").text("first_order_at")):
        known = [f"since {times.day(first)} ({times.span(first) or 'just now'})"]
    else:
        known = ["has not bought yet"]
        if seen := times.day(doc.text("first_seen_at")):
            known.append(f"known since {seen}")
    if seen := times.ago(doc.text("last_seen_at")):
        known.append(f"last seen {seen}")
    consent = doc.part("consent")
    if status := consent.text("status"):
        known.append(f"consent {status} {times.day(consent.text('at'))}".rstrip())
    return page.row("about", pieces, 2) + page.row("customer", known)


def _standing(page: _Page) -> list[Text]:
    rfm, lifecycle = page.doc.part("rfm"), page.doc.part("lifecycle")
    stage, segment = lifecycle.text("stage"), rfm.text("segment")
    out: list[Text] = []
    if stage:
        name = Text(named(stage), STAGE_STYLE.get(stage, "bold"))
        out += page.row("stage", [name, page.since(lifecycle), wording.STAGES.get(stage, "")])
    if segment:
        out += page.row("segment", [Text(named(segment), "bold"), wording.SEGMENTS.get(segment, "")])
    if any(rfm.number(name) for name in "rfm"):
        out += page.row("scores", [_dots(rfm)])
    ahead = [line for one in outlook(page.doc, page.times, page.currency) for line in page.row(*one)]
    return out + _orders(page, rfm) + _rhythm(page, rfm) + ahead + _health(page)


def _dots(rfm: Part) -> Text:
    names = {"r": "lately", "f": "often", "m": "money"}
    scores = {name: max(0, min(5, int(rfm.count(name)))) for name in names}
    return Text.assemble(*(part for name, word in names.items() for part in dots(word, scores[name])))


def _orders(page: _Page, rfm: Part) -> list[Text]:
    if not rfm:
        return []
    windows = rfm.part("windows")
    lately = [
        f"in {name.removesuffix('d')} days {wording.bought(windows.part(name), page.currency)}"
        for name in ("30d", "365d")
        if windows.part(name) and rfm.count("frequency")
    ]
    return page.row("orders", wording.orders(rfm, page.currency), 2) + page.row("of late", lately)


def _rhythm(page: _Page, rfm: Part) -> list[Text]:
    times, due = page.times, page.doc.part("habits")
    last, until = rfm.text("last_order_at"), due.text("next_order_until")
    out = page.row("last order", [f"{times.ago(last)} ({times.day(last)})"]) if times.day(last) else []
    start, end = times.day(due.text("next_order_from")), times.day(until)
    if start and end:
        between = f"on {start}" if start == end else f"between {start} and {end}"
        state = Text()
        if times.is_past(until):
            state = Text("overdue", "bold red")
        elif times.is_past(due.text("next_order_from")):
            state = Text("due now", "green")
        out += page.row("next order", [f"usually due {between}", state])
    return out


def _health(page: _Page) -> list[Text]:
    health = page.doc.part("health")
    score = health.number("score")
    if score is None:
        return []
    band, style = wording.BANDS.get(health.text("band"), (named(health.text("band")), "bold"))
    full = bar(max(0, min(100, score)), 100, _HEALTH_BAR)
    drawn = Text.assemble((full, style), ("─" * (_HEALTH_BAR - len(full)), "dim"), f" {score:.0f} of 100")
    known = health.part("components")
    weakest = min((name for name in known if known.number(name) is not None), key=known.count, default="")
    why = ""
    if weakest and known.count(weakest) < 1:
        name = wording.COMPONENTS.get(weakest, named(weakest))
        why = f"weakest: {name}, {percent(known.count(weakest))}"
    return page.row("health", [drawn, Text(band, style), why], 2)


def _cart(page: _Page) -> list[Text]:
    journey, times = page.doc.part("journey"), page.times
    cart, step = journey.part("cart"), journey.text("step")
    left = "left with nothing in the cart" if journey.text("abandoned") == "browse" else ""
    now: list[str | Text] = [
        wording.STEPS.get(step, named(step)),
        times.ago(journey.text("since")),
        Text(left, "yellow"),
    ]
    out = page.row("now", now) if step else []
    if not cart:
        return out
    word, style = wording.CARTS.get(cart.text("state"), (named(cart.text("state")), ""))
    since, idle = times.minute(cart.text("since")), times.ago(cart.text("idle_since"))
    worth = f"{many(cart.count('qty'), 'piece')}, {money(cart.count('value_minor'), page.currency)}"
    times_of = f"since {since}" if since else "", f"touched {idle}" if idle else ""
    lines = cart.parts("lines")
    shown = [wording.cart_line(line, page.currency) for line in lines]
    if sum(line.count("qty") for line in lines) < cart.count("qty") - 0.001:
        shown.append("and more")
    out += page.row("cart", [worth, Text(word, style), *times_of], 2)
    return out + page.row("in it", shown, 2)


def _visits(page: _Page) -> list[Text]:
    seen = page.doc.part("engagement")
    return page.row("visits", wording.visits(seen, page.times) if seen else [])


def _likes(page: _Page) -> list[Text]:
    likes = page.doc.part("preferences")
    out: list[Text] = []
    for label, name in (("buys", "categories"), ("brands", "brands"), ("buys in", "channels"),
                        ("pays with", "payments"), ("looks at", "interests")):  # fmt: skip
        shares = likes.part(name)
        pieces = [
            Text.assemble(
                plain(one, 24),
                (f" {bar(max(0, min(1, shares.count(one))), 1, _BAR)} ", "green"),
                percent(shares.count(one)),
            )
            for one in shares
        ]
        out += page.row(label, pieces, between="  ")
    sides = {"online": "online", "offline": "in the shop"}
    where = [
        f"{word}: {wording.bought(likes.part(name), page.currency)}"
        for name, word in sides.items()
        if likes.part(name)
    ]
    return out + page.row("where", where)


def _habits(page: _Page) -> list[Text]:
    clock = " (their own clock)" if calendar_of(page.doc.part("attributes").text("timezone")) else ""
    habits = wording.habits(page.doc.part("habits"), clock)
    prices = wording.promotion(page.doc.part("promotion"), page.currency)
    return page.row("habits", habits, 2, "; ") + page.row("prices", prices, 2, "; ")


def _service(page: _Page) -> list[Text]:
    what = wording.service(page.doc.part("service"), page.times)
    said = wording.satisfaction(page.doc.part("satisfaction"))
    return page.row("service", what, 2) + page.row("says", said, 2)


def _tags(page: _Page) -> list[Text]:
    tags = page.doc.part("tags")
    pieces = []
    for name in tags:
        tag = tags.part(name)
        said = wording.holding(page.catalogue, name, tag)
        until = page.times.day(tag.text("until"))  # `explain` has the instant
        pieces.append(Text.assemble((said, "bold"), f" until {until}" if until else ""))
    return page.row("tags", pieces, 3 if page.width >= 100 else 4)
