"""The lag on a terminal: one screen, worst partitions first, readable in 80 columns. Pure.

Colours are names, so that they follow the reader's own palette, light or dark.
"""

from collections import defaultdict, deque
from collections.abc import Sequence
from datetime import datetime

from rich.console import Group, RenderableType
from rich.text import Text

from streams.lag.report import catch_up, people, rate, span
from streams.lag.tracker import Look, Row, Trend
from streams.lag.verdict import Finding, Verdict
from streams.screen import plain, rule, spread

REMEMBERED = 60  # looks
_BARS = "▁▂▃▄▅▆▇█"
_SPARK = 12
_COLOUR = {
    Verdict.OK: "green",
    Verdict.BEHIND: "yellow",
    Verdict.GROWING: "bright_red",
    Verdict.UNKNOWN: "magenta",
}
_TREND = {Trend.GROWING: ("↑", "red"), Trend.STEADY: ("→", "dim"), Trend.SHRINKING: ("↓", "green")}
_HEAD = (
    f" {'partition':<12}{'lag':>9}{'age':>8}{'event':>8}{'in/s':>8}{'out/s':>8}  {'lag so far':<16}catch-up"
)


class History:
    """The lag of the latest looks, of each partition and in all."""

    def __init__(self) -> None:
        self._of: dict[tuple[str, int] | None, deque[int]] = defaultdict(lambda: deque(maxlen=REMEMBERED))

    def add(self, look: Look) -> None:
        """Remember a look at a broker that answered."""
        if look.rows:
            self._of[None].append(look.lag)
        for row in look.rows:
            self._of[row.part.key].append(row.part.lag)

    def of(self, key: tuple[str, int] | None = None) -> Sequence[int]:
        """Of a partition, or of all; newest last."""
        return self._of[key]


def spark(values: Sequence[int], cells: int) -> str:
    """Bars of the latest values against their largest; what is not 0 shows.

    >>> spark([0, 1, 4, 8], 6)
    '  ▁▂▅█'
    """
    some = list(values)[-cells:]
    most = max(some, default=0) or 1
    bars = (_BARS[min(7, value * 7 // most + (value > 0))] if value else _BARS[0] for value in some)
    return "".join(bars).rjust(cells)


def screen(
    look: Look, found: Sequence[Finding], history: History, group: str, size: tuple[int, int]
) -> RenderableType:
    """One screen of `size` columns and lines."""
    width, height = size
    why = _why(look, found, width)
    head = [_title(look, found[0].verdict, group, width), *([*why, Text()] if height >= 20 else why[:1])]
    head += _totals(look, history, width)
    foot = [Text(" q or Ctrl-C ends", "dim")]
    room = max(0, height - len(head) - len(foot) - 3)  # heading, names of columns, what is left out
    rows = sorted(look.rows, key=lambda row: (not row.part.gap, not row.stalled, -row.part.lag, row.part.key))
    behind = [row for row in rows if row.part.lag or row.part.gap]
    shown = behind[:room]
    body = [rule("partitions", width), Text(_HEAD[:width], "dim")] if shown else []
    body += [_row(row, history, width) for row in shown]
    left = len(look.rows) - len(shown)
    if left and look.rows:
        hidden = len(behind) - len(shown)
        more = f"{hidden} more with lag, " if hidden else ""
        body.append(Text(f" {more}{left - hidden} caught up", "dim"))
    gap = height - len(head) - len(body) - len(foot)
    return Group(*head, *body, *[Text()] * max(0, gap), *foot)


def _title(look: Look, verdict: Verdict, group: str, width: int) -> Text:
    colour = _COLOUR.get(verdict, "bold red")
    at = datetime.fromtimestamp(look.sample.at_ms / 1000).astimezone()
    left = Text.assemble(
        (" lag", "bold"), ("  of group ", "dim"), plain(group, 30), "  ",
        (f" {verdict.word.replace('_', ' ')} ", f"reverse {colour}"),
    )  # fmt: skip
    return spread(left, Text(f"{at:%H:%M:%S} ", "dim"), width)


def _why(look: Look, found: Sequence[Finding], width: int) -> list[Text]:
    says = [(finding.says, _COLOUR.get(finding.verdict, "red")) for finding in found[:3]]
    says += [(note, "dim") for note in (look.sample.store_says, *look.sample.notes) if note]
    out = []
    for text, style in says:
        line = Text(f" {plain(text, 200)}", style, no_wrap=True)
        line.truncate(width, overflow="ellipsis")
        out.append(line)
    return out


def _totals(look: Look, history: History, width: int) -> list[Text]:
    motion = look.motion
    columns = (
        ("records", f"{look.lag:,}"),
        ("oldest", span(look.append_s)),
        ("event time", span(look.event_s)),
        ("in/s", rate(motion.rate_in)),
        ("out/s", rate(motion.rate_out)),
        ("catch-up", catch_up(motion)),
    )
    cell = (width - 2) // len(columns)
    names = Text.assemble(" ", *((f"{name:>{cell}}", "dim") for name, _ in columns))
    values = Text.assemble(" ", *((f"{value:>{cell}}", "bold") for _, value in columns))
    cells = min(REMEMBERED, width - 20)
    bars = Text.assemble(
        (" lag so far  ", "dim"), (spark(history.of(), cells), "cyan"), " ", _arrow(motion.trend)
    )
    return [names, values, bars, Text(f" {people(look)}", "dim", no_wrap=True, overflow="crop")]


def _arrow(trend: Trend | None) -> tuple[str, str]:
    return (" ", "") if trend is None else _TREND[trend]


def _row(row: Row, history: History, width: int) -> Text:
    part, motion = row.part, row.motion
    colour = "bold red" if row.stalled or part.gap else "yellow" if motion.trend is Trend.GROWING else ""
    last = f"gap {part.gap:,}" if part.gap else "stalled" if row.stalled else catch_up(motion)
    line = Text.assemble(
        (f" {f'{part.topic}/{part.partition}':<12}", colour),
        f"{part.lag:>9,}{span(row.append_s):>8}{span(row.event_s):>8}{rate(motion.rate_in):>8}",
        f"{rate(motion.rate_out):>8}  ",
        (spark(history.of(part.key), _SPARK), "cyan"),
        " ", _arrow(motion.trend), "  ",
        (last, colour),
        no_wrap=True,
    )  # fmt: skip
    line.truncate(width)
    return line
