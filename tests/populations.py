"""Whole populations for tests and benches: CDNOW, simulated ones, and how models of them are judged."""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from panels import DAY_MS, cdnow_purchases
from sklearn.cluster import KMeans
from sklearn.metrics import adjusted_rand_score

from models.population.sample import in_panel
from models.population.snapshot import Clusters
from streams.population.lloyd import nearest
from streams.population.panel import Columns
from streams.population.scale import features, scale_of

GROUPS = np.array([(1, 1, 3), (1, 3, 6), (4, 0.7, 3), (4, 2, 6), (6, 0.7, 2), (6, 1.5, 5)], float)


class World(NamedTuple):
    """Purchases of n customers as arrays, ascending by time within each."""

    customer: np.ndarray
    at_ms: np.ndarray
    minor: np.ndarray
    n: int


class Now(NamedTuple):
    """Where each customer stands at an instant; only those with an order."""

    who: np.ndarray
    first_ms: np.ndarray
    last_ms: np.ndarray
    orders: np.ndarray
    minor: np.ndarray


def now(world: World, at_ms: int) -> Now:
    """Totals of every customer at an instant."""
    seen = world.at_ms <= at_ms
    customer = world.customer[seen]
    orders = np.bincount(customer, minlength=world.n)
    minor = np.bincount(customer, world.minor[seen], minlength=world.n).astype(np.int64)
    last, first = np.zeros(world.n, np.int64), np.full(world.n, 1 << 62)
    np.maximum.at(last, customer, world.at_ms[seen])
    np.minimum.at(first, customer, world.at_ms[seen])
    who = np.flatnonzero(orders)
    return Now(who, first[who], last[who], orders[who], minor[who])


def simulated(n: int, seed: int, days: int = 1_100) -> World:
    """Customers who come, buy at rates of their own, and leave: a population that stands still as a whole."""
    rng = np.random.default_rng(seed)
    rate = rng.gamma(0.9, 1 / 40, n)
    born = rng.uniform(-1_500, days, n)
    lived = np.minimum(born + rng.exponential(500, n), days) - born
    count = 1 + rng.poisson(np.maximum(rate * lived, 0))
    customer = np.repeat(np.arange(n), count)
    start = np.concatenate(([0], np.cumsum(count)[:-1]))
    share = rng.random(len(customer))
    share[start] = 0.0  # the first purchase is the birth
    at = born[customer] + share * lived[customer]
    mean = np.exp(rng.normal(8.3, 0.8, n))
    minor = (rng.gamma(3.0, 1 / 3.0, len(customer)) * mean[customer]).astype(np.int64)
    at_ms = (at * DAY_MS).astype(np.int64)
    order = np.lexsort((at_ms, customer))
    return World(customer[order], at_ms[order], minor[order], n)


@cache
def cdnow_world() -> tuple[World, int, int]:
    """CDNOW, and the first and last instant of its purchases."""
    purchases = cdnow_purchases()
    ids = {one: i for i, one in enumerate(sorted({p.customer for p in purchases}))}
    rows = sorted((ids[p.customer], p.at_ms, p.minor) for p in purchases)
    customer, at_ms, minor = (np.array(column) for column in zip(*rows, strict=True))
    return World(customer, at_ms, minor, len(ids)), purchases[0].at_ms, purchases[-1].at_ms


def right(values: np.ndarray, scores: Sequence[int], *, falling: bool) -> tuple[float, int]:
    """Share of scores that are exact quintiles of everybody, ties either side; how far the worst is off."""
    n, ranked = len(values), np.sort(values)
    low = np.searchsorted(ranked, values, "left") * 5 // n + 1
    high = -(-np.searchsorted(ranked, values, "right") * 5 // n)
    given = np.asarray(scores)
    given = 6 - given if falling else given
    off = np.maximum(np.maximum(low - given, given - high), 0)
    return float((off == 0).mean()), int(off.max())


def drawn(n: int, seed: int, noise: float = 0.3) -> tuple[np.ndarray, np.ndarray]:
    """Rows of six groups, and whose they are."""
    rng = np.random.default_rng(seed)
    group = rng.choice(6, n, p=(0.1, 0.1, 0.15, 0.15, 0.3, 0.2))
    return GROUPS[group] + rng.normal(0, noise, (n, 3)), group


class Score(NamedTuple):
    """Inertia over that of the reference, and agreement of labels (adjusted Rand index)."""

    ratio: float
    ari: float


def judged(found: Clusters, rows: np.ndarray, reference: KMeans) -> Score:
    """Centres against the reference, over all rows, in the standardisation of all rows."""
    scale = scale_of(rows)
    points = scale.standard(rows)
    raw = np.array(found.centres) * np.array(found.sd) + np.array(found.mean)
    best, distance = nearest(points, (raw - scale.mean) / scale.sd)
    return Score(distance.sum() / reference.inertia_, adjusted_rand_score(reference.labels_, best))


def reference(rows: np.ndarray, k: int) -> KMeans:
    """The best of 20 starts."""
    return KMeans(k, n_init=20, random_state=0).fit(scale_of(rows).standard(rows))


def cdnow_features(at_ms: int, share: float = 1.0) -> np.ndarray:
    """Features of CDNOW's customers at an instant; of those in the panel of a share."""
    at = now(cdnow_world()[0], at_ms)
    inside = np.array([in_panel(f"customer-{who}", share) for who in at.who.tolist()])
    first, last, orders, minor = (column[inside] for column in at[1:])
    return features(Columns(first, first, last, orders, orders, minor, orders), at_ms)
