"""Churn and value: against an independent implementation, what was published, and held-out time."""

import random
import time
import warnings
from collections.abc import Callable
from datetime import UTC, datetime

import msgspec
import numpy as np
from panels import (
    CHURN,
    VALUE,
    cdnow_purchases,
    lifetimes_fitter,
    panel_of,
    published_sample,
    rhythm,
    rows_of,
)
from sklearn.metrics import roc_auc_score

from models.calendar import DAY_MS
from models.population.churn import Rhythm, p_alive, p_buys, risk
from models.population.value import clv_minor, expected_orders, expected_spend_minor
from streams.population.epoch import Population
from streams.population.fit import bg_nbd_log_likelihood, fit_bg_nbd

PUBLISHED = {"r": 0.243, "alpha": 4.414, "a": 0.793, "b": 2.426}
HOLD_OUT_WEEKS = 26
SECOND_MS = 1_000


def against_lifetimes(seed: int, n: int = 2_000) -> None:
    """The greatest relative difference over random parameters and customers."""
    rng, worst = random.Random(seed), {"p(alive)": 0.0, "expected orders, a year": 0.0, "CLV, a year": 0.0}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        import pandas as pd
        from lifetimes import GammaGammaFitter
    money = GammaGammaFitter()
    money.params_ = pd.Series({"p": VALUE.p, "q": VALUE.q, "v": VALUE.v_minor})
    for _ in range(n):
        churn = msgspec.structs.replace(
            CHURN, r=rng.uniform(0.1, 3), alpha_days=rng.uniform(5, 90), a=rng.uniform(0.1, 4),
            b=rng.uniform(1, 9),  # lifetimes has nan below a + b = 1
        )  # fmt: skip
        x, t_x, mean = rng.choice([0, 1, 2, 5, 20]), rng.randrange(1, 400), rng.uniform(100, 9_000)
        t_x *= bool(x)
        silent = rng.randrange(500)
        one, at_ms, theirs = rhythm(x, t_x), rhythm(x, t_x).last_ms + silent * DAY_MS, lifetimes_fitter(churn)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            alive = float(np.ravel(theirs.conditional_probability_alive(x, t_x, t_x + silent))[0])
            args = x, t_x, t_x + silent
            orders = float(theirs.conditional_expected_number_of_purchases_up_to_time(365, *args))
            spend = float(money.conditional_expected_average_profit(pd.Series([x]), pd.Series([mean]))[0])
        ours = expected_spend_minor(x, mean * x, VALUE)  # type: ignore[arg-type]
        pairs = {
            "p(alive)": (p_alive(one, at_ms, churn) if x else 1.0, alive),
            "expected orders, a year": (expected_orders(one, at_ms, churn), orders),
            "CLV, a year": (clv_minor(one, ours, at_ms, churn), orders * spend),
        }
        for name, (mine, other) in pairs.items():
            worst[name] = max(worst[name], abs(mine / other - 1))
    said = ", ".join(f"{name} {difference:.1e}" for name, difference in worst.items())
    print(f"  greatest relative difference from lifetimes, {n:,} draws: {said}")


def published() -> None:
    """The fit that everybody reports."""
    x, t_x, t = published_sample()
    started = time.process_time()
    found = fit_bg_nbd(x, t_x, t)
    took = time.process_time() - started
    said = "  ".join(f"{name} {value:.4f}" for name, value in zip(PUBLISHED, found, strict=False))
    print(f"  CDNOW 1/10 sample, weeks: {said}  ln L {found.log_likelihood:.4f}  ({took * 1000:.0f} ms)")
    theirs = bg_nbd_log_likelihood(tuple(PUBLISHED.values()), x, t_x, t)
    print(f"    published:              r .243  alpha 4.414  a .793  b 2.426  ln L {theirs:.4f}")


