"""What is declared is what is shown, and what the parts count is what happened to them."""

import re
from bisect import bisect_left
from pathlib import Path
from typing import Any

import pytest
from builders import T0, click, order, records
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st
from prometheus_client import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from streams.cli import cli
from streams.config import Config
from streams.decoding import Decoding
from streams.intake import Intake
from streams.lane import Lane
from streams.metrics.declared import BY_NAME, COUNTER, HISTOGRAM, LATENESS, METRICS, PREFIX, ROLES
from streams.metrics.histogram import VISIBLE_S, Histogram
from streams.metrics.page import page
from streams.metrics.sheet import Sheet, registry

ROOT = Path(__file__).resolve().parents[2]
ORDERS = ("orders", 0)
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000


# -- declarations ------------------------------------------------------------------------------------------


def test_the_page_is_the_one_of_the_declarations() -> None:
    assert (ROOT / "METRICS.md").read_text(encoding="utf-8") == page()
    assert CliRunner().invoke(cli, ["metrics"]).output == page()
    assert all(f"| `{PREFIX}{metric.name}` |" in page() for metric in METRICS)


def test_names_follow_the_conventions_and_no_label_is_unbounded() -> None:
    bounded = {
        *("version", "python", "role", "topic", "partition", "reason", "lateness", "clock", "phase", "tag"),
        *(
            "name",
            "direction",
            "outcome",
            "cluster",
            "source",
            "rule",
            "arm",
            "action",
            "sink",
            "route",
            "status",
        ),
    }
    assert len(BY_NAME) == len(METRICS)
    for metric in METRICS:
        assert re.fullmatch("[a-z][a-z_]*[a-z]", metric.name)
        assert metric.name.endswith("_total") == (metric.kind == COUNTER), metric.name
        assert ("seconds" in metric.name.split("_")) == (metric.unit == "seconds"), metric.name
        assert bool(metric.edges) == (metric.kind == HISTOGRAM)
        assert list(metric.edges) == sorted(set(metric.edges))
        assert set(metric.labels) <= bounded
        assert metric.role in ("", *ROLES)
        assert metric.help.endswith(".")
        assert "|" not in metric.help


def test_only_what_is_declared_can_be_shown() -> None:
    sheet = Sheet("worker")
    with pytest.raises(KeyError):
        sheet.put("surprise", 1)
    with pytest.raises(AssertionError, match="none of a worker"):
        sheet.put("trainer_active", 1)
    with pytest.raises(AssertionError, match="labels"):
        sheet.put("records_total", 1)
    sheet.put("population_age_seconds", None)
    assert sheet.families() == []


def test_the_exposition_says_what_was_put_on_the_sheet() -> None:
    seen = Histogram((0.5, 1.0))
    for value in (0.25, 0.5, 0.75, 9.0):
        seen.observe(value)

    def fill(sheet: Sheet) -> None:
        sheet.put("dead_letters_total", 3, "orders", 'a "quoted" reason')
        sheet.histogram("publish_seconds", seen)

    text = generate_latest(registry("worker", fill)).decode()
    found = {family.name: family for family in text_string_to_metric_families(text)}
    letters = found["profilestream_dead_letters"]
    assert letters.type == "counter"
    assert [(s.name, s.labels, s.value) for s in letters.samples] == [
        ("profilestream_dead_letters_total", {"topic": "orders", "reason": 'a "quoted" reason'}, 3.0)
    ]
    samples = {(s.name.rpartition("_")[2], s.labels.get("le")): s.value
               for s in found["profilestream_publish_seconds"].samples}  # fmt: skip
    assert samples == {("bucket", "0.5"): 2, ("bucket", "1.0"): 3, ("bucket", "+Inf"): 4,
                       ("count", None): 4, ("sum", None): 10.5}  # fmt: skip
    assert found["profilestream_build_info"].samples[0].labels["role"] == "worker"
    assert "process_resident_memory_bytes" in found


# -- counting ----------------------------------------------------------------------------------------------


@given(st.lists(st.integers(0, 5_000_000)), st.lists(st.integers(0, 5_000_000)))
def test_a_batch_of_ages_counts_like_each_of_them(first: list[int], second: list[int]) -> None:
    now_ms, quick, slow = T0, Histogram(VISIBLE_S), [0] * (len(VISIBLE_S) + 1)
    for ages in (first, second):
        quick.observe_ages([now_ms - age for age in ages], now_ms)
        for age in ages:
            slow[bisect_left([edge * 1000 for edge in VISIBLE_S], age)] += 1
    assert quick.counts == slow
    assert quick.total == len(first) + len(second)
    assert quick.sum == pytest.approx(sum(first + second) / 1000)


