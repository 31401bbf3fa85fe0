"""How far a consumer of ours is on a partition, and what it knows there: one Redis hash, changed as one.

Theory
    The next offset stands in the same hash as the state that came of what was read, and both change in one
    transaction. So wherever the hash goes back to (a Redis that lost its last second, a copy of
    yesterday), it is of one piece, and the consumer goes back with it: Kafka holds what follows. Whoever
    writes says which offset it stood at; where another one stands, somebody else wrote or the server went
    back, and the partition is read again from where it stands. Kafka's own commits only tell the lag.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from redis.exceptions import WatchError

from streams import keys

_NEXT = b"next"


class Moved(Exception):
    """The partition stands elsewhere than the caller believes: read it again from there."""


class Book:
    """The hashes of one consumer, one a partition.

    Args:
        client: blocking Redis client.
        name: of the consumer.
    """

    def __init__(self, client: Any, name: str) -> None:
        self._client = client
        self.name = name

    def key(self, partition: int) -> str:
        """The hash of a partition."""
        return keys.book(self.name, partition)

    def next_offset(self, partition: int) -> int | None:
        """The offset to read next; None where nothing is known of the partition."""
        stored = self._client.hget(self.key(partition), _NEXT)
        return None if stored is None else int(stored)

    def open(self, partition: int, offset: int) -> int:
        """Begin a partition at an offset if nothing is known of it; gives the offset to read next."""
        self._client.sadd(keys.BOOKS, self.key(partition))
        self._client.hsetnx(self.key(partition), _NEXT, offset)
        return self.next_offset(partition) or 0

    def read(self, partition: int, at: int, fields: Sequence[bytes]) -> list[bytes | None]:
        """Fields of the hash, None where there is none.

        Raises:
            Moved: the partition does not stand at `at`.
        """
        stored, *found = self._client.hmget(self.key(partition), [_NEXT, *fields])
        if stored is None or int(stored) != at:
            raise Moved
        return list(found)

    def write(
        self,
        partition: int,
        at: int,
        then: int,
        fields: Mapping[bytes, bytes],
        counts: Mapping[str, int],
        more: Callable[[Any], None] | None = None,
    ) -> None:
        """Everything that came of the records before an offset, all or nothing.

        Args:
            partition: which.
            at: where the caller believes it to stand.
            then: offset to read next.
            fields: to be set.
            counts: to be added, by name.
            more: further commands of the transaction.

        Raises:
            Moved: the partition does not stand at `at`; nothing is changed.
        """
        key = self.key(partition)
        with self._client.pipeline(transaction=True) as pipe:
            pipe.watch(key)
            stored = pipe.hget(key, _NEXT)
            if stored is None or int(stored) != at:
                raise Moved
            pipe.multi()
            pipe.hset(key, mapping={**fields, _NEXT: str(then).encode()})
            for name, count in counts.items():
                pipe.hincrby(keys.counts(key), name, count)
            if more is not None:
                more(pipe)
            try:
                pipe.execute()
            except WatchError:
                raise Moved from None


def counted(client: Any) -> dict[str, dict[str, int]]:
    """What each consumer has counted, all partitions together: consumer -> name -> how many."""
    out: dict[str, dict[str, int]] = {}
    for key in client.smembers(keys.BOOKS):
        sums = out.setdefault(keys.book_name(key), {})
        for name, value in client.hgetall(keys.counts(key.decode())).items():
            sums[name.decode()] = sums.get(name.decode(), 0) + int(value)
    return out
