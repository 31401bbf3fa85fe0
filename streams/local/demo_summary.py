"""What is left to read when the replay is over: counts, who stands where, and how to look further."""

import statistics
import sys
from collections import Counter
from pathlib import Path
from shutil import which

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from models.calendar import iso
from streams.config import Config
from streams.local.demo_feed import Feeder
from streams.local.demo_story import Story
from streams.local.demo_view import clock
from streams.local.demo_watch import Watch
from streams.screen import STAGE_STYLE, rule

WIDTH = 80


def summary(story: Story, feeder: Feeder, watch: Watch, settle_s: float) -> RenderableType:
    """Everything counted, in at most a screen.

    Args:
        story: what was replayed.
        feeder: how it was sent.
        watch: what came of it.
        settle_s: from the last record sent until everything was applied, fired and read.
    """
    days = (story.last_ms - story.first_ms) / 86_400_000
    says = f"{days:,.0f} days replayed in {feeder.took_s:.1f} s, settled {settle_s:.1f} s later"
    return Group(rule(says, WIDTH), _totals(story, feeder, watch), Text(), _tables(watch))


def _totals(story: Story, feeder: Feeder, watch: Watch) -> Table:
    simulated = f"{feeder.sent - story.simulated:,} real, {story.simulated:,} simulated"
    if story.parts[0][0] == "file":
        simulated = story.parts[0][1]
    causes = watch.by_cause
    events = "" if story.parts[0][0] == "file" else f", {causes['simulated']:,} by simulated ones"
    others = f", {causes['others']:,} by others" if causes["others"] else ""
    real = "events" if story.parts[0][0] == "file" else "real events"
    rows = [
        ("events", f"{feeder.sent:,}", simulated),
        ("profiles", f"{watch.profiles:,}", f"as of {clock(watch.instant_ms)} UTC, event time"),
        ("tag changes", f"{watch.changes:,}",
         f"{causes['real']:,} by {real}{events}, {causes['time']:,} by time{others}"),
        ("dead letters", f"{watch.dead:,}", "rejected events, with their reason in topic dead-letter"
         if watch.dead else ""),
    ]  # fmt: skip
    if len(watch.latencies_s) >= 2:
        middle, slow = quantiles(watch.latencies_s)
        rows.append(("latency", f"{middle * 1000:,.0f} ms",
                     f"median from event sent to tag change read; p99 {slow * 1000:,.0f} ms"))  # fmt: skip
    table = Table.grid(padding=(0, 2))
    table.add_column(style="dim")
    table.add_column(justify="right", style="bold")
    table.add_column()
    for name, value, remark in rows:
        table.add_row(f" {name}", value, remark)
    return table


def quantiles(latencies_s: list[float]) -> tuple[float, float]:
    """Median and 99th percentile of at least two values."""
    cuts = statistics.quantiles(latencies_s, n=100)
    return cuts[49], cuts[98]


def _tables(watch: Watch) -> Table:
    changes = _table(" tag", "gained", "lost", "changed")
    for tag in sorted({tag for tag, _ in watch.by_tag}):
        counts = (watch.by_tag[tag, kind] for kind in ("gained", "lost", "changed"))
        changes.add_row(f" {tag}", *(f"{n:,}" if n else "·" for n in counts))
    out = Table.grid(padding=(0, 3))
    order = dict.fromkeys([*STAGE_STYLE, *sorted(watch.stages)])
    stages = {stage: watch.stages[stage] for stage in order if watch.stages[stage]}
    left: list[RenderableType] = [_counts("stage", Counter(stages))]
    right: list[RenderableType] = [_counts("segment", watch.segments)]
    if watch.clusters:  # somebody has looked at all of them together
        left += [Text(), _counts("churn risk", watch.risks)]
        right += [Text(), _counts("cluster", watch.clusters)]
    out.add_row(changes, Group(*left), Group(*right))
    return out


def _counts(title: str, counts: Counter[str]) -> Table:
    table = _table(title, "now")
    for name, n in counts.most_common():
        table.add_row(Text(name, STAGE_STYLE.get(name, "") if title == "stage" else ""), f"{n:,}")
    return table


def _table(*titles: str) -> Table:
    table = Table(box=None, padding=(0, 1, 0, 0), header_style="dim")
    for title in titles:
        table.add_column(title, justify="left" if title == titles[0] else "right")
    return table


def directions(config: Config, story: Story, watch: Watch, url: str) -> RenderableType:
    """What to open in a browser, and commands for another terminal, with the running addresses."""
    me = program()
    customer = watch.recent[-1].customer_id if watch.recent else story.rows[-1].key.decode()
    until = f"{iso(-(-watch.instant_ms // 1000) * 1000)[:19]}Z"  # the next full second: shorter
    commands = [
        f"export PROFILESTREAM_BROKERS={config.brokers}",
        f"export PROFILESTREAM_REDIS_URL={config.redis_url}",
        f"{me} get {customer}",
        f"{me} tail --from-start --limit 20",
        f"{me} export profiles.jsonl --as-of {until}",
        f"{me} verify --as-of {until}",
        f"{me} lag",
    ]
    lines = [Text(f" {command}", "cyan", no_wrap=True, overflow="ignore") for command in commands]
    page = Text.assemble(" in a browser  ", (url, "underline cyan"), no_wrap=True, overflow="ignore")
    return Group(rule("it is still running: look around, here or from another terminal", WIDTH), page, *lines)


def program() -> str:
    """How this program was called, so that a pasted command works."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{_short(Path(sys.executable))} -m streams"
    found = which(called.name)
    return called.name if found and Path(found).samefile(called) else _short(called)


def _short(path: Path) -> str:
    path = path.absolute()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
