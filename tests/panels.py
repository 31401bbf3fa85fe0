"""Panels of customers for tests and benches of the population: real ones of CDNOW, and made-up ones."""

import importlib.util
import random
import warnings
from collections import defaultdict
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from builders import DAY, T0, order

from models.population.churn import DAY_MS, Rhythm
from models.population.row import Row
from models.population.snapshot import Churn, Clusters, Edges, Quintiles, Snapshot, Value
from streams.local.datasets import cdnow
from streams.oracle import event_time_ms
from streams.population.panel import Panel

SUMMARY = "cdnow_customers_summary_with_transactions.csv"
CHURN = Churn(r=0.243, alpha_days=4.414 * 7, a=0.793, b=2.426, once_odds=0.9, once_power=1.1, once_days=73.0)
VALUE = Value(p=6.25, q=3.74, v_minor=1544.0)
EDGES = Edges(at=(10, 20, 30, 40), low=(9, 19, 29, 39), high=(11, 21, 31, 41))
CLUSTERS = Clusters(
    algorithm="river.KMeans", features=("recency_days", "frequency", "monetary"), transform="log1p.v1",
    mean=(3.0, 1.0, 4.0), sd=(1.0, 0.5, 1.25), clip=4.0,
    ids=(1, 2, 3), names=("champions", "fading", "lapsed"),
    centres=((-1.5, 1.5, 1.25), (0.0, 0.0, 0.25), (1.0, -0.5, -0.75)), weights=(0.25, 0.5, 0.25), inertia=0.5,
)  # fmt: skip
SNAPSHOT = Snapshot(
    version=7, parent=6, reason="refresh", event_ms=1_700_006_400_000, panel=1000,
    quintiles=Quintiles(EDGES, EDGES, EDGES), clusters=CLUSTERS, churn=CHURN, value=VALUE,
)  # fmt: skip

NOW = T0 + 400 * DAY  # of `histories`
Orders = list[tuple[int, int]]  # time, amount in minor units; ascending


class Purchase(NamedTuple):
    """One order: whose, when, and how much."""

    customer: str
    at_ms: int
    minor: int


@cache
def cdnow_purchases() -> tuple[Purchase, ...]:
    """Every order of CDNOW, ascending by time."""
    return tuple(
        Purchase(event["customer_id"], event_time_ms(event["ts"]), round(float(event["amount"]) * 100))
        for event in cdnow()
    )


def rows_of(purchases: Iterable[Purchase]) -> dict[str, Row]:
    """Each customer's row; days are UTC."""
    by_customer = defaultdict(list)
    for customer, at_ms, minor in purchases:
        by_customer[customer].append((at_ms, minor))
    return {customer: row_of(sorted(some)) for customer, some in by_customer.items()}


