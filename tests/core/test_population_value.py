import random
import warnings
from itertools import pairwise

import msgspec
import numpy as np
import pytest
from builders import T0
from panels import CHURN, VALUE, lifetimes_fitter, rhythm
from scipy.integrate import quad
from scipy.special import betaln

from models.population.churn import DAY_MS, p_alive
from models.population.snapshot import Churn
from models.population.value import clv_minor, expected_orders, expected_spend_minor


def made_up(rng: random.Random) -> Churn:
    return msgspec.structs.replace(
        CHURN, r=rng.uniform(0.05, 3), alpha_days=rng.uniform(5, 90), a=rng.choice([0.3, 0.793, 1.2, 3.0]),
        b=rng.uniform(0.8, 8),  # lifetimes has nan below a + b = 1
    )  # fmt: skip


def by_quadrature(x: int, days: float, known_days: float, churn: Churn) -> float:
    """Expected purchases of a living customer, integrated over its chance of dropping out."""
    a, b = churn.a, churn.b + x
    s, scale = min(a, 1.0), betaln(a, b)  # p = y^(1/s) takes the pole of the density at 0 away

    def weighed(y: float) -> float:
        p = y ** (1 / s)
        if not p:
            return 0.0
        bought = -np.expm1(-(churn.r + x) * np.log1p(p * days / known_days)) / p
        return float(bought * np.exp((a - s) * np.log(p) + (b - 1) * np.log1p(-p) - scale))

    mean, width = a / (a + b), np.sqrt(a * b / (a + b) ** 3)
    marks = [mean * scale for scale in (0.1, 1, 4)] + [mean + n * width for n in (-20, -5, 5, 20)]
    cuts = [0.0, *sorted(p**s for p in marks if 0 < p < 1), 1.0]
    parts = [quad(weighed, one, two, epsabs=0, epsrel=1e-11, limit=400)[0] for one, two in pairwise(cuts)]
    return float(sum(parts) / s)


def test_expected_orders_are_those_of_lifetimes(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        churn = made_up(rng)
        x = rng.choice([0, 0, 1, 2, 5, 20])
        t_x = rng.randrange(1, 400) if x else 0
        t = t_x + rng.randrange(500)
        fitter = lifetimes_fitter(churn)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            expected = fitter.conditional_expected_number_of_purchases_up_to_time(365, x, t_x, t)
        found = expected_orders(rhythm(x, t_x), T0 + (t - t_x) * DAY_MS, churn)
        assert found == pytest.approx(float(expected), rel=1e-9)


@pytest.mark.parametrize("a", [0.05, 0.3, 1.0, 1.0 + 1e-12, 2.0, 4.7, 40.0, 3_573.0])
@pytest.mark.parametrize("x", [0, 1, 40, 700])
@pytest.mark.parametrize("silent_days", [0, 30, 5_000])
def test_expected_orders_hold_where_the_published_form_does_not(x: int, a: float, silent_days: int) -> None:
    churn = msgspec.structs.replace(CHURN, a=a)
    t_x = 600.0 if x else 0.0
    known_days = churn.alpha_days + t_x + silent_days
    at_ms = T0 + silent_days * DAY_MS
    alive = p_alive(rhythm(x, t_x), at_ms, churn) if x else 1.0
    found = expected_orders(rhythm(x, t_x), at_ms, churn)
    assert found == pytest.approx(alive * by_quadrature(x, 365.0, known_days, churn), rel=1e-8)


def test_customers_who_drop_out_alike_are_no_trouble(seed: int) -> None:
    """The bounds of a fit: what is known of p is then nearly one number, and everything follows from it."""
    rng = random.Random(seed)
    for _ in range(50):
        churn = msgspec.structs.replace(CHURN, a=rng.choice([3_573.0, 1e4]), b=1e4, r=rng.uniform(0.05, 30))
        x, silent = rng.choice([0, 1, 5, 20]), rng.randrange(400)
        rest = rhythm(x, 100.0 if x else 0.0)
        alive = p_alive(rest, T0 + silent * DAY_MS, churn) if x else 1.0
        p = churn.a / (churn.a + churn.b + x)
        known = churn.alpha_days + silent + (100 if x else 0)
        alike = alive * (1 - (1 + p * 365 / known) ** -(churn.r + x)) / p
        assert expected_orders(rest, T0 + silent * DAY_MS, churn) == pytest.approx(alike, rel=2e-3)


def test_more_days_bring_more_orders_and_silence_fewer() -> None:
    one = rhythm(5, 200)
    ahead = [expected_orders(one, T0, CHURN, days) for days in (1, 30, 365, 3_650)]
    assert ahead == sorted(ahead)
    later = [expected_orders(one, T0 + days * DAY_MS, CHURN) for days in (0, 30, 90, 365)]
    assert later == sorted(later, reverse=True)
    assert expected_orders(one, T0, CHURN, 1e-9) == pytest.approx(0, abs=1e-9)


def test_spending_and_lifetime_value_are_those_of_lifetimes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from lifetimes import GammaGammaFitter
    money = GammaGammaFitter()
    money.params_ = pd.Series({"p": VALUE.p, "q": VALUE.q, "v": VALUE.v_minor})
    fitter = lifetimes_fitter(CHURN)
    fitter.predict = fitter.conditional_expected_number_of_purchases_up_to_time
    table = pd.DataFrame(
        [(1, 30, 400, 1_200.0), (4, 200, 260, 3_499.5), (25, 500, 510, 780.0)],
        columns=["x", "t_x", "t", "mean"],
    )  # fmt: skip
    for discount in (0.0, 0.01):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            worth = money.customer_lifetime_value(
                fitter, table["x"], table["t_x"], table["t"], table["mean"], time=12, discount_rate=discount
            )
            spend = money.conditional_expected_average_profit(table["x"], table["mean"])
        for i, (x, t_x, t, mean) in enumerate(table.itertuples(index=False)):
            found = expected_spend_minor(x, round(x * mean), VALUE)
            assert found == pytest.approx(spend[i], rel=1e-9)
            at_ms = T0 + (t - t_x) * DAY_MS
            clv = clv_minor(rhythm(x, t_x), found, at_ms, CHURN, days=360, discount=discount)
            assert clv == pytest.approx(worth[i], rel=1e-9)


def test_nobody_known_is_worth_the_mean_of_all() -> None:
    assert expected_spend_minor(0, 0, VALUE) == pytest.approx(VALUE.p * VALUE.v_minor / (VALUE.q - 1))


def test_many_amounts_outweigh_the_population() -> None:
    assert expected_spend_minor(10_000, 10_000 * 700, VALUE) == pytest.approx(700, rel=1e-3)
