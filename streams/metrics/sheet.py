"""Samples of declared metrics, as a process has them at one moment; and the registry that asks for them."""

import platform
from collections.abc import Callable, Iterator
from importlib.metadata import version

from prometheus_client import CollectorRegistry, ProcessCollector
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily
from prometheus_client.metrics_core import Metric as Family
from prometheus_client.registry import Collector

from streams.metrics.declared import BY_NAME, COUNTER, GAUGE, PREFIX
from streams.metrics.histogram import Histogram

_KINDS = {GAUGE: GaugeMetricFamily, COUNTER: CounterMetricFamily}


class Sheet:
    """What a process says of itself now.

    Args:
        role: of the process; metrics of other roles are refused.
    """

    def __init__(self, role: str) -> None:
        self._role = role
        self._families: dict[str, Family] = {}

    def put(self, name: str, value: float | None, *labels: str) -> None:
        """A gauge or a counter.

        Args:
            name: as declared.
            value: None = not known: no sample.
            labels: values of its labels, in the order of the declaration.
        """
        if value is not None:
            self._family(name, labels).add_metric(labels, float(value))  # type: ignore[attr-defined]

    def histogram(self, name: str, seen: Histogram, *labels: str) -> None:
        """A histogram, with the edges it was declared with."""
        total, buckets = 0, []
        for edge, count in zip((*seen.edges, None), seen.counts, strict=True):
            total += count
            buckets.append(("+Inf" if edge is None else repr(float(edge)), total))
        self._family(name, labels).add_metric(labels, buckets, seen.sum)  # type: ignore[attr-defined]

    def _family(self, name: str, labels: tuple[str, ...]) -> Family:
        said = BY_NAME[name]
        assert len(labels) == len(said.labels), f"{name} has the labels {said.labels}"
        found = self._families.get(name)
        if found is None:
            assert said.role in ("", self._role), f"{name} is none of a {self._role}"
            kind = _KINDS.get(said.kind, HistogramMetricFamily)
            found = self._families[name] = kind(PREFIX + name, said.help, labels=said.labels)
        return found

    def families(self) -> list[Family]:
        """All of it, as prometheus_client wants it."""
        return list(self._families.values())


class _Reading(Collector):
    def __init__(self, role: str, fill: Callable[[Sheet], None]) -> None:
        self._role, self._fill = role, fill

    def collect(self) -> Iterator[Family]:
        sheet = Sheet(self._role)
        sheet.put("build_info", 1, version("profilestream"), platform.python_version(), self._role)
        self._fill(sheet)
        yield from sheet.families()


def registry(role: str, *fills: Callable[[Sheet], None]) -> CollectorRegistry:
    """The registry of a process: what it says of itself, and memory, CPU and files as the system sees them.

    Args:
        role: of the process.
        fills: each puts samples on the sheet, every time it is asked for.
    """
    made = CollectorRegistry()

    def fill(sheet: Sheet) -> None:
        for one in fills:
            one(sheet)

    made.register(_Reading(role, fill))
    ProcessCollector(registry=made)
    return made
