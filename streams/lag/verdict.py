"""One word for a look, and the exit code of a script. Pure."""

from collections.abc import Sequence
from enum import IntEnum
from typing import NamedTuple

from streams.lag.tracker import Look, Trend


class Verdict(IntEnum):
    """What is wrong; the value is the exit code. 1 is left to wrong options and settings."""

    OK = 0
    BEHIND = 2
    GROWING = 3
    STALLED = 4
    NO_WORKERS = 5
    DATA_GAP = 6
    BROKER_DOWN = 7
    UNKNOWN = 8

    @property
    def word(self) -> str:
        """In lower case."""
        return self.name.lower()


MEANING = {
    Verdict.OK: "everything is applied, or within the limits",
    Verdict.BEHIND: "beyond a limit, and not getting worse",
    Verdict.GROWING: "beyond a limit, and getting worse",
    Verdict.STALLED: "a partition has lag and nothing of it is applied",
    Verdict.NO_WORKERS: "nobody is in the group; timers stand still too",
    Verdict.DATA_GAP: "records were deleted before they were applied",
    Verdict.BROKER_DOWN: "the broker does not answer",
    Verdict.UNKNOWN: "topics are missing, or what is needed for a verdict cannot be asked",
}
_WORST_FIRST = (Verdict.BROKER_DOWN, Verdict.UNKNOWN, Verdict.DATA_GAP, Verdict.NO_WORKERS, Verdict.STALLED,
                Verdict.GROWING, Verdict.BEHIND, Verdict.OK)  # fmt: skip


class Limits(NamedTuple):
    """How far behind is too far.

    Attributes:
        seconds: age of the oldest record that is not applied, by its timestamp.
        records: not applied, of all partitions; None = any number.
    """

    seconds: float
    records: int | None = None


class Finding(NamedTuple):
    """One thing that is wrong, and the sentence that says it."""

    verdict: Verdict
    says: str


def judge(look: Look, limits: Limits) -> list[Finding]:
    """Everything that is wrong, worst first; never empty: one finding says that all is well."""
    sample = look.sample
    if sample.broker_says:
        return [Finding(Verdict.BROKER_DOWN, sample.broker_says)]
    found = []
    if sample.missing:
        text = f"topics {', '.join(sample.missing)} do not exist; run 'profilestream topics create'"
        found.append(Finding(Verdict.UNKNOWN, text))
    elif sample.stored is None and not sample.knows_commits:
        text = f"what is applied cannot be asked: the broker hides the commits, and {sample.store_says}"
        found.append(Finding(Verdict.UNKNOWN, text))
    elif sample.stored is None and sample.group is None:
        text = f"whether anybody works cannot be asked: no word of the group, and {sample.store_says}"
        found.append(Finding(Verdict.UNKNOWN, text))
    found += _gaps(look)
    if _is_deserted(look):
        found.append(Finding(Verdict.NO_WORKERS, f"no worker is in the group; {_records(look.lag)} wait"))
    found += _standing(look)
    found += _late(look, limits)
    found.sort(key=lambda finding: _WORST_FIRST.index(finding.verdict))
    return found or [Finding(Verdict.OK, f"{_records(look.lag)} wait")]


def _gaps(look: Look) -> list[Finding]:
    parts = [row.part for row in look.rows if row.part.gap]
    if not parts:
        return []
    part = parts[0]
    name, applied = f"{part.topic}/{part.partition}", part.applied or 0
    if applied > part.end:
        text = f"{name} ends at {part.end}, but {applied} are applied: created anew? Then raise input_epoch"
    else:
        text = f"{_records(part.gap)} of {name} from {applied} on were deleted before they were applied"
    return [Finding(Verdict.DATA_GAP, text + _more(parts))]


def _standing(look: Look) -> list[Finding]:
    rows = [row for row in look.rows if row.stalled]
    if not rows:
        return []
    worst = max(rows, key=lambda row: (row.append_s or 0.0, row.stood_s))
    part, seen_s = worst.part, max(worst.stood_s, look.over_s)
    text = f"{part.topic}/{part.partition} stands at {part.first}, nothing applied in {seen_s:.0f} s"
    if worst.append_s is not None:
        text += f", its oldest record waits for {worst.append_s:,.0f} s"
    return [Finding(Verdict.STALLED, text + _more(rows))]


def _is_deserted(look: Look) -> bool:
    """Nobody works: the group is empty, and no heartbeat says that somebody is about to join it."""
    group, stored = look.sample.group, look.sample.stored
    if group is not None and group.members:
        return False
    if stored is not None:
        return not stored.workers
    return group is not None


def _late(look: Look, limits: Limits) -> list[Finding]:
    says = []
    if look.append_s is not None and look.append_s > limits.seconds:
        says.append(f"the oldest record waits for {look.append_s:,.1f} s, the limit is {limits.seconds:g} s")
    if limits.records is not None and look.lag > limits.records:
        says.append(f"{_records(look.lag)} wait, the limit is {limits.records:,}")
    if not says:
        if look.lag and look.append_s is None and limits.records is None:
            text = f"how old {_records(look.lag)} are cannot be asked; set a limit in records"
            return [Finding(Verdict.UNKNOWN, text)]
        return []
    is_worse = look.motion.trend is Trend.GROWING
    if is_worse and look.motion.rate_in is not None:
        says.append(f"{look.motion.rate_in:,.0f} a second come, {look.motion.rate_out:,.0f} are applied")
    return [Finding(Verdict.GROWING if is_worse else Verdict.BEHIND, "; ".join(says))]


def _more(every: Sequence[object]) -> str:
    return f" (and {len(every) - 1} more)" if len(every) > 1 else ""


def _records(n: int) -> str:
    return f"{n:,} record{'' if n == 1 else 's'}"
