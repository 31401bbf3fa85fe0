"""From records to customers: parse, hold back where event time asks for it, group; and how far we are.

With the wall clock everything fetched is released at once. With the event clock the topics of one
partition number are interleaved by event time: a record is held until no other topic of that number can
still bring an earlier one. So a replay of years lives through every instant in its order, whatever the
broker hands out first.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from models.events import Event, EventError
from models.step import NO_LIMIT_MS, Arrival
from streams.lane import DeadLetter, End, Lane, Record, TopicPartition, Waiting
from streams.metrics.counts import LATE_MS, IntakeCounts
from streams.tracing.context import Trail

HELD_MOST = 20_000  # records held back per partition before it is paused
Decode = Callable[[str, bytes | None, int | None], Event]
UNSEEN_MS = 200  # what was appended so recently may not have been fetched yet


class Ready(NamedTuple):
    """What may be applied now.

    Attributes:
        arrivals: customer id -> arrivals, in the order in which they are to be applied.
        dead: rejected records.
        done: partition -> (next offset, mark) once all of it is applied.
        appended: topic -> when the records of the arrivals were appended, epoch ms.
        traces: (source, offset) -> trace context of a record that has one; empty where nobody traces.
    """

    arrivals: dict[str, list[Arrival]]
    dead: list[DeadLetter]
    done: dict[TopicPartition, tuple[int, int]]
    appended: dict[str, list[int]] = {}  # noqa: RUF012 - of a tuple, never changed
    traces: Mapping[tuple[str, int], str] = {}


class Intake:
    """All partitions of this worker.

    Args:
        live: True where "now" is the clock.
        decode: (topic, value, newest acceptable event time) -> event, or `EventError`.
        future_limit_ms: how far ahead of the clock an event may lie; None = no limit.
        suffix: appended to "topic/partition" once topics were re-created.
        trail: keeps the trace contexts of records; None = nobody asks for them.
    """

    def __init__(
        self,
        decode: Decode,
        *,
        live: bool,
        future_limit_ms: int | None,
        suffix: str = "",
        trail: Trail | None = None,
    ) -> None:
        self._live = live
        self._decode = decode
        self._future_limit_ms = future_limit_ms
        self._suffix = suffix
        self._trail = trail
        self._lanes: dict[TopicPartition, Lane] = {}
        self._gaps: set[tuple[TopicPartition, int, int]] = set()
        self.problems: list[str] = []  # for the caller to report, and clear
        self.counts = IntakeCounts()

    def assign(self, positions: Mapping[TopicPartition, int], marks: Mapping[str, int]) -> None:
        """Start anew from these offsets; whatever was fetched before is void.

        Args:
            positions: partition -> next offset.
            marks: source -> instant up to which a former owner had applied everything.
        """
        self._lanes = {}
        if self._trail is not None:
            self._trail.clear()
        for tp, at in positions.items():
            mark_ms = marks.get(self.source(tp), 0)
            self._lanes[tp] = Lane(at, mark_ms, mark_ms if self._live else 0)

    def source(self, tp: TopicPartition) -> str:
        """Name of a partition inside profiles and watermarks."""
        return f"{tp[0]}/{tp[1]}{self._suffix}"

    def feed(self, tp: TopicPartition, records: Sequence[Record], now_ms: int) -> bool:
        """Take in fetched records, ascending by offset; False where they are not the ones to come next."""
        lane = self._lanes[tp]
        if lane.starting and records and not self._is_next(tp, lane, records[0].offset):
            return False
        topic, partition = tp
        source, live, decode = self.source(tp), self._live, self._decode
        if self._trail is not None:
            self._trail.take(source, records, lane.fetched)
        latest_ms = None if self._future_limit_ms is None else now_ms + self._future_limit_ms
        append, known = lane.waiting.append, len(lane.waiting)
        newest_ms, late = lane.newest_ms, self.counts.late
        what: Arrival | DeadLetter
        for record in records:
            offset = record.offset
            if offset < lane.fetched:
                continue
            try:
                event = decode(topic, record.value, latest_ms)
            except EventError as error:
                what = DeadLetter(topic, partition, offset, error.reason, error.field, record.value)
                append((newest_ms, offset, what, min(record.timestamp, now_ms)))
                continue
            appended_ms, happened_ms = min(record.timestamp, now_ms), event.ts_ms
            at_ms = appended_ms if live else happened_ms
            newest_ms = max(newest_ms, at_ms)
            late_ms = (at_ms if live else newest_ms) - happened_ms
            if late_ms > LATE_MS:
                late(late_ms)
            append((at_ms, offset, Arrival(event, source, offset, at_ms), appended_ms))
        lane.newest_ms = newest_ms
        self.counts.taken[topic] += len(lane.waiting) - known
        if records:
            lane.fetched = max(lane.fetched, records[-1].offset + 1)
        return True

    def _is_next(self, tp: TopicPartition, lane: Lane, first: int) -> bool:
        """Whether the first records after a start are the ones asked for.

        A fetch that was under way during the seek may bring later ones; applying those would skip what
        lies between. So a gap is believed only when it is seen again after another seek.
        """
        lane.starting = False
        gap = (tp, lane.fetched, first)
        if first <= lane.fetched or gap in self._gaps:
            if lane.fetched and first > lane.fetched:
                lost = f"records {lane.fetched} to {first - 1} of {self.source(tp)}"
                self.problems.append(f"data gap: {lost} are not in Kafka any more and were never applied")
                self.counts.gaps[tp].add((lane.fetched, first))
            return True
        self._gaps.add(gap)
        return False

    def ends(self, ends: Mapping[TopicPartition, End]) -> None:
        """Take in how far the partitions are read and where they end.

        The position is past the last record where what follows are no records for us: markers of
        transactions, or a beginning that was deleted.
        """
        for tp, (position, end) in ends.items():
            lane = self._lanes.get(tp)
            if lane is None or end is None:
                continue
            if end < lane.applied and lane.highwater != end:
                self.problems.append(
                    f"{self.source(tp)} ends at {end}, but {lane.applied} are applied: was the topic created "
                    "anew? Then raise input_epoch"
                )
            lane.highwater = end
            if position is not None and position > lane.fetched:
                lane.fetched = position
            if not lane.waiting and lane.fetched > lane.applied:
                lane.applied = lane.fetched

    def release(self) -> Ready:
        """What may be applied now; call `applied` once it is."""
        arrivals: dict[str, list[Arrival]] = {}
        dead: list[DeadLetter] = []
        done: dict[TopicPartition, tuple[int, int]] = {}
        mixed: set[str] = set()
        appended: dict[str, list[int]] = {}
        bounds: dict[int, int | None] = {}
        for tp, lane in self._lanes.items():
            taken = self._take(tp, lane, bounds)
            if not taken:
                continue
            hold_ms = self._hold(tp) if self._live else NO_LIMIT_MS
            appended_at = appended.setdefault(tp[0], []).append
            for at_ms, _, what, appended_ms in taken:
                if type(what) is DeadLetter:
                    dead.append(what)
                    continue
                assert type(what) is Arrival
                appended_at(appended_ms)
                if at_ms > hold_ms:
                    what = what._replace(mark_ms=hold_ms)  # noqa: PLW2901
                customer_id = what.event.customer_id
                known = arrivals.get(customer_id)
                if known is None:
                    arrivals[customer_id] = [what]
                else:
                    if known[-1].source != what.source:
                        mixed.add(customer_id)
                    known.append(what)
            done[tp] = (taken[-1][1] + 1, max(lane.mark_ms, *(record[0] for record in taken)))
        for customer_id in mixed:
            arrivals[customer_id] = interleave(arrivals[customer_id])
        if self._trail is None:
            return Ready(arrivals, dead, done, appended)
        ends = {self.source(tp): offset for tp, (offset, _) in done.items()}
        return Ready(arrivals, dead, done, appended, self._trail.release(ends))

    def applied(self, ready: Ready) -> None:
        """Everything of a release is in the store."""
        for tp, (offset, mark_ms) in ready.done.items():
            lane = self._lanes.get(tp)
            if lane is not None:
                lane.is_applied(offset, mark_ms)

    def offset(self, tp: TopicPartition) -> int | None:
        """Next offset to apply; None where the partition is not ours."""
        lane = self._lanes.get(tp)
        return lane.applied if lane is not None else None

    def partitions(self) -> tuple[TopicPartition, ...]:
        """The partitions of this worker."""
        return tuple(self._lanes)

    @property
    def lanes(self) -> Mapping[TopicPartition, Lane]:
        """Each partition's own."""
        return self._lanes

    def full(self) -> set[TopicPartition]:
        """Partitions that hold back too much to fetch more."""
        return {tp for tp, lane in self._lanes.items() if len(lane.waiting) >= HELD_MOST}

    def lag(self) -> int:
        """Records known to exist and not applied; unknown ends count as one."""
        lanes = self._lanes.values()
        return sum(1 if lane.highwater is None else max(0, lane.highwater - lane.applied) for lane in lanes)

    def report(self, now_ms: int) -> dict[str, tuple[bool, int]]:
        """For each partition: is it caught up, and up to which instant is everything applied."""
        out = {}
        for tp, lane in self._lanes.items():
            done = lane.applied_all()
            if done:
                lane.level_ms = now_ms - UNSEEN_MS
            out[self.source(tp)] = (done, now_ms - UNSEEN_MS if done and self._live else lane.mark_ms)
        return out

    def _take(self, tp: TopicPartition, lane: Lane, bounds: dict[int, int | None]) -> list[Waiting]:
        if self._live:
            return lane.release(len(lane.waiting))
        if tp[1] not in bounds:
            open_lanes = [x for (_, p), x in self._lanes.items() if p == tp[1] and not x.fetched_all()]
            bounds[tp[1]] = min((x.newest_ms for x in open_lanes), default=None)
        bound = bounds[tp[1]]
        if bound is None:
            return lane.release(len(lane.waiting))
        n = 0
        for record in lane.waiting:
            if record[0] > bound:
                break
            n += 1
        return lane.release(n)

    def _hold(self, tp: TopicPartition) -> int:
        """Where the other topics of a partition number stand, as far as they lag."""
        topic, number = tp
        return min(
            (
                lane.mark_ms
                for (other, p), lane in self._lanes.items()
                if p == number and other != topic and not lane.fetched_all()
            ),
            default=NO_LIMIT_MS,
        )


def interleave(arrivals: list[Arrival]) -> list[Arrival]:
    """By event time across sources, never against the offsets of one source.

    Of the first arrivals of each source that are left, the earliest goes first.
    """
    queues: dict[str, list[Arrival]] = {}
    for arrival in arrivals:
        queues.setdefault(arrival.source, []).append(arrival)
    heads = dict.fromkeys(queues, 0)
    out = []
    while heads:
        source = min(heads, key=lambda s: (queues[s][heads[s]].event.ts_ms, s))
        out.append(queues[source][heads[source]])
        heads[source] += 1
        if heads[source] == len(queues[source]):
            del heads[source]
    return out
