"""Scores 1..5 by a panel's edges against exact quintiles of everybody, and what holding them saves.

A score counts as right where the customer's ties allow it: everyone of one value shares the ranks from the
first to the last of them, and any quintile those ranks touch.
"""

import numpy as np
from populations import Now, World, cdnow_world, now, right, simulated

from models.calendar import DAY_MS
from models.population.quintiles import recency_score, score
from models.population.row import Row
from models.population.sample import in_panel
from models.population.snapshot import Quintiles
from streams.population.panel import Columns, Panel
from streams.population.quantiles import edges, quintiles

MEASURES = ("recency", "frequency", "monetary")


def panel_columns(at: Now) -> tuple[Columns, float]:
    """The panel of these customers, through the product's own panel, and its share."""
    panel = Panel()
    for who, first, last, orders, minor in zip(*(column.tolist() for column in at), strict=True):
        panel.take(f"customer-{who}", Row(first, 0, last, orders, orders, minor, orders))
    return panel.columns(), panel.share


def scored(at: Now, at_ms: int, found: Quintiles, held: list[list[int]] | None) -> list[list[int]]:
    """r, f and m of each customer; `held` are the scores before, 0 where there were none."""
    before = held or [[0] * len(at.who)] * 3
    silent = (at_ms - at.last_ms).tolist()
    return [
        [recency_score(v, found.recency_ms, b) for v, b in zip(silent, before[0], strict=True)],
        [score(v, found.frequency, b) for v, b in zip(at.orders.tolist(), before[1], strict=True)],
        [score(v, found.monetary_minor, b) for v, b in zip(at.minor.tolist(), before[2], strict=True)],
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
    print(f"  {name:<53}{said}")


def by_luck(seed: int, samples: int = 40) -> None:
    """How much of the agreement is luck of the sample: random panels of one large population."""
    at_ms = 1_000 * DAY_MS
    at, rng = now(simulated(521_000, seed), at_ms), np.random.default_rng(seed)
    silent, shares = at_ms - at.last_ms, []
    for _ in range(samples):
        inside = rng.random(len(at.who)) < 49_400 / len(at.who)
        late, money = np.array(edges(silent[inside]).at), np.array(edges(at.minor[inside]).at)
        r, m = 5 - np.searchsorted(late, silent, "right"), 1 + np.searchsorted(money, at.minor, "left")
        shares.append(
            (right(silent, r.tolist(), falling=True)[0], right(at.minor, m.tolist(), falling=False)[0])
        )
    for name, column in zip(("recency", "monetary"), zip(*shares, strict=True), strict=True):
        reach = np.mean(np.array(column) >= 0.99)
        print(f"  {samples} random panels of 49,400 of {len(at.who):,}, {name}: mean {np.mean(column):.4%}, "
              f"least {min(column):.4%}, {reach:.0%} of them at 99 % or more")  # fmt: skip


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
        found = quintiles(Columns(*seen[1:2], *seen[1:4], seen.orders, seen.minor, seen.orders), at_ms)
        bought = at.last_ms > before_ms
        plain.take(at.who, scored(at, at_ms, found, None), bought)
        held.take(at.who, scored(at, at_ms, found, held.scores[at.who].T.tolist()), bought)
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
    by_luck(seed)
    world, first, last = cdnow_world()
    days = range(30, (last - first) // DAY_MS + 1)
    lived_through("CDNOW, an epoch a day", world, [first + day * DAY_MS for day in days], 1.0)
    days = range(900, 990)
    for n, share in ((45_000, 1.0), (100_000, 0.5)):
        lived_through(f"simulated, an epoch a day, {len(days)} days", simulated(n, seed),
                      [day * DAY_MS for day in days], share)  # fmt: skip
