"""The local stack is real: what the brokers and stores do, and where the embedded broker is not Kafka.

The differences are asserted too: a later Tansu that closes one fails its test, and the work-around goes.
"""

import asyncio
import contextlib
import itertools
import time
from pathlib import Path

import pytest
import redis
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic
from aiokafka.errors import InvalidReplicationFactorError, KafkaError, OffsetOutOfRangeError, UnknownError

from streams.local import broker as broker_module
from streams.local.broker import EmbeddedBroker, broker_answers
from streams.local.ports import free_port
from streams.local.process import LocalProcessError
from streams.local.store import EmbeddedStore

_numbers = itertools.count()
FENCED = InvalidReplicationFactorError.errno
FUNCTION = "#!lua name=probe\nredis.register_function('answer', function() return 42 end)"


async def make_topic(broker, partitions: int = 1) -> str:
    name = f"local-stack-{next(_numbers)}"
    admin = AIOKafkaAdminClient(bootstrap_servers=broker.address)
    await admin.start()
    try:
        topic = NewTopic(name, partitions, 1, topic_configs={"retention.ms": "-1"})
        async with asyncio.timeout(120):
            # A node that stood still is fenced until its next heartbeat: so long no topic can be made on it.
            while (error := (await admin.create_topics([topic])).topic_errors[0][1]) == FENCED:  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert error == 0
    finally:
        await admin.close()
    return name


async def produce(broker, topic: str, values: list[bytes], partitions: int = 1, **options) -> list[int]:
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, **options)
    try:
        await producer.start()
        sent = [await producer.send(topic, v, partition=i % partitions) for i, v in enumerate(values)]
        return [one.offset for one in await asyncio.gather(*sent)]
    finally:
        await producer.stop()


async def fetch(broker, topic: str, count: int):
    """The first `count` records of partition 0, its end according to ListOffsets, and its high watermark."""
    options = {"auto_offset_reset": "earliest", "fetch_max_wait_ms": 20, "enable_auto_commit": False}
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, **options)
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        records = []
        async with asyncio.timeout(120):
            while len(records) < count:
                records += (await consumer.getmany(timeout_ms=200)).get(partition, [])
        end = (await consumer.end_offsets([partition]))[partition]
        return records, end, consumer.highwater(partition)
    finally:
        await consumer.stop()


def is_embedded(broker) -> bool:
    return isinstance(broker, EmbeddedBroker)


@pytest.mark.broker
@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_records_come_back_in_order(broker, compression):
    topic = await make_topic(broker)
    values = [b"%d" % i for i in range(1_000)]
    assert await produce(broker, topic, values, compression_type=compression) == list(range(1_000))
    records, _, highwater = await fetch(broker, topic, 1_000)
    assert [r.value for r in records] == values
    assert [r.offset for r in records] == list(range(1_000))
    assert highwater == 1_000


@pytest.mark.broker
@pytest.mark.parametrize("batch_bytes", [16_384, 400])
async def test_an_idempotent_producer_needs_kafka(broker, batch_bytes):
    topic = await make_topic(broker)
    values = [b"%d" % i for i in range(1_000)]
    options = {"enable_idempotence": True, "max_batch_size": batch_bytes}
    if is_embedded(broker):
        with pytest.raises(UnknownError):
            await produce(broker, topic, values, **options)
        return
    await produce(broker, topic, values, **options)
    records, _, _ = await fetch(broker, topic, 1_000)
    assert [r.value for r in records] == values


@pytest.mark.broker
@pytest.mark.parametrize("compression", [None, "gzip"])
async def test_prepared_batches_are_stored_as_they_are(broker, compression):
    topic = await make_topic(broker)
    options = {"enable_idempotence": not is_embedded(broker), "compression_type": compression}
    producer = AIOKafkaProducer(bootstrap_servers=broker.address, acks="all", **options)
    await producer.start()
    try:
        sent = []
        for first in range(0, 1_000, 50):
            batch = producer.create_batch()
            for number in range(first, first + 50):
                assert batch.append(key=b"k", value=b"%d" % number, timestamp=None) is not None
            sent.append(await producer.send_batch(batch, topic, partition=0))
        assert [one.offset for one in await asyncio.gather(*sent)] == list(range(0, 1_000, 50))
    finally:
        await producer.stop()
    records, end, highwater = await fetch(broker, topic, 1_000)
    assert [int(r.value) for r in records] == [r.offset for r in records] == list(range(1_000))
    assert highwater == 1_000
    assert end == (951 if is_embedded(broker) else 1_000)  # one past the first record of the last batch


@pytest.mark.broker
async def test_a_fetch_past_the_end_fails_on_kafka_only(broker):
    topic = await make_topic(broker)
    await produce(broker, topic, [b"one"])
    consumer = AIOKafkaConsumer(bootstrap_servers=broker.address, auto_offset_reset="none")
    await consumer.start()
    try:
        partition = TopicPartition(topic, 0)
        consumer.assign([partition])
        consumer.seek(partition, 99)
        if is_embedded(broker):
            assert await consumer.getmany(timeout_ms=1_000) == {}
        else:
            with pytest.raises(OffsetOutOfRangeError):
                await consumer.getmany(timeout_ms=120_000)
    finally:
        await consumer.stop()


def is_shared_out(members) -> bool:
    """Each of three has two of the six partitions, and none has another's."""
    owned = [member.assignment() for member in members]
    return [len(one) for one in owned] == [2, 2, 2] and len(frozenset.union(*owned)) == 6


