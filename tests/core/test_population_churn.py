import math
import random
import warnings
from itertools import pairwise

import msgspec
import pytest
from builders import T0
from hypothesis import given
from hypothesis import strategies as st
from panels import CHURN, lifetimes_fitter, rhythm

from models.population.churn import DAY_MS, NEVER_MS, Rhythm, fixed_risk, p_alive, p_buys, risk
from models.population.snapshot import Churn

WEEK = 7.0
LEVELS = ["low", "medium", "high"]


def parameters() -> st.SearchStrategy[Churn]:
    shape = st.floats(0.05, 8)
    return st.builds(
        Churn, r=shape, alpha_days=st.floats(0.5, 400), a=shape, b=shape, once_odds=st.floats(0.02, 20),
        once_power=st.floats(1, 20), once_days=st.floats(0.5, 900), medium=st.just(0.7), high=st.just(0.4),
    )  # fmt: skip


def rhythms() -> st.SearchStrategy[Rhythm]:
    return st.builds(
        lambda x, days: rhythm(x, days if x else 0.0), st.integers(0, 400), st.floats(0.01, 2_000)
    )


def test_p_alive_is_that_of_lifetimes(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(300):
        churn = msgspec.structs.replace(
            CHURN, r=rng.uniform(0.05, 3), alpha_days=rng.uniform(1, 90), a=rng.uniform(0.1, 4),
            b=rng.uniform(0.2, 9),
        )  # fmt: skip
        x, t_x = rng.choice([1, 1, 2, 5, 30]), rng.randrange(1, 400)
        t = t_x + rng.randrange(500)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = lifetimes_fitter(churn).conditional_probability_alive(x, t_x, t)
        found = p_alive(rhythm(x, t_x), T0 + (t - t_x) * DAY_MS, churn)
        assert found == pytest.approx(float(expected[0]), rel=1e-9)


def test_a_customer_of_the_published_table_is_as_published() -> None:
    # Fader, Hardie and Lee's spreadsheet: customer 1, x = 2, t_x = 30.43, T = 38.86 weeks.
    weeks = Rhythm(3, 0, round(30.43 * WEEK * DAY_MS))
    assert p_alive(weeks, round(38.86 * WEEK * DAY_MS), CHURN) == pytest.approx(0.7266, abs=5e-4)


@pytest.mark.parametrize("x", [0, 1, 10, 300, 5_000])
@pytest.mark.parametrize("silent_days", [0, 1, 1_000, 100_000])
def test_nothing_overflows(x: int, silent_days: int) -> None:
    p = p_alive(rhythm(x, 700.0 if x else 0.0), T0 + silent_days * DAY_MS, CHURN)
    assert 0 <= p <= 1
    assert not math.isnan(p)


@given(rhythms(), parameters(), st.lists(st.integers(0, 4_000 * DAY_MS), min_size=2, max_size=12))
def test_p_alive_and_the_chance_to_buy_never_rise_in_silence(
    rhythm: Rhythm, churn: Churn, silences: list[int]
) -> None:
    instants = [rhythm.last_ms + silent for silent in sorted(silences)]
    alive = [p_alive(rhythm, at, churn) for at in instants]
    buys = [p_buys(rhythm, at, churn, 90) for at in instants]
    assert all(one >= other for one, other in pairwise(alive))
    assert all(one >= other - 1e-15 for one, other in pairwise(buys))
    assert all(0 <= buy <= one <= 1 for buy, one in zip(buys, alive, strict=True))


@given(rhythms(), parameters())
def test_risk_changes_at_the_instant_it_says_and_not_a_millisecond_before(
    rhythm: Rhythm, churn: Churn
) -> None:
    at_ms, seen = rhythm.last_ms, []
    while True:
        level, until_ms = risk(rhythm, at_ms, churn)
        seen.append(level)
        if not until_ms:
            break
        assert until_ms > at_ms
        assert risk(rhythm, until_ms - 1, churn) == (level, until_ms)
        assert risk(rhythm, until_ms, churn).level != level
        at_ms = until_ms
    assert seen == LEVELS[: len(seen)]
    assert risk(rhythm, NEVER_MS, churn).level == seen[-1]


@given(rhythms(), parameters(), st.integers(0, 3_000 * DAY_MS))
def test_the_level_is_what_p_alive_says(rhythm: Rhythm, churn: Churn, silent_ms: int) -> None:
    at_ms = rhythm.last_ms + silent_ms
    left, fresh = p_alive(rhythm, at_ms, churn), p_alive(rhythm, rhythm.last_ms, churn)
    expected = "high" if left < churn.high * fresh else "medium" if left < churn.medium * fresh else "low"
    assert risk(rhythm, at_ms, churn).level == expected


def test_asking_at_every_second_finds_the_instants_that_are_solved(seed: int) -> None:
    rng = random.Random(seed)
    second = 1_000
    for _ in range(12):
        x = rng.choice([0, 1, 3, 12])
        one = rhythm(x, rng.uniform(5, 300) if x else 0.0)
        until_ms = risk(one, one.last_ms, CHURN).until_ms
        start = until_ms - 3_600 * second
        flips = [
            at for at in range(start, start + 7_200 * second, second)
            if risk(one, at, CHURN).level != risk(one, at - second, CHURN).level
        ]  # fmt: skip
        assert len(flips) == 1
        assert flips[0] - second < until_ms <= flips[0]


def test_a_purchase_ends_the_alarm() -> None:
    one = rhythm(6, 90)
    much_later = one.last_ms + 200 * DAY_MS
    assert risk(one, much_later, CHURN).level == "high"
    again = Rhythm(one.occasions + 1, one.first_ms, much_later)
    assert risk(again, much_later, CHURN).level == "low"


def test_who_buys_often_is_missed_sooner() -> None:
    weekly, monthly = rhythm(26, 182), rhythm(6, 182)
    assert risk(weekly, T0, CHURN).until_ms < risk(monthly, T0, CHURN).until_ms
    assert risk(weekly, T0 + 40 * DAY_MS, CHURN).level == "high"
    assert risk(monthly, T0 + 40 * DAY_MS, CHURN).level == "low"


def test_one_purchase_follows_those_who_came_back() -> None:
    once = rhythm(0, 0)
    assert p_alive(once, T0, CHURN) == pytest.approx(1 / 1.9)
    assert risk(once, T0, CHURN).level == "low"
    silent_days = 300.0
    gone = (1 + silent_days / CHURN.once_days) ** CHURN.once_power
    assert p_alive(once, T0 + 300 * DAY_MS, CHURN) == pytest.approx(1 / (1 + 0.9 * gone))


def test_fixed_days_are_the_same_for_everyone() -> None:
    assert fixed_risk(T0, T0 + 30 * DAY_MS - 1, 30, 60) == ("low", T0 + 30 * DAY_MS)
    assert fixed_risk(T0, T0 + 30 * DAY_MS, 30, 60) == ("medium", T0 + 60 * DAY_MS)
    assert fixed_risk(T0, T0 + 60 * DAY_MS, 30, 60) == ("high", 0)
