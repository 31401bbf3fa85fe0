import importlib.util
import warnings

import numpy as np
import pytest
from panels import cdnow_purchases, panel_of, published_sample, published_spending, rows_of
from scipy.optimize import approx_fprime

from streams.population import fit
from streams.population.epoch import waiting
from streams.population.fit import FitError, bg_nbd_log_likelihood, fit_bg_nbd, fit_gamma_gamma
from streams.population.newcomers import fit_newcomers
from streams.population.panel import repeats

PUBLISHED = (0.243, 4.414, 0.793, 2.426)
assert importlib.util.find_spec("lifetimes"), "the published sample comes with lifetimes"


def test_the_published_parameters_are_found_and_the_likelihood_is_no_worse() -> None:
    x, t_x, t = published_sample()
    found = fit_bg_nbd(x, t_x, t)
    assert [round(one, 3) for one in found[:3]] == pytest.approx([0.243, 4.414, 0.793], abs=1.01e-3)
    assert found.b == pytest.approx(2.426, abs=2e-3)
    assert found.log_likelihood >= bg_nbd_log_likelihood(PUBLISHED, x, t_x, t)
    assert found.log_likelihood == pytest.approx(bg_nbd_log_likelihood(found[:4], x, t_x, t), abs=1e-6)
    assert found.log_likelihood == pytest.approx(-9582.43, abs=0.01)


def test_the_unit_of_time_does_not_matter() -> None:
    x, t_x, t = published_sample()
    weeks, days = fit_bg_nbd(x, t_x, t), fit_bg_nbd(x, t_x * 7, t * 7)
    assert days.alpha == pytest.approx(7 * weeks.alpha, rel=1e-4)
    assert days[2:4] == pytest.approx(weeks[2:4], rel=1e-4)


def test_the_likelihood_is_no_worse_than_that_of_lifetimes() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        from lifetimes import BetaGeoFitter, GammaGammaFitter

        x, t_x, t = published_sample()
        theirs = BetaGeoFitter().fit(x, t_x, t).params_
        again = published_spending() > 0
        mean = published_spending()[again]
        money = GammaGammaFitter().fit(x[again], mean).params_
    parameters = tuple(theirs[name] for name in ("r", "alpha", "a", "b"))
    assert fit_bg_nbd(x, t_x, t).log_likelihood >= bg_nbd_log_likelihood(parameters, x, t_x, t) - 1e-6
    ours = fit_gamma_gamma(x[again], mean)
    logs = np.log([money["p"], max(money["q"] - 1, 1e-9), money["v"]])
    assert ours.log_likelihood >= -fit._gamma_gamma(logs, x[again], mean)[0] - 1e-6


@pytest.mark.parametrize("at", [(0.2, 5.0, 0.8, 2.0), (3.0, 0.4, 4.0, 0.3)])
def test_gradients_are_those_of_the_likelihood(at: tuple[float, ...]) -> None:
    x, t_x, t = (column[:300] for column in published_sample())
    weight = np.linspace(0.5, 2, len(x))
    logs = np.log(at)
    numeric = approx_fprime(logs, lambda p: fit._bg_nbd(p, x, t_x, t, weight)[0], 1e-6)
    assert fit._bg_nbd(logs, x, t_x, t, weight)[1] == pytest.approx(numeric, rel=1e-3, abs=2e-2)
    mean = 1 + np.arange(len(x)) % 7
    numeric = approx_fprime(logs[:3], lambda p: fit._gamma_gamma(p, x + 1, mean)[0], 1e-6)
    assert fit._gamma_gamma(logs[:3], x + 1, mean)[1] == pytest.approx(numeric, rel=1e-3, abs=2e-2)


