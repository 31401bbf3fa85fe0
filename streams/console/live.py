"""What goes on now: one look at the store a second, for all pages together."""

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from streams import keys
from streams.config import Config
from streams.console import figures
from streams.console.answers import STORE_AWAY
from streams.console.figures import PREFIX, Crowd, Reading
from streams.console.hub import Hub, event
from streams.console.known import Known, wall_ms
from streams.console.slo import verdict
from streams.metrics.vitals import TTL_S
from streams.topics import INPUT_TOPICS

log = logging.getLogger(__name__)
EVERY_S = 1.0
FIRST_S = 3.0
_STEPS = 6  # looks between which applied records are counted where no worker tells
Live = dict[str, Any]


class Sampler:
    """Looks once a second, tells the pages, and keeps the latest look.

    Args:
        config: of the deployment.
        client: asyncio Redis client.
        known: told what is in force and how far the events are.
        hub: the pages.
        profiles: how many profiles there were at the latest survey, None = none yet.
        keep: takes each look and the rate of dead letters, for charts.

    Attributes:
        live: the latest look; None = none yet.
        store_up: whether the store answered the latest look.
    """

    def __init__(
        self,
        config: Config,
        client: Any,
        known: Known,
        hub: Hub,
        profiles: Callable[[], int | None],
        keep: Callable[[Live, float], Awaitable[None]],
    ) -> None:
        self.live: Live | None = None
        self.store_up = False
        self._config, self._client, self._known, self._hub = config, client, known, hub
        self._profiles, self._keep = profiles, keep
        self._looked = asyncio.Event()
        self._crowd = Crowd()
        self._written: dict[str, float] = {}
        self._applied: deque[tuple[int, dict[str, int]]] = deque(maxlen=_STEPS)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            started_s = asyncio.get_running_loop().time()
            try:
                self.live = await self.look()
                self.store_up = True
            except STORE_AWAY as error:
                if self.store_up:
                    log.warning("the store does not answer: %s", type(error).__name__)
                self.store_up = False
                self.live = None
            self._looked.set()
            self._hub.tell(event("live", self.live or away()))
            if self.live is not None:
                await self._keep(self.live, self._dead_per_s())
            took_s = asyncio.get_running_loop().time() - started_s
            await asyncio.sleep(max(0.05, EVERY_S - took_s))

    async def first(self) -> None:
        """Wait for the first look; not for one that is late."""
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._looked.wait(), FIRST_S)

    async def look(self) -> Live:
        """Everything that `/api/live` says; what the client raises goes to the caller."""
        now_ms, buckets = wall_ms(), self._config.buckets
        pipe = self._client.pipeline(transaction=False)
        pipe.hgetall(keys.CLOCK)
        pipe.hgetall(keys.WATERMARKS)
        pipe.zrange(keys.VITALS, 0, -1, withscores=True)
        pipe.hget(keys.CATALOGUE, "revision")
        pipe.hgetall(keys.console("dead"))
        pipe.zcount(keys.WORKERS, now_ms, "+inf")
        pipe.hget(keys.META, "epoch")
        for b in range(buckets):
            pipe.xrange(keys.outbox(b), count=1)
            pipe.xlen(keys.outbox(b))
            pipe.zrange(keys.due(b), 0, 0, withscores=True)
        clock, marks, alive, revision, dead, workers, epoch, *by_bucket = await pipe.execute()
        outbox_heads, waiting, due_heads = (by_bucket[n::3] for n in range(3))
        self._known.at(clock, [int(found[0][1]) for found in due_heads if found])
        await self._known.refresh(revision)
        await self._take(alive)
        due = await self._due()
        applied = applied_by_topic(marks)
        self._applied.append((now_ms, applied))
        oldest = [int(found[0][0].partition(b"-")[0]) for found in outbox_heads if found]
        live = {
            "at_ms": now_ms,
            "instant_ms": self._known.instant_ms,
            "processes": self._processes(),
            "events_per_s": self._events_per_s(),
            "applied_total": applied,
            "lag": self._lag(clock, now_ms),
            "latency_ms": self._latency(),
            "dead_letters": {reason.decode(): int(n) for reason, n in sorted(dead.items())},
            "tag_changes_per_s": round(sum(self._crowd.rates(f"{PREFIX}tag_changes_total").values()), 2),
            "outbox": {
                "entries": sum(waiting),
                "oldest_s": round(max(0, now_ms - min(oldest)) / 1000, 1) if oldest else 0.0,
            },
            "timers": self._timers(due),
            "profiles": self._profiles(),
            "population": self._population(),
        }
        live["slo"] = verdict(live, self._facts(workers, is_there=epoch is not None))
        return live

    async def _take(self, alive: list[tuple[bytes, float]]) -> None:
        """What the live processes say of themselves; only what is new is read and parsed."""
        names = {process.decode(): until for process, until in alive}
        news = [name for name, until in names.items() if self._written.get(name) != until]
        texts = await self._client.mget([keys.vitals(name) for name in news]) if news else []
        for name, text in zip(news, texts, strict=True):
            if text is None:
                continue
            role, _, process = name.partition(":")
            try:
                said = figures.samples(text_string_to_metric_families(text.decode("utf-8", "replace")))
            except ValueError:
                continue
            self._crowd.take(role, process, Reading(int(names[name]) - TTL_S * 1000, said))
            self._written[name] = names[name]
        self._written = {name: until for name, until in self._written.items() if name in names}
        self._crowd.keep((role, process) for role, _, process in (name.partition(":") for name in names))

    async def _due(self) -> int:
        pipe = self._client.pipeline(transaction=False)
        for b in range(self._config.buckets):
            pipe.zcount(keys.due(b), "-inf", self._known.instant_ms)
        return sum(await pipe.execute())

    def _processes(self) -> list[Live]:
        out = []
        for process in self._crowd:
            rss = process.value("process_resident_memory_bytes")
            ready = process.value(f"{PREFIX}ready")
            out.append({"role": process.role, "name": process.name, "ready": bool(ready),
                        "rss_bytes": None if rss is None else int(rss)})  # fmt: skip
        return out

    def _events_per_s(self) -> dict[str, float]:
        rates = self._crowd.rates(f"{PREFIX}events_applied_total", "topic")
        if not self._crowd.of_role("worker") and len(self._applied) > 1:
            (then_ms, before), (now_ms, after) = self._applied[0], self._applied[-1]
            span_s = max(0.001, (now_ms - then_ms) / 1000)
            rates = {topic: max(0, after[topic] - before[topic]) / span_s for topic in after}
        return {topic: round(rates.get(topic, 0.0), 2) for topic in INPUT_TOPICS}

    def _lag(self, clock: Mapping[bytes, bytes], now_ms: int) -> Live:
        """By partition; of those that no worker speaks of, how old the latest word is (wall clock)."""
        records = self._crowd.gauges(f"{PREFIX}lag_records")
        seconds = self._crowd.gauges(f"{PREFIX}lag_seconds")
        rows: list[Live] = []
        for source in sorted(clock, key=_place):
            topic, partition = _place(source)
            at = (("partition", str(partition)), ("topic", topic))
            behind = records.get(at)
            age_s = seconds.get((("clock", "append"), *at))
            if behind is None and self._config.clock == "wall":
                age_s = max(0, now_ms - int(clock[source][2:])) / 1000
            rows.append({"topic": topic, "partition": partition,
                         "records": None if behind is None else int(behind),
                         "seconds": None if age_s is None else round(age_s, 3)})  # fmt: skip
        known = [row["records"] for row in rows if row["records"] is not None]
        ages = [row["seconds"] for row in rows if row["seconds"] is not None]
        return {
            "records": sum(known) if known else None,
            "seconds": max(ages, default=None),
            "partitions": rows,
        }

    def _latency(self) -> dict[str, float | None]:
        found = self._crowd.quantiles(f"{PREFIX}event_to_visible_seconds", (0.5, 0.95, 0.99))
        shown = [None if one is None else round(one * 1000, 1) for one in found]
        return dict(zip(("p50", "p95", "p99"), shown, strict=True))

    def _timers(self, due: int) -> Live:
        fired = sum(self._crowd.rates(f"{PREFIX}timers_fired_total").values())
        delay = self._crowd.quantiles(f"{PREFIX}timer_delay_seconds", (0.99,))[0]
        if self._config.clock == "event":
            delay = None  # there a timer waits for the next event, not for us
        return {
            "due": due,
            "fired_per_s": round(fired, 2),
            "delay_p99_s": None if delay is None else round(delay, 3),
        }

    def _population(self) -> Live:
        population = self._known.rules.population
        if population is None:
            return {"version": 0, "age_s": None}
        age_ms = self._known.instant_ms - population.snapshot.event_ms
        return {"version": population.version, "age_s": round(max(0, age_ms) / 1000, 1)}

    def _facts(self, workers: int, *, is_there: bool) -> Live:
        held = self._crowd.gauges(f"{PREFIX}held_back").values()
        durable = self._crowd.gauges(f"{PREFIX}store_durable").values()
        return {
            "is_there": is_there,
            "workers": workers,
            "held_back": any(held),
            "durable": all(durable),
            "lag_slo_s": self._config.lag_slo_s,
            "dead_per_s": self._dead_per_s(),
        }

    def _dead_per_s(self) -> float:
        return sum(self._crowd.rates(f"{PREFIX}dead_letters_total").values())


def applied_by_topic(marks: Mapping[bytes, bytes]) -> dict[str, int]:
    """Records whose effects are stored, by topic, of the watermarks (`ps:wm`)."""
    out = dict.fromkeys(INPUT_TOPICS, 0)
    for source, mark in marks.items():
        topic, _ = _place(source)
        out[topic] = out.get(topic, 0) + int(mark.partition(b":")[0] or 0)
    return out


def _place(source: bytes) -> tuple[str, int]:
    """Topic and partition of a source."""
    topic, _, partition = source.decode().partition("/")
    return topic, int(partition.partition("@")[0])


def away() -> Live:
    """What pages are told while the store does not answer."""
    return {"at_ms": wall_ms(), "slo": {"state": "bad", "why": ["store_down"]}}
