"""What processor, timers and relay ask of a store. Two keep this promise: Redis and memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple, Protocol

HISTORY = 32  # lines of history kept of a customer where nothing else is said


class Unavailable(Exception):
    """A part of the world did not answer; the message is one sentence. Trying again is safe."""


class StoreError(Unavailable):
    """The store did not answer, or refused."""


class StoreRestarted(StoreError):
    """The server is not the one we adopted: what we cached or wrote last may be gone. Rewind."""


class Superseded(StoreError):
    """Something newer is in force than what the writer judged under. Read it and judge again."""


class StoreUnfit(Exception):
    """The store is reachable but must not be used as it is configured or filled. Trying again is useless."""


class Stored(NamedTuple):
    """What stands under a customer: write token and state, both empty where there is nothing."""

    token: bytes
    state: bytes


class Write(NamedTuple):
    """New state of one customer, valid only if the stored token still is `expect`.

    Attributes:
        customer_id: whose.
        expect: token the new state was computed from; empty = there must be none.
        token: random token of this write; never used again, so a rollback cannot bring it back.
        state: state bytes.
        doc: public document.
        wake_ms: next wake-up, 0 = none, None = unchanged.
        changes: tag changes for the outbox, in order.
        members: sets of members to join (True) or leave, in order.
        told: tag and event type of each change, to be counted once it is stored.
        history: lines for the customer's history, oldest first; None = empty it, whatever it holds.
    """

    customer_id: str
    expect: bytes
    token: bytes
    state: bytes
    doc: bytes
    wake_ms: int | None
    changes: Sequence[bytes]
    members: Sequence[tuple[str, bool]] = ()
    told: Sequence[tuple[str, str]] = ()
    history: Sequence[bytes] | None = ()


class InForce(NamedTuple):
    """What customers are judged under: the catalogue, and the population snapshot.

    Attributes:
        revision: counts what was put into force, of either kind; 0 = nothing was.
        text: the catalogue, TOML.
        since: revision with which the catalogue came into force.
        applied_ms: when that was, epoch ms.
        retired: sets of members that are not kept any more.
        judged: customers judged under the revision by sweeps so far.
        population: version of the population snapshot; 0 = none.
        snapshot: the snapshot, JSON.
    """

    revision: int
    text: str
    since: int = 0
    applied_ms: int = 0
    retired: tuple[str, ...] = ()
    judged: int = 0
    population: int = 0
    snapshot: bytes = b""


class Trained(NamedTuple):
    """A population snapshot and what its trainer goes on from, both JSON; 0 and empty where there is none."""

    version: int
    snapshot: bytes
    trainer: bytes


class Entry(NamedTuple):
    """One entry of an outbox: the changes of one step of one customer."""

    bucket: int
    entry_id: bytes
    customer_id: str
    changes: Sequence[bytes]


class Store(Protocol):
    """Profiles, wake-ups, outbox and watermarks of one deployment.

    Every method raises `StoreError` when the server cannot be asked. Attributes: `buckets`, how many the
    deployment has; `epoch`, the identity of its data, set by `adopt`; `durable`, False where the server
    cannot say what is on disk; `replaced`, True from the moment another server than the adopted one was
    met until the next `adopt`.
    """

    buckets: int
    epoch: str
    durable: bool
    replaced: bool

    async def adopt(self) -> bool:
        """Take the server as it is now; True where it held data of this deployment already."""

    async def load(self, customer_ids: Sequence[str]) -> dict[str, Stored]:
        """Token and state of each customer."""

    async def commit(self, writes: Sequence[Write], revision: int = 0) -> list[str]:
        """Store each write whose token still matches; the ids of the stale ones come back.

        Args:
            writes: at most one a customer.
            revision: under which they were judged.

        Raises:
            Superseded: a newer one is in force; some may be written, all may be tried again.
        """

    async def in_force(self) -> InForce:
        """What customers are judged under."""

    async def apply(self, text: str, replaces: int, now_ms: int, retired: Sequence[str]) -> int:
        """Put a catalogue into force in place of the one of a revision; gives that of the one in force."""

    async def trained(self) -> Trained:
        """The population snapshot in force, with what its trainer left."""

    async def publish(self, version: int, snapshot: bytes, trainer: bytes, replaces: int) -> bool:
        """Put a population snapshot into force in place of a version; False where that one is not in force.

        Args:
            version: of the snapshot.
            snapshot: JSON.
            trainer: what the trainer needs to go on from it, JSON.
            replaces: version that it was made from; 0 = none.
        """

    async def lease(self, holder: str, ttl_ms: int) -> bool:
        """Take or renew the trainer's lease; False where another holds it.

        Args:
            holder: random token of the caller.
            ttl_ms: for how long from now on, 0 = let it go.
        """

    async def scan(self, cursor: int, count: int) -> tuple[int, list[str]]:
        """Some customers, and where to go on; 0 begins and ends. Nobody who stays is left out."""

    async def unswept(self, buckets: Iterable[int], revision: int) -> list[int]:
        """Those whose customers were not all judged under a revision yet."""

    async def judged(self, count: int) -> None:
        """So many customers more were judged by a sweep."""

    async def swept(self, buckets: Sequence[int], revision: int, retired: Sequence[str]) -> None:
        """All customers of these buckets were judged under a revision; sets not kept any more go."""

    async def due(self, buckets: Iterable[int], until_ms: int, limit: int) -> list[str]:
        """Customers whose wake-up is at or before an instant, at most `limit` a bucket."""

    async def outbox(self, buckets: Iterable[int], limit: int) -> list[Entry]:
        """The oldest entries of each bucket, at most `limit` a bucket, oldest first."""

    async def delivered(self, entries: Sequence[Entry]) -> None:
        """Take entries out of the outbox."""

    async def outbox_size(self) -> int:
        """Entries in all outboxes."""

    async def watermark(
        self, generation: int, offsets: Mapping[str, int | None], *, void_newer: bool = False
    ) -> dict[str, int | None]:
        """Write offsets (None: claim only) under a generation; gives the stored ones.

        A source that a newer generation holds is left alone and is missing from the answer.
        """

    async def watermarks(self) -> dict[str, int]:
        """Every watermark."""

    async def barrier(self, timeout_s: float) -> bool:
        """Wait until everything written so far is on disk; False where that is not known in time."""

    async def report_clock(self, marks: Mapping[str, tuple[bool, int]]) -> None:
        """Publish for each source whether it is caught up, and its instant in epoch ms."""

    async def clock(self) -> dict[str, tuple[bool, int]]:
        """Every source's report."""

    async def heartbeat(self, worker: str, now_ms: int, ttl_ms: int) -> list[str]:
        """Say that a worker lives; the sorted names of all that do."""

    async def retire(self, worker: str) -> None:
        """A worker stops: its share of the buckets is free at once."""

    async def close(self) -> None:
        """Let go of the connections."""