async def commits(member, topic: str) -> list[int | None]:
    """What the group has committed of the six partitions."""
    return [await member.committed(TopicPartition(topic, p)) for p in range(6)]


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_three_members_share_six_partitions(broker):
    topic = await make_topic(broker, partitions=6)
    await produce(broker, topic, [b"%d" % i for i in range(60)], partitions=6)
    options = {"session_timeout_ms": 6_000, "heartbeat_interval_ms": 500, "fetch_max_wait_ms": 20}
    options |= {"auto_offset_reset": "earliest", "enable_auto_commit": False}
    members = [
        AIOKafkaConsumer(topic, bootstrap_servers=broker.address, group_id=f"group-of-{topic}", **options)
        for _ in range(3)
    ]
    try:
        async with asyncio.timeout(200):
            await asyncio.gather(*(member.start() for member in members))
            while not is_shared_out(members):  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            seen: set[tuple[int, int]] = set()
            # A machine that stands still costs them the session: they join again, and go on from the commits.
            while not (is_shared_out(members) and await commits(members[0], topic) == [10] * 6):
                for member in members:
                    batches = await member.getmany(timeout_ms=50)
                    seen |= {(r.partition, r.offset) for records in batches.values() for r in records}
                    with contextlib.suppress(KafkaError):
                        await member.commit()
        assert seen == {(p, offset) for p in range(6) for offset in range(10)}
    finally:
        await asyncio.gather(*(member.stop() for member in members))


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(400)
async def test_a_killed_broker_starts_again_where_it_was(broker, tmp_path):
    with type(broker)(tmp_path) as own:
        topic = await make_topic(own)
        await produce(own, topic, [b"one", b"two"], acks="all")
        own.kill()
        assert not broker_answers(own.address)
        own.start()
        if is_embedded(own):  # it keeps nothing: the offsets of an earlier run mean nothing to it
            assert await make_topic(own) != topic
        else:
            records, end, _ = await fetch(own, topic, 2)
            assert ([r.value for r in records], end) == ([b"one", b"two"], 2)


@pytest.mark.broker
def test_a_broker_whose_port_is_taken_says_so(embedded_broker, tmp_path, monkeypatch):
    monkeypatch.setattr(broker_module, "_PROBE_TIMEOUT_S", 120.0)  # a busy broker is there too
    with pytest.raises(
        LocalProcessError, match="the embedded broker cannot start: its port is already served"
    ):
        EmbeddedBroker(tmp_path, port=embedded_broker.port).start()


def client(server: EmbeddedStore) -> redis.Redis:
    return redis.Redis.from_url(server.url, decode_responses=True, socket_timeout=120)


def wait_until_written(r: redis.Redis) -> None:
    """What is acknowledged is in the file; while that is synced the server holds it back, for up to 2 s."""
    deadline = time.monotonic() + 60
    while r.info("persistence")["aof_buffer_length"]:
        assert time.monotonic() < deadline
        time.sleep(0.01)


@pytest.mark.store
def test_the_store_is_set_up_as_production_is(store_server):
    with client(store_server) as r:
        wanted = {"appendonly": "yes", "appendfsync": "everysec", "maxmemory-policy": "noeviction"}
        wanted |= {"save": "", "hash-max-listpack-value": "4096", "bind": "127.0.0.1"}
        assert r.config_get(*wanted) == wanted


@pytest.mark.store
def test_a_killed_store_keeps_what_it_acknowledged(store_server, tmp_path):
    with type(store_server)(tmp_path) as own:
        with client(own) as r:
            before = r.info("server")["run_id"]
            r.function_load(FUNCTION)
            r.hset("h", mapping={str(i): i for i in range(1_000)})
            wait_until_written(r)
        own.kill()
        assert own.process.returncode == -9
        own.start()
        with client(own) as r:
            assert r.hlen("h") == 1_000
            assert r.fcall("answer", 0) == 42
            assert r.info("server")["run_id"] != before


@pytest.mark.store
def test_waitaof_confirms_what_is_on_disk(valkey, tmp_path):
    with EmbeddedStore(tmp_path) as own:
        with client(own) as r:
            r.set("k", "v")
            assert r.execute_command("WAITAOF", 1, 0, 100_000) == [1, 0]
        own.kill()
        files = Path(tmp_path, "appendonlydir").glob("*.incr.aof")
        assert any(b"\r\nk\r\n" in file.read_bytes() for file in files)
        own.start()
        with client(own) as r:
            assert r.get("k") == "v"


@pytest.mark.store
def test_redis_7_0_has_no_waitaof(debian_redis):
    with client(debian_redis) as r, pytest.raises(redis.ResponseError, match="unknown command"):
        r.execute_command("WAITAOF", 1, 0, 100)


@pytest.mark.store
def test_options_of_the_caller_win(valkey, tmp_path):
    extra = {"appendfsync": "always", "client-output-buffer-limit": "normal 1mb 1mb 10"}
    port = free_port()
    with EmbeddedStore(tmp_path / "a b", port=port, extra=extra) as own, client(own) as r:
        assert own.url == f"redis://127.0.0.1:{port}/0"
        assert r.config_get("appendfsync") == {"appendfsync": "always"}
        assert r.config_get("client-output-buffer-limit")["client-output-buffer-limit"].startswith(
            "normal 1048576"
        )
