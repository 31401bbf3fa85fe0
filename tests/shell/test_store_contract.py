"""One promise, three stores: memory, Valkey and the oldest supported Redis."""

import asyncio
import time
from collections.abc import AsyncIterator, Sequence
from itertools import count
from typing import Any

import pytest
from deployed import patient_store

from streams import keys
from streams.keys import bucket
from streams.store.contract import Store, Stored, Superseded, Trained, Write
from streams.store.memory import MemoryStore
from streams.store.redis_store import CALL_CUSTOMERS, RedisStore

BUCKETS = 8
MANY = [f"customer-{n}" for n in range(40)]
NOTHING = Stored(b"", b"")
REAL = [pytest.param(name, marks=pytest.mark.store) for name in ("valkey", "debian_redis")]
_tokens = count(1)


@pytest.fixture(params=["memory", *REAL])
async def store(request: pytest.FixtureRequest) -> AsyncIterator[Store]:
    """An empty store; the real ones are flushed before each test."""
    if request.param == "memory":
        yield MemoryStore(BUCKETS)
        return
    found = patient_store(request.getfixturevalue(request.param).url, BUCKETS)
    await found._client.flushall()
    await found.adopt()
    yield found
    await found.close()


def write(
    cid: str,
    expect: bytes = b"",
    *,
    state: bytes = b"\x01state",
    wake_ms: int | None = None,
    changes: Sequence[bytes] = (),
) -> Write:
    return Write(cid, expect, b"token-%d" % next(_tokens), state, b'{"doc":1}', wake_ms, changes)


async def everything(store: Store, *ids: str) -> tuple[Any, ...]:
    buckets = range(BUCKETS)
    entries = await store.outbox(buckets, 100)
    return (
        await store.load(ids),
        sorted(await store.due(buckets, 1 << 53, 100)),
        sorted((entry.customer_id, list(entry.changes)) for entry in entries),
    )


# -- profiles ----------------------------------------------------------------------------------------------


async def test_what_was_never_written_is_empty(store: Store) -> None:
    assert await store.load(["a", "b"]) == {"a": NOTHING, "b": NOTHING}
    assert await store.load([]) == {}


async def test_a_new_profile_is_stored_under_its_token(store: Store) -> None:
    first = write("a", state=b"\x01\x00\xff\r\n")
    assert await store.commit([first]) == []
    assert await store.load(["a", "b"]) == {"a": Stored(first.token, b"\x01\x00\xff\r\n"), "b": NOTHING}


async def test_a_write_over_the_expected_token_replaces_the_state(store: Store) -> None:
    first = write("a")
    second = write("a", first.token, state=b"\x01second")
    assert await store.commit([first]) == await store.commit([second]) == []
    assert await store.load(["a"]) == {"a": Stored(second.token, b"\x01second")}


@pytest.mark.parametrize("expect", [b"", b"somebody else's", b"token-"])
async def test_a_stale_write_changes_nothing_at_all(store: Store, expect: bytes) -> None:
    await store.commit([write("a", wake_ms=50, changes=[b"one"])])
    before = await everything(store, "a")
    assert await store.commit([write("a", expect, state=b"\x01x", wake_ms=7, changes=[b"two"])]) == ["a"]
    assert await store.commit([write("a", expect, wake_ms=0)]) == ["a"]
    assert await everything(store, "a") == before


async def test_a_token_is_refused_where_there_is_no_profile(store: Store) -> None:
    assert await store.commit([write("a", b"from before the loss", wake_ms=5)]) == ["a"]
    assert await everything(store, "a") == ({"a": NOTHING}, [], [])


async def test_a_repeated_commit_is_stale_and_counts_once(store: Store) -> None:
    first = write("a", changes=[b"one"])
    assert await store.commit([first]) == []
    assert await store.commit([first]) == ["a"]  # as after a lost reply
    assert (await everything(store, "a"))[2] == [("a", [b"one"])]


async def test_of_two_customers_in_a_call_the_stale_one_alone_is_refused(store: Store) -> None:
    pair = [cid for cid in MANY if bucket(cid, BUCKETS) == 3][:2]
    await store.commit([write(pair[0], wake_ms=10)])
    stale, good = write(pair[0], wake_ms=1, changes=[b"no"]), write(pair[1], wake_ms=20, changes=[b"yes"])
    for batch in ([stale, good], [good]):
        await store.commit(batch)
    loaded, due, entries = await everything(store, *pair)
    assert loaded[pair[1]].token == good.token
    assert loaded[pair[0]].token not in (b"", stale.token)
    assert (due, entries) == (sorted(pair), [(pair[1], [b"yes"])])


