"""Offsets and state move together: alerts, feedback, their numbers; real stores, no broker."""

import threading
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import orjson
import pytest
import redis
from click.testing import CliRunner
from faults.alert_run import HOUR, T0

from models import changes
from models.step import Change
from streams import books, keys, statistics
from streams.alerts import settings
from streams.alerts.consumer import ChurnAlerts
from streams.books import Book, Moved
from streams.cli import cli
from streams.config import Config
from streams.feedback import FeedbackCounter
from streams.local.store import EmbeddedStore

pytestmark = pytest.mark.store
FILE = {
    "name": "t",
    "salt": "s",
    "holdout": 0.3,
    "rules": {"churn": {"tag": "churn_risk", "values": ["high"]}},
}


@pytest.fixture
def client(store_server: EmbeddedStore) -> Iterator[Any]:
    with redis.Redis.from_url(store_server.url, socket_timeout=60) as found:
        found.flushall()
        yield found


def changes_of(*customers: str) -> list[Any]:
    """Records: each customer enters high risk and leaves it."""
    out = []
    for cid in customers:
        for seq, (old, new) in enumerate([(None, "high"), ("high", "low")], 1):
            made = Change(seq, "churn_risk", 1, old, new, [["f", 1]], T0 + seq * HOUR, "orders/0", seq)
            out.append(changes.render(made, cid, seq, "e", T0))
    return [SimpleNamespace(offset=n, value=value) for n, value in enumerate(out)]


def consumer(client: Any, got: list[dict[str, Any]]) -> ChurnAlerts:
    return ChurnAlerts(Config(), settings.settings(FILE, {}), client, got.append)


def test_a_book_refuses_whoever_believes_it_to_stand_elsewhere(client: Any) -> None:
    book = Book(client, "b")
    with pytest.raises(Moved):
        book.read(0, 0, [b"x"])
    assert book.open(0, 7) == 7
    assert book.open(0, 9) == 7  # it has begun
    book.write(0, 7, 10, {b"x": b"1"}, {"n": 2})
    assert book.read(0, 10, [b"x", b"y"]) == [b"1", None]
    with pytest.raises(Moved):
        book.write(0, 7, 12, {b"x": b"2"}, {"n": 1})  # a zombie
    with pytest.raises(Moved):
        book.read(0, 7, [b"x"])
    assert book.read(0, 10, [b"x"]) == [b"1"]
    assert books.counted(client) == {"b": {"n": 2}}


def test_a_write_that_another_one_overtakes_changes_nothing(client: Any) -> None:
    book, other = Book(client, "b"), Book(client, "b")
    book.open(0, 0)

    def overtaken(pipe: Any) -> None:
        other.write(0, 0, 5, {b"x": b"other"}, {})

    with pytest.raises(Moved):
        book.write(0, 0, 3, {b"x": b"mine"}, {"n": 1}, overtaken)
    assert book.read(0, 5, [b"x"]) == [b"other"]
    assert books.counted(client) == {"b": {}}


def dies(*_: Any) -> None:
    """The process ends before it has written down what it did."""
    raise ConnectionError


