"""Tag changes as they come: each once, however often it is delivered.

The topic promises at least once, in order per customer; a repeat has the same id. Ids of the latest changes
are remembered, so a repeat after a restart of the consumer is seen again: who acts on changes outside of this
process remembers ids there. `profilestream alerts` is the finished consumer.
"""

from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from .answers import Damaged, ReaderError

TOPIC = "tag-changes"
REMEMBERED = 100_000  # ids


@dataclass(frozen=True, slots=True)
class TagChange:
    """One change.

    Attributes:
        id: the same for every copy of it.
        kind: "entered", "left", "changed" or "corrected".
        customer_id: whose tag.
        tag: which.
        seq: counts the changes of a customer without a gap.
        old: value before; None = not held.
        new: value from now on; None = not held.
        effective_at: from when it holds.
        corrects: ids of changes that a late event made untrue; take them back.
        data: everything that was said, see deploy/schema/tag-change-1.json.
    """

    id: str
    kind: str
    customer_id: str
    tag: str
    seq: int
    old: bool | str | float | None
    new: bool | str | float | None
    effective_at: datetime
    corrects: tuple[str, ...]
    data: dict[str, Any]


def parse(record: Any) -> TagChange:
    """The change in a record of the topic.

    Args:
        record: its value as bytes, or anything with a `value`, such as a record of a Kafka client.

    Raises:
        Damaged: it is no tag change.
    """
    value = record if isinstance(record, bytes | str) else record.value
    try:
        event = orjson.loads(value)
        data = event["data"]
        prefix, _, kind = event["type"].rpartition(".")
        if prefix != "profilestream.tag":
            raise ValueError(prefix)
        at = datetime.fromisoformat(data["effective_at"])
        corrects = tuple(data.get("corrects", ()))
        old, new = data["old"], data["new"]
        return TagChange(
            event["id"], kind, data["customer_id"], data["tag"], data["seq"], old, new, at, corrects, data
        )
    except (ValueError, LookupError, TypeError, AttributeError):
        raise Damaged("a record is no tag change: is this the topic 'tag-changes'?") from None


def changes(records: Iterable[Any], tags: Collection[str] | None = None) -> Iterator[TagChange]:
    """Changes of these tags (None = of all) in records, without repeats."""
    is_new = _filter(tags)
    return (change for change in map(parse, records) if is_new(change))


async def achanges(
    records: AsyncIterable[Any], tags: Collection[str] | None = None
) -> AsyncIterator[TagChange]:
    """`changes`, for records that are waited for."""
    is_new = _filter(tags)
    async for record in records:
        change = parse(record)
        if is_new(change):
            yield change


def _filter(tags: Collection[str] | None) -> Callable[[TagChange], bool]:
    seen: dict[str, None] = {}

    def is_new(change: TagChange) -> bool:
        if (tags is not None and change.tag not in tags) or change.id in seen:
            return False
        seen[change.id] = None
        if len(seen) > REMEMBERED:
            del seen[next(iter(seen))]
        return True

    return is_new


def consumer(brokers: str) -> Iterable[Any]:
    """New records of the topic, without a consumer group; needs the extra `watch` (kafka-python).

    Raises:
        ReaderError: the extra is not installed.
    """
    try:
        from kafka import KafkaConsumer
    except ImportError:
        raise ReaderError("kafka-python is missing: pip install 'profilestream-reader[watch]'") from None
    return _follow(lambda: KafkaConsumer(TOPIC, bootstrap_servers=brokers.split(",")))


def _follow(connect: Callable[[], Any]) -> Iterator[Any]:
    with closing(connect()) as records:
        yield from records
