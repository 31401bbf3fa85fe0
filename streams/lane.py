"""One input partition: what comes in on it, and how far it is."""

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from models.step import Arrival

TopicPartition = tuple[str, int]
# Next offset to be read, and where the partition ends; None = unknown yet.
End = tuple[int | None, int | None]


class Record(Protocol):
    """What a Kafka client hands out."""

    offset: int
    timestamp: int
    value: bytes | None
    headers: Sequence[tuple[str, bytes | None]]  # looked at only where spans are traced


class DeadLetter(NamedTuple):
    """A record that breaks the contract, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    field: str
    value: bytes | None


# A record that is fetched: its instant in the order of things, offset, what it says, when it was appended.
Waiting = tuple[int, int, Arrival | DeadLetter, int]


class Lane:
    """One partition: what is fetched and not yet applied, and how far it is."""

    __slots__ = (
        "applied", "applied_ms", "fetched", "highwater", "level_ms", "mark_ms", "newest_ms", "starting",
        "under_way", "waiting",
    )  # fmt: skip

    def __init__(self, offset: int, mark_ms: int, level_ms: int = 0) -> None:
        self.applied = self.fetched = offset
        self.starting = True
        self.highwater: int | None = None
        self.mark_ms = mark_ms  # everything up to here is applied
        self.newest_ms = mark_ms  # newest instant fetched
        self.waiting: list[Waiting] = []
        # For those who ask how old what is not applied is:
        self.under_way: list[Waiting] = []  # released, not yet known to be applied
        self.applied_ms = (0, 0)  # append and event time of the record applied last
        self.level_ms = level_ms  # wall clock when everything known to exist was last seen to be applied

    def fetched_all(self) -> bool:
        """Whether no other record is known to exist."""
        return self.highwater is not None and self.fetched >= self.highwater

    def applied_all(self) -> bool:
        """Whether every record known to exist is applied."""
        return self.highwater is not None and self.applied >= self.highwater

    def behind_since_ms(self) -> tuple[int, int] | None:
        """Append and event time of the oldest record not applied, as far as is known; (0, 0) = none waits.

        What is not fetched was appended after the record before it, and after the moment when nothing was
        missing; then these stand in, so an age that is computed of them is never too small. None = not known.
        """
        if self.applied_all():
            return 0, 0
        for records in (self.under_way, self.waiting):
            if records:
                return _times(records[0])
        appended_ms, happened_ms = self.applied_ms
        found = max(self.level_ms, appended_ms), max(self.level_ms, happened_ms)
        return found if found[0] else None

    def release(self, count: int) -> list[Waiting]:
        """Take out the oldest records, to be applied."""
        self.under_way = self.waiting[:count]
        del self.waiting[:count]
        return self.under_way

    def is_applied(self, offset: int, mark_ms: int) -> None:
        """Everything released is in the store."""
        self.applied, self.mark_ms = offset, mark_ms
        if self.under_way:
            self.applied_ms = _times(self.under_way[-1])
            self.under_way = []


def _times(record: Waiting) -> tuple[int, int]:
    _, _, what, appended_ms = record
    return appended_ms, what.event.ts_ms if isinstance(what, Arrival) else appended_ms
