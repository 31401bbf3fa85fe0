"""The past of the live figures out of Prometheus (HTTP API, `query_range`), in the columns of `past`."""

import asyncio
import logging
import math
from collections.abc import Sequence
from typing import Any

import aiohttp

from streams.console.known import wall_ms
from streams.console.past import SPANS
from streams.topics import INPUT_TOPICS

log = logging.getLogger(__name__)
TIMEOUT_S = 5.0
STEP_S = {"1h": 15, "24h": 120}  # a scrape is fifteen seconds apart: finer steps would show nothing more
_WITHIN = "1m"
_P = "profilestream_"
QUERIES = {
    "events": f"sum by (topic) (rate({_P}events_applied_total[{_WITHIN}]))",
    "lag_s": f'max({_P}lag_seconds{{clock="append"}})',
    "p99_ms": "1000 * histogram_quantile(0.99, "
    f"sum by (le) (rate({_P}event_to_visible_seconds_bucket[{_WITHIN}])))",
    "dead_per_s": f"sum(rate({_P}dead_letters_total[{_WITHIN}]))",
    "tag_changes_per_s": f"sum(rate({_P}tag_changes_total[{_WITHIN}]))",
}


class PrometheusPast:
    """Asks a Prometheus.

    Args:
        url: of it, such as http://127.0.0.1:9090.
    """

    def __init__(self, url: str) -> None:
        self._url = url.rstrip("/") + "/api/v1/query_range"

    async def read(self, span: str) -> dict[str, Any] | None:
        """As `Past.read`; None where it does not answer."""
        every_s, length_s = STEP_S[span], SPANS[span][0] * SPANS[span][1]
        end_s = wall_ms() // 1000 // every_s * every_s
        instants = list(range(end_s - length_s, end_s + 1, every_s))
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with aiohttp.ClientSession(timeout=timeout) as session:
                asked = (self._ask(session, query, instants, every_s) for query in QUERIES.values())
                found = dict(zip(QUERIES, await asyncio.gather(*asked), strict=True))
        except (aiohttp.ClientError, TimeoutError, ValueError, LookupError, TypeError) as error:
            log.warning("Prometheus does not answer: %s", type(error).__name__)
            return None
        events = found.pop("events")
        return {
            "step_s": every_s,
            "at_ms": [at * 1000 for at in instants],
            "events_per_s": {topic: events.get(topic, [None] * len(instants)) for topic in INPUT_TOPICS},
            **{name: rows.get("", [None] * len(instants)) for name, rows in found.items()},
        }

    async def _ask(
        self, session: aiohttp.ClientSession, query: str, instants: Sequence[int], every_s: int
    ) -> dict[str, list[float | None]]:
        """Topic, or "" where the query knows none -> a value for each instant."""
        asked: dict[str, str | int] = {
            "query": query,
            "start": instants[0],
            "end": instants[-1],
            "step": every_s,
        }
        async with session.get(self._url, params=asked) as response:
            said = await response.json()
        out = {}
        for row in said["data"]["result"]:
            values = {round(at): float(text) for at, text in row["values"]}
            shown = [values.get(at) for at in instants]
            out[row["metric"].get("topic", "")] = [
                one if one is None or math.isfinite(one) else None for one in shown
            ]
        return out
