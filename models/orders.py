"""Orders of one customer: what RFM is computed from, exactly, with cancellations.

An order is everything that was ever said about one `order_id`, joined so that arrival order and repeats
cannot matter:

- its time is the earliest time among its events;
- its amount is the known amount with the greatest (event time, amount);
- one `cancelled` event takes it out for good, also when it comes before the order.

The customer's latest `LEDGER` orders are remembered one by one; older ones are sealed into totals. What
is sealed still counts, it can only no longer be cancelled or recognised by its order id.
"""

from bisect import bisect_right

import msgspec

from models.calendar import Calendar
from models.days import Days

LEDGER = 256  # orders; about 24 bytes each
UNKNOWN = -1  # in place of an amount: the order's amount was never said
CANCELLED = -2  # in place of an amount: the order does not count


class Orders(msgspec.Struct, array_like=True, gc=False):
    """The aggregate.

    Attributes:
        key: 64-bit identity of the order id; these four run in parallel, ascending by `at_ms`.
        at_ms: time of the order.
        minor: amount in minor units, `UNKNOWN` or `CANCELLED`.
        said_after_ms: how long after `at_ms` the deciding amount was said.
        sealed_first_ms: earliest sealed order, 0 where nothing is sealed.
        sealed_last_ms: latest sealed order.
        n: orders that count, sealed ones included.
        total_minor: their known amounts.
        unknown: how many of them have no known amount.
        days: orders and money by calendar day, for the windows.
    """

    key: list[int] = []
    at_ms: list[int] = []
    minor: list[int] = []
    said_after_ms: list[int] = []
    sealed_first_ms: int = 0
    sealed_last_ms: int = 0
    n: int = 0
    total_minor: int = 0
    unknown: int = 0
    days: Days = msgspec.field(default_factory=Days)

    def join(self, key: int, at_ms: int, minor: int, calendar: Calendar) -> None:
        """Take in one event about an order.

        Args:
            key: 64-bit identity of the order id.
            at_ms: time of the event.
            minor: amount in minor units, or `UNKNOWN`, or `CANCELLED`.
            calendar: whose days the windows count.
        """
        if key not in self.key:
            self._insert(key, at_ms, minor, at_ms, calendar)
            if len(self.key) > LEDGER:
                self._seal()
            return
        i = self.key.index(key)
        old_at, old_minor, old_said = self.at_ms[i], self.minor[i], self.at_ms[i] + self.said_after_ms[i]
        if old_minor == CANCELLED:
            return
        if minor == CANCELLED:
            new_at, new_minor, said = old_at, CANCELLED, old_at
        else:
            new_at = min(old_at, at_ms)
            new_minor, said = old_minor, old_said
            if minor != UNKNOWN and (old_minor == UNKNOWN or (at_ms, minor) > (old_said, old_minor)):
                new_minor, said = minor, at_ms
        if (new_at, new_minor, said) != (old_at, old_minor, old_said):
            self._remove(i, calendar)
            self._insert(key, new_at, new_minor, said, calendar)

    def merged(self, other: "Orders", calendar: Calendar) -> "Orders":
        """Of two parts of one customer's events.

        Both may know something of the same order. Exact while no order that one of them has sealed is
        known to the other.
        """
        out = Orders(
            self.key[:], self.at_ms[:], self.minor[:], self.said_after_ms[:],
            self.sealed_first_ms, self.sealed_last_ms, self.n, self.total_minor, self.unknown,
            self.days.merged(Days()),
        )  # fmt: skip
        sealed = Orders(n=other.n, total_minor=other.total_minor, unknown=other.unknown)
        sealed.days = other.days.merged(Days())
        ledger = zip(other.key, other.at_ms, other.minor, other.said_after_ms, strict=True)
        for key, at_ms, minor, said_after_ms in ledger:
            out.join(key, at_ms, UNKNOWN, calendar)
            out.join(key, at_ms + said_after_ms, minor, calendar)
            if minor != CANCELLED:
                sealed._count(-1, at_ms, minor, calendar)
        out.n += sealed.n
        out.total_minor += sealed.total_minor
        out.unknown += sealed.unknown
        out.days = out.days.merged(sealed.days)
        firsts = [at_ms for at_ms in (out.sealed_first_ms, other.sealed_first_ms) if at_ms]
        out.sealed_first_ms = min(firsts, default=0)
        out.sealed_last_ms = max(out.sealed_last_ms, other.sealed_last_ms)
        return out

    def last_ms(self) -> int:
        """Time of the latest order that counts; 0 where there is none."""
        for i in range(len(self.key) - 1, -1, -1):
            if self.minor[i] != CANCELLED:
                return self.at_ms[i]
        return self.sealed_last_ms

    def first_ms(self) -> int:
        """Time of the earliest order that counts; 0 where there is none."""
        for i in range(len(self.key)):
            if self.minor[i] != CANCELLED:
                at_ms = self.at_ms[i]
                return min(at_ms, self.sealed_first_ms) if self.sealed_first_ms else at_ms
        return self.sealed_first_ms

    def last_gap_ms(self) -> int:
        """Time between the last two orders that count; 0 where there are fewer than two."""
        if self.n < 2:
            return 0
        times, minors = self.at_ms, self.minor
        if len(times) > 1 and minors[-1] != CANCELLED and minors[-2] != CANCELLED:
            return times[-1] - times[-2]
        live = [at for at, minor in zip(times, minors, strict=True) if minor != CANCELLED]
        if len(live) < 2:
            return max(0, live[0] - self.sealed_last_ms) if live else 0
        return live[-1] - live[-2]

    def _insert(self, key: int, at_ms: int, minor: int, said_ms: int, calendar: Calendar) -> None:
        times = self.at_ms
        i = len(times) if not times or times[-1] <= at_ms else bisect_right(times, at_ms)
        self.key.insert(i, key)
        times.insert(i, at_ms)
        self.minor.insert(i, minor)
        self.said_after_ms.insert(i, said_ms - at_ms)
        if minor != CANCELLED:
            self._count(1, at_ms, minor, calendar)

    def _remove(self, i: int, calendar: Calendar) -> None:
        if self.minor[i] != CANCELLED:
            self._count(-1, self.at_ms[i], self.minor[i], calendar)
        del self.key[i], self.at_ms[i], self.minor[i], self.said_after_ms[i]

    def _count(self, sign: int, at_ms: int, minor: int, calendar: Calendar) -> None:
        known = 0 if minor == UNKNOWN else minor
        self.n += sign
        self.total_minor += sign * known
        self.unknown += sign if minor == UNKNOWN else 0
        self.days.add(calendar.day(at_ms), sign, sign * known)

    def _seal(self) -> None:
        at_ms, minor = self.at_ms[0], self.minor[0]
        if minor != CANCELLED:
            self.sealed_first_ms = min(at_ms, self.sealed_first_ms or at_ms)
            self.sealed_last_ms = max(at_ms, self.sealed_last_ms)
        del self.key[0], self.at_ms[0], self.minor[0], self.said_after_ms[0]
