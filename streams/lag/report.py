"""A look as a JSON object and as plain lines. The object is public: deploy/schema/LAG.md. Pure."""

from collections.abc import Sequence
from math import isfinite
from typing import Any

from streams.lag.sample import Sample
from streams.lag.tracker import Look, Motion, Row
from streams.lag.verdict import Finding

SCHEMA = 1
_WHY_MOST = 4


def as_object(look: Look, found: Sequence[Finding], group: str) -> dict[str, Any]:
    """See deploy/schema/LAG.md.

    Args:
        look: what to tell.
        found: what is wrong, worst first.
        group: name of the consumer group.
    """
    sample, worst = look.sample, found[0].verdict
    return {
        "schema": SCHEMA,
        "verdict": worst.word,
        "code": worst.value,
        "why": [{"verdict": finding.verdict.word, "says": finding.says} for finding in found],
        "at_ms": sample.at_ms,
        "over_s": round(look.over_s, 3),
        "group": group,
        "group_state": None if sample.group is None else sample.group.state,
        "members": None if sample.group is None else sample.group.members,
        "workers": None if sample.stored is None else sample.stored.workers,
        "broker_up": not sample.broker_says,
        "store_up": sample.stored is not None,
        "notes": [*(said for said in (sample.broker_says, sample.store_says) if said), *sample.notes],
        "outbox": _outbox(sample),
        "dead_letters": sample.dead_letters,
        "total": look.lag,
        "append_s": _rounded(look.append_s),
        "event_s": _rounded(look.event_s),
        **_motion(look.motion),
        "partitions": [_row(row) for row in look.rows],
    }


def _row(row: Row) -> dict[str, Any]:
    part = row.part
    return {
        "topic": part.topic,
        "partition": part.partition,
        "committed": part.committed,
        "applied": part.applied,
        "begin": part.begin,
        "end": part.end,
        "end_by": "fetch" if part.is_exact else "list",
        "lag": part.lag,
        "append_s": _rounded(row.append_s),
        "event_s": _rounded(row.event_s),
        **_motion(row.motion),
        "stood_s": _rounded(row.stood_s),
        "stalled": row.stalled,
        "gap": part.gap,
    }


def _motion(motion: Motion) -> dict[str, Any]:
    return {
        "rate_in": _rounded(motion.rate_in),
        "rate_out": _rounded(motion.rate_out),
        "trend": None if motion.trend is None else motion.trend.value,
        "catch_up_s": _rounded(motion.catch_up_s),
    }


def _outbox(sample: Sample) -> dict[str, Any] | None:
    stored = sample.stored
    if stored is None:
        return None
    return {"entries": stored.outbox, "oldest_s": _rounded(outbox_s(sample))}


def outbox_s(sample: Sample) -> float | None:
    """Age of the oldest tag change that is not published; 0 where none waits, None where it is not known."""
    if sample.stored is None:
        return None
    oldest_ms = sample.stored.outbox_ms
    return 0.0 if oldest_ms is None else max(0.0, (sample.at_ms - oldest_ms) / 1000)


def _rounded(seconds: float | None) -> float | None:
    return None if seconds is None or not isfinite(seconds) else round(seconds, 3)


def lines(look: Look, found: Sequence[Finding]) -> list[str]:
    """For people without a terminal: the verdict, the total, and each partition that has lag."""
    sample, worst = look.sample, found[0]
    out = [f"{worst.verdict.word}: {worst.says}"]
    out += [f"    also {other.verdict.word}: {other.says}" for other in found[1:_WHY_MOST]]
    out += [f"    note: {note}" for note in (sample.store_says, *sample.notes) if note]
    if sample.broker_says:
        return out
    if look.lag:
        head = f"{'partition':14} {'lag':>10} {'age':>8} {'event age':>9} {'in/s':>8} {'out/s':>8}"
        out.append(f"{head}  {'trend':9} catch-up")
        behind = sorted((row for row in look.rows if row.part.lag), key=lambda row: -row.part.lag)
        out += [_line(f"{row.part.topic}/{row.part.partition}", row.part.lag, row) for row in behind]
    out.append(_line("total", look.lag, look))
    out.append(people(look))
    return out


def _line(name: str, lag: int, of: Row | Look) -> str:
    motion, stalled = of.motion, isinstance(of, Row) and of.stalled
    trend = "stalled" if stalled else "-" if motion.trend is None else motion.trend.value
    return (
        f"{name:14} {lag:>10,} {span(of.append_s):>8} {span(of.event_s):>9} {rate(motion.rate_in):>8} "
        f"{rate(motion.rate_out):>8}  {trend:9} {catch_up(motion)}"
    )


def people(look: Look) -> str:
    """Who works, and what waits behind them."""
    sample = look.sample
    group = sample.group
    parts = [f"members {'?' if group is None else f'{group.members} ({group.state.lower()})'}"]
    if sample.stored is not None:
        parts.append(f"workers {sample.stored.workers}")
        waits = f" ({span(outbox_s(sample))})" if sample.stored.outbox else ""
        parts.append(f"outbox {sample.stored.outbox:,}{waits}")
    if sample.dead_letters is not None:
        parts.append(f"dead letters {sample.dead_letters:,}")
    return "  ".join(parts)


def catch_up(motion: Motion) -> str:
    """In words."""
    if motion.catch_up_s is None:
        return "-"
    if not isfinite(motion.catch_up_s):
        return "never"
    return "now" if motion.catch_up_s == 0 else span(motion.catch_up_s)


def rate(per_s: float | None) -> str:
    """Records a second, or "-"."""
    return "-" if per_s is None else f"{per_s:,.0f}" if per_s >= 10 or per_s == 0 else f"{per_s:.1f}"


def span(seconds: float | None) -> str:
    """Few characters for any duration.

    >>> span(0.25), span(42.0), span(754.0), span(7600.0), span(200_000.0), span(None)
    ('0.2s', '42s', '12m34s', '2h06m', '2d7h', '-')
    """
    if seconds is None:
        return "-"
    if seconds < 10:
        return f"{seconds:.1f}s" if seconds else "0s"
    whole = int(seconds)
    for size, unit, below, smaller, width in (
        (86_400, "d", 3_600, "h", 1),
        (3_600, "h", 60, "m", 2),
        (60, "m", 1, "s", 2),
    ):
        if whole >= size:
            return f"{whole // size}{unit}{whole % size // below:0{width}}{smaller}"
    return f"{whole}s"
