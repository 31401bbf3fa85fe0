"""A customer's last tag changes, kept beside the profile: a line of JSON each, oldest first.

A line says what changed and why it was judged then, not what decided: reasons are many bytes, and those of
what is held stand in the document.
"""

from typing import Any, NamedTuple

import orjson

from models.announcing import Change
from models.changes import cause_of, direction, kind

Row = dict[str, Any]


class Past(NamedTuple):
    """One line, in the order in which it is written.

    Attributes:
        seq: number of the change.
        at_ms: instant from which it holds.
        known_ms: wall clock at which it was decided.
        kind: entered, left, changed or corrected.
        tag: its id.
        old: value before, None = not held.
        new: value from then on, None = not held.
        cause: source and offset of what brought it, see `announcing.Cause`.
    """

    seq: int
    at_ms: int
    known_ms: int
    kind: str
    tag: str
    old: bool | str | float | None
    new: bool | str | float | None
    cause: tuple[str, int]

    def public(self) -> Row:
        """The same as people's tools get it, the cause as in a tag change."""
        return {**self._asdict(), "cause": cause_of(*self.cause)}


def line(change: Change, known_ms: int) -> bytes:
    """A change as it is kept; `known_ms` as in `changes.render`."""
    seq, tag, _, old, new, _, at_ms, source, offset, _ = change
    said = direction(kind(change))
    return orjson.dumps((seq, at_ms, known_ms, said, tag, old, new, (source, offset)))


def read(log: bytes | None) -> list[Past]:
    """Lines as they are stored; what cannot be read is left out, for another version may have written it."""
    out = []
    for one in (log or b"").split(b"\n"):
        try:
            seq, at_ms, known_ms, kind, tag, old, new, (source, offset) = orjson.loads(one)
            out.append(Past(seq, at_ms, known_ms, kind, tag, old, new, (str(source), int(offset))))
        except (ValueError, TypeError):
            continue
    return out
