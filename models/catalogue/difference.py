"""What separates two catalogues: in their rules, and in what they say of a customer."""

from typing import NamedTuple

from models import step
from models.catalogue.catalogue import Catalogue
from models.catalogue.tag import Value
from models.rules import Rules
from models.state import State


class Move(NamedTuple):
    """A tag of one customer: its value before and after, None = not held."""

    tag: str
    old: Value
    new: Value


def unraised(old: Catalogue, new: Catalogue) -> list[str]:
    """Tags whose rule changed while their version did not go up: ids in the order of the new file."""
    return [
        tag.id
        for tag in new.tags
        if (before := old.by_id.get(tag.id)) is not None
        and before.about.text != tag.about.text
        and tag.version <= before.version
    ]


def retired(old: Catalogue, new: Catalogue, before: tuple[str, ...]) -> list[str]:
    """Sets of members that nobody keeps any more, those of earlier catalogues included."""
    return sorted({*before, *old.sets()} - set(new.sets()))


def moves(state: State, at_ms: int, rules: Rules) -> list[Move]:
    """What a customer would enter, leave or change if this catalogue came into force at an instant.

    Args:
        state: a copy of one's own, that has lived through its wake-ups up to the instant; changed.
        at_ms: the instant.
        rules: with the catalogue to be, of another revision than the one in force.
    """
    changes = step.on_wake(state, at_ms, rules).changes
    return [Move(change.tag, change.old, change.new) for change in changes]
