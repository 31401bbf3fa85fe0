"""Movement and verdicts out of samples whose times are written here."""

from dataclasses import dataclass, field
from math import inf
from typing import Any

import pytest

from streams.lag.sample import Group, Partition, Sample, Stored
from streams.lag.tracker import Look, Motion, Tracker, Trend
from streams.lag.verdict import MEANING, Limits, Verdict, judge

T0 = 1_795_000_000_000
STABLE = Group("Stable", 2)
LIVE = Stored({}, 2, 0, None)


def part(
    applied: int | None, end: int, age_s: float | None = None, at_s: float = 0, **more: Any
) -> Partition:
    """Partition `orders/0` whose oldest record is `age_s` old at `at_s`; happened a minute before that."""
    facts: dict[str, Any] = {
        "topic": "orders",
        "partition": 0,
        "begin": 0,
        "committed": applied,
        "is_exact": True,
    }
    facts |= more
    first = max(applied or 0, facts["begin"])
    append_ms = None if age_s is None else round(T0 + (at_s - age_s) * 1000)
    return Partition(
        applied=applied,
        end=end,
        first=min(first, end),
        append_ms=append_ms,
        event_ms=None if append_ms is None else append_ms - 60_000,
        **facts,
    )


def sample(at_s: float, *parts: Partition, **more: Any) -> Sample:
    facts: dict[str, Any] = {"group": STABLE, "stored": LIVE} | more
    return Sample(round(T0 + at_s * 1000), parts, **facts)


@dataclass
class Watched:
    """A tracker with the settings of the tests, and what it said last."""

    tracker: Tracker = field(default_factory=lambda: Tracker(window_s=20, stalled_s=30, step_s=1, limit_s=5))
    look: Look | None = None

    def see(self, at_s: float, *parts: Partition, **more: Any) -> Look:
        self.look = self.tracker.add(sample(at_s, *parts, **more))
        return self.look

    def verdicts(self, most: int | None = None) -> list[Verdict]:
        assert self.look is not None
        return [finding.verdict for finding in judge(self.look, Limits(5.0, most))]


@pytest.fixture
def seen() -> Watched:
    return Watched()


def test_one_sample_knows_ages_and_no_movement(seen: Watched) -> None:
    look = seen.see(10, part(100, 350, age_s=3, at_s=10))
    assert (look.lag, look.append_s, look.event_s, look.over_s) == (250, 3.0, 63.0, 0)
    assert look.motion == Motion()
    assert look.rows[0].motion == Motion()


def test_caught_up_is_zero_seconds_and_ok(seen: Watched) -> None:
    look = seen.see(0, part(100, 100))
    assert (look.lag, look.append_s, look.event_s, look.motion.catch_up_s) == (0, 0.0, 0.0, 0.0)
    assert seen.verdicts() == [Verdict.OK]


def test_rates_trend_and_time_to_catch_up(seen: Watched) -> None:
    seen.see(0, part(1_000, 11_000, 60))
    look = seen.see(10, part(4_000, 12_000, 65, 10))
    assert look.motion == Motion(100.0, 300.0, Trend.SHRINKING, 40.0)  # 8,000 at 200 a second
    assert look.rows[0].motion == look.motion
    assert seen.verdicts() == [Verdict.BEHIND]


def test_a_backlog_that_grows_beyond_the_limit_never_ends(seen: Watched) -> None:
    seen.see(0, part(0, 1_000, 10))
    look = seen.see(2, part(100, 3_000, 12, 2))
    assert look.motion == Motion(1_000.0, 50.0, Trend.GROWING, inf)
    assert seen.verdicts() == [Verdict.GROWING]
    (finding,) = judge(look, Limits(5.0))
    assert finding.says.endswith("1,000 a second come, 50 are applied")


def test_growth_within_the_limit_is_a_trend_and_no_alarm(seen: Watched) -> None:
    seen.see(0, part(0, 100, 1))
    look = seen.see(2, part(500, 3_000, 1.5, 2))
    assert look.motion.trend is Trend.GROWING
    assert (look.motion.catch_up_s, seen.verdicts()) == (0.0, [Verdict.OK])


def test_what_a_commit_interval_can_explain_is_no_trend(seen: Watched) -> None:
    """1,000 a second are applied in steps of a second: the lag differs by up to 1,000, by 500 on average."""
    seen.see(0, part(10_000, 10_200, 8))
    assert seen.see(2, part(12_000, 12_600, 8, 2)).motion.trend is Trend.STEADY
    assert seen.verdicts() == [Verdict.BEHIND]
    assert seen.see(3, part(12_000, 14_600, 9, 3)).motion.trend is Trend.GROWING


def test_records_that_stand_within_the_limit_are_not_called_caught_up(seen: Watched) -> None:
    seen.see(0, part(0, 10, 2))
    assert seen.see(2, part(0, 10, 4, 2)).motion.catch_up_s == inf
    assert seen.see(4, part(10, 20, 0.4, 4)).motion.catch_up_s == 0.0


