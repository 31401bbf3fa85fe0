"""One input partition: what comes in on it, and how far it is."""

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


class DeadLetter(NamedTuple):
    """A record that breaks the contract, and why."""

    topic: str
    partition: int
    offset: int
    reason: str
    field: str
    value: bytes | None


class Lane:
    """One partition: what is fetched and not yet applied, and how far it is."""

    __slots__ = ("applied", "fetched", "highwater", "mark_ms", "newest_ms", "starting", "waiting")

    def __init__(self, offset: int, mark_ms: int) -> None:
        self.applied = self.fetched = offset
        self.starting = True
        self.highwater: int | None = None
        self.mark_ms = mark_ms  # everything up to here is applied
        self.newest_ms = mark_ms  # newest instant fetched
        self.waiting: list[tuple[int, int, Arrival | DeadLetter]] = []  # instant, offset, what

    def fetched_all(self) -> bool:
        """Whether no other record is known to exist."""
        return self.highwater is not None and self.fetched >= self.highwater

    def applied_all(self) -> bool:
        """Whether every record known to exist is applied."""
        return self.highwater is not None and self.applied >= self.highwater
