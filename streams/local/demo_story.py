"""What the demo replays: one time-ordered stream, and a plain word on what in it is real.

The default is real orders, campaigns and coupons of households (Complete Journey) with simulated clicks
and service events around them; a file of one's own is replayed as it is. Reading order of the demo: this,
`demo_feed`, `demo_watch`, `demo_view`, `demo_summary`; `streams/cli/demo.py` puts them together.
"""

from collections.abc import Callable, Iterable, Iterator
from operator import itemgetter
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from models.contract import END_TS_MS, MIN_TS_MS
from streams.local import load
from streams.local.datasets import DatasetError, complete_journey, read_jsonl
from streams.local.simulate import simulate
from streams.oracle import event_time_ms


class Row(NamedTuple):
    """One record to send; `at_ms` is its event time."""

    at_ms: int
    topic: str
    key: bytes
    value: bytes
    simulated: bool


class Story(NamedTuple):
    """A stream and what to say about it.

    Attributes:
        rows: ascending by event time.
        parts: (what, sentence) for the headline, what being "real", "simulated" or "file".
        simulated: how many rows say that they are simulated.
    """

    rows: list[Row]
    parts: tuple[tuple[str, str], ...]
    simulated: int

    @property
    def first_ms(self) -> int:
        """Event time of the first record."""
        return self.rows[0].at_ms

    @property
    def last_ms(self) -> int:
        """Event time of the last record."""
        return self.rows[-1].at_ms


def prepare(data: Path | None, households: int, seed: int) -> Callable[[], Story]:
    """Check that the input is there; what is returned reads it, which takes seconds.

    Args:
        data: JSON lines to replay instead of the households.
        households: how many of Complete Journey.
        seed: of the simulated events.

    Raises:
        DatasetError: there is nothing to read.
    """
    if data is not None:
        return lambda: of_file(data)
    real = complete_journey(households)
    return lambda: of_households(real, households, seed)


def of_households(real: Iterable[dict[str, Any]], households: int, seed: int) -> Story:
    """Real events, and simulated ones around their orders."""
    observed = list(real)
    made = simulate(observed, seed)
    lines = (orjson.dumps(event) for event in [*observed, *made])
    orders = sum(event["type"] == "order" for event in observed)
    clicks = len(observed) - orders
    says = f"{orders:,} orders, {clicks:,} campaign events, {households:,} households: Complete Journey"
    invented = f"{len(made):,} clicks and service events around those orders (seed {seed})"
    parts = (("real", says), ("simulated", invented))
    return Story(_sorted(_rows(lines)), parts, len(made))


def of_file(path: Path) -> Story:
    """The events of a file, by event time; what has no readable time stays beside its neighbour.

    Raises:
        DatasetError: the file is empty or cannot be read.
    """
    try:
        rows = _sorted(_rows(read_jsonl(path)))
    except OSError as error:
        raise DatasetError(f"{path} cannot be read: {error.strerror}") from None
    if not rows:
        raise DatasetError(f"{path} holds no events")
    simulated = sum(row.simulated for row in rows)
    says = f"{simulated:,} of them say that they are simulated" if simulated else "none says it is simulated"
    return Story(rows, (("file", f"{len(rows):,} lines of {path.name}, {says}"),), simulated)


def _rows(lines: Iterable[bytes]) -> Iterator[Row]:
    at_ms: int | None = None
    early = []  # before the first readable time
    for topic, key, value in load.rows(lines, lambda _: True):
        found_ms, simulated = _facts(value)
        at_ms = found_ms if found_ms is not None else at_ms
        if at_ms is None:
            early.append((topic, key, value))
            continue
        yield from (Row(at_ms, *record, simulated=False) for record in early)
        early.clear()
        yield Row(at_ms, topic, key, value, simulated)
    yield from (Row(0, *record, simulated=False) for record in early)


def _facts(value: bytes) -> tuple[int | None, bool]:
    """Event time, None where it cannot be read, and whether the event says that it is simulated."""
    try:
        event = orjson.loads(value)
        simulated = event.get("source") == "simulated"
    except (orjson.JSONDecodeError, AttributeError):
        return None, False
    try:
        at_ms = event_time_ms(event["ts"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None, simulated
    return (at_ms if MIN_TS_MS <= at_ms < END_TS_MS else None), simulated


def _sorted(rows: Iterable[Row]) -> list[Row]:
    return sorted(rows, key=itemgetter(0))
