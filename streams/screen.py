"""What screens have in common: harmless text, headings, bars, rows, money and times in words. Pure."""

from collections.abc import Sequence
from datetime import UTC, datetime, tzinfo

from rich.text import Text

from models.money import SCALES, MoneyError

STAGE_STYLE = {"prospect": "white", "new": "bright_cyan", "active": "green", "reactivated": "bright_green",
               "at_risk": "yellow", "dormant": "magenta", "lost": "red"}  # fmt: skip
MOST = 1e15  # no figure of a shop; beyond it a number is none
LABEL = 12  # cells before what a row says
_MINUTE_S, _HOUR_S, _DAY_S = 60, 3_600, 86_400
# (from how many seconds on, what is counted, its seconds): 60 days say more than one month does.
_SPANS = (
    (2 * 365.25 * _DAY_S, "year", 365.25 * _DAY_S),
    (61 * _DAY_S, "month", 30.4375 * _DAY_S),
    (_DAY_S, "day", _DAY_S),
    (_HOUR_S, "hour", _HOUR_S),
    (_MINUTE_S, "minute", _MINUTE_S),
)


def plain(text: str, most: int = 80) -> str:
    r"""One line of text that can do nothing to a terminal, cut to a number of characters.

    Controls, surrogates and all that reorders or hides its neighbours go; any white space is one space.

    >>> plain("a\x1b[31m\tb\u202e\n c")
    'a[31m b c'
    """
    text = "".join(one if one.isprintable() or one.isspace() else "" for one in text[: 8 * most])
    text = " ".join(text.split())
    return text if len(text) <= most else text[: most - 1] + "…"


def rule(title: str, width: int) -> Text:
    """A heading with a line behind it."""
    return Text.assemble((f" {title} ", "bold"), ("─" * max(0, width - len(title) - 3), "dim"), " ")


def spread(left: Text, right: Text, width: int) -> Text:
    """Two texts at the two edges of a line."""
    space = max(1, width - left.cell_len - right.cell_len)
    return Text.assemble(left, " " * space, right, no_wrap=True, overflow="crop")


def row(
    label: str, pieces: Sequence[str | Text], width: int, lines: int = 1, between: str = " · "
) -> list[Text]:
    """A label and what belongs to it, in at most so many lines; what finds no room is counted.

    Args:
        label: fewer than `LABEL` letters.
        pieces: what belongs to it; an empty one is left out. None is broken over two lines.
        width: of the screen.
        lines: how many it may take; no line at all where there is no piece.
        between: what separates two pieces.
    """
    room = width - LABEL - 1
    todo = [Text(piece) if isinstance(piece, str) else piece for piece in pieces if piece]
    out = [Text()] if todo else []
    for i, piece in enumerate(todo):
        left = len(todo) - i - 1
        kept_free = 0
        if left:
            kept_free = len(f" … {left} more") if len(out) == lines else len(between.rstrip())
        if out[-1] and out[-1].cell_len + len(between) + piece.cell_len > room - kept_free:
            if len(out) == lines:
                out[-1].append(f" … {left + 1} more", "dim")
                break
            out[-1].append(between.rstrip(), "dim")
            out.append(Text())
        elif out[-1]:
            out[-1].append(between, "dim")
        piece.truncate(room - kept_free, overflow="ellipsis")
        out[-1].append_text(piece)
    names = (f" {label}", *[""] * lines)
    return [
        Text.assemble((name.ljust(LABEL), "dim"), line, no_wrap=True, overflow="crop")
        for name, line in zip(names, out, strict=False)
    ]


def dots(name: str, score: int) -> list[tuple[str, str]]:
    """A score of 0 to 5, as parts of a text."""
    return [(f"{name} ", "dim"), ("●" * score, "green"), ("○" * (5 - score) + "  ", "dim")]


