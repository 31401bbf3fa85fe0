"""Churn alarms against a fixed 30 days of silence, on customers whose death is known.

The models are fitted to what was seen until day 365. Alarms are counted from there to the end, of each rule
as many as of the fixed one (its threshold is searched for).

- Precision: alarms whose customer had left when the alarm was raised.
- Recall: of those who left (after day 365, and 120 days or more before the end) who had such an alarm.
- Delay: median days from death to that alarm, of those found. Lead: how much earlier than the fixed rule,
  median of those whom both find. A rule that finds more also finds harder ones, which weighs on both.
- Standing: mean days from death until an alarm stood, 0 where a false one stood already, over all who left.
  This is what the fixed rule is best at: it leaves nobody for more than its 30 days, at the price of alarms
  on every slow buyer.

The last rule knows what no rule can, the true rate of each customer and the law of their deaths (and takes
purchases for Poisson). It shows about how much there is to be had.
"""

from collections.abc import Callable
from math import log1p
from statistics import mean, median
from typing import NamedTuple

import msgspec
from panels import Life, lives, panel_of, row_of

from models.calendar import DAY_MS
from models.population.churn import Rhythm, p_alive, risk
from models.population.snapshot import Churn
from streams.population.epoch import Population

FIT_DAY, END_DAY, SETTLED_DAYS, FIXED_DAYS = 365, 720, 120, 30
SETTLED = END_DAY - SETTLED_DAYS
MEAN_LIFE = 400.0  # of `lives`
WORLDS: dict[str, dict[str, object]] = {
    "every 15 days": {"mean_gap": 15.0},
    "every 30 days": {"mean_gap": 30.0},
    "every 60 days": {"mean_gap": 60.0},
    "every 30 days, steady": {"mean_gap": 30.0, "regular": 2},
    "very different from each other": {"mean_gap": 20.0, "shape": 0.7},
    "every 30 days, leaving at purchases": {"mean_gap": 30.0, "drop_out": (0.8, 8.0)},
}


class Silence(NamedTuple):
    """What follows a purchase: whose, the rhythm until then, and when the next one came (or the end did)."""

    who: int
    rhythm: Rhythm
    until_ms: int


class Outcome(NamedTuple):
    """How a rule did: `found` is who had a right alarm when, `standing` the mean days until one stood."""

    alarms: int
    precision: float
    recall: float
    delay_days: float
    found: dict[int, int]
    standing: float


