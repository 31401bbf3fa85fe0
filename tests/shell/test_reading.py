"""Where a partition is read from: its book, whatever Kafka believes; and what is waited out."""

import logging
import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest
from kafka import TopicPartition
from redis.exceptions import ConnectionError as StoreAway

from streams import reading
from streams.books import Moved
from streams.config import Config
from streams.reading import Reader
from streams.store.contract import Unavailable

TP = TopicPartition("t", 0)


class Topic:
    """As much of a consumer as a reader uses: one partition of numbered records."""

    def __init__(self, end: int, oldest: int = 0, committed: int | None = None) -> None:
        self.end, self.oldest, self.stored = end, oldest, committed
        self.at = committed if committed is not None else oldest
        self.mine = {TP}
        self.commits: list[int] = []
        self._coordinator = SimpleNamespace(rebalance_in_progress=lambda: False)

    def __call__(self, **options: Any) -> "Topic":
        assert options["enable_auto_commit"] is False
        return self

    def subscribe(self, topics: list[str], listener: Any) -> None:
        assert topics == ["t"]
        self._listener = listener

    def rebalance(self) -> None:
        """It leaves everything where it was."""
        self._listener.on_partitions_revoked([TP])
        self.at = self.oldest if self.stored is None else self.stored
        self._listener.on_partitions_assigned([TP])

    def assign(self, tps: list[Any]) -> None:
        self.mine = set(tps)

    def partitions_for_topic(self, _: str) -> set[int]:
        return {0} if self.end else set()

    def assignment(self) -> set[Any]:
        return self.mine

    def poll(self, timeout_ms: int, max_records: int) -> dict[Any, list[Any]]:
        if TP not in self.mine or self.at >= self.end:
            return {}
        some = range(self.at, min(self.end, self.at + 3))
        self.at = some[-1] + 1
        return {TP: [SimpleNamespace(offset=n, value=b"") for n in some]}

    def seek(self, _: Any, offset: int) -> None:
        self.at = offset

    def beginning_offsets(self, _: Any) -> dict[Any, int]:
        return {TP: self.oldest}

    def end_offsets(self, _: Any) -> dict[Any, int]:
        return {TP: self.end}

    def committed(self, _: Any) -> int | None:
        return self.stored

    def commit(self, offsets: dict[Any, Any]) -> None:
        self.commits.append(offsets[TP].offset)

    def close(self, **_: Any) -> None:
        self.mine = set()


class Pages:
    """A book in memory."""

    def __init__(self, at: int | None = None) -> None:
        self.at = at
        self.away = 0

    def next_offset(self, _: int) -> int | None:
        if self.away > 0:
            self.away -= 1
            raise StoreAway
        return self.at

    def open(self, _: int, offset: int) -> int:
        self.at = offset if self.at is None else self.at
        return self.at


class Hand:
    """Takes records and turns the page."""

    def __init__(self, pages: Pages) -> None:
        self.pages = pages
        self.got: list[int] = []

    def __call__(self, partition: int, at: int, records: Sequence[Any]) -> None:
        if self.pages.at != at:
            raise Moved
        self.got += [record.offset for record in records]
        self.pages.at = records[-1].offset + 1


def reader(
    monkeypatch: pytest.MonkeyPatch, topic: Topic, pages: Any, start: str = "earliest", group: str = "g"
) -> tuple[Reader, Hand]:
    monkeypatch.setattr(reading, "KafkaConsumer", topic)
    hand = Hand(pages)
    return Reader(Config(), "t", group, pages, hand, threading.Event(), start=start), hand


def rounds(one: Reader, count: int = 8) -> None:
    for _ in range(count):
        one.round()


def test_reading_begins_where_the_book_stands_whatever_was_committed(monkeypatch: pytest.MonkeyPatch) -> None:
    one, hand = reader(monkeypatch, Topic(9, committed=8), Pages(4))
    rounds(one)
    assert hand.got == [4, 5, 6, 7, 8]


@pytest.mark.parametrize(
    ("start", "committed", "first"), [("earliest", None, 2), ("latest", None, 9), ("latest", 7, 2)]
)
def test_without_a_book_a_new_group_begins_as_told_and_an_old_one_reads_all_again(
    monkeypatch: pytest.MonkeyPatch, start: str, committed: int | None, first: int
) -> None:
    topic, pages = Topic(9, oldest=2, committed=committed), Pages()
    one, hand = reader(monkeypatch, topic, pages, start)
    rounds(one)
    assert hand.got == list(range(first, 9))
    topic.end = 11
    rounds(one)
    assert hand.got == list(range(first, 11))


def test_a_store_that_goes_back_takes_the_reader_along(monkeypatch: pytest.MonkeyPatch) -> None:
    topic, pages = Topic(6), Pages(0)
    one, hand = reader(monkeypatch, topic, pages)
    rounds(one)
    pages.at, topic.end = 3, 8  # it lost its last second
    rounds(one)
    assert hand.got == [0, 1, 2, 3, 4, 5, 3, 4, 5, 6, 7]


def test_a_partition_that_comes_back_is_begun_from_its_book(monkeypatch: pytest.MonkeyPatch) -> None:
    topic, pages = Topic(6), Pages(0)
    one, hand = reader(monkeypatch, topic, pages)
    rounds(one)
    topic.mine = set()
    rounds(one)
    pages.at, topic.end, topic.mine, topic.at = 8, 10, {TP}, 6  # somebody else read two more
    rounds(one)
    assert hand.got == [*range(6), 8, 9]


def test_a_partition_that_is_left_to_us_is_begun_from_its_book(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    topic = Topic(9, committed=4)  # Kafka was told last when four were read
    one, hand = reader(monkeypatch, topic, Pages(0))
    rounds(one)
    topic.end = 12
    topic.rebalance()
    rounds(one)
    assert hand.got == list(range(12))
    assert caplog.messages == []


def test_records_that_expired_are_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    one, hand = reader(monkeypatch, Topic(9, oldest=5), Pages(2))
    with caplog.at_level(logging.ERROR):
        rounds(one)
    assert hand.got == [5, 6, 7, 8]
    assert "3 records expired" in caplog.text


def test_a_topic_that_began_anew_is_not_taken_for_the_old_one(monkeypatch: pytest.MonkeyPatch) -> None:
    topic = Topic(3)
    one, hand = reader(monkeypatch, topic, Pages(40))
    one.round()
    topic.at = 0  # the broker knows no offset 40 and begins at the oldest
    with pytest.raises(Unavailable, match="begins anew"):
        one.round()
    assert hand.got == []


def test_a_store_that_is_away_is_waited_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "AGAIN_S", 0.0)
    pages = Pages(0)
    pages.away = 3
    topic = Topic(5)
    one, hand = reader(monkeypatch, topic, pages)
    stop = one._stop
    hand_on = one._handle

    def handle(*args: Any) -> None:
        hand_on(*args)
        if pages.at == 5:
            stop.set()

    one._handle = handle
    one.run()
    assert hand.got == [0, 1, 2, 3, 4]
    assert topic.commits[-1] == 5
    assert topic.mine == set()  # it left the group


def test_without_a_group_one_process_reads_all_and_nothing_is_committed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    topic = Topic(4)
    one, hand = reader(monkeypatch, topic, Pages(0), group="")
    rounds(one)
    one.close()
    assert (hand.got, topic.commits) == ([0, 1, 2, 3], [])
    with pytest.raises(Unavailable, match="topics create"):
        reader(monkeypatch, Topic(0), Pages(0), group="")
