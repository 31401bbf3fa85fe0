"""Facts that a source states about a customer, last write wins per name; exact in any order of arrival.

What is kept is bounded without leaving a trace of the order: walk back from the latest write and stop at
`KEPT` names, or where the names passed so far, each charged with the largest of its writes passed so far,
exceed `ROOM`. Everything earlier is forgotten. The charge is of the largest and not of the present value
because it must never sink: had a long value made an earlier name go, a short one in its place could not
bring that name back. Hence the marks: when a name had a value larger than any later one.
"""

from typing import Any

import msgspec
import orjson

from models.calendar import iso
from models.contract import epoch_ms
from models.payloads import MAX_NAME, MAX_NAMES, MAX_VALUE_BYTES, SCORES, canonical, is_score

KEPT = MAX_NAMES
MAX_BYTES = 8_192  # UTF-8 of the names and JSON of the values, together
ROOM = MAX_BYTES - 4 * MAX_NAME - MAX_VALUE_BYTES  # the earliest of the kept may be of any size
LEAST = 32  # charges are powers of two from here: at most seven marks a name
DELETED = b"null"


class Written(msgspec.Struct, array_like=True, gc=False):
    """What is known of one name.

    Attributes:
        value: canonical JSON; `null` is a deletion, kept so that an earlier write does not come back.
        marks: (time in epoch ms, charge in bytes), latest first, each larger than all before it; the
            first is the time of the value.
    """

    value: bytes
    marks: list[tuple[int, int]]


class Attributes(msgspec.Struct, array_like=True, gc=False):
    """The aggregate: name -> what was written."""

    written: dict[str, Written] = {}

    def add(self, at_ms: int, payload: dict[str, Any]) -> None:
        """Take a control event's attributes; None deletes.

        Args:
            at_ms: event time, epoch ms.
            payload: within the limits of `payloads.check`.
        """
        for name, value in payload.items():
            text = canonical(value)
            self._join(name, Written(text, [(at_ms, _charge(name, text))]))
        self._trim()

    def merged(self, other: "Attributes") -> "Attributes":
        """Of two parts of one customer's events."""
        out = Attributes(dict(self.written))
        for name, written in other.written.items():
            out._join(name, written)
        out._trim()
        return out

    def get(self, name: str) -> Any:
        """The value, decoded; None where there is none."""
        written = self.written.get(name)
        return None if written is None else orjson.loads(written.value)

    def show(self) -> dict[str, Any]:
        """Name -> decoded value by name, without the deleted."""
        return {
            name: orjson.loads(written.value)
            for name, written in sorted(self.written.items())
            if written.value != DELETED
        }

    def scores(self) -> dict[str, dict[str, Any]]:
        """Name -> value, model and time of the scores among them, by name; of no other attribute.

        A model that says no time, or one later than the event that brought it, is taken to have computed
        its score at that event.
        """
        out = {}
        for name, value in self.show().items():
            if is_score(name, value):
                at_ms = self.written[name].marks[0][0]
                at_ms = min(at_ms, epoch_ms(value["at"])) if value.get("at") is not None else at_ms
                known = {"value": value["value"], "model": value["model"], "at": iso(at_ms)}
                out[name.removeprefix(SCORES)] = known
        return out

    def _join(self, name: str, new: Written) -> None:
        """Never changes what was there in place: `merged` shares it."""
        old = self.written.get(name)
        if old is None:
            self.written[name] = new
            return
        latest = max(old, new, key=lambda written: (written.marks[0][0], written.value))
        marks: list[tuple[int, int]] = []
        for at_ms, charge in sorted([*old.marks, *new.marks], reverse=True):
            if not marks or charge > marks[-1][1]:
                marks.append((at_ms, charge))
        self.written[name] = Written(latest.value, marks)

    def _trim(self) -> None:
        """Forget what lies before the point where there are `KEPT` names or more than `ROOM` charged."""
        charged: dict[str, int] = {}
        total = 0
        for at_ms, name, charge in sorted(
            (
                (at_ms, name, charge)
                for name, written in self.written.items()
                for at_ms, charge in written.marks
            ),
            reverse=True,
        ):
            total += charge - charged.get(name, 0)
            charged[name] = charge
            if total > ROOM or len(charged) == KEPT:
                self._forget_before(at_ms, name)
                return

    def _forget_before(self, at_ms: int, name: str) -> None:
        point = (at_ms, name)
        kept = {}
        for other, written in self.written.items():
            marks = [mark for mark in written.marks if (mark[0], other) >= point]
            if marks:
                kept[other] = written if len(marks) == len(written.marks) else Written(written.value, marks)
        self.written = kept


def _charge(name: str, text: bytes) -> int:
    """Bytes of name and value, rounded up to a power of two."""
    return max(LEAST, 1 << (len(name.encode()) + len(text) - 1).bit_length())
