"""Counts and money by calendar day: the aggregate behind every window.

A window of W days holds the days in `(today - W, today]` (DESIGN 5). Days come in any order, so the
aggregate is the same whatever the order of arrival; days that no window can hold any more are dropped.
"""

from bisect import bisect_left, bisect_right

import msgspec

WINDOWS = (7, 30, 90, 365)


class Days(msgspec.Struct, array_like=True, gc=False):
    """Per-day totals, ascending by day; at most the widest window's number of days after `trim`.

    Attributes:
        day: day numbers of a `Calendar`.
        n: how many, by day.
        minor: money in minor units, by day.
    """

    day: list[int] = []
    n: list[int] = []
    minor: list[int] = []

    def add(self, day: int, n: int, minor: int = 0) -> None:
        """Add to one day; negative values take out again. A day that comes to nothing disappears."""
        days = self.day
        i = len(days) if not days or days[-1] < day else bisect_left(days, day)
        if i == len(days) or days[i] != day:
            if n <= 0:
                return  # the day was trimmed: it is in no window any more
            days.insert(i, day)
            self.n.insert(i, n)
            self.minor.insert(i, minor)
            return
        self.n[i] += n
        self.minor[i] += minor
        if self.n[i] <= 0:
            del days[i], self.n[i], self.minor[i]

    def trim(self, today: int, width: int) -> None:
        """Drop the days that a window of `width` days ending today or later cannot hold."""
        if self.day and self.day[0] <= today - width:
            i = bisect_right(self.day, today - width)
            del self.day[:i], self.n[:i], self.minor[:i]

    def merged(self, other: "Days") -> "Days":
        """Of two parts of one customer's events."""
        out = Days(self.day[:], self.n[:], self.minor[:])
        for day, n, minor in zip(other.day, other.n, other.minor, strict=True):
            out.add(day, n, minor)
        return out

    def within(self, today: int, width: int) -> tuple[int, int]:
        """Count and money of the window of `width` days that ends today."""
        days = self.day
        i = bisect_right(days, today - width)
        j = len(days) if not days or days[-1] <= today else bisect_right(days, today)
        return sum(self.n[i:j]), sum(self.minor[i:j])

    def windows(self, today: int, widths: tuple[int, ...]) -> list[tuple[int, int]]:
        """`within` for several widths at once, ascending."""
        days, counts, minors = self.day, self.n, self.minor
        if not days or days[-1] <= today - widths[-1]:
            return [(0, 0)] * len(widths)
        i = len(days) if days[-1] <= today else bisect_right(days, today)
        n = minor = 0
        out = []
        for width in widths:  # each window holds the one before: the days are walked once
            start = today - width
            while i and days[i - 1] > start:
                i -= 1
                n += counts[i]
                minor += minors[i]
            out.append((n, minor))
        return out

    def falls(self, width: int, below: float, *, money: bool) -> int | None:
        """The day from which a window of `width` days holds less than `below` if nothing is added.

        Args:
            width: of the window.
            below: how many, or how much money, above 0; the window holds as much now.
            money: count money.

        Returns:
            None where it never does.
        """
        sums, left = (self.minor if money else self.n), below
        for i in range(len(self.day) - 1, -1, -1):  # the newest days stay longest
            left -= sums[i]
            if left <= 0:
                return self.day[i] + width if below > 0 else None
        return None

    def next_change(self, today: int, widths: tuple[int, ...]) -> int | None:
        """The first day after today on which a window's content changes if nothing is added."""
        days = self.day
        if not days or days[-1] <= today - widths[-1]:
            return None
        changes = []
        i = len(days)
        for width in widths:
            start = today - width
            while i and days[i - 1] > start:
                i -= 1
            if i < len(days):
                changes.append(days[i] + width)
        if days[-1] > today:  # a day ahead of today enters before it leaves
            changes.append(days[bisect_right(days, today)])
        return min(changes)
