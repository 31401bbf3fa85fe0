"""Counters that the parts of a worker keep as they go, at a few nanoseconds each."""

from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterable
from math import inf
from time import perf_counter

from streams.lane import TopicPartition
from streams.metrics.declared import LATENESS
from streams.metrics.histogram import DELAY_S, VISIBLE_S, WORK_S, Histogram

_LATE_MS = [seconds * 1000 for _, seconds in LATENESS]
LATE_MS = _LATE_MS[0]  # from here on an event is late
PHASES = ("load", "fold", "store", "apply")


class IntakeCounts:
    """What came in.

    Attributes:
        taken: topic -> records.
        lateness: events by class, see `LATENESS`.
        gaps: partition -> (first, next) offsets that were gone; a set, because a rewind meets them again.
    """

    def __init__(self) -> None:
        self.taken: Counter[str] = Counter()
        self.lateness = [0] * len(LATENESS)
        self.gaps: defaultdict[TopicPartition, set[tuple[int, int]]] = defaultdict(set)

    def late(self, by_ms: int) -> None:
        """An event came so late, at least `LATE_MS`."""
        self.lateness[bisect_right(_LATE_MS, by_ms) - 1] += 1


class Counts:
    """What went through the fold since the start.

    Attributes:
        events: applied, repeats among them or not, in all topics.
        repeats: events dropped as repeats.
        dead: rejected records.
        changes: tag changes stored.
        commits: writes accepted.
        stale: writes refused.
        wakes: customers looked at because they were due.
        hits: customers of events found in the cache.
        misses: likewise, loaded.
        dead_by: (topic, reason) -> rejected records.
        told: (tag, event type) -> tag changes stored.
        delays: seconds from due instants to their evaluation.
        phases: seconds of work on one batch, by phase.
        visible: topic -> seconds from append to stored.
    """

    def __init__(self) -> None:
        self.events = self.repeats = self.dead = self.changes = self.commits = self.stale = self.wakes = 0
        self.hits = self.misses = 0
        self.dead_by: Counter[tuple[str, str]] = Counter()
        self.told: Counter[tuple[str, str]] = Counter()
        self.delays = Histogram(DELAY_S)
        self.phases = {name: Histogram(WORK_S) for name in PHASES}
        self.visible: defaultdict[str, Histogram] = defaultdict(lambda: Histogram(VISIBLE_S))

    def batch(self, spent: "Spent") -> float:
        """A batch is applied; gives the seconds it took."""
        for name, phase in spent.phases():
            self.phases[name].observe(phase.busy_s)
        took_s = perf_counter() - spent.since_s
        self.phases["apply"].observe(took_s)
        return took_s


class Phase:
    """One kind of work of a batch: its seconds, and its first beginning and last end by `perf_counter`."""

    __slots__ = ("began_s", "busy_s", "ended_s")

    def __init__(self) -> None:
        self.busy_s = self.ended_s = 0.0
        self.began_s = inf

    def add(self, since_s: float) -> float:
        """Some of it was done from then until now; gives now."""
        self.ended_s = now_s = perf_counter()
        self.busy_s += now_s - since_s
        self.began_s = min(self.began_s, since_s)
        return now_s


class Spent:
    """Where the time of one batch goes; chunks of it overlap, so the parts may be more than the whole.

    Attributes:
        load, fold, store: the phases.
        since_s: when it began.
        changes: tag changes stored.
    """

    __slots__ = ("changes", "fold", "load", "since_s", "store")

    def __init__(self) -> None:
        self.load, self.fold, self.store = Phase(), Phase(), Phase()
        self.changes = 0
        self.since_s = perf_counter()

    def phases(self) -> Iterable[tuple[str, Phase]]:
        """By name, all but the whole."""
        return zip(PHASES, (self.load, self.fold, self.store), strict=False)
