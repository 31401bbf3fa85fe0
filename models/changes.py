"""A tag change as it goes out: CloudEvents 1.0 in JSON, with a deterministic id.

The id is SHA-256 over (deployment epoch, customer, seq): whoever derives a change again after a crash
derives the same id, so a consumer that drops ids it has seen sees every change exactly once.
"""

from hashlib import sha256
from typing import Any

import orjson

from models.announcing import CATALOGUE, POPULATION, Change
from models.calendar import iso

SOURCE = "profilestream"
ENTERED, LEFT, CHANGED = "profilestream.tag.entered", "profilestream.tag.left", "profilestream.tag.changed"
CORRECTED = "profilestream.tag.corrected"


def kind(change: Change) -> str:
    """Type of the event that announces a change."""
    if change.corrects:
        return CORRECTED
    return ENTERED if change.old is None else LEFT if change.new is None else CHANGED


def change_id(epoch: str, customer_id: str, seq: int) -> str:
    """Id of a customer's change number `seq`: 32 hexadecimal digits."""
    return sha256(f"{epoch}\n{customer_id}\n{seq}".encode()).hexdigest()[:32]


def direction(type_: str) -> str:
    """What the type of an event says, in one word.

    >>> direction(ENTERED)
    'entered'
    """
    return type_.rpartition(".")[2]


def cause_of(source: str, offset: int) -> dict[str, Any]:
    """What brought a change, see `announcing.Cause`, as the world gets to know it."""
    if source in (CATALOGUE, POPULATION):
        return {source: offset}
    if not source:
        return {"timer": iso(offset)}
    topic, _, partition = source.partition("/")
    return {"topic": topic, "partition": int(partition.partition("@")[0]), "offset": offset}


def render(
    change: Change,
    customer_id: str,
    profile_version: int,
    epoch: str,
    known_ms: int,
    traceparent: str = "",
) -> bytes:
    """JSON bytes of a change.

    Args:
        change: what changed.
        customer_id: whose tag.
        profile_version: version of the profile that shows the change first.
        epoch: identity of the deployment's Redis data.
        known_ms: wall clock at which the change was decided; `time` and `effective_at` is when it holds from.
        traceparent: W3C trace context that the change carries on, "" = none.
    """
    seq, tag, rule_version, old, new, because, at_ms, source, offset, corrects = change
    effective_at = iso(at_ms)
    data = {
        "customer_id": customer_id,
        "tag": tag,
        "seq": seq,
        "old": old,
        "new": new,
        "rule": tag,
        "rule_version": rule_version,
        "reason": because,
        "cause": cause_of(source, offset),
        "profile_version": profile_version,
        "effective_at": effective_at,
        "known_at": iso(known_ms),
    }
    if corrects:  # take these back
        data["corrects"] = [change_id(epoch, customer_id, one) for one in corrects]
    event = {
        "specversion": "1.0",
        "id": change_id(epoch, customer_id, seq),
        "source": SOURCE,
        "type": kind(change),
        "subject": customer_id,
        "time": effective_at,
        "datacontenttype": "application/json",
        "data": data,
    }
    if traceparent:  # extension "distributed tracing" of CloudEvents
        event["traceparent"] = traceparent
    return orjson.dumps(event)
