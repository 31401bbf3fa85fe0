"""Everybody looked at, a little at a time: who is in which segment, stage, cluster, and holds what.

All customers up to `CAPACITY`, beyond that those that a hash chooses, numbers scaled up and said to be so.
The survey rests as long as it works, and is not made while nobody asks for it.
"""

import asyncio
import contextlib
import logging
from collections import Counter, defaultdict
from collections.abc import Callable
from typing import Any

import orjson

from models.population.sample import EVERYONE, in_panel
from streams import keys
from streams.console.answers import STORE_AWAY
from streams.console.known import AT_ONCE, documents, wall_ms
from streams.console.notes import MOST_VALUES, OTHER
from streams.pace import paced

log = logging.getLogger(__name__)
CAPACITY = 50_000
SCANNED = 512
EVERY_S = 4.0  # from one survey to the next, where one is quick
TIMES_LONGER = 10  # a survey takes at most a share of so much of the time
ASKED_S = 120.0  # nobody asked for so long: rest
UNASKED_S = 300.0
Doc = dict[str, Any]


class Tally:
    """What one survey counted, unscaled."""

    def __init__(self, share: float) -> None:
        self.share = share
        self.at_ms = wall_ms()
        self.profiles = self.surveyed = 0
        self.heat: Counter[tuple[int, int]] = Counter()
        self.money: Counter[tuple[int, int]] = Counter()
        self.segments: Counter[str] = Counter()
        self.segment_money: Counter[str] = Counter()
        self.stages: Counter[str] = Counter()
        self.clusters: Counter[int] = Counter()
        self.tags: defaultdict[str, Counter[Any]] = defaultdict(Counter)

    def take(self, doc: Doc) -> None:
        """Count one document; what is missing in it counts nowhere."""
        self.surveyed += 1
        rfm = _part(doc, "rfm")
        r, f, minor = rfm.get("r"), rfm.get("f"), rfm.get("monetary_minor", 0)
        if isinstance(r, int) and isinstance(f, int):
            self.heat[r, f] += 1
            self.money[r, f] += minor
        if segment := rfm.get("segment"):
            self.segments[segment] += 1
            self.segment_money[segment] += minor
        if stage := _part(doc, "lifecycle").get("stage"):
            self.stages[stage] += 1
        if (cluster := _part(doc, "cluster").get("id")) is not None:
            self.clusters[cluster] += 1
        for tag, entry in _part(doc, "tags").items():
            value = entry.get("value")
            self._hold(tag, value if isinstance(value, str | bool) else None)

    def _hold(self, tag: str, value: Any) -> None:
        held = self.tags[tag]
        held[value if value in held or len(held) < MOST_VALUES else OTHER] += 1

    def scaled(self, n: int) -> int:
        """A count for all customers."""
        return round(n / self.share)

    def holders(self, tag: str) -> int:
        """Customers who hold any value of a tag."""
        return self.scaled(sum(self.tags[tag].values())) if tag in self.tags else 0

    def public(self) -> dict[str, Any]:
        """As `/api/segments` has it, without what moved and where clusters lie."""
        scaled = self.scaled
        return {
            "at_ms": self.at_ms,
            "profiles": self.profiles,
            "surveyed": self.surveyed,
            "sampled": self.share < EVERYONE,
            "heat": [
                {"r": r, "f": f, "customers": scaled(n), "monetary_minor": scaled(self.money[r, f])}
                for (r, f), n in sorted(self.heat.items())
            ],
            "segments": [
                {"id": name, "customers": scaled(n), "monetary_minor": scaled(self.segment_money[name])}
                for name, n in self.segments.most_common()
            ],
            "stages": [{"id": name, "customers": scaled(n)} for name, n in self.stages.most_common()],
        }


def _part(doc: Doc, name: str) -> Doc:
    found = doc.get(name)
    return found if isinstance(found, dict) else {}


class Survey:
    """Makes surveys, and keeps the latest.

    Args:
        client: asyncio Redis client.
        buckets: of the deployment.
        is_watched: whether pages are open.
        capacity: most customers looked at.

    Attributes:
        latest: None = none is made yet.
    """

    def __init__(
        self, client: Any, buckets: int, is_watched: Callable[[], bool], capacity: int = CAPACITY
    ) -> None:
        self.latest: Tally | None = None
        self._client, self._buckets, self._capacity = client, buckets, capacity
        self._is_watched = is_watched
        self._asked_s = 0.0
        self._wanted, self._made = asyncio.Event(), asyncio.Event()

    def profiles(self) -> int | None:
        """How many there were."""
        return self.latest.profiles if self.latest is not None else None

    def asked(self) -> Tally | None:
        """The latest one; whoever asks keeps surveys coming."""
        self._asked_s = asyncio.get_running_loop().time()
        self._wanted.set()
        return self.latest

    async def first(self, within_s: float) -> Tally | None:
        """Wait a moment for the first one."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._made.wait(), within_s)
        return self.latest

    async def run(self) -> None:
        """Until cancelled."""
        loop = asyncio.get_running_loop()
        while True:
            started_s = loop.time()
            try:
                self.latest = await self.make()
                self._made.set()
            except STORE_AWAY as error:
                log.info("the survey waits: %s", type(error).__name__)
            took_s = loop.time() - started_s
            await asyncio.sleep(max(EVERY_S, TIMES_LONGER * took_s))
            if loop.time() - self._asked_s > ASKED_S and not self._is_watched():
                self._wanted.clear()
                with contextlib.suppress(TimeoutError):
                    await asyncio.wait_for(self._wanted.wait(), UNASKED_S)

    async def make(self) -> Tally:
        """Look at everybody, or the sample; what the client raises goes to the caller."""
        size = await self._client.dbsize()
        share = EVERYONE
        while size * share > self._capacity:
            share /= 2
        tally, cursor = Tally(share), 0
        met: set[str] = set()  # of those that are looked at: a scan may name somebody twice
        while True:
            cursor, found = await self._client.scan(cursor, match="ps:profile:*", count=SCANNED)
            ids = [keys.customer(key) for key in found]
            mine = [cid for cid in dict.fromkeys(ids) if in_panel(cid, share) and cid not in met]
            met.update(mine)
            tally.profiles += len(mine) if share == EVERYONE else len(ids)
            for start in range(0, len(mine), AT_ONCE):
                await paced(self._look(mine[start : start + AT_ONCE], tally))
            if not cursor:
                tally.at_ms = wall_ms()
                return tally

    async def _look(self, ids: list[str], tally: Tally) -> None:
        for raw in await documents(self._client, ids, self._buckets):
            if raw is not None:
                tally.take(orjson.loads(raw))
