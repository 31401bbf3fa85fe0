"""Profiles out of the store, in bulk: every profile, or all of them as of one later instant."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import orjson
import redis

from models import codec, document, step
from models.rules import Rules
from models.view import View
from streams import keys
from streams.store.contract import StoreError, StoreUnfit

CHUNK = 500  # profiles in one round trip


def customer_ids(client: Any) -> list[str]:
    """Every customer that has a profile, sorted; found by SCAN, so the server stays responsive."""
    found = client.scan_iter("ps:profile:*", count=2000)
    return sorted(map(keys.customer, found))


def documents(
    client: Any, ids: Sequence[str], buckets: int, rules: Rules, at_ms: int, updated_ms: int
) -> Iterator[tuple[str, dict[str, Any]]]:
    """Each customer's document evaluated at an instant, without writing anything.

    Args:
        client: blocking Redis client.
        ids: customers.
        buckets: of the deployment.
        rules: thresholds.
        at_ms: instant; wake-ups due by then are lived through first.
        updated_ms: what the documents show as `updated_at`.
    """
    for cid, blob in states(client, ids, buckets):
        state = codec.decode(blob)
        step.on_wake(state, at_ms, rules)
        view = View(state, max(at_ms, state.as_of_ms), rules)
        yield cid, document.document(view, cid, updated_ms)


def write_jsonl(out: Path, documents: Iterator[dict[str, Any]]) -> int:
    """One document a line; returns how many."""
    count = 0
    with out.open("wb") as file:
        for doc in documents:
            file.write(orjson.dumps(doc, option=orjson.OPT_APPEND_NEWLINE))
            count += 1
    return count


def states(client: Any, ids: Sequence[str], buckets: int) -> Iterator[tuple[str, bytes]]:
    """Each customer's private state, as far as there is one."""
    for start in range(0, len(ids), CHUNK):
        chunk = ids[start : start + CHUNK]
        pipe = client.pipeline(transaction=False)
        for cid in chunk:
            pipe.hget(keys.profile(keys.bucket(cid, buckets), cid), keys.STATE)
        for cid, blob in zip(chunk, pipe.execute(), strict=True):
            if blob is not None:
                yield cid, blob


def connect(url: str, buckets: int | None = None) -> Any:
    """A blocking client that has answered once.

    Args:
        url: of the store.
        buckets: how many the configuration says there are; None = do not compare.

    Raises:
        StoreError: it does not answer.
        StoreUnfit: it was filled with another number of buckets; reading would miss customers.
    """
    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=30)
    try:
        stored = client.hget(keys.META, "buckets")
    except (redis.RedisError, OSError) as error:
        raise StoreError(f"the store does not answer: {type(error).__name__}") from error
    if buckets is not None and stored is not None and int(stored) != buckets:
        raise StoreUnfit(f"the store has {int(stored)} buckets, the configuration says {buckets}")
    return client
