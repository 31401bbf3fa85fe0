"""What only a real server can do: fill up, restart, be configured wrong, hold a key of another type."""

import re
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest
from deployed import patient_store
from parts import REDIS_SERVER

from streams import keys
from streams.local.store import EmbeddedStore
from streams.store.checks import LIBRARY, address
from streams.store.contract import Stored, StoreError, StoreRestarted, StoreUnfit, Write
from streams.store.redis_store import ROW, RedisStore

pytestmark = pytest.mark.store
BUCKETS = 4


@pytest.fixture
async def store(store_server: EmbeddedStore) -> AsyncIterator[RedisStore]:
    found = patient_store(store_server.url, BUCKETS)
    await found._client.flushall()
    await found.adopt()
    yield found
    await found._client.config_set("maxmemory", 0)
    await found.close()


@pytest.fixture(params=["valkey", "debian_redis"])
def own_server(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[EmbeddedStore]:
    """A server that a test may kill."""
    request.getfixturevalue(request.param)  # skips what is not installed
    binary = REDIS_SERVER if request.param == "debian_redis" else None
    with EmbeddedStore(tmp_path, binary=binary, appendfsync="always") as server:
        yield server


def write(cid: str, token: bytes, expect: bytes = b"", size: int = 5) -> Write:
    return Write(cid, expect, token, b"\x01" * size, b"{}", 77, [b"change"])


async def dump(store: RedisStore) -> dict[bytes, Any]:
    found = {}
    for key in await store._client.keys("*"):
        found[key] = await store._client.dump(key)
    return found


# -- nothing half written ----------------------------------------------------------------------------------


@pytest.mark.parametrize("wrong", ["due", "outbox", "profile"])
async def test_a_key_of_the_wrong_type_fails_the_call_before_any_write(store: RedisStore, wrong: str) -> None:
    ids = [cid for n in range(99) if keys.bucket(cid := f"c{n}", BUCKETS) == 1][:3]
    await store.commit([write(ids[0], b"t1")])
    key = {"due": keys.due(1), "outbox": keys.outbox(1), "profile": keys.profile(1, ids[2])}[wrong]
    await store._client.delete(key)
    await store._client.set(key, "text")
    before = await dump(store)
    with pytest.raises(StoreError, match="WRONGTYPE"):
        await store.commit([write(ids[0], b"t2", b"t1"), write(ids[1], b"t3"), write(ids[2], b"t4")])
    assert await dump(store) == before


async def test_a_full_server_refuses_before_any_write_and_works_again_with_more_memory(
    store: RedisStore,
) -> None:
    await store.commit([write("a", b"t1")])
    before = await dump(store)
    await store._client.config_set("maxmemory", 1)
    with pytest.raises(StoreError, match=r"OutOfMemory|OOM"):
        await store.commit([write("a", b"t2", b"t1"), write("b", b"t3")])
    with pytest.raises(StoreError, match=r"OutOfMemory|OOM"):
        await store.watermark(1, {"orders/0": 5})
    assert (await store.load(["a", "b"]))["a"] == Stored(b"t1", b"\x01" * 5)  # reading goes on
    assert await dump(store) == before
    await store._client.config_set("maxmemory", 0)
    assert await store.commit([write("a", b"t2", b"t1"), write("b", b"t3")]) == []


async def test_a_server_that_is_not_there_is_an_error_of_ours_without_the_password(tmp_path: Path) -> None:
    store = RedisStore("redis://user:secret@127.0.0.1:1/0", BUCKETS)
    with pytest.raises(StoreError, match=r"127\.0\.0\.1:1") as caught:
        await store.adopt()
    assert "secret" not in str(caught.value)
    assert address("rediss://user:secret@host:7000/3") == "host:7000"
    await store.close()


# -- restarts ----------------------------------------------------------------------------------------------


async def until_restart_is_noticed(store: RedisStore) -> None:
    """The dead connection may be noticed first; that call writes nothing either."""
    for n in range(20):
        with pytest.raises(StoreError) as caught:
            await store.commit([write(f"new-{n}", b"t9")])
        if caught.type is StoreRestarted:
            return
    pytest.fail("twenty calls did not notice the restart")


async def test_a_restart_is_noticed_before_anything_is_written(own_server: EmbeddedStore) -> None:
    store = patient_store(own_server.url, BUCKETS)
    await store.adopt()
    epoch = store.epoch
    await store.commit([write("a", b"t1")])
    own_server.kill()
    own_server.start()
    await until_restart_is_noticed(store)
    with pytest.raises(StoreRestarted):  # and it stays so until it is adopted
        await store.load(["a"])
    other = patient_store(own_server.url, BUCKETS)
    await other.adopt()
    assert [key for key in await dump(other) if b"new-" in key] == []
    assert await store.adopt() is True
    assert store.epoch == epoch
    assert (await store.load(["a"]))["a"].token == b"t1"
    assert await store.commit([write("a", b"t2", b"t1")]) == []
    await other.close()
    await store.close()


async def test_functions_survive_a_restart(own_server: EmbeddedStore) -> None:
    store = patient_store(own_server.url, BUCKETS)
    await store.adopt()
    await store.commit([write("a", b"t1")])
    own_server.kill()
    own_server.start()
    plain = patient_store(own_server.url, BUCKETS)  # not adopted: it loads nothing
    assert (await plain.load(["a"]))["a"].token == b"t1"
    await plain.close()
    await store.close()


async def test_data_that_were_lost_are_told_from_data_that_are_there(store: RedisStore) -> None:
    epoch = store.epoch
    assert await store.adopt() is True
    await store._client.flushall()
    assert await store.adopt() is False
    assert store.epoch not in ("", epoch)


async def test_an_older_library_is_replaced(store: RedisStore) -> None:
    other = "#!lua name=profilestream\nredis.register_function('ps_load', function() return {'old'} end)"
    await store._client.execute_command("FUNCTION", "LOAD", "REPLACE", other)
    await store._client.hset(keys.META, "library", "other")
    await store.adopt()
    assert await store.load(["a"]) == {"a": Stored(b"", b"")}


# -- fitness -----------------------------------------------------------------------------------------------


async def test_another_number_of_buckets_is_refused_and_nothing_is_touched(store: RedisStore) -> None:
    before = await dump(store)
    wrong = patient_store(str(store._url), BUCKETS * 2)
    with pytest.raises(
        StoreUnfit, match=f"filled with {BUCKETS} buckets, the configuration says {BUCKETS * 2}"
    ):
        await wrong.adopt()
    assert await dump(store) == before
    await wrong.close()


@pytest.mark.parametrize(
    ("option", "good", "bad", "sentence"),
    [
        ("maxmemory-policy", "noeviction", "allkeys-lru", "allkeys-lru, which deletes profiles"),
        ("appendonly", "yes", "no", "appendonly is off"),
    ],
)
async def test_a_server_that_may_forget_is_refused(
    store: RedisStore, option: str, good: str, bad: str, sentence: str
) -> None:
    await store._client.config_set(option, bad)
    try:
        with pytest.raises(StoreUnfit, match=sentence):
            await store.adopt()
    finally:
        await store._client.config_set(option, good)
    assert await store.adopt() is True


async def test_another_key_layout_is_refused(store: RedisStore) -> None:
    await store._client.hset(keys.META, "layout", "2")
    with pytest.raises(StoreUnfit, match="key layout 2"):
        await store.adopt()


async def test_a_replica_is_refused(valkey: EmbeddedStore, tmp_path: Path) -> None:
    # Of a primary that is away: while a replica takes over data it answers nothing but "loading".
    with EmbeddedStore(tmp_path, extra={"replicaof": "127.0.0.1 1"}) as server:
        replica = patient_store(server.url, BUCKETS)
        with pytest.raises(StoreUnfit, match="replica"):
            await replica.adopt()
        await replica.close()


# -- the functions' own description ------------------------------------------------------------------------


def header(function: str) -> str:
    found = re.search(rf"^-- {function}: (?:.*\n--)*.*\n", LIBRARY, re.MULTILINE)
    assert found, f"{function} has no header"
    return found[0]


@pytest.mark.parametrize(
    "function", ["ps_load", "ps_commit", "ps_apply", "ps_due", "ps_outbox", "ps_delivered", "ps_watermark"]
)
def test_each_function_says_what_keys_and_arguments_it_takes(function: str) -> None:
    assert f"'{function}'" in LIBRARY
    assert "KEYS[1" in header(function)
    assert "Output" in header(function)


async def test_the_caller_passes_what_the_header_of_commit_describes(store: RedisStore) -> None:
    text = header("ps_commit")
    assert "number" in text
    assert "wake-up" in text
    assert "seven lengths" in text
    ids = [f"c{n}" for n in range(5)]
    n_keys, *rest = store._commit_args([write(cid, b"t") for cid in ids])
    fixed, profiles, (rows, n_buckets) = (
        rest[: n_keys - len(ids)],
        rest[n_keys - len(ids) : n_keys],
        rest[n_keys:],
    )
    numbers = list(dict.fromkeys(keys.bucket(cid, BUCKETS) for cid in ids))
    assert len(numbers) < len(ids)
    assert fixed == [name for b in numbers for name in (keys.due(b), keys.outbox(b), keys.revision(b))]
    assert n_buckets == len(numbers)
    assert profiles == [keys.profile(keys.bucket(cid, BUCKETS), cid) for cid in ids]
    slot, wake, *lengths = ROW.unpack_from(rows)
    assert (numbers[slot], wake, lengths) == (keys.bucket("c0", BUCKETS), 77, [2, 0, 1, 5, 2, 6, 0])
    assert rows[ROW.size : ROW.size + sum(lengths)] == b"c0" + b"t" + b"\x01" * 5 + b"{}" + b"change"


async def test_an_error_of_the_server_shows_nobodys_profile(store: RedisStore) -> None:
    """The client quotes the failing command, and the command is full of customers."""
    await store._client.set(keys.profile(keys.bucket("who", BUCKETS), "who"), "text")
    with pytest.raises(StoreError, match="WRONGTYPE") as caught:
        await store.commit([write("who", b"secret")])
    assert "secret" not in str(caught.value)
    assert "who" not in str(caught.value)
