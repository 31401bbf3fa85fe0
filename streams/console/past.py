"""The past of the live figures: steps of two seconds for an hour, of a minute for a day, in the store.

The console that records keeps them, all read them. Where a Prometheus is configured its past is shown.
"""

import logging
from collections.abc import Callable, Sequence
from statistics import fmean
from typing import Any

import orjson

from streams import keys
from streams.console.answers import STORE_AWAY
from streams.topics import INPUT_TOPICS

log = logging.getLogger(__name__)
SPANS = {"1h": (2, 1_800), "24h": (60, 1_440)}  # step in seconds, steps kept
Step = dict[str, Any]


def step_of(live: Step, dead_per_s: float) -> Step:
    """What is kept of a look; short names, as there are thousands."""
    return {
        "t": live["at_ms"],
        "e": [live["events_per_s"][topic] for topic in INPUT_TOPICS],
        "l": live["lag"]["seconds"],
        "p": live["latency_ms"]["p99"],
        "d": round(dead_per_s, 3),
        "c": live["tag_changes_per_s"],
    }


def merged(steps: Sequence[Step], at_ms: int) -> Step:
    """Steps in one: rates are means, lag and latency the worst."""
    return {
        "t": at_ms,
        "e": [round(fmean(some), 2) for some in zip(*(step["e"] for step in steps), strict=True)],
        "l": max((step["l"] for step in steps if step["l"] is not None), default=None),
        "p": max((step["p"] for step in steps if step["p"] is not None), default=None),
        "d": round(fmean(step["d"] for step in steps), 3),
        "c": round(fmean(step["c"] for step in steps), 2),
    }


class Past:
    """Keeps and reads steps.

    Args:
        client: asyncio Redis client.
        records: whether this console is the one that keeps them.
    """

    def __init__(self, client: Any, records: Callable[[], bool]) -> None:
        self._client, self._records = client, records
        self._steps: dict[str, int] = {}  # span -> number of the step that is being filled
        self._filling: dict[str, list[Step]] = {span: [] for span in SPANS}

    async def keep(self, live: Step, dead_per_s: float) -> None:
        """Take in a look; steps that are over are written."""
        step = step_of(live, dead_per_s)
        for span, (every_s, most) in SPANS.items():
            number = step["t"] // (every_s * 1000)
            before = self._steps.get(span, number)
            if number != before and self._filling[span]:
                done = merged(self._filling[span], before * every_s * 1000)
                self._filling[span] = []
                if self._records():
                    await self._write(every_s, most, done)
            self._steps[span] = number
            self._filling[span].append(step)

    async def _write(self, every_s: int, most: int, step: Step) -> None:
        name = keys.console(f"live:{every_s}")
        pipe = self._client.pipeline(transaction=True)
        pipe.rpush(name, orjson.dumps(step))
        pipe.ltrim(name, -most, -1)
        try:
            await pipe.execute()
        except STORE_AWAY as error:
            log.info("figures are not kept: %s", type(error).__name__)

    async def read(self, span: str) -> dict[str, Any]:
        """As `/api/history` has it; what the client raises goes to the caller.

        Args:
            span: a key of `SPANS`.
        """
        every_s, most = SPANS[span]
        found = await self._client.lrange(keys.console(f"live:{every_s}"), -most, -1)
        steps = [orjson.loads(one) for one in found]
        if steps:  # without a console nothing was kept: older than the span is not of it
            first = steps[-1]["t"] - every_s * most * 1000
            steps = [step for step in steps if step["t"] > first]
        return shown(every_s, steps)


def shown(every_s: int, steps: Sequence[Step]) -> dict[str, Any]:
    """Columns of steps."""
    return {
        "step_s": every_s,
        "at_ms": [step["t"] for step in steps],
        "events_per_s": {topic: [step["e"][n] for step in steps] for n, topic in enumerate(INPUT_TOPICS)},
        "lag_s": [step["l"] for step in steps],
        "p99_ms": [step["p"] for step in steps],
        "dead_per_s": [step["d"] for step in steps],
        "tag_changes_per_s": [step["c"] for step in steps],
    }
