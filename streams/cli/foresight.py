"""What the private state says of a tag beyond the document: what follows, and why it is not held."""

from typing import NamedTuple

from models.catalogue.tag import Flag, Tag, Value
from models.rulelang import NEVER, Item
from models.rules import Rules
from models.state import State
from models.view import View


class Follows(NamedTuple):
    """The value that follows in time; None = it is left."""

    value: Value


class NotHeld(NamedTuple):
    """Why a tag is not held, and what time brings.

    Attributes:
        because: the evidence.
        value: what its rule says nevertheless: it was not judged by this rule yet.
        is_spent: it ran out, and its condition has gone on since.
        left_ms: when it was left, as far as that is remembered; 0 = not.
        enters_ms: when it is entered if nothing happens; 0 = never.
        enters: the value then.
    """

    because: list[Item]
    value: Value
    is_spent: bool
    left_ms: int
    enters_ms: int
    enters: Value


class Foresight:
    """A customer's state, looked at as of its latest evaluation.

    Args:
        state: as it is stored; not changed.
        rules: of the deployment.
    """

    def __init__(self, state: State, rules: Rules) -> None:
        self._state = state
        self._view = View(state, state.as_of_ms, rules)

    def follows(self, tag: Tag, until_ms: int) -> Follows | None:
        """The value after an instant; None where this rule does not see the tag change at that instant."""
        held, view = self._state.tags.get(tag.id), self._view
        if held is None or tag.until_ms(view, held, spent=False) != until_ms:
            return None
        return Follows(tag.judge(view.later(until_ms), held, spent=False)[0])

    def not_held(self, tag: Tag) -> NotHeld:
        """Why it is not."""
        view, last = self._view, self._state.left.get(tag.id)
        because = tag.because(view, None)
        left_ms = last.since_ms if last is not None else 0
        if last is not None and last.spent and isinstance(tag, Flag) and tag.is_spent(view):
            return NotHeld(because, None, True, left_ms, 0, None)
        judged = tag.judge(view, None, spent=False)
        if judged[0] is not None:
            return NotHeld(because, judged[0], False, left_ms, 0, None)
        enters_ms = tag.until_ms(view, None, spent=False, judged=judged)
        if enters_ms == NEVER:
            return NotHeld(because, None, False, left_ms, 0, None)
        enters = tag.judge(view.later(enters_ms), None, spent=False)[0]
        return NotHeld(because, None, False, left_ms, enters_ms, enters)


def foresight(state: State | None, rules: Rules) -> Foresight | None:
    """None where the state says nothing: it is not there, empty, or consent is withdrawn."""
    if state is None or not state.as_of_ms or state.withdrawn:
        return None
    return Foresight(state, rules)
