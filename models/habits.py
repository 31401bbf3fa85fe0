"""Habits: at what hour, on which days, around which dates a customer buys, and how often.

Counts of orders by hour, day of week and day of month in the customer's own zone. How narrow a habit is
says the mean resultant length of the circular distribution, 0 spread evenly to 1 always the same (Fisher,
"Statistical Analysis of Circular Data", 1993, 2.3.1).
"""

from cmath import rect
from functools import lru_cache
from itertools import pairwise
from math import pi
from typing import Any

import msgspec

from models.calendar import DAY_MS, Calendar, date_of, iso
from models.orders import Orders
from models.rules import Rules
from models.seasons import SEASONS, payday_months, season

EVIDENCE = 3  # orders, and cycles of a payday, below which nothing is called a habit
CYCLES = 24  # months with a payday order, 3 bytes each
GAPS = 16  # latest gaps between orders
PAYDAY_DAYS = 4  # a payday and the three days after it
WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_NIGHT = frozenset((22, 23, 0, 1, 2, 3, 4, 5))


class Habits(msgspec.Struct, array_like=True, gc=False):
    """Orders that count, by hour 0..23, weekday 0..6 (Monday first), day of month 1..31 and so on.

    Attributes:
        paydays: month of the payday (12 * year + month) -> orders within three days after it, the latest
            `CYCLES` months.
        paid: all orders within three days after a payday.
        holidays: orders on holidays.
    """

    hours: dict[int, int] = {}
    weekdays: dict[int, int] = {}
    month_days: dict[int, int] = {}
    seasons: dict[int, int] = {}
    paydays: dict[int, int] = {}
    paid: int = 0
    holidays: int = 0

    def count(self, sign: int, at_ms: int, calendar: Calendar, rules: Rules) -> None:
        """An order comes to count (1) or ceases to (-1); `calendar` is the customer's."""
        day, hour = calendar.day_and_hour(at_ms)
        date = date_of(day)
        _bump(self.hours, hour, sign)
        _bump(self.weekdays, (day + 3) % 7, sign)  # day 0 was a Thursday
        _bump(self.month_days, date.day, sign)
        _bump(self.seasons, season(date.month, rules.southern), sign)
        paid = payday_months(day, rules.paydays, PAYDAY_DAYS)
        self.paid += sign * bool(paid)
        for month in paid:
            _bump(self.paydays, month, sign)
        if len(self.paydays) > CYCLES:
            del self.paydays[min(self.paydays)]
        if day in rules.holidays:
            self.holidays += sign

    def merged(self, other: "Habits") -> "Habits":
        """Of two parts of one customer's orders, before orders that both know are put right."""
        out = Habits(
            self.hours.copy(), self.weekdays.copy(), self.month_days.copy(),
            self.seasons.copy(), self.paydays.copy(),
            self.paid + other.paid, self.holidays + other.holidays,
        )  # fmt: skip
        for mine, theirs in (
            (out.hours, other.hours),
            (out.weekdays, other.weekdays),
            (out.month_days, other.month_days),
            (out.seasons, other.seasons),
            (out.paydays, other.paydays),
        ):
            for key, n in theirs.items():
                _bump(mine, key, n)
        while len(out.paydays) > CYCLES:
            del out.paydays[min(out.paydays)]
        return out

    def show(self, orders: Orders, rules: Rules) -> dict[str, Any]:
        """The section `habits` of the document; empty below `EVIDENCE` orders."""
        n = orders.n
        if n < EVIDENCE:
            return {}
        weekend = self.weekdays.get(5, 0) + self.weekdays.get(6, 0)
        out: dict[str, Any] = {
            "hours": {str(hour): count for hour, count in sorted(self.hours.items())},
            "weekdays": {WEEKDAYS[day]: count for day, count in sorted(self.weekdays.items())},
            "month_days": {str(day): count for day, count in sorted(self.month_days.items())},
            "usual_hour": _mode(self.hours),
            "usual_weekday": WEEKDAYS[_mode(self.weekdays)],
            "usual_month_day": _mode(self.month_days),
            "hour_concentration": concentration(tuple(self.hours.items()), 24),
            "weekday_concentration": concentration(tuple(self.weekdays.items()), 7),
            "month_day_concentration": concentration(tuple(self.month_days.items()), 31),
            "night_ratio": round(sum(c for hour, c in self.hours.items() if hour in _NIGHT) / n, 4),
            "weekend_ratio": round(weekend / n, 4),
            "payday": self._payday(n, rules),
            "seasons": {SEASONS[i]: round(c / n, 4) for i, c in sorted(self.seasons.items())},
        }
        if rules.holidays:
            out["holiday_ratio"] = round(self.holidays / n, 4)
        return out | _rhythm(orders)

    def _payday(self, n: int, rules: Rules) -> dict[str, Any]:
        orders, cycles = self.paid, len(self.paydays)
        chance = min(0.45, PAYDAY_DAYS * len(rules.paydays) / 30.4375)
        return {
            "orders": orders,
            "cycles": cycles,
            "ratio": round(orders / n, 4),
            "habit": cycles >= EVIDENCE and orders >= 2 * chance * n,
        }


@lru_cache(maxsize=16_384)  # a click changes no habit, but the document is written again
def concentration(counts: tuple[tuple[int, int], ...], period: int) -> float:
    """Mean resultant length of counts on a circle, rounded to 4 decimals.

    >>> concentration(((0, 3),), 24), concentration(((0, 1), (12, 1)), 24)
    (1.0, 0.0)
    """
    n = sum(count for _, count in counts)
    return round(abs(sum(rect(count, 2 * pi * at / period) for at, count in counts)) / n, 4)


def _rhythm(orders: Orders) -> dict[str, Any]:
    """Gaps between the latest orders, and when the next one is usually due."""
    times = orders.latest_ms(GAPS + 1)
    if len(times) < 3:
        return {}
    gaps = sorted(late - early for early, late in pairwise(times))
    q1, median, q3 = (_quantile(gaps, q) for q in (1, 2, 3))
    out: dict[str, Any] = {"gap_median_days": median / DAY_MS, "gap_spread_days": (q3 - q1) / DAY_MS}
    if len(gaps) >= EVIDENCE and q3 > 0:
        out["next_order_from"], out["next_order_until"] = iso(times[-1] + int(q1)), iso(times[-1] + int(q3))
    return out


def _quantile(ascending: list[int], quarters: int) -> float:
    """By linear interpolation between the order statistics (Hyndman and Fan 1996, type 7)."""
    i, rest = divmod((len(ascending) - 1) * quarters, 4)
    low = ascending[i]
    return low + (ascending[i + 1] - low) * rest / 4 if rest else float(low)


def _mode(counts: dict[int, int]) -> int:
    return min(counts, key=lambda key: (-counts[key], key))


def _bump(counts: dict[int, int], key: int, by: int) -> None:
    n = counts.get(key, 0) + by
    if n > 0:
        counts[key] = n
    else:
        counts.pop(key, None)
