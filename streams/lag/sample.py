"""What one look at broker and store finds. Data only."""

from collections.abc import Mapping
from typing import NamedTuple


class Partition(NamedTuple):
    """One input partition.

    Attributes:
        topic: its topic.
        partition: its number.
        committed: next offset as the group committed it; None = nothing, or not known.
        applied: next offset to be applied, see `applied_offset`; None = nothing was ever applied.
        begin: oldest offset the broker still has.
        end: offset that the next record gets.
        is_exact: `end` is the high watermark of a fetch. False: it is what ListOffsets said, which is too
            low on the embedded broker.
        first: offset of the oldest record that is not applied; `end` where there is none.
        append_ms: timestamp of that record, epoch ms; None = there is none, or it could not be read.
        event_ms: when it happened, by the contract; None = the same, or it breaks the contract.
    """

    topic: str
    partition: int
    committed: int | None
    applied: int | None
    begin: int
    end: int
    is_exact: bool
    first: int
    append_ms: int | None = None
    event_ms: int | None = None

    @property
    def key(self) -> tuple[str, int]:
        """Topic and partition."""
        return self.topic, self.partition

    @property
    def lag(self) -> int:
        """Records that exist and are not applied."""
        return max(0, self.end - self.first)

    @property
    def gap(self) -> int:
        """Records that were deleted before they were applied, or lie below what counts as applied already.

        The latter where a topic was created anew: its records would be taken for ones applied long ago.
        """
        if self.applied is None:
            return 0
        if self.is_exact and self.applied > self.end:
            return self.end - self.begin
        return max(0, self.begin - self.applied)


class Group(NamedTuple):
    """The consumer group: its state in Kafka's words, and how many members it has."""

    state: str
    members: int


class Stored(NamedTuple):
    """What the store says.

    Attributes:
        watermarks: "topic/partition" -> next offset to be applied.
        workers: live workers, by their heartbeats.
        outbox: tag changes that wait to be published, in entries.
        outbox_ms: when the oldest of them was stored, epoch ms; None = none waits.
    """

    watermarks: Mapping[str, int]
    workers: int
    outbox: int
    outbox_ms: int | None


class Sample(NamedTuple):
    """One look.

    Attributes:
        at_ms: when, epoch ms.
        partitions: of the input topics, sorted; empty where the broker does not answer.
        missing: input topics that do not exist.
        group: None = not known.
        stored: None = not known.
        dead_letters: records in the topic of dead letters; None = not known.
        broker_says: why the broker cannot be asked; "" = it answered.
        store_says: why the store cannot be asked; "" = it answered.
        notes: what else could not be found out.
        knows_commits: False where the broker refused to say what the group committed.
    """

    at_ms: int
    partitions: tuple[Partition, ...] = ()
    missing: tuple[str, ...] = ()
    group: Group | None = None
    stored: Stored | None = None
    dead_letters: int | None = None
    broker_says: str = ""
    store_says: str = ""
    notes: tuple[str, ...] = ()
    knows_commits: bool = True


def applied_offset(committed: int | None, watermark: int | None, *, is_stored: bool) -> int | None:
    """Next offset to be applied; None where nothing ever was.

    The store's watermark is newer than the commit and says what is in the profiles. A group that has
    committed while the store knows nothing has lost its data: everything is read again.

    >>> applied_offset(5, 7, is_stored=True), applied_offset(5, 3, is_stored=True)
    (7, 3)
    >>> applied_offset(5, None, is_stored=True), applied_offset(5, None, is_stored=False)
    (0, 5)
    """
    if not is_stored:
        return committed
    if watermark is None:
        return None if committed is None else 0
    return watermark
