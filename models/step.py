"""The whole behaviour of one customer's profile: events arrive, time passes, tag changes come out.

Rules of the file
    Everything that changes a state is called from here. Functions take a private working copy of the
    state and change it; they hand back the tag changes. They never ask what time it is: every arrival
    carries a mark, the instant up to which the input is known to be complete.

Theory
    A profile is a function of (aggregates, T). Two things move it: an event changes the aggregates, and
    T grows. Between two events T grows through `wake_at_ms`, the exact instants at which something
    changes, each evaluated *at* that instant. So a change that time alone brings is announced with its
    own instant, whoever notices it: the sweep of due timers or the next event of the customer.
    Wake-ups are taken no further than the mark: behind it an event may still be on its way, and a
    backlog must not raise an alarm that its own next record takes back.
"""

from collections.abc import Sequence
from typing import NamedTuple

from models import tags
from models.aggregates import apply, control
from models.events import Click, Control, Order, Service
from models.rules import DAY_MS, Rules
from models.standing import Standing, next_change_ms, standing
from models.state import Held, State
from models.tags import Because, Value

NO_LIMIT_MS = 1 << 62
CORRECTABLE_MS = 35 * DAY_MS  # how long an announced change is remembered for a correction


class Arrival(NamedTuple):
    """An event as it came in.

    Attributes:
        event: the parsed event.
        source: "topic/partition".
        offset: its offset there.
        mark_ms: instant up to which the customer's input is complete once this event is applied.
    """

    event: Order | Click | Service | Control
    source: str
    offset: int
    mark_ms: int


class Change(NamedTuple):
    """One change of one tag, as decided; `seq` counts a customer's changes from 1 without a gap.

    `source` and `offset` name the event that caused it; a timer has source "" and its due instant as offset.
    `corrects` are the numbers of the changes that it takes back: they were announced in ignorance of it.
    """

    seq: int
    tag: str
    rule_version: int
    old: Value
    new: Value
    because: Because
    at_ms: int
    source: str
    offset: int
    corrects: tuple[int, ...] = ()


class Step(NamedTuple):
    """What came of events or of time.

    Attributes:
        changes: tag changes, in order.
        repeats: events that were repeats of ones already counted.
        now: where the customer stands since the last evaluation; None where nothing was evaluated.
    """

    changes: list[Change]
    repeats: int
    now: Standing | None


def on_events(state: State, arrivals: Sequence[Arrival], rules: Rules, *, live: bool) -> Step:
    """Apply events in the order given; what the state has applied already is skipped.

    Args:
        state: private working copy, changed in place.
        arrivals: events of this customer, ascending by offset within each source.
        rules: thresholds.
        live: True where "now" is the clock: a new or late event is evaluated at its mark. False where
            "now" is event time: every instant between the events is lived through.

    Returns:
        What came of it.
    """
    changes: list[Change] = []
    repeats, now = 0, None
    offsets = state.offsets
    for event, source, offset, mark_ms in arrivals:
        if offset <= offsets.get(source, -1):
            continue
        offsets[source] = offset
        at_ms = event.ts_ms
        if state.consent is not None and not (isinstance(event, Control) or state.consent.allows(at_ms)):
            continue
        if 0 < state.wake_at_ms <= at_ms:
            now = _live_through(state, min(at_ms, mark_ms), rules, changes) or now
        if isinstance(event, Control):
            if not control(state, event, rules):
                continue
        elif not apply(state, event, rules, max(state.as_of_ms, at_ms, mark_ms if live else 0)):
            repeats += 1
            continue
        now_ms = max(state.as_of_ms, at_ms)
        if live:
            # An overdue wake-up still comes first, at its own instant; otherwise "now" is the mark.
            now_ms = max(now_ms, min(mark_ms, state.wake_at_ms or NO_LIMIT_MS))
        now = _evaluate(state, now_ms, rules, changes, at_ms, source, offset)
        if live and 0 < state.wake_at_ms <= mark_ms:
            now = _live_through(state, mark_ms, rules, changes)
    state.purchases.settle(rules)
    return Step(changes, repeats, now)


def on_wake(state: State, until_ms: int, rules: Rules) -> Step:
    """Live through every wake-up due at or before an instant, each at its own instant."""
    changes: list[Change] = []
    return Step(changes, 0, _live_through(state, until_ms, rules, changes))


def _live_through(state: State, until_ms: int, rules: Rules, changes: list[Change]) -> Standing | None:
    now = None
    while 0 < state.wake_at_ms <= until_ms:
        due_ms = state.wake_at_ms
        now = _evaluate(state, due_ms, rules, changes, due_ms, "", due_ms)
    return now


def _evaluate(
    state: State, at_ms: int, rules: Rules, changes: list[Change], cause_ms: int, source: str, offset: int
) -> Standing:
    """Bring tags and the next wake-up to an instant; what differs from the announced becomes a change."""
    now = standing(state, at_ms, rules)
    for tag, old, new in tags.compare(state.tags, now, rules):
        because = {"consent": "withdrawn"} if now.withdrawn else tag.because(now, rules)
        corrects = _announce(state, tag.id, new, at_ms, cause_ms)
        changes.append(
            Change(state.seq, tag.id, tag.version, old, new, because, at_ms, source, offset, corrects)
        )
    if state.left:
        _forget_left(state, at_ms - CORRECTABLE_MS)
    state.as_of_ms = at_ms
    state.wake_at_ms = next_change_ms(state, now, rules)
    return now


def _forget_left(state: State, before_ms: int) -> None:
    for tag_id in [tag_id for tag_id, one in state.left.items() if one.since_ms < before_ms]:
        del state.left[tag_id]


def _announce(state: State, tag_id: str, new: Value, at_ms: int, cause_ms: int) -> tuple[int, ...]:
    """Take a new value down; gives the numbers of the announced changes that it corrects.

    Those are the ones whose cause is later than the event that brings it: had it come in time, they would
    have come otherwise or not at all.
    """
    state.seq += 1
    last = state.tags.pop(tag_id, None) or state.left.pop(tag_id, None)
    announced = last.changes() if last is not None else []
    corrects = tuple([seq for seq, caused_ms in announced if caused_ms > cause_ms])
    before = [
        (seq, caused_ms)
        for seq, caused_ms in announced
        if caused_ms <= cause_ms and caused_ms >= at_ms - CORRECTABLE_MS
    ][:3]
    held = Held(False if new is None else new, at_ms, state.seq, at_ms - cause_ms, before)
    (state.left if new is None else state.tags)[tag_id] = held
    return corrects
