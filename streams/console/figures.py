"""Figures out of what processes say: rates by differences, quantiles of summed histograms. Pure."""

from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import inf
from typing import Any, NamedTuple

PREFIX = "profilestream_"
RATE_MS = 7_000  # rates are means over so long, three or four vitals
QUANTILES_MS = 30_000  # quantiles are of what happened within so long
_KEPT = {
    PREFIX + name
    for name in (
        "ready", "store_durable", "held_back", "lag_records", "lag_seconds", "events_applied_total",
        "dead_letters_total", "tag_changes_total", "timers_fired_total", "event_to_visible_seconds_bucket",
        "timer_delay_seconds_bucket",
    )
} | {"process_resident_memory_bytes"}  # fmt: skip
Labels = tuple[tuple[str, str], ...]
Samples = Mapping[tuple[str, Labels], float]


class Reading(NamedTuple):
    """What a process said at an instant, epoch ms."""

    at_ms: int
    samples: Samples


def samples(families: Iterable[Any]) -> Samples:
    """The samples that are looked at here, of families as `prometheus_client` parses them."""
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): float(sample.value)
        for family in families
        for sample in family.samples
        if sample.name in _KEPT
    }


class Process:
    """One process: its role, its name, and what it said lately."""

    def __init__(self, role: str, name: str) -> None:
        self.role, self.name = role, name
        self.readings: deque[Reading] = deque()

    def take(self, reading: Reading) -> None:
        """Take in what it says now; what is too old goes."""
        if self.readings and reading.at_ms <= self.readings[-1].at_ms:
            return
        self.readings.append(reading)
        # One older than the span is kept: it is where the difference begins.
        while len(self.readings) > 2 and self.readings[1].at_ms <= reading.at_ms - QUANTILES_MS:
            self.readings.popleft()

    def value(self, name: str) -> float | None:
        """A sample of its latest reading, whatever its labels."""
        if not self.readings:
            return None
        return next((v for (n, _), v in self.readings[-1].samples.items() if n == name), None)

    def grown(self, name: str, within_ms: int) -> tuple[dict[Labels, float], float]:
        """What a counter grew by, by labels, and within how many seconds; a restart counts from 0."""
        last = self.readings[-1].at_ms
        some = [one for one in self.readings if one.at_ms >= last - within_ms]
        if len(some) < 2 and len(self.readings) > 1:
            some = list(self.readings)[-2:]
        out: dict[Labels, float] = {}
        for before, after in pairwise(some):
            for (found, labels), value in after.samples.items():
                if found == name:
                    was = before.samples.get((found, labels), 0.0)
                    out[labels] = out.get(labels, 0.0) + (value - was if value >= was else value)
        return out, (some[-1].at_ms - some[0].at_ms) / 1000 if some else 0.0


class Crowd:
    """All live processes."""

    def __init__(self) -> None:
        self.processes: dict[tuple[str, str], Process] = {}

    def take(self, role: str, name: str, reading: Reading) -> None:
        """What one process says now."""
        self.processes.setdefault((role, name), Process(role, name)).take(reading)

    def keep(self, alive: Iterable[tuple[str, str]]) -> None:
        """Forget those that do not live any more."""
        living = set(alive)
        for gone in self.processes.keys() - living:
            del self.processes[gone]

    def __iter__(self) -> Iterator[Process]:
        return iter([self.processes[key] for key in sorted(self.processes)])

    def of_role(self, role: str) -> list[Process]:
        """Those of a role, sorted by name."""
        return [self.processes[key] for key in sorted(self.processes) if key[0] == role]

    def rates(self, name: str, label: str = "") -> dict[str, float]:
        """How fast a counter grows, a second, all processes together, by the value of a label."""
        out: dict[str, float] = {}
        for process in self.processes.values():
            grown, span_s = process.grown(name, RATE_MS)
            for labels, value in grown.items():
                key = dict(labels).get(label, "")
                out[key] = out.get(key, 0.0) + (value / span_s if span_s else 0.0)
        return out

    def gauges(self, name: str) -> dict[Labels, float]:
        """A gauge by its labels; where two processes have it, as the one said that spoke last."""
        found: dict[Labels, tuple[int, float]] = {}
        for process in self.processes.values():
            if not process.readings:
                continue
            at_ms, said = process.readings[-1]
            for (sample, labels), value in said.items():
                if sample == name and at_ms >= found.get(labels, (0, 0.0))[0]:
                    found[labels] = at_ms, value
        return {labels: value for labels, (_, value) in found.items()}

    def quantiles(self, name: str, shares: Sequence[float]) -> list[float | None]:
        """Quantiles of a histogram over what happened lately, all processes and labels together."""
        grown: dict[float, float] = {}
        for process in self.processes.values():
            for labels, value in process.grown(f"{name}_bucket", QUANTILES_MS)[0].items():
                edge = float(dict(labels).get("le", "inf"))
                grown[edge] = grown.get(edge, 0.0) + value
        return [quantile(grown, share) for share in shares]


def quantile(cumulated: Mapping[float, float], share: float) -> float | None:
    """A quantile of cumulated counts by upper edge, between two edges by proportion, as Prometheus has it.

    None where there is nothing; beyond the last edge, that edge.

    >>> quantile({1.0: 50, 2.0: 100, inf: 100}, 0.75)
    1.5
    """
    edges = sorted(cumulated)
    total = cumulated[edges[-1]] if edges else 0
    if not total:
        return None
    wanted, low, below = share * total, 0.0, 0.0
    for edge in edges:
        if cumulated[edge] >= wanted and cumulated[edge] > below:
            if edge == inf:
                return low
            return low + (edge - low) * (wanted - below) / (cumulated[edge] - below)
        low, below = (low, below) if edge == inf else (edge, cumulated[edge])
    return low