async def test_the_stale_ones_of_many_buckets_come_back_by_name(store: Store) -> None:
    taken = set(MANY[::3])
    assert await store.commit([write(cid) for cid in taken]) == []
    assert set(await store.commit([write(cid) for cid in MANY])) == taken
    assert all(stored.token for stored in (await store.load(MANY)).values())


async def test_more_customers_of_one_bucket_than_fit_one_call_are_all_stored(store: Store) -> None:
    ids = [cid for n in range(5_000) if bucket(cid := f"n{n}", BUCKETS) == 5][: 2 * CALL_CUSTOMERS + 3]
    first = [write(cid, state=cid.encode()) for cid in ids]
    assert await store.commit(first) == []
    assert await store.load(ids) == {one.customer_id: Stored(one.token, one.state) for one in first}
    second = [write(one.customer_id, b"" if n % 100 == 99 else one.token) for n, one in enumerate(first)]
    assert sorted(await store.commit(second)) == sorted(ids[99::100])


@pytest.mark.parametrize("cid", ["客户 1", "{7}", "a:b}:{c", "x" * 128, "'\"\\$", "é"])
async def test_any_customer_id_of_the_contract_is_a_customer_of_its_own(store: Store, cid: str) -> None:
    await store.commit([write("plain")])
    one = write(cid, wake_ms=5, changes=[b"x"])
    assert await store.commit([one]) == []
    assert await everything(store, cid) == ({cid: Stored(one.token, one.state)}, [cid], [(cid, [b"x"])])


async def test_profiles_spread_over_the_buckets(store: Store) -> None:
    await store.commit([write(cid, wake_ms=5) for cid in MANY])
    by_bucket = [await store.due([b], 5, 100) for b in range(BUCKETS)]
    assert sorted(cid for ids in by_bucket for cid in ids) == sorted(MANY)
    assert all({bucket(cid, BUCKETS) for cid in ids} == {b} for b, ids in enumerate(by_bucket))


# -- wake-ups ----------------------------------------------------------------------------------------------


async def test_a_wake_up_is_set_kept_moved_and_removed(store: Store) -> None:
    async def due_at() -> list[int]:
        found = [at for at in (99, 100, 199, 200) if await store.due(range(BUCKETS), at, 9)]
        return found[:1]

    token, seen = b"", []
    for wake_ms in (100, None, 200, 0, None):
        one = write("a", token, wake_ms=wake_ms)
        assert await store.commit([one]) == []
        token = one.token
        seen.append(await due_at())
    assert seen == [[100], [100], [200], [], []]


async def test_the_due_come_earliest_first_and_no_more_than_asked_for(store: Store) -> None:
    ids = [cid for cid in MANY if bucket(cid, BUCKETS) == 3]
    await store.commit([write(cid, wake_ms=1_700_000_000_000 - n) for n, cid in enumerate(ids)])
    assert await store.due([3], 1_700_000_000_000, 2) == ids[::-1][:2]
    assert await store.due([3], 1_700_000_000_000 - 1, 99) == ids[:0:-1]
    assert await store.due([], 1_700_000_000_000, 2) == []


# -- history -----------------------------------------------------------------------------------------------


async def history(store: Store, cid: str) -> list[bytes]:
    """Lines kept of a customer's history."""
    if isinstance(store, MemoryStore):
        return store.logs.get(cid, [])
    assert isinstance(store, RedisStore)
    found = await store._client.hget(keys.profile(bucket(cid, BUCKETS), cid), keys.LOG)
    return found.split(b"\n") if found else []


async def test_a_history_keeps_the_newest_lines_in_order(store: Store) -> None:
    store.history = 3  # type: ignore[attr-defined]
    token, kept = b"", []
    for lines in ([b"1"], [], [b"2", b"3"], [b"4"], [b"5", b"6", b"7", b"8"], []):
        one = write("a", token)._replace(history=lines)
        assert await store.commit([one]) == []
        token = one.token
        kept = [*kept, *lines][-3:]
        assert await history(store, "a") == kept


