"""What the engine relies on inside Faust and aiokafka, so that an upgrade fails here and not at night."""

import inspect
from importlib.metadata import version

import faust
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.coordinator.assignors.range import RangePartitionAssignor
from faust.transport import consumer as base
from faust.transport.drivers import aiokafka as driver

from streams.engine.transport import BatchConsumer, BatchThread, BatchTransport


def test_the_pinned_minor_is_installed() -> None:
    assert version("faust-streaming").startswith("0.15.")
    assert version("aiokafka").startswith("0.14.")


@pytest.mark.parametrize(
    ("owner", "name", "parameters"),
    [
        (faust.App, "_create_directories", ["self"]),
        (driver.Consumer, "_new_consumer_thread", ["self"]),
        (base.Consumer, "perform_seek", ["self"]),
        (base.Consumer, "_drain_messages", ["self", "fetcher"]),
        (base.Consumer, "_filter_tps_with_pending_acks", ["self", "topics"]),
        (base.Consumer, "_new_offset", ["self", "tp"]),
        (base.Consumer, "_get_active_partitions", ["self"]),
        (base.Consumer, "_should_commit", ["self", "tp", "offset"]),
        (base.ThreadDelegateConsumer, "_commit", ["self", "offsets"]),
        (base.ThreadDelegateConsumer, "_getmany", ["self", "active_partitions", "timeout"]),
        (base.ThreadDelegateConsumer, "highwater", ["self", "tp"]),
        (driver.AIOKafkaConsumerThread, "_create_worker_consumer", ["self", "transport"]),
        (driver.AIOKafkaConsumerThread, "_ensure_consumer", ["self"]),
        (driver.AIOKafkaConsumerThread, "seek", ["self", "partition", "offset"]),
    ],
)
def test_what_the_engine_calls_or_overrides_is_as_it_was(
    owner: type, name: str, parameters: list[str]
) -> None:
    assert list(inspect.signature(getattr(owner, name)).parameters) == parameters


def test_the_engine_overrides_methods_that_exist() -> None:
    for ours, theirs in ((BatchConsumer, driver.Consumer), (BatchThread, driver.AIOKafkaConsumerThread)):
        added = {"handler", "_one_poll", "_dropped", "committed", "end"}
        mine = {name for name, value in vars(ours).items() if callable(value) or isinstance(value, property)}
        assert {name for name in mine - added if not hasattr(theirs, name)} == set()
    assert BatchTransport.Consumer is BatchConsumer


def test_the_consumer_settings_that_faust_does_not_let_through_are_read_at_start() -> None:
    start = inspect.getsource(AIOKafkaConsumer.start)
    assert "self._fetch_max_wait_ms" in start
    assert "self._partition_assignment_strategy" in start
    assert RangePartitionAssignor.name == "range"


def test_a_seek_voids_what_was_fetched_before_it() -> None:
    from aiokafka.consumer.fetcher import FetchResult

    source = inspect.getsource(FetchResult.check_assignment)
    assert "next_fetch_offset" in source
    assert "position" in source


async def test_how_far_a_partition_is_read_can_be_asked() -> None:
    from aiokafka.consumer.subscription_state import Assignment, TopicPartitionState

    state = TopicPartitionState(None)
    assert (state.has_valid_position, state.highwater) == (False, None)
    assert list(inspect.signature(Assignment.state_value).parameters) == ["self", "tp"]
    assert "self._subscription" in inspect.getsource(AIOKafkaConsumer.__init__)