def held_out() -> None:
    """Fit on CDNOW up to a date; who buys within 26 weeks after it?"""
    end = cdnow_purchases()[-1].at_ms + DAY_MS
    at_ms = end - HOLD_OUT_WEEKS * 7 * DAY_MS
    rows = rows_of(p for p in cdnow_purchases() if p.at_ms < at_ms)
    snapshot = Population().epoch(panel_of(rows), at_ms)
    assert snapshot is not None
    assert snapshot.churn is not None
    churn, again = snapshot.churn, {p.customer for p in cdnow_purchases() if p.at_ms >= at_ms}
    bought = np.array([customer in again for customer in rows])
    repeat = np.array([row.occasions > 1 for row in rows.values()])
    days = HOLD_OUT_WEEKS * 7.0
    scores = {
        "recency alone": [float(row.last_ms - at_ms) for row in rows.values()],
        "p(alive)": [p_alive(row.rhythm(), at_ms, churn) for row in rows.values()],
        "p(alive) of BG/NBD, 1 for one order": [
            p_alive(row.rhythm(), at_ms, churn) if row.occasions > 1 else 1.0 for row in rows.values()
        ],
        "p(buys within 26 weeks)": [p_buys(row.rhythm(), at_ms, churn, days) for row in rows.values()],
        "expected orders, 26 weeks": [
            expected_orders(row.rhythm(), at_ms, churn, days) for row in rows.values()
        ],
    }
    until = datetime.fromtimestamp(at_ms / 1000, UTC).date()
    print(
        f"  CDNOW to {until}, 26 weeks held out; {len(rows):,} customers, {bought.mean():.3f} buy again; AUC:"
    )
    for name, score in scores.items():
        column = np.array(score)
        everyone, some = roc_auc_score(bought, column), roc_auc_score(bought[repeat], column[repeat])
        print(f"    {name:<38} all {everyone:.4f}   with two orders or more {some:.4f}")
    buys, expected = np.mean(scores["p(buys within 26 weeks)"]), np.sum(scores["expected orders, 26 weeks"])
    came = len({(p.customer, p.at_ms) for p in cdnow_purchases() if p.at_ms >= at_ms and p.customer in rows})
    print(f"    calibration: buy again {buys:.3f} said, {bought.mean():.3f} did; "
          f"purchase days {expected:,.0f} said, {came:,} came")  # fmt: skip


def brute_force(seed: int, customers: int = 200) -> None:
    """Ask at every second of the hour around each solved instant."""
    rng, wrong, checked = random.Random(seed), 0, 0
    for _ in range(customers):
        x = rng.choice([0, 1, 3, 12, 60])
        one = rhythm(x, rng.uniform(5, 300) if x else 0.0)
        at_ms = one.last_ms
        while until_ms := risk(one, at_ms, CHURN).until_ms:
            start = max(one.last_ms, until_ms - 1_800 * SECOND_MS)
            flips = [
                at for at in range(start + SECOND_MS, until_ms + 1_800 * SECOND_MS, SECOND_MS)
                if risk(one, at, CHURN).level != risk(one, at - SECOND_MS, CHURN).level
            ]  # fmt: skip
            wrong += len(flips) != 1 or not flips[0] - SECOND_MS < until_ms <= flips[0]
            checked += 1
            at_ms = until_ms
    print(
        f"  risk instants asked second by second: {checked} instants of {customers} customers, {wrong} wrong"
    )


def cost() -> None:
    """What a worker pays."""
    calls: dict[str, Callable[[Rhythm, int], object]] = {
        "p_alive": lambda one, at: p_alive(one, at, CHURN),
        "risk and its instant": lambda one, at: risk(one, at, CHURN),
        "expected_orders": lambda one, at: expected_orders(one, at, CHURN),
    }
    for x, silent in ((0, 0), (0, 200), (3, 20), (40, 20)):
        one = rhythm(x, 200.0 if x else 0.0)
        cells = []
        for name, call in calls.items():
            started = time.process_time()
            for _ in range(5_000):
                call(one, one.last_ms + silent * DAY_MS)
            cells.append(f"{name} {(time.process_time() - started) / 5_000 * 1e6:.1f}")
        print(f"  us, {x} repeat orders, silent {silent} days: {', '.join(cells)}")


def run(seed: int) -> None:
    """Everything on churn and value but the alarms."""
    print("\nchurn and value")
    against_lifetimes(seed)
    published()
    held_out()
    brute_force(seed)
    cost()
