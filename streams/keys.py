"""Every Redis key and what is stored under it. The layout is public and versioned (DESIGN 6).

`{b}` is the bucket in braces: the cluster's hash tag, so that all keys of a bucket live on one node and
one function call can change them together. It comes first in the key, so braces in a customer id, which
follow it, mean nothing.
"""

from functools import lru_cache
from zlib import crc32

META = "ps:meta"  # hash: deployment facts (schema, buckets, epoch)
WORKERS = "ps:workers"  # sorted set: live worker -> expiry, epoch ms
CLOCK = "ps:clock"  # hash: "topic/partition" -> "caught-up flag:instant", written by its owner
WATERMARKS = "ps:wm:{0}"  # hash: "topic/partition" -> "offset:generation"
CATALOGUE = "ps:catalogue"  # hash: what is in force (revision, text, since, applied, retired, judged)
SWEPT = "ps:swept"  # hash: bucket -> revision under which all its customers were judged
TRAINER = "ps:trainer"  # the active trainer's lease
POPULATION = "ps:population"  # hash: the population snapshot in force (version, snapshot, trainer)
BOOKS = "ps:books"  # set: the keys of all books, see `book`
VITALS = "ps:vitals"  # sorted set: the live processes, "role:name" -> expiry, epoch ms; see `vitals`

ALERT_DAYS = 180
TOKEN, STATE, DOC, LOG = "tk", "st", "doc", "log"  # fields of a profile hash; only DOC is public


@lru_cache(maxsize=16_384)  # asked three times a write: at the load, the commit and for the relay
def bucket(customer_id: str, buckets: int) -> int:
    """Bucket of a customer: CRC-32 of the UTF-8 id, modulo the number of buckets.

    >>> bucket("customer-1", 64)
    61
    """
    return crc32(customer_id.encode()) % buckets


def profile(b: int, customer_id: str) -> str:
    """Hash of one customer."""
    return f"ps:profile:{{{b}}}:{customer_id}"


def customer(key: bytes) -> str:
    """Whose profile a hash is.

    >>> customer(b"ps:profile:{61}:customer-1")
    'customer-1'
    """
    return key.decode().removeprefix("ps:profile:").partition(":")[2]


@lru_cache(maxsize=4096)
def due(b: int) -> str:
    """Sorted set: customer -> next wake-up, epoch ms."""
    return f"ps:due:{{{b}}}"


@lru_cache(maxsize=4096)
def outbox(b: int) -> str:
    """Stream of tag changes not yet known to be in Kafka."""
    return f"ps:outbox:{{{b}}}"


@lru_cache(maxsize=4096)
def revision(b: int) -> str:
    """Number: revision under which profiles of a bucket may be written."""
    return f"ps:revision:{{{b}}}"


def book(name: str, partition: int) -> str:
    """Hash: how far a consumer of ours is on a partition of its topic, and what it knows there."""
    return f"ps:book:{{{name}/{partition}}}"


def book_name(key: bytes) -> str:
    """Whose book it is.

    >>> book_name(b"ps:book:{alerts/3}")
    'alerts'
    """
    return key.decode().removeprefix("ps:book:{").rpartition("/")[0]


def counts(book_key: str) -> str:
    """Hash: what the consumer has counted on the partition of a book, by name."""
    return f"{book_key}:counts"


def seen(name: str, partition: int) -> str:
    """Sorted set: identities of events that a consumer of ours has counted -> their offset."""
    return f"ps:book:{{{name}/{partition}}}:seen"


def alert(alert_id: str) -> str:
    """Text: rule and arm of an alert, for what is said of it later; kept for `ALERT_DAYS`."""
    return f"ps:alert:{alert_id}"


def vitals(process: str) -> str:
    """Text: what a live process says of itself, Prometheus exposition; `process` is "role:name"."""
    return f"{VITALS}:{process}"


def console(what: str) -> str:
    """What the console keeps for itself, all of it bounded and all on one node, see `streams.console`.

    `at` (hash: "topic/partition" -> next offset), `lease`, `changes` (stream: latest tag changes),
    `moves:<s>:<n>` (hash: what changed within the n-th step of s seconds since 1970), `dead` and `dead:last`
    (hashes: reason -> count, time of the latest), `dead:<reason>` (list: samples), `live:2` and `live:60`
    (lists: figures every so many seconds).
    """
    return f"ps:console:{{0}}:{what}"


def members(b: int, name: str) -> str:
    """Set of the customers of a bucket that hold a tag, or a value of it: `tag` or `tag=value`."""
    return f"ps:members:{{{b}}}:{name}"
