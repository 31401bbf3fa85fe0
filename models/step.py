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
    A third thing moves it, when people change the catalogue: a state that was judged under another one is
    judged anew before anything else happens to it, and what comes of that names the catalogue as its cause.
"""

from collections.abc import Sequence
from typing import NamedTuple

from models.aggregates import apply, control
from models.announcing import (
    CATALOGUE,
    POPULATION,
    WITHDRAWN,
    Cause,
    Change,
    announce,
    forget_left,
    is_spent,
    set_spent,
)
from models.events import Click, Control, Order, Service
from models.rulelang import NEVER, Item
from models.rules import Rules
from models.state import State
from models.view import View
from models.waking import next_change_ms

NO_LIMIT_MS = 1 << 62


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


class Step(NamedTuple):
    """What came of events or of time.

    Attributes:
        changes: tag changes, in order.
        repeats: events that were repeats of ones already counted.
        view: the customer as of the last evaluation; None where nothing was evaluated.
        is_adopted: whether the state was judged under another catalogue before.
    """

    changes: list[Change]
    repeats: int
    view: View | None
    is_adopted: bool = False


def on_events(state: State, arrivals: Sequence[Arrival], rules: Rules, *, live: bool) -> Step:
    """Apply events in the order given; what the state has applied already is skipped.

    Args:
        state: private working copy, changed in place.
        arrivals: events of this customer, ascending by offset within each source.
        rules: thresholds and tags.
        live: True where "now" is the clock: a new or late event is evaluated at its mark. False where
            "now" is event time: every instant between the events is lived through.

    Returns:
        What came of it.
    """
    changes: list[Change] = []
    repeats = 0
    view: View | None = None
    is_adopted = state.revision != rules.catalogue.revision
    if is_adopted:
        first = arrivals[0]
        view = _adopt(state, first.mark_ms if live else min(first.event.ts_ms, first.mark_ms), rules, changes)
    offsets = state.offsets
    for event, source, offset, mark_ms in arrivals:
        if offset <= offsets.get(source, -1):
            continue
        offsets[source] = offset
        at_ms = event.ts_ms
        if state.consent is not None and not (isinstance(event, Control) or state.consent.allows(at_ms)):
            continue
        if 0 < state.wake_at_ms <= at_ms:
            view = _live_through(state, min(at_ms, mark_ms), rules, changes) or view
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
        view = View(state, now_ms, rules)
        _evaluate(view, changes, Cause(at_ms, source, offset))
        if live and 0 < state.wake_at_ms <= mark_ms:
            view = _live_through(state, mark_ms, rules, changes)
    state.purchases.settle(rules)
    return Step(changes, repeats, view, is_adopted)


def on_wake(state: State, until_ms: int, rules: Rules) -> Step:
    """Live through every wake-up due at or before an instant, each at its own instant.

    A state that was judged under another catalogue is judged anew, whether a wake-up is due or not.
    """
    changes: list[Change] = []
    is_adopted = state.revision != rules.catalogue.revision
    view = _adopt(state, until_ms, rules, changes) if is_adopted else None
    view = _live_through(state, until_ms, rules, changes) or view
    return Step(changes, 0, view, is_adopted)


def _live_through(state: State, until_ms: int, rules: Rules, changes: list[Change]) -> View | None:
    view = None
    while 0 < state.wake_at_ms <= until_ms:
        due_ms = state.wake_at_ms
        view = View(state, due_ms, rules) if view is None else view.later(due_ms)
        _evaluate(view, changes, Cause(due_ms, "", due_ms))
    return view


def _adopt(state: State, now_ms: int, rules: Rules, changes: list[Change]) -> View | None:
    """Judge a state under the catalogue now in force: at this instant, or before an overdue wake-up."""
    catalogue = rules.catalogue
    view = None
    if state.as_of_ms:
        at_ms = max(state.as_of_ms, min(now_ms, (state.wake_at_ms or NO_LIMIT_MS) - 1))
        cause = Cause(at_ms, CATALOGUE, catalogue.since)
        if state.revision >= catalogue.since and rules.population is not None:
            cause = Cause(at_ms, POPULATION, rules.population.version)
        for tag_id in [tag_id for tag_id in state.tags if tag_id not in catalogue.by_id]:
            gone: Item = [CATALOGUE, catalogue.since, "without", tag_id]
            changes.append(announce(state, tag_id, 0, None, [gone], at_ms, cause))
        view = View(state, at_ms, rules)
        _evaluate(view, changes, cause)
    state.revision = catalogue.revision
    return view


def _evaluate(view: View, changes: list[Change], cause: Cause) -> None:
    """Bring tags and the next wake-up to an instant; what differs from the announced becomes a change."""
    state, at_ms, rules = view.state, view.at_ms, view.rules
    if state.withdrawn:
        for tag_id in list(state.tags):
            version = rules.catalogue.by_id[tag_id].version if tag_id in rules.catalogue.by_id else 0
            changes.append(announce(state, tag_id, version, None, WITHDRAWN, at_ms, cause))
        state.wake_at_ms = 0
    else:
        wake_ms = _judge(view, changes, cause)
        state.wake_at_ms = 0 if wake_ms == NEVER else wake_ms
    if state.left:
        forget_left(state, at_ms)
    state.as_of_ms = at_ms


def _place(view: View) -> None:
    """Hold scores and cluster against the population: both remember what they were before."""
    state, now, population = view.state, view.now, view.rules.population
    state.scores = (now.r, now.f, now.m)
    assigner = population.assigner if population is not None else None
    if not now.orders:
        state.membership = None
    elif assigner is not None:
        state.membership, moved_by = assigner.assign(state.membership, view.point, view.at_ms)
        if moved_by is not None:
            state.moved_by_model = moved_by == "model"


def _judge(view: View, changes: list[Change], cause: Cause) -> int:
    """Judge every tag; gives the next instant at which anything changes if nothing happens, or `NEVER`."""
    state, judged = view.state, view.judged
    tags, left = state.tags, state.left
    _place(view)
    wake_ms = next_change_ms(view) or NEVER
    for tag in view.rules.catalogue.asked(view.parts):
        tag_id = tag.id
        held = tags.get(tag_id)
        spent = held is None and tag.ttl_ms > 0 and is_spent(left.get(tag_id))
        found = tag.judge(view, held, spent)
        if found[0] != (held.value if held is not None else None):
            because = tag.because(view, held)
            changes.append(announce(state, tag.id, tag.version, found[0], because, view.at_ms, cause))
            held = tags.get(tag.id)
            spent = held is None and set_spent(state, tag, view)
            found = tag.judge(view, held, spent)
        elif spent and not set_spent(state, tag, view):
            spent, found = False, tag.judge(view, held, spent=False)
        if held is not None:
            judged[tag.id] = found
        if found[1] < wake_ms:
            # A tag that is spent comes to life again without a word, but at its own instant.
            wake_ms = found[1] if spent else tag.until_ms(view, held, spent, found, wake_ms)
    return wake_ms