def test_parameters_that_made_the_data_are_found_again(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, r, alpha, a, b = 20_000, 0.8, 30.0, 0.7, 2.5
    rate, out, observed = rng.gamma(r, 1 / alpha, n), rng.beta(a, b, n), rng.uniform(100, 400, n)
    x, t_x, at, here = np.zeros(n), np.zeros(n), np.zeros(n), np.ones(n, bool)
    while here.any():
        at += rng.exponential(1 / rate)
        here &= at <= observed
        x[here] += 1
        t_x[here] = at[here]
        here &= rng.random(n) > out
    found = fit_bg_nbd(x, t_x, observed)
    assert (found.r, found.alpha) == pytest.approx((r, alpha), rel=0.15)
    assert found.a / (found.a + found.b) == pytest.approx(a / (a + b), rel=0.15)
    assert found.log_likelihood >= bg_nbd_log_likelihood((r, alpha, a, b), x, t_x, observed)
    shape, q, v = 4.0, 3.0, 1_500.0
    scale = rng.gamma(q, 1 / v, n)
    mean = rng.gamma(shape * (x + 1)) / scale / (x + 1)
    money = fit_gamma_gamma(x + 1, mean)
    assert money.p * money.v / (money.q - 1) == pytest.approx(shape * v / (q - 1), rel=0.05)
    assert money[:3] == pytest.approx((shape, q, v), rel=0.4)  # p and v make up for each other
    at_truth = -fit._gamma_gamma(np.log((shape, q - 1, v)), x + 1, mean)[0]
    assert money.log_likelihood >= at_truth


def test_those_who_come_back_are_told_from_those_who_never_do(seed: int) -> None:
    rng = np.random.default_rng(seed)
    n, share, power, days = 30_000, 0.4, 3.0, 60.0
    waited = np.where(rng.random(n) < share, days * (rng.random(n) ** (-1 / power) - 1), np.inf)
    observed = rng.uniform(200, 700, n)
    found = fit_newcomers(np.minimum(waited, observed), waited <= observed)
    assert 1 / (1 + found.odds) == pytest.approx(share, abs=0.02)
    survival = [(1 + t / found.days) ** -found.power for t in (10, 50, 150)]
    assert survival == pytest.approx([(1 + t / days) ** -power for t in (10, 50, 150)], abs=0.03)


def test_what_cannot_be_fitted_is_said() -> None:
    one, nan = np.ones(5), np.array([1.0, np.nan])
    with pytest.raises(FitError, match="bought twice"):
        fit_bg_nbd(one * 0, one * 0, one)
    with pytest.raises(FitError, match="bought twice"):
        fit_bg_nbd(one[:0], one[:0], one[:0])
    with pytest.raises(FitError, match="not finite"):
        fit_bg_nbd(nan, nan, nan)
    with pytest.raises(FitError, match="outside"):
        fit_bg_nbd(one, one * 2, one)
    with pytest.raises(FitError, match="not finite"):
        fit_gamma_gamma(np.ones(2), nan)
    with pytest.raises(FitError, match="not positive"):
        fit_gamma_gamma(one, one * 0)
    with pytest.raises(FitError, match="came back"):
        fit_newcomers(one, one > 2)


def test_odd_panels_are_fitted_to_something_finite() -> None:
    same = np.full(400, 3.0)
    for x, t_x, t in ((same, same, same), (same, same * 0.001, same), (same * 100, same, same)):
        assert np.isfinite(fit_bg_nbd(x, t_x, t)).all()
    assert np.isfinite(fit_gamma_gamma(same, same)).all()
    assert np.isfinite(fit_newcomers(same, same > 2)).all()
    assert np.isfinite(fit_newcomers(same * 0, same > 2)).all()


def test_all_of_cdnow_is_fitted_as_of_its_end() -> None:
    last_ms = cdnow_purchases()[-1].at_ms
    columns = panel_of(rows_of(cdnow_purchases())).columns()
    found = fit_bg_nbd(*repeats(columns, last_ms))
    assert (found.r, found.alpha / 7, found.a, found.b) == pytest.approx((0.267, 5.97, 0.49, 2.14), rel=0.02)
    once = fit_newcomers(*waiting(columns, last_ms))
    came = (columns.second_ms > 0).mean()
    assert came < 1 / (1 + once.odds) < came + 0.15  # more will come back than have