def row_of(orders: list[tuple[int, int]]) -> Row:
    """The row of one customer's (time, amount), ascending by time."""
    first_of_day: dict[int, int] = {}
    for at_ms, _ in orders:
        first_of_day.setdefault(at_ms // DAY_MS, at_ms)
    days = list(first_of_day.values())
    return Row(
        first_ms=orders[0][0],
        second_ms=days[1] if len(days) > 1 else 0,
        last_ms=orders[-1][0],
        orders=len(orders),
        occasions=len(days),
        total_minor=sum(minor for _, minor in orders),
        valued=len({at_ms // DAY_MS for at_ms, minor in orders if minor > 0}),
    )


def panel_of(rows: dict[str, Row], capacity: int = 50_000) -> Panel:
    """A panel that took these rows."""
    panel = Panel(capacity)
    for customer, row in rows.items():
        panel.take(customer, row)
    return panel


def published_sample() -> tuple["np.ndarray", "np.ndarray", "np.ndarray"]:
    """x, t_x and T in weeks of the 1/10 sample of CDNOW on which BG/NBD was published (2,357 customers)."""
    table = _published()
    return table[:, 1], table[:, 2], table[:, 3]


def published_spending() -> "np.ndarray":
    """Mean spending of its repeat purchases, 0 where there was none; the same order."""
    return _published()[:, 4]


@cache
def _published() -> "np.ndarray":
    spec = importlib.util.find_spec("lifetimes")
    assert spec is not None
    assert spec.origin is not None
    return np.genfromtxt(Path(spec.origin).parent / "datasets" / SUMMARY, delimiter=",", skip_header=1)


def rhythm(x: int, t_x: float, last_ms: int = T0) -> Rhythm:
    """x repeat occasions, the last one t_x days after the first."""
    return Rhythm(x + 1, last_ms - round(t_x * DAY_MS), last_ms)


def lifetimes_fitter(churn: Churn) -> Any:
    """The independent implementation of BG/NBD, at given parameters."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # written for a numpy of 2020
        from lifetimes import BetaGeoFitter
    fitter = BetaGeoFitter()
    fitter.params_ = {"r": churn.r, "alpha": churn.alpha_days, "a": churn.a, "b": churn.b}
    return fitter


class Life(NamedTuple):
    """A made-up customer: purchases and death, days (death may lie beyond the end); purchases a day."""

    bought: list[float]
    died: float
    rate: float


def lives(
    n: int,
    seed: int,
    *,
    mean_gap: float = 30.0,
    shape: float = 1.5,
    regular: int = 1,
    mean_life: float = 400.0,
    drop_out: tuple[float, float] | None = None,
    born_until: float = 365.0,
    end: float = 720.0,
) -> list[Life]:
    """Customers with rhythms of their own, who leave at an instant of their own, whether they buy or not.

    That is not how BG/NBD takes it, so the model is not given its own assumptions back; with `drop_out` they
    leave at a repeat purchase, as it does.

    Args:
        n: how many.
        seed: of everything.
        mean_gap: 1 / mean buying rate, days.
        shape: of the gamma distribution of rates; small = very different customers.
        regular: gaps are sums of so many exponential ones: 1 = Poisson, more = steadier than that.
        mean_life: of the exponential life time, days.
        drop_out: of the beta distribution of leaving at a repeat purchase, instead of a life time.
        born_until: first purchases are spread evenly from day 0 to here.
        end: day of the last purchase seen.
    """
    rng = random.Random(seed)
    out = []
    for _ in range(n):
        rate = rng.gammavariate(shape, 1 / (mean_gap * shape))
        born = rng.uniform(0, born_until)
        leaves = rng.betavariate(*drop_out) if drop_out else 0.0
        died = born + rng.expovariate(1 / mean_life) if not drop_out else 2 * end
        bought, left = _bought(rng, rate, regular, born, min(died, end), leaves)
        out.append(Life(bought, bought[-1] if left else died, rate))
    return out


def _bought(
    rng: random.Random, rate: float, regular: int, born: float, until: float, leaves: float
) -> tuple[list[float], bool]:
    """Purchases until a day, and whether the customer left at the last of them."""
    bought, at = [born], born
    while True:
        at += rng.gammavariate(regular, 1 / (regular * rate)) if rate > 1e-9 else 1e9
        if at > until:
            return bought, False
        bought.append(at)
        if rng.random() < leaves:
            return bought, True


def histories(seed: int, customers: int = 400) -> dict[str, Orders]:
    """Orders of customers with rhythms of their own, ascending by time."""
    rng = random.Random(seed)
    out = {}
    for n in range(customers):
        at_ms, some = T0 + rng.randrange(300 * DAY), []
        gap = rng.expovariate(1 / 40) + 1
        while at_ms < NOW and not (some and rng.random() < 0.25):
            some.append((at_ms, rng.randrange(100, 20_000)))
            at_ms += int(rng.expovariate(1 / gap) * DAY) + 1
        out[f"customer-{n}"] = some
    return out


def order_events(some: Orders) -> list[dict[str, Any]]:
    """The same as events of customer `c`."""
    return [order(f"o{n}", at_ms, minor / 100) for n, (at_ms, minor) in enumerate(some)]
