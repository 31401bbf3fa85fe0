"""What a reader knows of the deployment it reads: how current it is, and which tags there are.

Freshness is a property of the store, not of a document: somebody who did nothing for a year has a document a
year old, and true. Workers publish up to which instant every event is applied (`ps:clock`) and what falls
due next (`ps:due:{b}`); the earliest of these is how current everything is. This pulse is read together with
profiles, once a second. A worker that dies no longer moves it, and what is read grows old.
"""

import time
import tomllib
from collections.abc import Sequence
from typing import Any, NamedTuple, TypeAlias

from .answers import Reason, Unknown, WrongDeployment

Command: TypeAlias = tuple[Any, ...]

LAYOUT = b"1"  # version of the key layout that is read here
META, CLOCK, WATERMARKS, CATALOGUE = "ps:meta", "ps:clock", "ps:wm:{0}", "ps:catalogue"


class Settings(NamedTuple):
    """How patient and how strict a reader is.

    Attributes:
        buckets: of the deployment, compared with the store's; None = whatever the store says.
        max_age_s: what is less current than this is unknown; None = any age will do, known or not.
        timeout_s: for connecting, and for each wait for bytes of a reply.
        retries: attempts after the first; a server that is silent costs `1 + retries` time-outs.
        retry_ratio: so many retries a call in the long run at most: they must not double the load of a
            server in trouble.
        failures: consecutive ones that open the circuit breaker.
        rest_s: how long it is open; then one call tries again.
        pulse_s: how often freshness and deployment are looked at.
    """

    buckets: int | None = None
    max_age_s: float | None = 60.0
    timeout_s: float = 0.25
    retries: int = 1
    retry_ratio: float = 0.1
    failures: int = 5
    rest_s: float = 1.0
    pulse_s: float = 1.0


class Lag(NamedTuple):
    """How far the store is behind one input partition.

    Attributes:
        caught_up: whether everything in the partition is applied.
        behind_s: seconds since the instant up to which it is.
        offset: everything before it is on disk; None where that was never said.
    """

    caught_up: bool
    behind_s: float
    offset: int | None


class Failure(Exception):
    """A plan cannot go on."""

    def __init__(self, reason: Reason, detail: str = "", age_s: float | None = None) -> None:
        super().__init__(reason)
        self.unknown = Unknown(reason, detail, age_s)


class Pulse(NamedTuple):
    """The deployment when it was last looked at.

    Attributes:
        buckets: how many it has.
        epoch: identity of its data.
        revision: of the catalogue in force; None = there is none.
        current_ms: everything that happened or fell due before is stored, epoch ms; None = nobody says.
        taken_s: when that was read, monotonic.
    """

    buckets: int
    epoch: bytes
    revision: bytes | None
    current_ms: int | None
    taken_s: float

    def age_s(self) -> float | None:
        """Seconds since the instant to which it is current."""
        return None if self.current_ms is None else max(0.0, time.time() - self.current_ms / 1000)


class Sets(NamedTuple):
    """The tags of the catalogue in force, and the kind of those of which sets of members are kept."""

    revision: bytes | None
    tags: frozenset[str]
    kept: dict[str, str]


def value(reply: Any) -> Any:
    """A reply that is no error.

    Raises:
        Failure: it is one.
    """
    if isinstance(reply, Exception):
        raise Failure("refused", type(reply).__name__)  # no more: some messages quote the key
    return reply


def pulse_commands(buckets: int) -> list[Command]:
    """What `pulse` wants replies to."""
    due: list[Command] = [("ZRANGE", f"ps:due:{{{b}}}", 0, 0, "WITHSCORES") for b in range(buckets)]
    facts: list[Command] = [("HMGET", META, "buckets", "layout", "epoch"), ("HGET", CATALOGUE, "revision")]
    return [*facts, ("HGETALL", CLOCK), *due]


def pulse(replies: Sequence[Any], wanted: int | None) -> Pulse:
    """What replies to `pulse_commands` tell.

    Args:
        replies: in the order of the commands.
        wanted: how many buckets the reader was told there are, None = nothing.

    Raises:
        WrongDeployment: other buckets or another layout, with which every read would miss.
        Failure: there is no deployment.
    """
    buckets, layout, epoch = value(replies[0])
    if buckets is None or epoch is None:
        raise Failure("no_deployment", "ps:meta says nothing: no worker has used this store")
    if layout != LAYOUT:
        raise WrongDeployment(f"the store has key layout {layout}, this reader knows {LAYOUT!r}")
    try:
        count = int(buckets)
        applied = [int(report[2:]) for report in value(replies[2]).values()]
        due = [_score(found[-1]) for reply in replies[3:] if (found := value(reply))]
    except ValueError:
        raise Failure("damaged", "ps:meta or ps:clock says no number") from None
    if wanted is not None and count != wanted:
        raise WrongDeployment(f"the store has {count} buckets, the reader was told {wanted}")
    revision = value(replies[1])
    return Pulse(count, epoch, revision, min(applied + due) if applied else None, time.monotonic())


def _score(last: Any) -> int:
    """RESP2 has member and score in a row, RESP3 in pairs."""
    return int(float(last[-1] if isinstance(last, list) else last))


def lags(clock: dict[bytes, bytes], stored: dict[bytes, bytes]) -> dict[str, Lag]:
    """By "topic/partition", of CLOCK ("caught-up flag:instant") and WATERMARKS ("offset:generation")."""
    now_ms = time.time() * 1000
    offsets = {source: mark.partition(b":")[0] for source, mark in stored.items()}
    return {
        source.decode(): Lag(
            report[:1] == b"1",
            max(0.0, now_ms - int(report[2:])) / 1000,
            int(offsets[source]) if offsets.get(source) else None,
        )
        for source, report in clock.items()
    }


def sets_of(revision: bytes | None, text: bytes | None) -> Sets:
    """What the catalogue's text says of its tags; none where there is no catalogue or it cannot be read."""
    try:
        tags = tomllib.loads((text or b"").decode())["tags"]
        kept = {name: said.get("kind", "flag") for name, said in tags.items() if said.get("members")}
    except (ValueError, LookupError, AttributeError):
        return Sets(revision, frozenset(), {})
    return Sets(revision, frozenset(tags), kept)