def test_a_batch_that_is_read_again_is_delivered_again_alike_and_counted_once(
    client: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    got: list[dict[str, Any]] = []
    first, second = consumer(client, got), consumer(client, got)
    records = changes_of(*(f"c{n}" for n in range(20)))
    Book(client, "alerts-t").open(3, 0)
    with monkeypatch.context() as crash:
        crash.setattr(first._book, "write", dies)
        with pytest.raises(ConnectionError):
            first.handle(3, 0, records)
    assert len(got) == 40
    second.handle(3, 0, records)
    assert sorted(map(orjson.dumps, got[:40])) == sorted(map(orjson.dumps, got[40:]))
    with pytest.raises(Moved):
        first.handle(3, 0, records)  # the former owner wakes up: it may deliver nothing
    assert len(got) == 80
    numbers = statistics.raised(books.counted(client)["alerts-t"])["rules"]["churn"]
    assert numbers["treatment"]["raised"] + numbers["holdout"]["raised"] == 20
    assert sum(arm["cancelled_left"] for arm in numbers.values()) == 20
    assert {alert["arm"] for alert in got} == {"treatment", "holdout"}
    for one in (first, second):
        one.close()


def test_an_open_alert_survives_the_consumer(client: Any) -> None:
    got: list[dict[str, Any]] = []
    raised, left = changes_of("c1")
    Book(client, "alerts-t").open(0, 0)
    consumer(client, got).handle(0, 0, [raised])
    consumer(client, got).handle(0, 1, [left])
    assert [(alert["action"], alert["id"]) for alert in got] == [
        ("raised", got[0]["id"]), ("cancelled", got[0]["id"]),
    ]  # fmt: skip


def test_a_record_that_is_no_change_is_buried_and_passed(client: Any) -> None:
    got: list[dict[str, Any]] = []
    one = consumer(client, got)
    buried: list[Any] = []
    one._letters.bury = lambda letter, key="": buried.append(letter)  # type: ignore[method-assign]
    Book(client, "alerts-t").open(0, 0)
    one.handle(0, 0, [SimpleNamespace(offset=0, value=b"{"), *changes_of("c1", "c2")[1:3]])
    assert buried == [
        {"reason": "unreadable: DecodeError", "topic": "tag-changes", "partition": 0, "offset": 0}
    ]
    assert [alert["action"] for alert in got] == ["raised"]


def said(kind: str, n: int, **more: Any) -> dict[str, Any]:
    return {"type": "feedback", "event_id": f"f{n}", "customer_id": "c1", "ts": T0, "kind": kind, **more}


def records_of(*events: Any, start: int = 0) -> list[Any]:
    values = [event if isinstance(event, bytes) else orjson.dumps(event) for event in events]
    return [SimpleNamespace(offset=start + n, value=value) for n, value in enumerate(values)]


def test_feedback_is_counted_once_by_rule_and_arm(client: Any) -> None:
    got: list[dict[str, Any]] = []
    ids = [f"c{n}" for n in range(40)]
    Book(client, "alerts-t").open(0, 0)
    consumer(client, got).handle(0, 0, changes_of(*ids))
    alerts = [alert for alert in got if alert["action"] == "raised"]
    arms = {arm: [a for a in alerts if a["arm"] == arm] for arm in ("treatment", "holdout")}
    events = []
    for n, alert in enumerate(alerts):
        mine = {"customer_id": alert["customer_id"], "alert_id": alert["id"]}
        position = arms[alert["arm"]].index(alert)
        is_kept = position % 4 != 0 if alert["arm"] == "treatment" else position % 4 == 0
        events.append(said("alert_outcome", n, outcome="retained" if is_kept else "churned") | mine)
        events.append(said("alert_outcome", 1000 + n, outcome="right" if n % 5 else "wrong") | mine)
    events += [said("tag_right", 2000, tag="vip"), said("tag_wrong", 2001, tag="vip"),
               said("recommendation_taken", 2002),
               said("alert_outcome", 2003, outcome="right", alert_id="gone", rule="cart")]  # fmt: skip
    bad: list[Any] = []
    counter = FeedbackCounter(Config(), client, threading.Event(), bad.append)
    Book(client, "feedback").open(1, 0)
    counter.handle(1, 0, records_of(*events, events[0], b"{"))
    more = records_of(*events[:30], start=len(events) + 2)
    counter.handle(1, len(events) + 2, more)  # sent again by a producer
    with pytest.raises(Moved):
        counter.handle(1, 0, records_of(*events))  # read again by a zombie

    found = statistics.collect(client, 64, [])
    numbers = found["feedback"]
    rule = numbers["rules"]["churn"]
    assert {arm: rule[arm]["retained"] + rule[arm]["churned"] for arm in arms} == {
        arm: len(mine) for arm, mine in arms.items()
    }
    assert sum(rule[arm]["right"] for arm in arms) == 32
    treated = rule["treatment"]
    assert treated["precision"] == round(treated["right"] / (treated["right"] + treated["wrong"]), 6)
    assert rule["uplift"] > 0.3
    assert numbers["rules"]["cart"] == {"unknown": {"right": 1, "precision": 1.0}}
    assert numbers["tags"] == {"vip": {"right": 1, "wrong": 1, "precision": 0.5}}
    assert numbers["recommendations_taken"] == 1
    assert (numbers["repeats"], numbers["refused"]) == (31, 1)
    assert [(letter["topic"], letter["offset"], letter["reason"]) for letter in bad] == [
        ("feedback", len(events) + 1, "not_json")
    ]


def test_an_alert_of_another_customer_is_not_believed(client: Any) -> None:
    client.set(keys.alert("a"), orjson.dumps({"customer_id": "other", "rule": "churn", "arm": "holdout"}))
    Book(client, "feedback").open(0, 0)
    counter = FeedbackCounter(Config(), client, threading.Event())
    counter.handle(0, 0, records_of(said("alert_outcome", 1, alert_id="a", outcome="right")))
    assert books.counted(client) == {"feedback": {"alert_outcome/unknown/unknown/right": 1}}


def test_what_is_remembered_of_feedback_is_bounded(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("streams.feedback.SEEN_MOST", 10)
    Book(client, "feedback").open(0, 0)
    counter = FeedbackCounter(Config(), client, threading.Event())
    for n in range(0, 40, 8):
        events = [said("recommendation_taken", n + i) for i in range(8)]
        counter.handle(0, n, records_of(*events, start=n))
    assert client.zcard(keys.seen("feedback", 0)) == 10
    assert client.zscore(keys.seen("feedback", 0), "f39") == 39  # the latest are kept


def test_members_and_tags_are_counted(client: Any) -> None:
    for n in range(6):
        cid = f"c{n}"
        b = keys.bucket(cid, 64)
        tags = {"vip": {"value": True}, "stage": {"value": "new" if n % 2 else "old"}} if n else {}
        client.hset(keys.profile(b, cid), "doc", orjson.dumps({"tags": tags}))
        client.sadd(keys.members(b, "vip"), cid)
    found = statistics.collect(client, 64, ["vip", "none"], every_tag=True)
    assert found["profiles"] == 6
    assert found["members"] == {"vip": 6, "none": 0}
    assert found["tags"] == {"stage": {"new": 3, "old": 2}, "vip": {"true": 5}}


def test_the_command_prints_the_numbers(client: Any, store_server: EmbeddedStore) -> None:
    book = Book(client, "feedback")
    book.open(0, 0)
    counts = {"alert_outcome/churn/treatment/right": 3, "recommendation_taken///": 1}
    book.write(0, 0, 1, {}, counts)
    for args, shown in (([], "churn treatment precision"), (["--json"], '"recommendations_taken":1')):
        done = CliRunner().invoke(cli, ["--redis-url", store_server.url, "stats", *args])
        assert done.exit_code == 0, done.output
        assert shown in done.output