def test_an_offset_that_goes_back_is_no_negative_rate(seen: Watched) -> None:
    seen.see(0, part(5_000, 6_000, 10))
    look = seen.see(2, part(1_000, 6_000, 600, 2))
    assert (look.motion.rate_out, look.motion.trend) == (0.0, Trend.GROWING)


def test_only_the_window_is_compared_with(seen: Watched) -> None:
    for at_s in range(0, 100, 2):
        look = seen.see(at_s, part(at_s * 10, at_s * 10 + 5, 0.1, at_s))
    assert (look.over_s, look.motion.rate_in) == (20.0, 10.0)
    look = seen.see(400, part(4_000, 4_005, 0.1, 400))  # this process was away in between
    assert look.over_s == 302.0


@pytest.mark.parametrize(("stands_s", "stalled"), [(28, False), (30, True), (90, True)])
def test_a_partition_that_stands_is_stalled_after_the_time_and_not_before(
    seen: Watched, stands_s: int, stalled: bool
) -> None:
    """The other one moves, so nothing but time proves it."""
    for at_s in range(0, stands_s + 1, 2):
        other = part(at_s, at_s + 10, 1, at_s, partition=1)
        look = seen.see(at_s, part(7, 9, 100 + at_s, at_s), other)
    assert [row.stood_s for row in look.rows] == [stands_s, 0.0]
    assert [row.stalled for row in look.rows] == [stalled, False]
    assert seen.verdicts() == [Verdict.STALLED, Verdict.BEHIND] if stalled else [Verdict.BEHIND]


def test_standing_is_counted_from_the_last_progress_and_only_while_there_is_lag(seen: Watched) -> None:
    seen.see(0, part(7, 7))
    assert seen.see(100, part(7, 7)).rows[0].stood_s == 0
    assert seen.see(110, part(7, 8, 1, 110)).rows[0].stood_s == 0
    assert seen.see(118, part(7, 8, 9, 118)).rows[0].stood_s == 8
    assert seen.see(120, part(8, 9, 1, 120)).rows[0].stood_s == 0
    assert seen.see(125, part(8, 9, 6, 125)).rows[0].stood_s == 5


def test_records_that_expire_are_no_progress(seen: Watched) -> None:
    seen.see(0, part(5, 100, 900))
    look = seen.see(40, part(5, 100, 900, 40, begin=50))
    assert (look.rows[0].stood_s, look.motion.rate_out) == (40.0, 0.0)


def test_a_short_look_knows_a_stall_by_the_age_where_nothing_moves_at_all(seen: Watched) -> None:
    seen.see(0, part(7, 9, 40), part(3, 3, partition=1))
    look = seen.see(2, part(7, 9, 42, 2), part(3, 3, partition=1))
    assert [row.stalled for row in look.rows] == [True, False]
    assert seen.verdicts() == [Verdict.STALLED, Verdict.BEHIND]


@pytest.mark.parametrize(
    ("after_s", "then", "more"),
    [
        pytest.param(1, [part(7, 9, 41, 1), part(3, 3, partition=1)], {}, id="shorter than a commit"),
        pytest.param(2, [part(7, 9, 42, 2), part(4, 4, partition=1)], {}, id="another partition moved"),
        pytest.param(2, [part(7, 9, 20, 2), part(3, 3, partition=1)], {}, id="not old enough"),
        pytest.param(
            2,
            [part(7, 9, 42, 2), part(3, 3, partition=1)],
            {"group": Group("PreparingRebalance", 2)},
            id="somebody joins",
        ),
    ],
)
def test_a_short_look_claims_no_stall_otherwise(
    seen: Watched, after_s: int, then: list[Partition], more: dict[str, Any]
) -> None:
    seen.see(0, part(7, 9, 40), part(3, 3, partition=1))
    assert not any(row.stalled for row in seen.see(after_s, *then, **more).rows)


def test_a_partition_that_is_new_has_no_movement_and_does_not_disturb_the_others(seen: Watched) -> None:
    seen.see(0, part(0, 10, 1))
    look = seen.see(2, part(10, 20, 1, 2), part(0, 500, 1, 2, partition=1))
    assert [row.motion.rate_in for row in look.rows] == [5.0, None]
    assert (look.motion.rate_in, look.lag) == (5.0, 510)


@pytest.mark.parametrize("state", [Group("Empty", 0), Group("Dead", 0), None])
def test_nobody_is_a_verdict_with_and_without_lag(seen: Watched, state: Group | None) -> None:
    nobody = Stored({}, 0, 0, None)
    seen.see(0, part(5, 5), group=state, stored=nobody)
    assert seen.verdicts() == [Verdict.NO_WORKERS]
    seen.see(2, part(5, 900, 70, 2), group=state, stored=nobody)
    assert seen.verdicts()[0] is Verdict.NO_WORKERS


