"""Tag changes through the reader: each once, as the relay sends them."""

import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
from conftest import missing
from kafka import KafkaProducer

from models.changes import render
from models.step import Change
from streams import admin
from streams.local.broker import EmbeddedBroker
from streams.local.process import LocalProcessError
from streams.reader import AsyncProfileReader, Damaged, ProfileReader, ReaderError, watch
from streams.settings import load
from streams.topics import TAG_CHANGES


def change(
    seq: int, tag: str = "vip", old: Any = None, new: Any = True, corrects: tuple[int, ...] = ()
) -> bytes:
    what = Change(
        seq, tag, 1, old, new, [["rfm.frequency", 4, ">=", 4]], 1_700_000_000_000, "orders/0", 7, corrects
    )
    return render(what, "c-1", 3, "e", 1_700_000_000_500)


RECORDS = [
    change(1), change(2, "stage", None, "new"), change(1), change(3, old=True, new=None),
    change(4, "stage", "new", "old"), change(5, "stage", "old", "new", corrects=(4,)),
    change(2, "stage", None, "new"),
]  # fmt: skip


def test_each_change_comes_once_with_what_it_says() -> None:
    found = list(ProfileReader.watch(RECORDS))
    assert [one.seq for one in found] == [1, 2, 3, 4, 5]
    assert [one.kind for one in found] == ["entered", "entered", "left", "changed", "corrected"]
    assert found[4].corrects == (found[3].id,)
    first = found[0]
    assert (first.customer_id, first.tag, first.old, first.new) == ("c-1", "vip", None, True)
    assert first.effective_at.timestamp() == 1_700_000_000
    assert first.data["cause"] == {"topic": "orders", "partition": 0, "offset": 7}


def test_only_the_tags_asked_for_come_and_records_of_a_client_will_do() -> None:
    records = (SimpleNamespace(value=value) for value in RECORDS)
    assert [one.seq for one in ProfileReader.watch(records, ["vip"])] == [1, 3]


async def test_the_same_is_waited_for() -> None:
    async def records() -> AsyncIterator[bytes]:
        for value in RECORDS:
            yield value

    assert [one.seq async for one in AsyncProfileReader.watch(records(), {"stage"})] == [2, 4, 5]


def test_ids_are_forgotten_in_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(watch, "REMEMBERED", 2)
    values = [change(1), change(2), change(1), change(3), change(1)]
    assert [one.seq for one in ProfileReader.watch(values)] == [1, 2, 3, 1]


@pytest.mark.parametrize(
    "value",
    [b"", b"{}", b"[]", b"1", orjson.dumps(orjson.loads(change(1)) | {"type": "order"}), change(1)[:-9]],
)
def test_what_is_no_change_is_an_error_that_quotes_nothing(value: bytes) -> None:
    with pytest.raises(Damaged, match=r"^a record is no tag change: is this the topic 'tag-changes'\?$"):
        list(ProfileReader.watch([value]))


def test_brokers_need_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    assert watch.TOPIC == TAG_CHANGES
    monkeypatch.setitem(sys.modules, "kafka", None)
    with pytest.raises(ReaderError, match=r"profilestream-reader\[watch\]"):
        ProfileReader.watch("127.0.0.1:1")


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    try:
        broker = EmbeddedBroker(tmp_path)
    except LocalProcessError:
        missing("embedded broker")
    with broker:
        yield broker


@pytest.mark.broker
@pytest.mark.slow
def test_given_brokers_it_follows_what_is_new(own_broker: EmbeddedBroker) -> None:
    admin.create_topics(load(environ={}, overrides={"brokers": own_broker.address, "partitions": "2"}))
    found: list[watch.TagChange] = []

    def follow() -> None:
        for one in ProfileReader.watch(own_broker.address):
            found.append(one)
            if one.seq >= 3:
                return

    thread = threading.Thread(target=follow, daemon=True)
    thread.start()
    producer = KafkaProducer(bootstrap_servers=own_broker.address, enable_idempotence=False)
    deadline = time.monotonic() + 100
    while thread.is_alive():  # it begins with what comes after it is there, whenever that is
        assert time.monotonic() < deadline
        seq = len(found) + 1
        producer.send(TAG_CHANGES, change(seq), key=b"c-1").get(timeout=60)
        time.sleep(0.1)
    producer.close()
    assert [one.seq for one in found] == [1, 2, 3]
