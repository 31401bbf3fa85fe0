"""Maximum likelihood of BG/NBD and Gamma-Gamma over a panel.

Both are fitted in the logarithms of their parameters, bounded, with the analytic gradient. Customers with the
same purchases count as one row with a weight, which makes a panel of thousands a few hundred rows to
evaluate where days are the unit.
"""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.special import digamma, gammaln

Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Loss = Callable[[Floats], tuple[float, Floats]]  # value and gradient
_PENALTY = 1e12  # in place of a likelihood that is not finite: worse than any that is


class FitError(Exception):
    """A model cannot be fitted to this panel; the message is one sentence that says why."""


class BgNbd(NamedTuple):
    """Parameters, alpha in the unit of time of the data, and the log-likelihood of all rows."""

    r: float
    alpha: float
    a: float
    b: float
    log_likelihood: float


class GammaGamma(NamedTuple):
    """Parameters, v in the unit of money of the data, and the log-likelihood of all rows."""

    p: float
    q: float
    v: float
    log_likelihood: float


def fit_bg_nbd(x: Floats, t_x: Floats, t: Floats) -> BgNbd:
    """Fit BG/NBD (Fader, Hardie and Lee 2005, equation 6).

    Args:
        x: repeat purchase occasions, one a customer.
        t_x: time from the first to the last purchase, 0 where x is 0.
        t: time from the first purchase until now, >= t_x.

    Raises:
        FitError: nobody bought twice, a number is not finite or out of range, or no optimum was found.
    """
    if not (np.isfinite(x).all() and np.isfinite(t_x).all() and np.isfinite(t).all()):
        raise FitError("purchases have a number that is not finite")
    if not len(x) or x.max() < 1 or t.max() <= 0:
        raise FitError("nobody in the panel bought twice")
    if x.min() < 0 or t_x.min() < 0 or (t < t_x).any():
        raise FitError("a purchase lies outside the time observed")
    rows, weight = np.unique(np.column_stack((x, t_x, t)), axis=0, return_counts=True)
    unit = float(t.max()) / 10  # alpha is then of order 1, like the others
    columns = rows[:, 0], rows[:, 1] / unit, rows[:, 2] / unit
    start, low, high = np.log([0.5, 1.0, 1.0, 2.0]), np.log(1e-4), np.log(1e4)
    logs, loss = _minimise(lambda p: _bg_nbd(p, *columns, weight.astype(np.float64)), start, low, high)
    r, alpha, a, b = map(float, np.exp(logs))
    # Densities of times carry the unit: one factor for each repeat purchase.
    return BgNbd(r, alpha * unit, a, b, -loss - float(weight @ rows[:, 0]) * float(np.log(unit)))


def bg_nbd_log_likelihood(parameters: tuple[float, ...], x: Floats, t_x: Floats, t: Floats) -> float:
    """Log-likelihood of all rows at given r, alpha, a, b; see `fit_bg_nbd`."""
    return -_bg_nbd(np.log(np.asarray(parameters)), x, t_x, t, np.ones(len(x)))[0]


def fit_gamma_gamma(occasions: Floats, mean: Floats) -> GammaGamma:
    """Fit Gamma-Gamma (Fader and Hardie 2013, equation 1a).

    Args:
        occasions: purchase occasions with a known amount, at least 1, one a customer.
        mean: their mean amount, above 0.

    Raises:
        FitError: there are no rows, a number is not finite or not positive, or no optimum was found.
    """
    if not len(mean) or not (np.isfinite(mean).all() and np.isfinite(occasions).all()):
        raise FitError("no amounts, or one that is not finite")
    if mean.min() <= 0 or occasions.min() < 1:
        raise FitError("an amount or a number of occasions is not positive")
    unit = float(mean.mean())
    start = np.log([2.0, 2.0, 1.0])  # p, q - 1, v: below q = 1 the population has no mean
    rows = occasions, mean / unit
    logs, loss = _minimise(lambda p: _gamma_gamma(p, *rows), start, np.log(1e-3), np.log(1e3))
    p, above, v = map(float, np.exp(logs))
    return GammaGamma(p, 1 + above, v * unit, -loss - len(mean) * float(np.log(unit)))


def _minimise(loss: Loss, start: Floats, low: float, high: float) -> tuple[Floats, float]:
    """Bounded quasi-Newton from one start; every parameter is a logarithm within the same bounds."""
    options = {"maxiter": 500, "ftol": 1e-13, "gtol": 1e-9, "maxls": 50}
    bounds = [(low, high)] * len(start)
    found = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds, options=options)
    if not np.isfinite(found.x).all() or not found.fun < _PENALTY:
        raise FitError(f"no optimum was found: {found.message}")
    return found.x, float(found.fun)


def _guarded(value: float, gradient: Floats) -> tuple[float, Floats]:
    if not (np.isfinite(value) and np.isfinite(gradient).all()):
        return _PENALTY, np.zeros_like(gradient)
    return value, gradient


def _bg_nbd(logs: Floats, x: Floats, t_x: Floats, t: Floats, weight: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood and its gradient in log r, log alpha, log a, log b.

    ln L = A1 + A2 + ln(e^A3 + [x > 0] e^A4): still a customer, or dropped out at the last purchase.
    """
    r, alpha, a, b = np.exp(logs)
    again, s = x > 0, r + x
    a1 = gammaln(s) - gammaln(r) + r * np.log(alpha)
    a2 = gammaln(a + b) + gammaln(b + x) - gammaln(b) - gammaln(a + b + x)
    a3 = -s * np.log(alpha + t)
    later = np.where(again, b + x - 1, 1.0)
    a4 = np.where(again, np.log(a) - np.log(later) - s * np.log(alpha + t_x), -np.inf)
    both = np.logaddexp(a3, a4)
    gone = np.exp(a4 - both)  # probability of having dropped out
    stays = 1 - gone
    d_r = digamma(s) - digamma(r) + np.log(alpha) - stays * np.log(alpha + t) - gone * np.log(alpha + t_x)
    d_alpha = r / alpha - s * (stays / (alpha + t) + gone / (alpha + t_x))
    mixed = digamma(a + b) - digamma(a + b + x)
    d_a = mixed + gone / a
    d_b = mixed + digamma(b + x) - digamma(b) - gone / later
    gradient = np.array([weight @ d for d in (d_r, d_alpha, d_a, d_b)]) * np.exp(logs)
    return _guarded(-float(weight @ (a1 + a2 + both)), -gradient)


def _gamma_gamma(logs: Floats, x: Floats, m: Floats) -> tuple[float, Floats]:
    """Negative log-likelihood and its gradient in log p, log (q - 1), log v."""
    p, above, v = np.exp(logs)
    q, px, total = 1 + above, p * x, x * m + v
    one = gammaln(px + q) - gammaln(px) - gammaln(q) + q * np.log(v) - np.log(m) + px * np.log(m * x)
    one -= (px + q) * np.log(total)
    d_p = x * (digamma(px + q) - digamma(px) + np.log(m * x) - np.log(total))
    d_q = digamma(px + q) - digamma(q) + np.log(v) - np.log(total)
    d_v = q / v - (px + q) / total
    gradient = np.array([d_p.sum() * p, d_q.sum() * above, d_v.sum() * v])
    return _guarded(-float(one.sum()), -gradient)
