"""Taking down what is announced of tags: changes, what they correct, and what has run out of time."""

from typing import NamedTuple

from models.catalogue.held import BY_OTHERS, BY_TIMER, Held
from models.catalogue.tag import Flag, Tag, Value
from models.rulelang import Item
from models.rules import DAY_MS
from models.state import State
from models.view import View

CORRECTABLE_MS = 35 * DAY_MS  # how long an announced change is remembered for a correction
CATALOGUE, POPULATION = BY_OTHERS.values()  # in place of a source
_NUMBERS = {name: number for number, name in BY_OTHERS.items()}
WITHDRAWN: list[Item] = [["consent.status", "withdrawn", "==", "withdrawn"]]


class Cause(NamedTuple):
    """Why tags are judged.

    Attributes:
        at_ms: when it happened: an event's time, a timer's due instant.
        source: "topic/partition" of an event, "" for a timer, `CATALOGUE` or `POPULATION` for another one.
        offset: of the event; due instant of the timer; revision of the catalogue, version of the population.
    """

    at_ms: int
    source: str
    offset: int


class Change(NamedTuple):
    """One change of one tag, as decided; `seq` counts a customer's changes from 1 without a gap.

    `rule_version` is 0 where the catalogue has no such tag any more. `source` and `offset` are those of the
    `Cause`. `corrects` are the numbers of the changes that it takes back: they were announced in ignorance of
    it.
    """

    seq: int
    tag: str
    rule_version: int
    old: Value
    new: Value
    because: list[Item]
    at_ms: int
    source: str
    offset: int
    corrects: tuple[int, ...] = ()


def is_spent(last: Held | None) -> bool:
    """Whether a tag that is not held was left because its time ran out, and its condition goes on."""
    return last is not None and last.spent


def set_spent(state: State, tag: Tag, view: View) -> bool:
    """Remember of a tag that is not held whether its condition has gone on since its time ran out."""
    spent = isinstance(tag, Flag) and tag.is_spent(view)
    last = state.left.get(tag.id)
    if last is not None and last.spent != spent:
        state.left[tag.id] = Held(
            last.value, last.since_ms, last.seq, last.lag_ms, last.source, last.offset, last.before, spent
        )
    return spent


def forget_left(state: State, at_ms: int) -> None:
    """Forget what was left so long ago that no correction can reach it."""
    before_ms = at_ms - CORRECTABLE_MS
    old = [tag_id for tag_id, one in state.left.items() if one.since_ms < before_ms and not one.spent]
    for tag_id in old:
        del state.left[tag_id]


def announce(
    state: State, tag_id: str, version: int, new: Value, because: list[Item], at_ms: int, cause: Cause
) -> Change:
    """Take a new value down, and what announced changes it corrects.

    Those are the ones whose cause is later than the event that brings it: had it come in time, they would
    have come otherwise or not at all.
    """
    cause_ms, cause_source, cause_offset = cause
    state.seq = seq = state.seq + 1
    was = state.tags.pop(tag_id, None)
    last = was or state.left.pop(tag_id, None)
    corrects: tuple[int, ...] = ()
    before: list[tuple[int, int]] = []
    if last is not None:
        for one in last.changes():
            if one[1] > cause_ms:
                corrects += (one[0],)
            elif one[1] >= at_ms - CORRECTABLE_MS and len(before) < 3:
                before.append(one)
    source, offset = _place(state, cause)
    if new is None:
        state.left[tag_id] = Held(False, at_ms, seq, at_ms - cause_ms, source, offset, before)
    else:
        state.tags[tag_id] = Held(new, at_ms, seq, at_ms - cause_ms, source, offset, before)
    old = was.value if was is not None else None
    return Change(seq, tag_id, version, old, new, because, at_ms, cause_source, cause_offset, corrects)


def _place(state: State, cause: Cause) -> tuple[int, int]:
    """A cause as `Held` has it."""
    if not cause.source:
        return BY_TIMER, 0
    if cause.source in _NUMBERS:
        return _NUMBERS[cause.source], cause.offset
    return list(state.offsets).index(cause.source) + 1, cause.offset