def intake(*, live: bool = True) -> Intake:
    made = Intake(Decoding(Config()).event, live=live, future_limit_ms=None)
    made.assign({ORDERS: 0}, {})
    return made


def appended(events: list[dict[str, Any]], at: list[int], first: int = 0) -> list[Any]:
    """Records of events that were appended at these instants."""
    return [row._replace(timestamp=at_ms) for row, at_ms in zip(records(events, first), at, strict=True)]


def bought(ts: int) -> dict[str, Any]:
    return order("o", ts)


def test_late_events_are_counted_by_how_late_they_came() -> None:
    found = intake()
    late = (
        0,
        MINUTE,
        MINUTE + 1,
        HOUR,
        HOUR + 1,
        DAY,
        7 * DAY,
        30 * DAY,
        365 * DAY - 1,
        365 * DAY,
        900 * DAY,
    )
    rows = appended([bought(T0 - by) for by in late], [T0] * len(late))
    found.feed(ORDERS, rows, T0 + HOUR)
    names = [name for name, _ in LATENESS]
    assert dict(zip(names, found.counts.lateness, strict=True)) == {
        "1m": 1, "1h": 2, "1d": 1, "7d": 1, "30d": 2, "older": 2
    }  # fmt: skip
    assert found.counts.taken == {"orders": len(late)}


def test_with_the_event_clock_late_means_behind_the_newest_event() -> None:
    found = intake(live=False)
    found.feed(
        ORDERS, appended([bought(T0), bought(T0 + DAY), bought(T0)], [T0 + 900 * DAY] * 3), T0 + 999 * DAY
    )
    assert found.counts.lateness == [0, 0, 1, 0, 0, 0]


def test_what_was_fetched_before_is_not_taken_in_again() -> None:
    found = intake()
    found.feed(ORDERS, appended([bought(T0), bought(T0)], [T0] * 2), T0)
    found.feed(ORDERS, appended([bought(T0), bought(T0)], [T0] * 2, first=1), T0)
    assert found.counts.taken == {"orders": 3}


def test_a_gap_counts_once_however_often_it_is_met() -> None:
    found = intake()
    for _ in range(3):
        found.assign({ORDERS: 5}, {})
        for _ in range(2):  # believed when it is seen after another seek
            if not found.feed(ORDERS, appended([bought(T0)], [T0], first=9), T0):
                found.assign({ORDERS: 5}, {})
    assert {tp: sum(b - a for a, b in gaps) for tp, gaps in found.counts.gaps.items()} == {ORDERS: 4}


# -- how old is what is not applied ------------------------------------------------------------------------


def test_the_age_of_a_partition_through_its_life() -> None:
    found = intake()
    lane = found.lanes[ORDERS]
    assert lane.behind_since_ms() is None  # nothing is known yet
    found.ends({ORDERS: (None, 3)})
    assert lane.behind_since_ms() is None  # there are records, nobody knows how old
    found.feed(ORDERS, appended([bought(T0 - DAY), bought(T0)], [T0 + 5, T0 + 6]), T0 + 10)
    assert lane.behind_since_ms() == (T0 + 5, T0 - DAY)
    ready = found.release()
    assert lane.behind_since_ms() == (T0 + 5, T0 - DAY)  # while it is applied
    found.applied(ready)
    assert lane.behind_since_ms() == (T0 + 6, T0)  # the third came after the second
    found.feed(ORDERS, appended([bought(T0 + 7)], [T0 + 8], first=2), T0 + 10)
    found.applied(found.release())
    assert lane.behind_since_ms() == (0, 0)


def test_an_idle_partition_is_not_old_when_a_record_comes() -> None:
    found = intake()
    lane = found.lanes[ORDERS]
    found.ends({ORDERS: (None, 0)})
    found.report(T0 + DAY)
    found.ends({ORDERS: (None, 1)})  # appended a moment ago, not fetched
    since = lane.behind_since_ms()
    assert since is not None
    assert since[0] == since[1] == T0 + DAY - 200


def test_a_new_owner_takes_over_what_the_former_one_knew() -> None:
    found = intake()
    found.assign({ORDERS: 7}, {"orders/0": T0})
    found.ends({ORDERS: (None, 9)})
    assert found.lanes[ORDERS].behind_since_ms() == (T0, T0)
    assert Lane(7, T0).level_ms == 0  # the event clock's mark says nothing of the wall


def test_what_could_not_be_read_is_as_old_as_its_record() -> None:
    found = intake()
    found.ends({ORDERS: (None, 2)})
    rows = appended([click(T0)], [T0 + 3])  # of the wrong kind for its topic
    found.feed(ORDERS, rows, T0 + 10)
    assert found.lanes[ORDERS].behind_since_ms() == (T0 + 3, T0 + 3)
    ready = found.release()
    assert (len(ready.dead), ready.appended) == (1, {"orders": []})
