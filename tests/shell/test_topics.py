"""Topics are created as the table says."""

import pytest
from kafka.admin import ConfigResource, ConfigResourceType
from parts import ApacheKafka

from streams import admin
from streams.settings import load
from streams.topics import INPUT_TOPICS, TOPICS

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(400)]  # Kafka starts in it


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
