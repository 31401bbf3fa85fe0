"""Topics are created as the table says."""

from typing import Any

import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from kafka.errors import InvalidReplicationFactorError
from parts import ApacheKafka

from streams import admin
from streams.config import Config
from streams.settings import load
from streams.store.contract import Unavailable
from streams.topics import INPUT_TOPICS, TOPICS


class Joining:
    """A cluster whose brokers join while it is asked: it refuses so many times."""

    def __init__(self, refuses: int) -> None:
        self._left = refuses

    def create_topics(self, topics: dict[str, Any], timeout_ms: int) -> None:
        self._left -= 1
        if self._left >= 0:
            raise InvalidReplicationFactorError


def test_brokers_that_are_still_joining_are_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    assert admin._create(Joining(2), "orders", {}) == "created"
    monkeypatch.setattr(admin, "TIMEOUT_MS", 0)
    with pytest.raises(InvalidReplicationFactorError):
        admin._create(Joining(2), "orders", {})


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(400)  # Kafka starts in it
def test_more_replicas_than_brokers_are_refused(
    apache_kafka: ApacheKafka, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(admin, "TIMEOUT_MS", 3_000)
    with (
        pytest.raises(Unavailable, match="InvalidReplicationFactorError"),
        admin._admin(apache_kafka.address) as client,
    ):
        admin._create(client, "three", {"num_partitions": 1, "replication_factor": 3})
    assert "three" not in admin.partition_counts(Config(brokers=apache_kafka.address))


@pytest.mark.broker
@pytest.mark.slow
@pytest.mark.timeout(400)
def test_each_topic_keeps_its_records_as_long_as_the_table_says(apache_kafka: ApacheKafka) -> None:
    admin.create_topics(load(environ={}, overrides={"brokers": apache_kafka.address, "partitions": "3"}))
    with admin._admin(apache_kafka.address) as client:
        asked = [ConfigResource(ConfigResourceType.TOPIC, spec.name) for spec in TOPICS]
        found = client.describe_configs(asked)
    for spec in TOPICS:
        settings = {name: about["value"] for name, about in found["topic"][spec.name].items()}
        assert settings["retention.ms"] == str(spec.retention_ms)
        assert settings.get("cleanup.policy") == ("compact" if spec.compacted else None), spec.name
        assert (settings.get("message.timestamp.type") == "LogAppendTime") == (spec.name in INPUT_TOPICS)
    assert [spec.name for spec in TOPICS if spec.compacted] == ["population"]
