"""The demo on a terminal: one screen that fits 80x24 and uses more where there is more.

Pure: facts in, lines out. A screen is exactly as high as the terminal; the tag changes take what is left.
Colours are names, so that they follow the reader's own palette, light or dark.
"""

from datetime import UTC, datetime
from typing import Any

from rich.cells import set_cell_size
from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from streams.local.demo_card import card_lines, side_lines
from streams.local.demo_feed import Feeder
from streams.local.demo_story import Story
from streams.local.demo_watch import Seen, Watch
from streams.screen import STAGE_STYLE, rule, spread

WIDE = 110  # columns from which the customer stands beside the changes
_SIDE = 40
_SIGN = {"gained": ("+", "green"), "lost": ("-", "red"), "changed": ("~", "yellow")}
_PART = {"real": "bold green", "simulated": "bold magenta", "file": "bold green"}
_CAUSE = {"real": "green", "simulated": "magenta", "time": "cyan", "others": "blue"}


class View:
    """Draws screens.

    Args:
        story: what is replayed.
        feeder: how far it is.
        watch: what came of it.
        seconds: how long the replay takes.
        url: of the console.
    """

    def __init__(self, story: Story, feeder: Feeder, watch: Watch, seconds: float, url: str) -> None:
        self._story, self._feeder, self._watch, self._seconds = story, feeder, watch, seconds
        self._url = url

    def screen(self, width: int, height: int) -> RenderableType:
        """One screen of `height` lines."""
        airy = height >= 30
        gap = [Text()] if airy else []
        head = [self._title(width), *gap, *self._parts(width), *gap, self._bar(width), *gap]
        head += [*self._numbers(width), Text() if height >= 24 else Text(end="")][: 3 if height >= 24 else 2]
        foot = [Text(self._phase(), "dim", no_wrap=True, overflow="crop")]
        left = max(3, height - len(head) - len(foot))
        body: list[RenderableType]
        if width >= WIDE:
            body = [self._beside(width, left)]
        else:
            card = card_lines(self._watch.card, width)
            rows = max(1, left - len(card) - 2)
            body = [
                rule("tag changes", width),
                *self._changes(width, rows),
                rule("one customer", width),
                *card,
            ]
        return Group(*head, *body, *foot)

    def _title(self, width: int) -> Text:
        left = Text.assemble((" profilestream", "bold"), ("  demo  ", "dim"), (self._url, "underline cyan"))
        right = Text.assemble(
            ("event time  ", "dim"), (clock(self._watch.instant_ms or self._story.first_ms), "bold"), " "
        )
        return spread(left, right, width)

    def _parts(self, width: int) -> list[Text]:
        out = []
        for what, says in self._story.parts:
            line = Text.assemble((f" {what:<10}", _PART[what]), says, no_wrap=True)
            line.truncate(width, overflow="ellipsis")
            out.append(line)
        return out

    def _bar(self, width: int) -> Text:
        feeder, story = self._feeder, self._story
        share = 1.0 if feeder.finished else min(1.0, feeder.took_s / self._seconds)
        days_per_s = (story.last_ms - story.first_ms) / 86_400_000 / self._seconds
        left_s = max(0, round(self._seconds - feeder.took_s))
        tail = f" {share:>4.0%}  {left_s // 60}:{left_s % 60:02} left  {days_per_s:.1f} days/s "
        if feeder.finished:
            tail = " 100%  all sent "
        cells = max(10, width - 2 - len(tail))
        full = round(share * cells)
        return Text.assemble(" ", ("━" * full, "green"), ("─" * (cells - full), "dim"), (tail, ""))

    def _numbers(self, width: int) -> list[Text]:
        watch = self._watch
        lag = max(0, self._feeder.sent - watch.applied)
        columns = (
            ("events/s", f"{watch.rate:,.0f}", "bold"),
            ("applied", f"{watch.applied:,}", "bold"),
            ("lag", f"{lag:,}", "bold" if lag < 2_000 else "bold yellow"),
            ("profiles", f"{watch.profiles:,}", "bold"),
            ("tag changes", f"{watch.changes:,}", "bold"),
            ("dead letters", f"{watch.dead:,}", "bold red" if watch.dead else "bold"),
        )
        cell = (width - 2) // len(columns)
        names = Text.assemble(" ", *((f"{name:>{cell}}", "dim") for name, _, _ in columns))
        values = Text.assemble(" ", *((f"{value:>{cell}}", style) for _, value, style in columns))
        return [names, values]

    def _changes(self, width: int, rows: int) -> list[Text]:
        last = list(self._watch.recent)[-rows:]
        lines = [change_line(seen, width) for seen in last]
        return lines + [Text()] * (rows - len(lines))

    def _beside(self, width: int, height: int) -> Table:
        table = Table.grid(padding=0)
        main, side = width - _SIDE - 2, _SIDE
        table.add_column(width=main)
        table.add_column(width=2)
        table.add_column(width=side)
        right = side_lines(self._watch, side, height)
        left = [rule("tag changes", main), *self._changes(main, height - 1)]
        table.add_row(Group(*left), "", Group(*right))
        return table

    def _phase(self) -> str:
        if not self._feeder.finished:
            return " Replaying. Ctrl-C stops everything and leaves nothing behind."
        return " All sent. Applying the rest and firing every timer that is due."


def change_line(seen: Seen, width: int) -> Text:
    """One tag change: when, who, what, why."""
    sign, style = _SIGN[seen.kind]
    others = {"time": "time passed", "others": "others moved"}
    cause = {"real": seen.event, "simulated": f"sim. {seen.event}", **others}[seen.cause]
    what = Text()
    if seen.kind == "changed":
        what.append(str(seen.old), "dim").append(" → ", "dim").append(str(seen.new), _value_style(seen.new))
    else:
        value = seen.new if seen.kind == "gained" else seen.old
        what.append("" if value is True else str(value), _value_style(value))
    when = datetime.fromisoformat(seen.at)
    who = set_cell_size(seen.customer_id, 6 if width < 90 else 12)
    left = Text.assemble(
        (f" {when:%d %b} ", "dim"),
        (f"{who} ", "bold"),
        (f"{sign} {seen.tag:<11} ", style),
        what,
        no_wrap=True,
    )
    left.truncate(width - len(cause) - 2, overflow="ellipsis")
    return spread(left, Text(f"{cause} ", _CAUSE[seen.cause]), width)


def _value_style(value: Any) -> str:
    return STAGE_STYLE.get(str(value), "bold") if value is not True else ""


def clock(at_ms: int) -> str:
    """An instant for people, UTC."""
    return f"{datetime.fromtimestamp(at_ms / 1000, UTC):%Y-%m-%d %H:%M}"
