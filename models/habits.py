"""Habits: at what hour, on which days, around which dates a customer buys, and how often.

Counts of orders by hour, day of week and day of month in the customer's own zone. How narrow a habit is
says the mean resultant length of the circular distribution, 0 spread evenly to 1 always the same (Fisher,
"Statistical Analysis of Circular Data", 1993, 2.3.1).
"""

from cmath import rect
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
_HOURS = tuple(map(str, range(24)))
_MONTH_DAYS = tuple(map(str, range(1, 32)))
_UNITS = {size: [rect(1, 2 * pi * place / size) for place in range(size)] for size in (24, 7, 31)}


class Habits(msgspec.Struct, array_like=True, gc=False):
    """Orders that count, by hour 0..23, weekday 0..6 (Monday first), day of month 0..30 and so on.

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
        _bump(self.month_days, date.day - 1, sign)
        _bump(self.seasons, season(date.month, rules.southern), sign)
        paid = payday_months(day, rules.paydays, PAYDAY_DAYS)
        self.paid = max(0, self.paid + sign * bool(paid))  # the rules may be others than when it was counted
        for month in paid:
            _bump(self.paydays, month, sign)
        if len(self.paydays) > CYCLES:
            del self.paydays[min(self.paydays)]
        if day in rules.holidays:
            self.holidays = max(0, self.holidays + sign)

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
        out: dict[str, Any] = {}
        out["hours"], out["usual_hour"], out["hour_concentration"] = _ring(self.hours, _HOURS)
        out["weekdays"], weekday, out["weekday_concentration"] = _ring(self.weekdays, WEEKDAYS)
        out["usual_weekday"] = WEEKDAYS[weekday]
        out["month_days"], month_day, out["month_day_concentration"] = _ring(self.month_days, _MONTH_DAYS)
        out["usual_month_day"] = month_day + 1
        night = sum([count for hour, count in self.hours.items() if hour >= 22 or hour < 6])
        out["night_ratio"] = round(night / n, 4)
        out["weekend_ratio"] = round((self.weekdays.get(5, 0) + self.weekdays.get(6, 0)) / n, 4)
        out["payday"] = self._payday(n, rules)
        out["seasons"] = {SEASONS[i]: round(count / n, 4) for i, count in sorted(self.seasons.items())}
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


def _ring(counts: dict[int, int], names: tuple[str, ...]) -> tuple[dict[str, int], int, float]:
    """Counts by name, the place with the most (the first of equals), and the mean resultant length.

    >>> _ring({18: 1, 6: 1}, _HOURS), _ring({8: 3}, _HOURS)[2]
    (({'6': 1, '18': 1}, 6, 0.0), 1.0)
    """
    units = _UNITS[len(names)]
    by_name: dict[str, int] = {}
    usual = most = n = 0
    lean = 0j
    for place in sorted(counts):
        count = counts[place]
        by_name[names[place]] = count
        n += count
        lean += count * units[place]
        if count > most:
            usual, most = place, count
    return by_name, usual, round(abs(lean) / n, 4)


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


def _bump(counts: dict[int, int], key: int, by: int) -> None:
    n = counts.get(key, 0) + by
    if n > 0:
        counts[key] = n
    else:
        counts.pop(key, None)
