"""From samples to movement: rates, trend, time to catch up, and what stands still. Pure; time by argument.

Progress is seen at the store's watermark, which moves once in a commit interval. So up to half an
interval's worth of records may be a matter of when we looked: a difference within that is no trend.
"""

from collections import deque
from collections.abc import Iterable
from enum import StrEnum
from math import inf
from typing import NamedTuple

from streams.lag.sample import Partition, Sample

RESTLESS = frozenset({"PreparingRebalance", "CompletingRebalance"})


class Trend(StrEnum):
    """Where the lag is going."""

    GROWING = "growing"
    STEADY = "steady"
    SHRINKING = "shrinking"


class Motion(NamedTuple):
    """How the lag of a partition, or of all, moves; every figure None where one sample is all there is.

    Attributes:
        rate_in: records a second that come in.
        rate_out: records a second that are applied; 0 where the offset went back.
        trend: of the lag.
        catch_up_s: seconds until the lag is gone; 0 where it is gone, or moves and is within the limit;
            infinite where it does not shrink.
    """

    rate_in: float | None = None
    rate_out: float | None = None
    trend: Trend | None = None
    catch_up_s: float | None = None


class Row(NamedTuple):
    """A partition and how it moves.

    Attributes:
        part: what the newest sample says.
        motion: see there.
        append_s: age of the oldest record that is not applied, by its timestamp; 0 = there is none, None =
            not known.
        event_s: the same by the time at which the event happened.
        stood_s: for how long there has been lag while nothing was applied, as far as it was watched.
        stalled: whether that is too long.
    """

    part: Partition
    motion: Motion
    append_s: float | None
    event_s: float | None
    stood_s: float
    stalled: bool


class Look(NamedTuple):
    """The newest sample, and what it means after those before.

    Attributes:
        sample: the newest.
        over_s: between it and the oldest it is compared with; 0 = with none.
        rows: a partition each, sorted.
        lag: records that are not applied, of all partitions.
        append_s: of the oldest of all that could be read; 0 = there is no lag, None = none could.
        event_s: the same by event time.
        motion: of all together.
    """

    sample: Sample
    over_s: float
    rows: tuple[Row, ...]
    lag: int
    append_s: float | None
    event_s: float | None
    motion: Motion


