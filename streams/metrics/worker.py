"""What a worker says of itself: read from its parts' own counters when somebody asks."""

import time
from collections.abc import Sequence
from typing import Any, Protocol

from streams import keys
from streams.intake import Intake
from streams.metrics.declared import LATENESS
from streams.metrics.sheet import Sheet
from streams.processor import Processor
from streams.relay import Relay
from streams.store.contract import Store
from streams.sweeper import Sweeper
from streams.timers import Timers
from streams.watchdog import Watchdog
from streams.worker import Worker

_CLOCKS = ("append", "event")


class Parts(Protocol):
    """The parts of a worker, see `streams.app`."""

    store: Store
    intake: Intake
    processor: Processor
    worker: Worker
    timers: Timers
    sweeper: Sweeper
    relay: Relay
    watchdog: Watchdog


class WorkerVitals:
    """Reads the parts.

    Args:
        parts: of the worker.
        live: whether "now" is the clock.
    """

    def __init__(self, parts: Parts, *, live: bool) -> None:
        self._parts = parts
        self._live = live
        self._due: int | None = None
        self._waiting: int | None = None
        self._oldest_s: float | None = None
        self._is_durable: bool | None = None

    def ready(self) -> list[str]:
        """Why profiles are not kept current by this worker now."""
        worker = self._parts.worker
        if not worker.rewinds:
            return ["starting"]
        if worker.generation < 0:
            return ["rewinding"]
        return [] if self._parts.intake.partitions() else ["no_partitions"]

    async def look(self, client: Any) -> None:
        """Ask the store what waits in the buckets of this worker; all of it is asked for in one go."""
        buckets, now_ms = self._parts.timers.buckets, self._parts.timers.now_ms
        pipe = client.pipeline(transaction=False)
        pipe.info("persistence")
        for b in buckets:
            pipe.xlen(keys.outbox(b))
            pipe.zcount(keys.due(b), "-inf", now_ms)
        disk, *found = await pipe.execute()
        self._is_durable = bool(disk["aof_enabled"]) and disk["aof_last_write_status"] == "ok"
        waiting = [b for b, size in zip(buckets, found[::2], strict=True) if size]
        self._waiting, self._due = sum(found[::2]), sum(found[1::2])
        self._oldest_s = await _oldest_s(client, waiting)

    def fill(self, sheet: Sheet) -> None:
        """All samples."""
        self._input(sheet)
        self._lag(sheet, int(time.time() * 1000))
        self._work(sheet)
        self._output(sheet)
        self._state(sheet)

    def _input(self, sheet: Sheet) -> None:
        came, went = self._parts.intake.counts, self._parts.processor.counts
        for topic, count in list(came.taken.items()):
            sheet.put("records_total", count, topic)
        for (name, _), count in zip(LATENESS, came.lateness, strict=True):
            sheet.put("events_late_total", count, name)
        for (topic, partition), gaps in came.gaps.items():
            lost = sum(after - first for first, after in gaps)
            sheet.put("data_gap_records_total", lost, topic, str(partition))
        sheet.put("events_repeated_total", went.repeats)
        for (topic, reason), count in went.dead_by.items():
            sheet.put("dead_letters_total", count, topic, reason)
        for topic, seen in went.visible.items():
            sheet.put("events_applied_total", seen.total, topic)
            sheet.histogram("event_to_visible_seconds", seen, topic)

    def _lag(self, sheet: Sheet, now_ms: int) -> None:
        for (topic, number), lane in self._parts.intake.lanes.items():
            partition = str(number)
            if lane.highwater is None:
                continue  # not yet known
            sheet.put("lag_records", max(0, lane.highwater - lane.applied), topic, partition)
            since = lane.behind_since_ms()
            for clock, at_ms in zip(_CLOCKS, since or (), strict=False):
                age_s = max(0, now_ms - at_ms) / 1000 if at_ms else 0.0
                sheet.put("lag_seconds", age_s, topic, partition, clock)

    def _work(self, sheet: Sheet) -> None:
        counts, worker, relay = self._parts.processor.counts, self._parts.worker, self._parts.relay
        for phase, seen in counts.phases.items():
            sheet.histogram("batch_seconds", seen, phase)
        sheet.histogram("publish_seconds", relay.rounds)
        sheet.put("cache_hits_total", counts.hits)
        sheet.put("cache_misses_total", counts.misses)
        sheet.put("stale_writes_total", counts.stale)
        sheet.put("rewinds_total", worker.rewinds - worker.rebalances)
        sheet.put("rebalances_total", worker.rebalances)
        sheet.put("swept_customers_total", self._parts.sweeper.judged)
        sheet.put("background_share_ratio", self._parts.processor.pace.share)
        sheet.put("watchdog_still_seconds", self._parts.watchdog.still_s)

    def _output(self, sheet: Sheet) -> None:
        counts = self._parts.processor.counts
        for (tag, kind), count in counts.told.items():
            sheet.put("tag_changes_total", count, tag, kind.rpartition(".")[2])
        sheet.put("tag_changes_published_total", self._parts.relay.published)
        sheet.put("timers_fired_total", counts.delays.total)
        sheet.histogram("timer_delay_seconds", counts.delays)
        sheet.put("timers_due", self._due)
        sheet.put("outbox_entries", self._waiting)
        sheet.put("outbox_oldest_seconds", self._oldest_s)

    def _state(self, sheet: Sheet) -> None:
        parts = self._parts
        rules = parts.processor.folding.rules
        sheet.put("store_durable", self._is_durable)
        sheet.put("held_back", parts.worker.held_back())
        sheet.put("generation", parts.worker.generation)
        sheet.put("partitions_assigned", len(parts.intake.partitions()))
        sheet.put("catalogue_revision", rules.catalogue.revision)
        population = rules.population
        sheet.put("population_version", population.version if population is not None else 0)
        now_ms = int(time.time() * 1000) if self._live else parts.timers.now_ms
        if population is not None and now_ms:
            age_s = max(0, now_ms - population.snapshot.event_ms) / 1000
            sheet.put("population_age_seconds", age_s)


async def _oldest_s(client: Any, buckets: Sequence[int]) -> float:
    """Age of the oldest entry of some outboxes, seconds; 0 where there is none any more."""
    if not buckets:
        return 0.0
    pipe = client.pipeline(transaction=False)
    for b in buckets:
        pipe.xrange(keys.outbox(b), count=1)
    found = [entries[0][0] for entries in await pipe.execute() if entries]
    if not found:
        return 0.0
    return max(0.0, time.time() - min(int(entry_id.partition(b"-")[0]) for entry_id in found) / 1000)
