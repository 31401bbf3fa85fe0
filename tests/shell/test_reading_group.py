"""A reader in its group, with the real client: it gets into it whatever moment a poll ends at."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from kafka import TopicPartition
from kafka.errors import KafkaTimeoutError
from parts import ApacheKafka
from waiting import wait_for

from streams import admin
from streams.config import Config
from streams.reading import Reader
from streams.settings import load

pytestmark = [pytest.mark.broker, pytest.mark.slow, pytest.mark.timeout(400)]


class Books:
    """Of a consumer that has read nothing."""

    def next_offset(self, _: int) -> int:
        return 0


@contextmanager
def reader(config: Config, topic: str) -> Iterator[Reader]:
    one = Reader(config, topic, f"group-of-{topic}", Books(), lambda *_: None, threading.Event())  # type: ignore[arg-type]
    try:
        yield one
    finally:
        one.close()


def has(one: Reader, partitions: int) -> bool:
    one.round()
    return one.assigned == partitions


def test_a_poll_that_ends_as_the_join_does_leaves_nobody_outside_the_group(apache_kafka: ApacheKafka) -> None:
    """Partitions are added, the reader joins for them, and its poll is over at the very end of that."""
    topic = "joined-late"
    config = load(
        environ={}, overrides={"brokers": apache_kafka.address, "session_timeout_s": 6, "heartbeat_s": 1}
    )
    with admin._admin(apache_kafka.address) as client:
        client.create_topics({topic: {"num_partitions": 2, "replication_factor": 1}})
        with reader(config, topic) as one:
            wait_for(lambda: has(one, 2))
            coordinator = one._consumer._coordinator
            with _late(coordinator) as missed:
                client.create_partitions({topic: 3})
                wait_for(lambda: _knows(one, TopicPartition(topic, 2)))
                wait_for(lambda: one.round() or missed)
            assert coordinator.rebalance_in_progress()  # as the client sees it: the broker has let it in
            wait_for(lambda: has(one, 3))
            assert coordinator.stable()
            assert one._consumer.assignment() == {TopicPartition(topic, n) for n in range(3)}


def _knows(one: Reader, tp: TopicPartition) -> bool:
    one._consumer._coordinator._cluster.request_update()  # by itself every five minutes
    return tp.partition in one._consumer.partitions_for_topic(tp.topic)


@contextmanager
def _late(coordinator: Any) -> Iterator[list[str]]:
    """The next join ends well, and the poll that waits for it is over just before it would hear of it."""
    missed: list[str] = []
    real = coordinator._manager.wait_for

    async def wait(future: Any, timeout_ms: float | None) -> Any:
        if missed or future is not coordinator._join_task:
            return await real(future, timeout_ms)
        await future
        missed.append("joined")
        raise KafkaTimeoutError

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(coordinator._manager, "wait_for", wait)
        yield missed