def bar(part: float, whole: float, cells: int) -> str:
    """As many of so many cells as `part` is of `whole`, rounded up."""
    return "▇" * int(-(-part * cells // whole)) if whole else ""


def percent(share: float) -> str:
    """A share of one."""
    return f"{100 * share:.0f} %"


def money(minor: float, currency: str) -> str:
    """Minor units as people write them; a currency that is none counts two decimals.

    >>> money(123456, "USD"), money(1200, "JPY")
    ('1,234.56 USD', '1,200 JPY')
    """
    try:
        scale = SCALES[currency]
    except MoneyError:
        scale = 100
    return f"{minor / scale:,.{len(str(scale)) - 1}f} {currency}".rstrip()


def many(n: float, noun: str) -> str:
    """So many of something.

    >>> many(1, "order"), many(2.5, "piece"), many(1200, "click")
    ('1 order', '2.5 pieces', '1,200 clicks')
    """
    n = round(n, 3)
    return f"{int(n) if n == int(n) else n:,} {noun}{'' if n == 1 else 's'}"


def figure(n: float) -> str:
    """A number as people write it, to four decimals.

    >>> figure(5000), figure(0.25), figure(-0.00001)
    ('5,000', '0.25', '0')
    """
    shown = f"{n:,.4f}".rstrip("0").rstrip(".")
    return "0" if shown == "-0" else shown


def holds(label: str, value: bool | float | str) -> str:
    """A tag that is held, in a few words: of a flag what it is called, else its value behind it.

    >>> holds("Active", True), holds("Churn risk", "very_high"), holds("Average monthly spend", 15000)
    ('Active', 'Churn risk very high', 'Average monthly spend 15,000')
    """
    if value is True:
        return label
    return f"{label} {plain(value.replace('_', ' ')) if isinstance(value, str) else figure(value)}"


class Times:
    """Instants of a document (ISO-8601) in words; "" where it is none.

    Args:
        now_ms: the reader's now, epoch ms.
        zone: the reader's.
    """

    def __init__(self, now_ms: int, zone: tzinfo = UTC) -> None:
        self._now = datetime.fromtimestamp(now_ms / 1000, UTC)
        self._zone = zone

    def day(self, text: str) -> str:
        """Such as 2026-12-03."""
        at = self._at(text)
        return f"{at:%Y-%m-%d}" if at else ""

    def minute(self, text: str, *, zone: bool = False) -> str:
        """Such as 2026-12-03 09:14, the zone's name after it if it is asked for."""
        at = self._at(text)
        return (f"{at:%Y-%m-%d %H:%M %Z}" if zone else f"{at:%Y-%m-%d %H:%M}") if at else ""

    def exact(self, text: str) -> str:
        """Such as 2026-12-03 09:14:05, ms if it has any; the offset where clocks show that time twice."""
        at = self._at(text)
        if at is None:
            return ""
        is_twice = at.utcoffset() != at.replace(fold=1 - at.fold).utcoffset()
        ms = at.microsecond // 1000
        return f"{at:%Y-%m-%d %H:%M:%S}{f'.{ms:03}' if ms else ''}{f'{at: %z}' if is_twice else ''}"

    def ago(self, text: str) -> str:
        """Such as "12 days ago", "just now", "in 3 hours"."""
        at, span = self._at(text), self.span(text)
        if at is None or not span:
            return "just now" if at else ""
        return f"{span} ago" if at <= self._now else f"in {span}"

    def span(self, text: str) -> str:
        """Such as "12 days", between then and now; "" for less than a minute."""
        at = self._at(text)
        seconds = abs((self._now - at).total_seconds()) if at else 0
        return next((many(seconds // one, noun) for least, noun, one in _SPANS if seconds >= least), "")

    def is_past(self, text: str) -> bool:
        """Whether that was before now."""
        at = self._at(text)
        return at is not None and at < self._now

    def _at(self, text: str) -> datetime | None:
        try:
            at = datetime.fromisoformat(text)
            return (at if at.tzinfo else at.replace(tzinfo=UTC)).astimezone(self._zone)
        except (ValueError, OverflowError):
            return None