async def test_a_history_is_each_customer_s_own_and_moves_only_with_its_profile(store: Store) -> None:
    first = [write(cid)._replace(history=[cid.encode()] if n % 2 else []) for n, cid in enumerate(MANY)]
    await store.commit(first)
    stale = [write(cid, b"old")._replace(history=[b"never"] if n % 3 else None) for n, cid in enumerate(MANY)]
    assert sorted(await store.commit(stale)) == sorted(MANY)
    await store.commit(first)  # again, as after a lost reply
    for n, cid in enumerate(MANY):
        assert await history(store, cid) == ([cid.encode()] if n % 2 else [])


async def test_a_history_is_emptied_on_demand_and_where_none_is_kept(store: Store) -> None:
    first, other = (write(cid)._replace(history=[b"x"]) for cid in ("a", "b"))
    await store.commit([first, other])
    second = write("a", first.token)._replace(history=None)
    await store.commit([second])
    assert (await history(store, "a"), await history(store, "b")) == ([], [b"x"])
    await store.commit([write("a", second.token)._replace(history=[b"y"])])
    assert await history(store, "a") == [b"y"]
    store.history = 0  # type: ignore[attr-defined]
    await store.commit([write("b", other.token)._replace(history=[b"y"])])
    assert await history(store, "b") == []


# -- outbox ------------------------------------------------------------------------------------------------


async def test_the_outbox_keeps_a_customer_s_changes_in_order_and_together(store: Store) -> None:
    first = write("a", changes=[b'{"n":1}', b'{"n":2}'])
    second = write("a", first.token)
    third = write("a", second.token, changes=[b'{"n":3}'])
    for one in (first, second, third):
        await store.commit([one])
    entries = await store.outbox(range(BUCKETS), 10)
    assert [(e.bucket, e.customer_id, list(e.changes)) for e in entries] == [
        (bucket("a", BUCKETS), "a", [b'{"n":1}', b'{"n":2}']),
        (bucket("a", BUCKETS), "a", [b'{"n":3}']),
    ]


async def test_what_was_delivered_is_gone_and_the_rest_remains(store: Store) -> None:
    await store.commit([write(cid, changes=[cid.encode()]) for cid in MANY])
    entries = await store.outbox(range(BUCKETS), 100)
    assert (len(entries), await store.outbox_size()) == (40, 40)
    await store.delivered(entries[::2])
    assert await store.outbox(range(BUCKETS), 100) == entries[1::2]
    await store.delivered(entries)  # again, as after a lost reply
    assert (await store.outbox(range(BUCKETS), 100), await store.outbox_size()) == ([], 0)


async def test_the_outbox_gives_the_oldest_of_each_bucket_asked_for(store: Store) -> None:
    for cid in MANY:
        await store.commit([write(cid, changes=[b"x"])])
    for b in range(BUCKETS):
        own = [cid for cid in MANY if bucket(cid, BUCKETS) == b]
        assert [entry.customer_id for entry in await store.outbox([b], 2)] == own[:2]


# -- watermarks, clock, workers ----------------------------------------------------------------------------


async def test_a_watermark_is_written_claimed_and_read(store: Store) -> None:
    assert await store.watermark(1, {"orders/0": None}) == {"orders/0": None}
    assert await store.watermarks() == {}
    assert await store.watermark(1, {"orders/0": 7, "clicks/0": 0}) == {"orders/0": 7, "clicks/0": 0}
    assert await store.watermark(2, {"orders/0": None}) == {"orders/0": 7}  # claimed, not moved
    assert await store.watermarks() == {"orders/0": 7, "clicks/0": 0}
    assert await store.watermark(2, {}) == {}


async def test_an_older_generation_is_fenced_source_by_source(store: Store) -> None:
    await store.watermark(5, {"orders/0": 7})
    assert await store.watermark(4, {"orders/0": 9, "orders/1": 3}) == {"orders/1": 3}
    assert await store.watermark(4, {"orders/0": None}) == {}
    assert await store.watermarks() == {"orders/0": 7, "orders/1": 3}
    assert await store.watermark(5, {"orders/0": 8}) == {"orders/0": 8}
    assert await store.watermark(6, {"orders/0": 2}) == {"orders/0": 2}  # a rewind may take it back