def silences(world: list[Life]) -> list[Silence]:
    """Those that reach into the time in which alarms count."""
    out = []
    for who, life in enumerate(world):
        times = [round(day * DAY_MS) for day in life.bought]
        days: set[int] = set()
        for at_ms, next_ms in zip(times, [*times[1:], END_DAY * DAY_MS], strict=True):
            days.add(at_ms // DAY_MS)
            if next_ms > FIT_DAY * DAY_MS:
                out.append(Silence(who, Rhythm(len(days), times[0], at_ms), next_ms))
    return out


def fitted(world: list[Life]) -> Churn:
    """Parameters from what was seen until the day of the fit."""
    until_ms = FIT_DAY * DAY_MS
    seen = {
        str(who): [(round(d * DAY_MS), 100) for d in life.bought if d < FIT_DAY]
        for who, life in enumerate(world)
    }
    snapshot = Population().epoch(
        panel_of({who: row_of(some) for who, some in seen.items() if some}), until_ms
    )
    assert snapshot is not None
    assert snapshot.churn is not None
    return snapshot.churn


def outcome(world: list[Life], waiting: list[Silence], alarm_ms: Callable[[Silence], int]) -> Outcome:
    """Run a rule that names the instant of its alarm for each silence, 0 = never."""
    alarms = right = 0
    found: dict[int, int] = {}
    left = {who: float(SETTLED_DAYS) for who, life in enumerate(world) if FIT_DAY < life.died < SETTLED}
    for one in waiting:
        at_ms, life = alarm_ms(one), world[one.who]
        if not 0 < at_ms < one.until_ms:
            continue
        if one.who in left and one.until_ms == END_DAY * DAY_MS:  # the silence that never ended
            left[one.who] = min(max(0.0, at_ms / DAY_MS - life.died), SETTLED_DAYS)
        if at_ms > FIT_DAY * DAY_MS:
            alarms += 1
            if round(life.died * DAY_MS) <= at_ms:
                right += 1
                found[one.who] = at_ms
    delays = [found[who] / DAY_MS - world[who].died for who in left.keys() & found.keys()]
    recall = len(delays) / len(left)
    return Outcome(alarms, right / alarms, recall, median(delays), found, mean(left.values()))


def same_volume(rule: Callable[[float], Outcome], alarms: int) -> Outcome:
    """The rule at the threshold where it raises as many alarms, or the fewest more that it can."""
    low, high = 0.0, 1.0
    for _ in range(16):
        middle = (low + high) / 2
        low, high = (low, middle) if rule(middle).alarms >= alarms else (middle, high)
    return rule(high)


def by_share(share: float, churn: Churn) -> Callable[[Rhythm], int]:
    """The product's rule: p(alive) has fallen to a share of what it was at the last purchase."""
    at = msgspec.structs.replace(churn, medium=share, high=0.0)
    return lambda rhythm: risk(rhythm, rhythm.last_ms, at).until_ms


def by_level(level: float, churn: Churn) -> Callable[[Rhythm], int]:
    """The rule that was rejected: p(alive) itself is below a level, at once where it never was above."""

    def alarm_ms(rhythm: Rhythm) -> int:
        share = level / p_alive(rhythm, rhythm.last_ms, churn)
        return rhythm.last_ms if share >= 1 else by_share(share, churn)(rhythm)

    return alarm_ms


def by_truth(p_dead: float, life: Life, hazard: float) -> int:
    """Silence in ms after which a customer of known rate has left with this probability."""
    total = life.rate + hazard
    return round(min(log1p(p_dead / (1 - p_dead) * total / hazard) / total, 1e5) * DAY_MS)


def run(seed: int, n: int = 6_000) -> None:
    """Every world, every rule."""
    print(
        f"\nchurn alarms, {n:,} simulated customers a world, days {FIT_DAY}-{END_DAY}, same number of alarms"
    )
    for name, shape in WORLDS.items():
        print(f"  {name}")
        compare(lives(n, seed, **shape), known="drop_out" not in shape)  # type: ignore[arg-type]


def compare(world: list[Life], *, known: bool) -> None:
    """One world; `known` where deaths follow the law that the last rule knows."""
    waiting, churn = silences(world), fitted(world)
    fixed = outcome(world, waiting, lambda one: one.rhythm.last_ms + FIXED_DAYS * DAY_MS)
    _show(f"fixed {FIXED_DAYS} days", fixed, fixed)

    def told(alarm_ms: Callable[[Rhythm], int]) -> Outcome:
        return outcome(world, waiting, lambda one: alarm_ms(one.rhythm))

    _show("share of p(alive) lost", same_volume(lambda at: told(by_share(at, churn)), fixed.alarms), fixed)
    _show("p(alive) below a level", same_volume(lambda at: told(by_level(at, churn)), fixed.alarms), fixed)
    if known:
        truth = same_volume(
            lambda at: outcome(
                world,
                waiting,
                lambda one: one.rhythm.last_ms + by_truth(1 - at, world[one.who], 1 / MEAN_LIFE),
            ),
            fixed.alarms,
        )
        _show("knowing each rate", truth, fixed)


def _show(rule: str, one: Outcome, fixed: Outcome) -> None:
    both = one.found.keys() & fixed.found.keys()
    lead = median((fixed.found[who] - one.found[who]) / DAY_MS for who in both)
    print(
        f"    {rule:<23}{one.alarms:>7,} alarms  precision {one.precision:.4f}  recall {one.recall:.4f}  "
        f"delay {one.delay_days:5.2f} d  lead {lead:5.2f} d  standing {one.standing:5.2f} d"
    )
