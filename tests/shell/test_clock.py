import pytest

from streams.clock import safe_now

LIVE = {"live": True, "until_ms": None}
EVENT = {"live": False, "until_ms": None}


@pytest.mark.parametrize("mode", [LIVE, EVENT])
def test_it_is_not_yet_known_while_a_source_has_not_reported(mode: dict[str, object]) -> None:
    assert safe_now({"a": (True, 90)}, ["a", "b"], **mode) == 0  # type: ignore[arg-type]
    assert safe_now({}, [], **mode) == 0  # type: ignore[arg-type]


def test_live_the_clock_is_the_oldest_report() -> None:
    assert safe_now({"a": (True, 90), "b": (True, 70)}, "ab", live=True, until_ms=None) == 70
    assert safe_now({"a": (True, 90), "b": (False, 20)}, "ab", live=True, until_ms=None) == 20


def test_live_a_lagging_partition_holds_the_clock_and_a_dead_worker_s_last_word_too() -> None:
    before = {"a": (True, 50), "b": (True, 50)}
    after = before | {"a": (True, 900)}
    assert safe_now(after, "ab", live=True, until_ms=None) == 50


def test_event_time_is_held_by_those_behind_only() -> None:
    reports = {"a": (True, 10), "b": (False, 60), "c": (False, 40)}
    assert safe_now(reports, "abc", live=False, until_ms=None) == 40


def test_event_time_stands_at_the_newest_event_once_all_is_applied() -> None:
    assert safe_now({"a": (True, 10), "b": (True, 60)}, "ab", live=False, until_ms=None) == 60


@pytest.mark.parametrize(("until_ms", "expected"), [(100, 100), (60, 60), (30, 60)])
def test_event_time_goes_on_to_where_it_is_told_but_never_back(until_ms: int, expected: int) -> None:
    assert safe_now({"a": (True, 10), "b": (True, 60)}, "ab", live=False, until_ms=until_ms) == expected


def test_until_means_nothing_while_somebody_is_behind() -> None:
    assert safe_now({"a": (True, 10), "b": (False, 60)}, "ab", live=False, until_ms=900) == 60


def test_the_report_of_a_source_that_is_not_expected_does_not_count() -> None:
    assert safe_now({"a": (True, 90), "gone": (False, 1)}, ["a"], live=True, until_ms=None) == 90
