"""What is kept of a customer's changes, through the whole fold, with the real stores."""

from collections.abc import AsyncIterator
from typing import Any

import orjson
import pytest
from builders import DAY, RULES, T0, arrive, click, control, order
from deployed import patient_store

from models import history
from streams import keys
from streams.intake import Ready
from streams.keys import bucket
from streams.local.store import EmbeddedStore
from streams.processor import Processor
from streams.store.redis_store import RedisStore

BUCKETS, MOST = 8, 6
pytestmark = pytest.mark.store


@pytest.fixture
async def store(store_server: EmbeddedStore) -> AsyncIterator[RedisStore]:
    found = patient_store(store_server.url, BUCKETS, history=MOST)
    await found._client.flushall()
    await found.adopt()
    yield found
    await found.close()


async def nothing(_: object) -> None:
    """No dead letters here."""


async def started(store: RedisStore) -> Processor:
    made = Processor(store, RULES, live=False, dead_letter=nothing, cache_size=100)
    await made.folding.refresh()
    return made


async def kept(store: RedisStore) -> list[dict[str, Any]]:
    log = await store._client.hget(keys.profile(bucket("c", BUCKETS), "c"), keys.LOG)
    return [past.public() for past in history.read(log)]


async def announced(store: RedisStore) -> list[dict[str, Any]]:
    entries = await store.outbox(range(BUCKETS), 1_000)
    return [orjson.loads(change)["data"] for entry in entries for change in entry.changes]


# Now and then bought and looked around: tags come, go and change, by events and by time.
STORY = [
    event
    for n in range(6)
    for event in (
        order(f"o{n}", T0 + 100 * n * DAY, 300),
        click(T0 + (100 * n + 2) * DAY, "add_to_cart", sku="a", qty=1),
    )
]


async def test_a_history_is_the_end_of_what_was_announced_whatever_is_repeated(store: RedisStore) -> None:
    arrivals = list(arrive(STORY))
    one = await started(store)
    for n, arrival in enumerate(arrivals):
        await one.apply(Ready({"c": [arrival]}, [], {}), lambda: True)
        if n % 3 == 2:  # another process begins further back
            one = await started(store)
            await one.apply(Ready({"c": arrivals[max(0, n - 4) : n + 1]}, [], {}), lambda: True)
        await one.wake(["c"], arrival.event.ts_ms + 60 * DAY)
        told, found = await announced(store), await kept(store)
        assert found
        assert [row["seq"] for row in told] == list(range(1, len(told) + 1))
        for row, data in zip(found, told[-MOST:], strict=True):
            assert {name: row[name] for name in ("seq", "tag", "old", "new", "cause")} == {
                name: data[name] for name in ("seq", "tag", "old", "new", "cause")
            }
    assert len(told) > 3 * MOST
    assert {row["kind"] for row in found} >= {"entered", "left"}
    assert any("timer" in row["cause"] for row in found)


async def test_who_withdraws_consent_has_no_history_any_more(store: RedisStore) -> None:
    one = await started(store)
    end = STORY[-1]["ts"]
    rest = [
        control(end + DAY, "consent", consent={"status": "withdrawn"}),
        click(end + 2 * DAY),
        order("x", end + 3 * DAY, 5),
    ]
    given = control(end + 4 * DAY, "consent", consent={"status": "given"})
    again = order("y", end + 5 * DAY, 5)
    *arrivals, withdrawn, ignored, too, agreed, last = arrive([*STORY, *rest, given, again])
    await one.apply(Ready({"c": arrivals}, [], {}), lambda: True)
    assert len(await kept(store)) == MOST
    for some in ([withdrawn], [ignored, too]):
        await one.apply(Ready({"c": some}, [], {}), lambda: True)
        assert await kept(store) == []
    before = len(await announced(store))
    for one_more in (agreed, last):
        await one.apply(Ready({"c": [one_more]}, [], {}), lambda: True)
    new = (await announced(store))[before:]
    assert new
    assert [row["seq"] for row in await kept(store)] == [data["seq"] for data in new][-MOST:]


async def test_a_library_of_before_and_a_caller_of_before_understand_each_other(store: RedisStore) -> None:
    """While a deployment is upgraded: the call without its last two arguments changes no history."""
    one = await started(store)
    *first, last = arrive(STORY[:-1])
    await one.apply(Ready({"c": first}, [], {}), lambda: True)
    before = await kept(store)
    found = await store.load(["c"])
    write = one.folding.on_events("c", found["c"], [last], T0)
    assert write is not None
    assert write.history
    args = store._commit_args([write])
    assert await store._client.execute_command("FCALL", "ps_commit", *args, one.folding.revision) == []
    assert (await store.load(["c"]))["c"].token == write.token
    assert await kept(store) == before
