"""Scores 1..5 by a panel's edges against exact quintiles of everybody, and what holding them saves.

A score counts as right where the customer's ties allow it: everyone of one value shares the ranks from the
first to the last of them, and any quintile those ranks touch.
"""

from collections.abc import Sequence
from functools import cache
from typing import NamedTuple

import numpy as np
from panels import DAY_MS, cdnow_purchases

from models.population.quintiles import recency_score, score
from models.population.row import Row
from models.population.sample import in_panel
from models.population.snapshot import Quintiles
from streams.population.panel import Columns, Panel
from streams.population.quantiles import quintiles

MEASURES = ("recency", "frequency", "monetary")


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


def panel_columns(at: Now) -> tuple[Columns, float]:
    """The panel of these customers, through the product's own panel, and its share."""
    panel = Panel()
    for who, first, last, orders, minor in zip(*(column.tolist() for column in at), strict=True):
        panel.take(f"customer-{who}", Row(first, 0, last, orders, orders, minor, orders))
    return panel.columns(), panel.share


def right(values: np.ndarray, scores: Sequence[int], *, falling: bool) -> tuple[float, int]:
    """Share of scores that are exact quintiles of everybody, ties either side; how far the worst is off."""
    n, ranked = len(values), np.sort(values)
    low = np.searchsorted(ranked, values, "left") * 5 // n + 1
    high = -(-np.searchsorted(ranked, values, "right") * 5 // n)
    given = np.asarray(scores)
    given = 6 - given if falling else given
    off = np.maximum(np.maximum(low - given, given - high), 0)
    return float((off == 0).mean()), int(off.max())


def scored(at: Now, at_ms: int, edges: Quintiles, held: list[list[int]] | None) -> list[list[int]]:
    """r, f and m of each customer; `held` are the scores before, 0 where there were none."""
    before = held or [[0] * len(at.who)] * 3
    silent = (at_ms - at.last_ms).tolist()
    return [
        [recency_score(v, edges.recency_ms, b) for v, b in zip(silent, before[0], strict=True)],
        [score(v, edges.frequency, b) for v, b in zip(at.orders.tolist(), before[1], strict=True)],
        [score(v, edges.monetary_minor, b) for v, b in zip(at.minor.tolist(), before[2], strict=True)],
    ]


def agreement(name: str, at: Now, at_ms: int, scores: list[list[int]]) -> None:
    """One line: how many scores are right."""
    values = (at_ms - at.last_ms, at.orders, at.minor)
    cells = [
        right(v, s, falling=measure == "recency")
        for measure, v, s in zip(MEASURES, values, scores, strict=True)
    ]
    said = "  ".join(
        f"{m} {share:.4%} (worst off by {off})" for m, (share, off) in zip(MEASURES, cells, strict=True)
    )
    print(f"  {name:<52}{said}")


def static(seed: int) -> None:
    """At one instant: CDNOW whole, and a large population by its panel."""
    world, first, last = cdnow_world()
    print("exact quintiles of everybody at the same instant, ties either side")
    for days in (60, 180, 365, 546):
        at_ms = min(first + days * DAY_MS, last + DAY_MS)
        at = now(world, at_ms)
        columns, _ = panel_columns(at)
        agreement(f"CDNOW, day {days}, {len(at.who):,} of {len(columns):,} in panel", at, at_ms,
                  scored(at, at_ms, quintiles(columns, at_ms), None))  # fmt: skip
    for n in range(3):
        big = simulated(521_000, seed + n)
        at_ms = 1_000 * DAY_MS
        at = now(big, at_ms)
        columns, share = panel_columns(at)
        agreement(f"simulated {len(at.who):,}, panel {len(columns):,} (share {share:.3f})", at, at_ms,
                  scored(at, at_ms, quintiles(columns, at_ms), None))  # fmt: skip


class Tally:
    """Scores of everybody from one epoch to the next, and how often they change."""

    def __init__(self, n: int) -> None:
        self.scores = np.zeros((n, 3), np.int64)
        self.changes = np.zeros(3)
        self.unprompted = np.zeros(3)  # with no order of the customer's own since the epoch before

    def take(self, who: np.ndarray, rfm: list[list[int]], bought: np.ndarray) -> None:
        """The scores of an epoch."""
        fresh = np.array(rfm).T
        changed = (self.scores[who] != fresh) & (self.scores[who] > 0)
        self.changes += changed.sum(axis=0)
        self.unprompted += changed[~bought].sum(axis=0)
        self.scores[who] = fresh


def lived_through(name: str, world: World, instants: list[int], share: float) -> None:
    """Epoch after epoch: changes with and without holding, and how right the scores are at the end."""
    sampled = np.array([in_panel(f"customer-{who}", share) for who in range(world.n)])
    plain, held = Tally(world.n), Tally(world.n)
    customer_days, before_ms = 0.0, instants[0]
    for at_ms in instants:
        at = now(world, at_ms)
        seen = Now(*(column[sampled[at.who]] for column in at))
        edges = quintiles(Columns(*seen[1:2], *seen[1:4], seen.orders, seen.minor, seen.orders), at_ms)
        bought = at.last_ms > before_ms
        plain.take(at.who, scored(at, at_ms, edges, None), bought)
        held.take(at.who, scored(at, at_ms, edges, held.scores[at.who].T.tolist()), bought)
        customer_days += len(at.who) * (at_ms - before_ms) / DAY_MS
        before_ms = at_ms
    months = customer_days / 30
    print(f"\n{name}; {months:,.0f} customer-months; a customer-month (of these with no order of one's own):")
    for which, tally in (("as the edges say", plain), ("held", held)):
        cells = zip(MEASURES, tally.changes / months, tally.unprompted / months, strict=True)
        said = "  ".join(f"{measure} {every:.4f} ({idle:.4f})" for measure, every, idle in cells)
        print(f"  score changes, {which:<17} {said}")
    for which, tally in (("as the edges say", plain), ("held", held)):
        agreement(f"at the end, {which}, panel {len(seen.who):,} of {len(at.who):,}", at, at_ms,
                  tally.scores[at.who].T.tolist())  # fmt: skip


def run(seed: int) -> None:
    """Everything on scores."""
    static(seed)
    world, first, last = cdnow_world()
    days = range(30, (last - first) // DAY_MS + 1)
    lived_through("CDNOW, an epoch a day", world, [first + day * DAY_MS for day in days], 1.0)
    days = range(900, 990)
    for n, share in ((45_000, 1.0), (100_000, 0.5)):
        lived_through(f"simulated, an epoch a day, {len(days)} days", simulated(n, seed),
                      [day * DAY_MS for day in days], share)  # fmt: skip