async def test_a_claim_fences_before_anything_was_written(store: Store) -> None:
    await store.watermark(5, {"orders/0": None})
    assert await store.watermark(4, {"orders/0": 1}) == {}


async def test_a_group_created_anew_voids_newer_generations(store: Store) -> None:
    await store.watermark(90, {"orders/0": 7})
    assert await store.watermark(1, {"orders/0": None}, void_newer=True) == {"orders/0": 7}
    assert await store.watermark(1, {"orders/0": 8}) == {"orders/0": 8}


async def test_clock_reports_are_kept_by_source_and_replaced(store: Store) -> None:
    assert await store.clock() == {}
    await store.report_clock({"orders/0": (True, 1_700_000_000_000), "clicks/0": (False, 0)})
    await store.report_clock({"clicks/0": (True, 5)})
    await store.report_clock({})
    assert await store.clock() == {"orders/0": (True, 1_700_000_000_000), "clicks/0": (True, 5)}


async def test_a_worker_lives_until_its_time_is_over_or_it_retires(store: Store) -> None:
    assert await store.heartbeat("b", 1_000, 100) == ["b"]
    assert await store.heartbeat("a", 1_050, 100) == ["a", "b"]
    assert await store.heartbeat("a", 1_100, 100) == ["a", "b"]
    assert await store.heartbeat("a", 1_101, 100) == ["a"]
    await store.heartbeat("b", 1_101, 100)
    await store.retire("a")
    assert await store.heartbeat("b", 1_102, 100) == ["b"]


async def test_the_barrier_is_reached_exactly_where_the_server_can_say_so(store: Store) -> None:
    await store.commit([write("a")])
    if not store.durable:
        assert not await store.barrier(3.0)
        return
    async with asyncio.timeout(60):  # a busy disk takes its time; who waits for it asks again
        while not await store.barrier(3.0):
            pass


async def test_a_store_with_data_is_known_again_and_keeps_its_epoch(store: Store) -> None:
    await store.commit([write("a")])
    epoch = store.epoch
    assert epoch
    assert await store.adopt() is True
    assert store.epoch == epoch
    assert (await store.load(["a"]))["a"].state


# -- the catalogue in force --------------------------------------------------------------------------------


async def test_a_catalogue_replaces_the_one_it_was_made_from_and_no_other(store: Store) -> None:
    assert (await store.in_force()).revision == 0
    assert await store.apply("first", 0, 5, ()) == 1
    assert await store.apply("late", 0, 6, ()) == 1  # somebody was quicker
    assert await store.apply("second", 1, 7, ["gone", "seg=lost"]) == 2
    found = await store.in_force()
    assert (found.revision, found.text, found.applied_ms) == (2, "second", 7)
    assert (found.retired, found.judged) == (("gone", "seg=lost"), 0)


async def test_nothing_is_written_under_a_catalogue_that_is_not_in_force_any_more(store: Store) -> None:
    await store.apply("first", 0, 5, ())
    assert await store.commit([write("a", wake_ms=5, changes=[b"x"])], 1) == []
    before = await everything(store, "a", "b")
    await store.apply("second", 1, 6, ())
    with pytest.raises(Superseded):
        await store.commit([write(cid, wake_ms=9, changes=[b"y"]) for cid in ("a", "b", *MANY)], 1)
    assert await everything(store, "a", "b") == before
    assert await store.commit([write("b")], 2) == []


# -- the population in force -------------------------------------------------------------------------------


async def test_a_snapshot_replaces_the_one_it_was_made_from_and_no_other(store: Store) -> None:
    assert await store.trained() == Trained(0, b"", b"")
    assert await store.publish(1, b"{1}", b"left by 1", 0)
    assert not await store.publish(1, b"{1, too}", b"of another", 0)  # made the same one, and was slower
    assert not await store.publish(2, b"{2}", b"of another", 0)
    assert await store.trained() == Trained(1, b"{1}", b"left by 1")
    assert await store.publish(2, b"{2}", b"left by\x00\xff 2\r\n", 1)
    assert await store.trained() == Trained(2, b"{2}", b"left by\x00\xff 2\r\n")
    assert (await store.in_force())[-2:] == (2, b"{2}")