class Tracker:
    """Remembers samples.

    Args:
        window_s: how far back a sample is compared with.
        stalled_s: for how long a partition may stand while it has lag.
        step_s: how often progress shows: the commit interval.
        limit_s: age of the oldest record up to which lag counts as caught up.
    """

    def __init__(self, *, window_s: float, stalled_s: float, step_s: float, limit_s: float) -> None:
        self._window_s = window_s
        self._stalled_s = stalled_s
        self._step_s = step_s
        self._limit_s = limit_s
        self._samples: deque[Sample] = deque()
        self._stands: dict[tuple[str, int], tuple[int, int]] = {}  # where it stands, and since when (ms)

    def add(self, sample: Sample) -> Look:
        """Compare with what came before; where the broker was away, nothing came before."""
        if not sample.partitions:
            self._samples.clear()  # that nothing was applied meanwhile is nobody's fault but the broker's
            self._stands.clear()
            return Look(sample, 0.0, (), 0, None, None, Motion())
        while len(self._samples) > 1 and sample.at_ms - self._samples[1].at_ms >= self._window_s * 1000:
            self._samples.popleft()
        before = self._samples[0] if self._samples else None
        self._samples.append(sample)
        over_s = (sample.at_ms - before.at_ms) / 1000 if before is not None else 0.0
        old = {part.key: part for part in before.partitions} if before is not None and over_s > 0 else {}
        is_dead_still = self._is_dead_still(sample, old, over_s)
        rows = tuple(self._row(part, old, sample.at_ms, over_s, is_dead_still) for part in sample.partitions)
        behind = [row for row in rows if row.part.lag]
        append_s, event_s = _oldest(row.append_s for row in behind), _oldest(row.event_s for row in behind)
        motion = self._total(rows, old, over_s, append_s)
        return Look(sample, over_s, rows, sum(row.part.lag for row in rows), append_s, event_s, motion)

    def _is_dead_still(self, now: Sample, old: dict[tuple[str, int], Partition], over_s: float) -> bool:
        """Nothing at all was applied while we looked, long enough to have seen it, and nobody is joining."""
        if over_s < 1.5 * self._step_s or (now.group is not None and now.group.state in RESTLESS):
            return False
        return all(part.key in old and old[part.key].applied == part.applied for part in now.partitions)

    def _row(
        self,
        part: Partition,
        old: dict[tuple[str, int], Partition],
        at_ms: int,
        over_s: float,
        is_dead_still: bool,
    ) -> Row:
        append_s, event_s = _age(part, part.append_ms, at_ms), _age(part, part.event_ms, at_ms)
        stood_s = self._stood_s(part, at_ms)
        before = old.get(part.key)
        # A look may be too short to see it stand for long; that its oldest record waits is then proof enough
        # if nothing else moves either.
        waits = is_dead_still and append_s is not None and append_s >= self._stalled_s
        stalled = part.lag > 0 and (stood_s >= self._stalled_s or (waits and before is not None))
        motion = Motion()
        if before is not None:
            motion = self._motion(part.lag, before.lag, *_moved(part, before), over_s, append_s, stalled)
        elif part.lag == 0:
            motion = Motion(catch_up_s=0.0)
        return Row(part, motion, append_s, event_s, stood_s, stalled)

    def _stood_s(self, part: Partition, at_ms: int) -> float:
        if not part.lag:
            self._stands.pop(part.key, None)
            return 0.0
        here = _place(part)
        place, since_ms = self._stands.get(part.key, (here, at_ms))
        if place != here:
            since_ms = at_ms
        self._stands[part.key] = (here, since_ms)
        return max(0.0, (at_ms - since_ms) / 1000)

    def _total(
        self,
        rows: tuple[Row, ...],
        old: dict[tuple[str, int], Partition],
        over_s: float,
        append_s: float | None,
    ) -> Motion:
        pairs = [(row.part, old[row.part.key]) for row in rows if row.part.key in old]
        if not pairs:
            return Motion(catch_up_s=None if any(row.part.lag for row in rows) else 0.0)
        came, went = (sum(counts) for counts in zip(*(_moved(*pair) for pair in pairs), strict=True))
        is_stalled = any(row.stalled for row in rows)
        lag, was = (sum(part.lag for part in side) for side in zip(*pairs, strict=True))
        return self._motion(lag, was, came, went, over_s, append_s, is_stalled)

    def _motion(
        self,
        lag: int,
        was: int,
        came: int,
        went: int,
        over_s: float,
        append_s: float | None,
        is_stalled: bool,
    ) -> Motion:
        rate_in, rate_out = came / over_s, went / over_s
        noise = max(1.0, rate_out * self._step_s / 2)
        trend = Trend.STEADY
        if abs(lag - was) > noise:
            trend = Trend.GROWING if lag > was else Trend.SHRINKING
        # What came within a step may be applied without our seeing it yet.
        fresh_s = self._limit_s if went else min(self._step_s, self._limit_s)
        if lag == 0 or (append_s is not None and append_s <= fresh_s and not is_stalled):
            return Motion(rate_in, rate_out, trend, 0.0)
        if trend is not Trend.SHRINKING or is_stalled:
            return Motion(rate_in, rate_out, trend, inf)
        return Motion(rate_in, rate_out, trend, lag * over_s / (was - lag))


def _moved(part: Partition, before: Partition) -> tuple[int, int]:
    """Records that came, and that were applied; neither is negative."""
    return max(0, part.end - before.end), max(0, _place(part) - _place(before))


def _place(part: Partition) -> int:
    """Next offset to be applied."""
    return part.begin if part.applied is None else part.applied


def _oldest(ages: Iterable[float | None]) -> float | None:
    """Of what lags; 0 where nothing does, None where no age is known."""
    every = list(ages)
    known = [age for age in every if age is not None]
    return max(known, default=None) if every else 0.0


def _age(part: Partition, then_ms: int | None, at_ms: int) -> float | None:
    """Seconds; 0 where all is applied, None where it is not known; a clock that is ahead counts as now."""
    if part.lag == 0:
        return 0.0
    return None if then_ms is None else max(0.0, (at_ms - then_ms) / 1000)
