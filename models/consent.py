"""Whether a customer's events may be counted; exact in any order of arrival.

The latest word is in force, and of two at one instant the withdrawal. Consent that is given again after a
withdrawal counts from the first word that gave it: a later confirmation takes nothing away.
"""

from typing import Any, Literal

import msgspec

from models.calendar import iso

KEPT = 16  # latest words that gave consent since the withdrawal, 9 bytes each
NEVER = 0

Status = Literal["", "given", "withdrawn"]


class Consent(msgspec.Struct, array_like=True, gc=False):
    """The aggregate.

    Attributes:
        withdrawn_ms: latest withdrawal, epoch ms; 0 = never.
        given_ms: times, epoch ms ascending and distinct, of the latest `KEPT` words after it that gave it.
            More than one, because a withdrawal between two of them may still arrive.
    """

    withdrawn_ms: int = NEVER
    given_ms: list[int] = []

    def add(self, at_ms: int, status: str) -> bool:
        """Take a consent event.

        Args:
            at_ms: event time, epoch ms.
            status: given or withdrawn.

        Returns:
            Whether `status`, `at_ms` or `since_ms` has changed.
        """
        before = (self.status, self.at_ms, self.since_ms)
        if status == "withdrawn":
            self.withdrawn_ms = max(self.withdrawn_ms, at_ms)
        else:
            self.given_ms.append(at_ms)
        self._trim()
        return before != (self.status, self.at_ms, self.since_ms)

    def merged(self, other: "Consent") -> "Consent":
        """Of two parts of one customer's events."""
        out = Consent(max(self.withdrawn_ms, other.withdrawn_ms), [*self.given_ms, *other.given_ms])
        out._trim()
        return out

    @property
    def withdrawn(self) -> bool:
        """Whether nothing may be counted."""
        return self.withdrawn_ms > NEVER and not self.given_ms

    @property
    def status(self) -> Status:
        """What is in force; "" when nothing was ever said."""
        return "given" if self.given_ms else "withdrawn" if self.withdrawn else ""

    @property
    def at_ms(self) -> int:
        """When that was said, epoch ms; 0 = never."""
        return self.given_ms[-1] if self.given_ms else self.withdrawn_ms

    @property
    def since_ms(self) -> int:
        """Earliest event time that counts while consent is not withdrawn, epoch ms; 0 = all count."""
        return self.given_ms[0] if self.withdrawn_ms and self.given_ms else NEVER

    def allows(self, at_ms: int) -> bool:
        """Whether an event of this time, epoch ms, may be counted."""
        return not self.withdrawn and at_ms >= self.since_ms

    def show(self) -> dict[str, Any]:
        """`status` and `at`; nothing when nothing was ever said."""
        return {"status": self.status, "at": iso(self.at_ms)} if self.status else {}

    def _trim(self) -> None:
        self.given_ms = sorted({at_ms for at_ms in self.given_ms if at_ms > self.withdrawn_ms})[-KEPT:]