@pytest.mark.parametrize("version", [0, 4, 5])
async def test_a_snapshot_that_is_not_newer_is_refused(store: Store, version: int) -> None:
    await store.publish(5, b"five", b"t", 0)
    assert not await store.publish(version, b"older", b"x", 5)
    assert await store.trained() == Trained(5, b"five", b"t")


async def test_a_snapshot_is_another_revision_and_fences_who_has_not_seen_it(store: Store) -> None:
    await store.apply("first", 0, 5, ())
    assert await store.commit([write("a", wake_ms=5)], 1) == []
    await store.judged(7)
    before = await everything(store, "a", "b")
    assert await store.publish(1, b"{}", b"", 0)
    found = await store.in_force()
    assert (found.revision, found.text, found.since, found.judged) == (2, "first", 1, 0)
    assert await store.unswept(range(BUCKETS), 2) == list(range(BUCKETS))
    with pytest.raises(Superseded):
        await store.commit([write(cid, wake_ms=9, changes=[b"y"]) for cid in ("b", *MANY)], 1)
    assert await everything(store, "a", "b") == before
    assert await store.commit([write("b")], 2) == []
    assert not await store.publish(1, b"{}", b"", 0)  # refused: nobody has to judge anew
    assert (await store.in_force()).revision == 2
    assert await store.apply("second", 1, 6, ()) == 3  # a catalogue replaces a catalogue, not a snapshot


async def test_a_lease_is_held_by_one_until_it_is_let_go_or_runs_out(store: Store) -> None:
    assert await store.lease("one", 60_000)
    assert not await store.lease("two", 60_000)
    assert not await store.lease("two", 0)  # nor can it take it away
    assert await store.lease("one", 60_000)
    assert await store.lease("one", 0)
    asked_s = time.monotonic()
    assert await store.lease("two", 100)
    async with asyncio.timeout(60):
        while not await store.lease("one", 60_000):  # noqa: ASYNC110 - what is waited for knows of no event
            await asyncio.sleep(0.01)
    assert time.monotonic() - asked_s > 0.09  # the server's clock is another, in whole milliseconds
    assert not await store.lease("two", 60_000)


async def test_members_join_and_leave_with_the_profile(store: Store) -> None:
    one = write("a")._replace(members=[("vip", True), ("stage=new", True)])
    await store.commit([one, write("b")._replace(members=[("vip", True)])])
    assert await members(store, "a", "vip") == {"a"}
    assert await members(store, "b", "vip") >= {"b"}
    moves = [("stage=new", False), ("stage=old", True), ("never", False)]
    await store.commit([write("a", one.token)._replace(members=moves)])
    assert await members(store, "a", "stage=new") == await members(store, "a", "never") == set()
    assert await members(store, "a", "stage=old") == {"a"}


async def test_a_stale_write_moves_no_member(store: Store) -> None:
    await store.commit([write("a")._replace(members=[("vip", True)])])
    assert await store.commit([write("a", b"old")._replace(members=[("vip", False)])]) == ["a"]
    assert await members(store, "a", "vip") == {"a"}


async def members(store: Store, cid: str, name: str) -> set[str]:
    """Members of a set in a customer's bucket."""
    b = bucket(cid, BUCKETS)
    if isinstance(store, MemoryStore):
        return set(store.members.get((b, name), ()))
    assert isinstance(store, RedisStore)
    return {one.decode() for one in await store._client.smembers(keys.members(b, name))}


async def test_a_scan_finds_everyone_and_a_sweep_is_remembered_by_bucket(store: Store) -> None:
    await store.commit([write(cid)._replace(members=[("gone", True), ("kept", True)]) for cid in MANY])
    found: list[str] = []
    cursor = -1
    while cursor:
        cursor, some = await store.scan(max(0, cursor), 7)
        found += some
    assert sorted(set(found)) == sorted(MANY)
    await store.apply("first", 0, 5, ["gone"])
    assert await store.unswept(range(BUCKETS), 1) == list(range(BUCKETS))
    await store.judged(3)
    await store.judged(4)
    await store.swept([0, 3], 1, ["gone"])
    assert await store.unswept(range(BUCKETS), 1) == [1, 2, 4, 5, 6, 7]
    assert (await store.in_force()).judged == 7
    for cid in MANY:
        swept = bucket(cid, BUCKETS) in (0, 3)
        assert (cid in await members(store, cid, "gone")) is not swept
        assert cid in await members(store, cid, "kept")
