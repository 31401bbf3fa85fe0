"""A worker that nobody can look at: no server, no vitals, no histograms. What `metrics.py` compares with."""

import asyncio

from streams.cli import main
from streams.metrics.counts import Counts
from streams.metrics.histogram import Histogram
from streams.metrics.service import Service


async def _rest(_: Service) -> None:
    await asyncio.Event().wait()


def _nothing(*_: object) -> None:
    """Nobody asks."""


if __name__ == "__main__":
    Service.run = _rest  # type: ignore[method-assign,assignment]
    Histogram.observe = Histogram.observe_ages = _nothing  # type: ignore[method-assign,assignment]
    Counts.batch = _nothing  # type: ignore[method-assign,assignment]
    main()
