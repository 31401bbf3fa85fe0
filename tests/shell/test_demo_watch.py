"""What the demo counts of the topics it follows."""

import asyncio
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from aiokafka import TopicPartition

from streams import exporter
from streams.config import Config
from streams.local.demo_watch import Watch
from streams.topics import DEAD_LETTER


class Topic:
    """A consumer of dead letters, each poll one of them; then the demo ends."""

    def __init__(self, *offsets: int) -> None:
        self._offsets = list(offsets)

    async def getmany(self, **_: Any) -> dict[TopicPartition, list[Any]]:
        if not self._offsets:
            raise asyncio.CancelledError
        letter = {"topic": "orders", "partition": 1, "offset": self._offsets.pop(0)}
        return {TopicPartition(DEAD_LETTER, 0): [SimpleNamespace(value=orjson.dumps(letter))]}


async def test_a_rejected_record_counts_once_however_often_its_letter_comes(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exporter, "connect", lambda _: None)  # no store is asked
    watch = Watch(Config(), SimpleNamespace())  # type: ignore[arg-type]
    watch._consumer = Topic(7, 8, 7, 8, 9)
    with pytest.raises(asyncio.CancelledError):
        await watch.follow()
    assert watch.dead == 3
