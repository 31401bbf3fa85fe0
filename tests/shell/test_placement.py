"""`doctor` tells producers that place the same customer differently."""

from collections.abc import Callable
from zlib import crc32

import orjson
import pytest
from click.testing import CliRunner
from kafka import KafkaProducer
from kafka.partitioner.default import murmur2

from streams import admin, placement
from streams.cli import cli
from streams.config import Config
from streams.local.server import LocalServer
from streams.local.store import EmbeddedStore
from streams.placement import MOST, Placed, partitioner, sample, verdict

KEYS = [f"customer-{i}".encode() for i in range(200)]
Place = Callable[[bytes], int]


def java(key: bytes) -> int:
    return (murmur2(key) & 0x7FFFFFFF) % 12


def librdkafka(key: bytes) -> int:
    return crc32(key) % 12


def of(topic: str, place: Place, keys: list[bytes] = KEYS) -> list[Placed]:
    return [Placed(topic, place(key), 12, key) for key in keys]


@pytest.mark.parametrize(("place", "name"), [(java, "murmur2"), (librdkafka, "crc32"), (len, "")])
def test_the_partitioner_is_found(place: Place, name: str) -> None:
    assert partitioner(of("orders", place)) == name


def test_one_partitioner_for_all_topics_is_well_whichever_it_is() -> None:
    for place in (java, librdkafka):
        assert verdict(of("orders", place) + of("clicks", place)) == []


def test_two_partitioners_are_told_with_their_topics() -> None:
    (found,) = verdict(of("orders", java) + of("clicks", librdkafka))
    assert "(orders by murmur2, clicks by crc32)" in found


def test_producers_of_one_topic_that_differ_are_told() -> None:
    (found,) = verdict(of("orders", java) + of("clicks", java, KEYS[:100]) + of("clicks", librdkafka))
    assert found.startswith("no one partitioner explains where the sampled records of clicks lie")


def test_records_without_a_key_are_told() -> None:
    nameless = [Placed("orders", i % 8, 8, None if i % 2 else b"") for i in range(5)]
    assert verdict(of("orders", java) + nameless) == [
        "5 of 205 sampled records of orders have no key; the key is the customer id"
    ]


def test_few_records_or_one_partition_say_nothing() -> None:
    assert verdict(of("orders", java) + of("clicks", librdkafka, KEYS[:19])) == []
    assert verdict(of("orders", java) + of("clicks", librdkafka, KEYS[:1]) * 50) == []  # one busy customer
    assert verdict([Placed("orders", 0, 1, key) for key in KEYS]) == []


@pytest.mark.slow
@pytest.mark.broker
@pytest.mark.store
def test_doctor_reads_the_newest_keys(
    broker: LocalServer, valkey: EmbeddedStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(placement, "_READ_S", 60.0)  # else a busy machine reads some of them only
    config = Config(brokers=broker.address, redis_url=valkey.url)
    admin.create_topics(config)
    count = admin.partition_counts(config)["orders"]
    producer = KafkaProducer(bootstrap_servers=broker.address)
    for i in range(2 * MOST * count):  # the newest of every partition, whatever other tests have left there
        key = f"placed-{i}".encode()
        producer.send("orders", b"{}", key, partition=(murmur2(key) & 0x7FFFFFFF) % count)
        producer.send("clicks", b"{}", key, partition=crc32(key) % count)
    producer.flush()
    producer.close()
    assert len(found := [one for one in sample(config) if one.topic == "orders"]) == MOST * count
    assert {one.key[:7] for one in found if one.key} == {b"placed-"}
    environ = {"PROFILESTREAM_BROKERS": broker.address, "PROFILESTREAM_REDIS_URL": valkey.url}
    done = CliRunner().invoke(cli, ["doctor", "--json"], env=environ)
    told = [one["sentence"] for one in orjson.loads(done.stdout)["findings"] if one["name"] == "keys"]
    assert any("orders by murmur2, clicks by crc32" in one for one in told), done.stderr