def test_members_or_heartbeats_are_somebody(seen: Watched) -> None:
    seen.see(0, part(5, 5), group=Group("Empty", 0), stored=LIVE)  # about to join
    assert seen.verdicts() == [Verdict.OK]
    seen.see(1, part(5, 5), group=STABLE, stored=Stored({}, 0, 0, None))  # hangs, its session lasts
    assert seen.verdicts() == [Verdict.OK]
    seen.see(2, part(5, 5), group=STABLE, stored=None, store_says="store away")
    assert seen.verdicts() == [Verdict.OK]
    seen.see(3, part(5, 5), group=Group("Empty", 0), stored=None, store_says="store away")
    assert seen.verdicts() == [Verdict.NO_WORKERS]
    seen.see(4, part(5, 5), group=None, stored=None, store_says="store away")
    assert seen.verdicts() == [Verdict.UNKNOWN]


def test_without_commits_and_watermarks_nothing_is_known(seen: Watched) -> None:
    seen.see(0, part(None, 900, 50), knows_commits=False, stored=None, store_says="store away")
    assert seen.verdicts()[0] is Verdict.UNKNOWN
    seen.see(1, part(900, 900), knows_commits=False)  # the watermarks are enough
    assert seen.verdicts() == [Verdict.OK]


def test_what_was_deleted_before_it_was_applied_is_a_gap(seen: Watched) -> None:
    look = seen.see(0, part(5, 100, 3, begin=40))
    assert (look.rows[0].part.gap, look.lag, seen.verdicts()) == (35, 60, [Verdict.DATA_GAP])
    seen.see(1, part(None, 100, 3, begin=40))  # a new group on old topics has lost nothing
    assert seen.verdicts() == [Verdict.OK]


def test_a_topic_made_anew_under_an_old_commit_is_a_gap(seen: Watched) -> None:
    look = seen.see(0, part(500, 20))
    assert (look.rows[0].part.gap, look.lag, seen.verdicts()) == (20, 0, [Verdict.DATA_GAP])
    assert "input_epoch" in judge(look, Limits(5.0))[0].says
    seen.see(1, part(500, 20, is_exact=False))  # an end that is known to be too low proves nothing
    assert seen.verdicts() == [Verdict.OK]


def test_missing_topics_and_a_dead_broker(seen: Watched) -> None:
    seen.see(0, part(5, 5), missing=("clicks",))
    assert seen.verdicts() == [Verdict.UNKNOWN]
    seen.see(1, part(5, 5))
    look = seen.see(2, broker_says="broker b:1 cannot be asked: KafkaTimeoutError")
    assert (look.rows, seen.verdicts()) == ((), [Verdict.BROKER_DOWN])


def test_an_outage_of_the_broker_is_no_stall(seen: Watched) -> None:
    for at_s in (0, 2):
        seen.see(at_s, part(7, 9, 40 + at_s, at_s))
    seen.see(100, broker_says="away")
    look = seen.see(200, part(7, 9, 240, 200))
    assert (look.over_s, look.rows[0].stood_s, look.rows[0].stalled) == (0.0, 0.0, False)


def test_limits_in_records_and_in_seconds(seen: Watched) -> None:
    seen.see(0, part(0, 100, 5))
    assert seen.verdicts() == [Verdict.OK]  # exactly the limit
    assert seen.verdicts(most=100) == [Verdict.OK]
    assert seen.verdicts(most=99) == [Verdict.BEHIND]
    seen.see(0, part(0, 100, 5.1))
    assert seen.verdicts() == [Verdict.BEHIND]


def test_an_age_that_cannot_be_read_is_unknown_unless_records_are_the_limit(seen: Watched) -> None:
    seen.see(0, part(0, 100))
    assert seen.verdicts() == [Verdict.UNKNOWN]
    assert seen.verdicts(most=100) == [Verdict.OK]
    assert seen.verdicts(most=99) == [Verdict.BEHIND]
    look = seen.see(1, part(0, 100), part(0, 100, 9, 1, partition=1))
    assert (look.append_s, seen.verdicts()) == (9.0, [Verdict.BEHIND])


def test_a_producer_s_clock_that_is_ahead_counts_as_now(seen: Watched) -> None:
    assert seen.see(0, part(0, 1, -30)).append_s == 0.0


def test_the_worst_comes_first_and_nothing_is_hidden(seen: Watched) -> None:
    seen.see(0, part(5, 100, 90, begin=40), group=Group("Empty", 0), stored=None)
    seen.see(40, part(5, 200, 130, 40, begin=40), group=Group("Empty", 0), stored=None)
    assert seen.verdicts() == [Verdict.DATA_GAP, Verdict.NO_WORKERS, Verdict.STALLED, Verdict.GROWING]


def test_exit_codes_are_as_documented() -> None:
    assert {verdict.word: verdict.value for verdict in Verdict} == {
        "ok": 0, "behind": 2, "growing": 3, "stalled": 4, "no_workers": 5, "data_gap": 6, "broker_down": 7,
        "unknown": 8,
    }  # fmt: skip
    assert MEANING.keys() == set(Verdict)
