"""Orders of one customer: what RFM is computed from, exactly, with cancellations.

An order is everything that was ever said about one `order_id`, joined so that arrival order and repeats
cannot matter:

- its time is the earliest time among its events;
- its amount is the known amount with the greatest (event time, amount);
- one `cancelled` event takes it out for good, also when it comes before the order.

The customer's latest `LEDGER` orders are remembered one by one; older ones are sealed into totals. What
is sealed still counts, it can only no longer be cancelled or recognised by its order id. What was bought,
and how it was paid, is remembered of the latest `REMEMBERED`: of some more than `baskets` looks at, because a
late word can make an order older, and another one takes its place. Everything else that is computed
from orders is told what changed: an order comes to count, or ceases to (`Effect`).
"""

from bisect import bisect_left
from collections.abc import Callable
from typing import NamedTuple

import msgspec

from models.calendar import Calendar
from models.days import Days
from models.details import Details, joined
from models.packed import brief, pack, unpack

LEDGER = 256  # orders; about 35 bytes each
DETAILED = 32  # latest orders in which preferences are looked up
REMEMBERED = DETAILED + 16  # with what was bought, up to 100 bytes more each
UNKNOWN = -1  # in place of an amount: the order's amount was never said
CANCELLED = -2  # in place of an amount: the order does not count


class Effect(NamedTuple):
    """An order comes to count (sign 1) or ceases to (-1), as it was known: time, amount and details."""

    sign: int
    at_ms: int
    minor: int
    details: Details | None


class Orders(msgspec.Struct, array_like=True, gc=False):
    """The aggregate.

    Attributes:
        key: 64-bit identity of the order id; these five run in parallel, ascending by (`at_ms`, `key`).
        at_ms: time of the order.
        minor: amount in minor units, `UNKNOWN` or `CANCELLED`.
        said_after_ms: how long after `at_ms` the deciding amount was said.
        details: what else it says, `packed`; None = nothing.
        words: of these.
        sealed_first_ms: earliest sealed order, 0 where nothing is sealed.
        sealed_last_ms: latest sealed order.
        n: orders that count, sealed ones included.
        total_minor: their known amounts.
        unknown: how many of them have no known amount.
        occasions: calendar days with an order that counts; exact for those remembered one by one.
        valued: the same with a known amount.
        days: orders and money by calendar day, for the windows.
    """

    key: list[int] = []
    at_ms: list[int] = []
    minor: list[int] = []
    said_after_ms: list[int] = []
    details: list[bytes | None] = []
    words: list[str] = []
    sealed_first_ms: int = 0
    sealed_last_ms: int = 0
    n: int = 0
    total_minor: int = 0
    unknown: int = 0
    occasions: int = 0
    valued: int = 0
    days: Days = msgspec.field(default_factory=Days)

    def join(
        self, key: int, at_ms: int, minor: int, said: Details | None, calendar: Calendar
    ) -> list[Effect]:
        """Take in one event about an order; tells what changed.

        Args:
            key: 64-bit identity of the order id.
            at_ms: time of the event.
            minor: amount in minor units, or `UNKNOWN`, or `CANCELLED`.
            said: what else the event says.
            calendar: whose days the windows count.
        """
        return self._join(key, at_ms, minor, at_ms, said, calendar)

    def _join(
        self, key: int, at_ms: int, minor: int, said_ms: int, said: Details | None, calendar: Calendar
    ) -> list[Effect]:
        if key not in self.key:
            effects = self._insert(key, at_ms, minor, said_ms, said, calendar)
            if len(self.key) > LEDGER:
                self._seal()
            return effects
        i = self.key.index(key)
        old_at, old_minor, old_said = self.at_ms[i], self.minor[i], self.at_ms[i] + self.said_after_ms[i]
        if old_minor == CANCELLED:
            if at_ms < old_at:  # so that its place in the ledger does not depend on what came first
                self._remove(i, calendar)
                self._insert(key, at_ms, CANCELLED, at_ms, None, calendar)
            return []
        old_details = unpack(self.details[i], self.words)
        if minor == CANCELLED:
            new_at = min(old_at, at_ms)
            new_minor, new_said, new_details = CANCELLED, new_at, None
        else:
            new_at = min(old_at, at_ms)
            new_minor, new_said = old_minor, old_said
            if minor != UNKNOWN and (old_minor == UNKNOWN or (said_ms, minor) > (old_said, old_minor)):
                new_minor, new_said = minor, said_ms
            if said is not None and i < len(self.key) - REMEMBERED:
                said = said.brief()
            new_details = joined(old_details, said)
        if (new_at, new_minor, new_said, new_details) == (old_at, old_minor, old_said, old_details):
            return []
        gone = self._remove(i, calendar)
        return gone + self._insert(key, new_at, new_minor, new_said, new_details, calendar)

    def merged(self, other: "Orders", calendar: Calendar) -> tuple["Orders", list[Effect]]:
        """Of two parts of one customer's events, and what is to be put right where their sums are added.

        Both may know something of the same order. Exact while no order that one of them has sealed is
        known to the other.
        """
        out = Orders(
            self.key[:], self.at_ms[:], self.minor[:], self.said_after_ms[:], self.details[:],
            self.words[:],
            self.sealed_first_ms, self.sealed_last_ms,
            self.n + other.n, self.total_minor + other.total_minor, self.unknown + other.unknown,
            self.occasions, self.valued, self.days.merged(other.days),
        )  # fmt: skip
        effects = [effect._replace(sign=-1) for effect in other.live()]
        for _, at_ms, minor, _ in effects:
            out._sum(-1, minor, calendar.day(at_ms))
        gone = {calendar.day(at_ms) for _, at_ms, _, _ in effects}
        valued = {calendar.day(at_ms) for _, at_ms, minor, _ in effects if minor != UNKNOWN}
        out.occasions += other.occasions - len(gone)
        out.valued += other.valued - len(valued)
        ledger = zip(other.key, other.at_ms, other.minor, other.said_after_ms, other.details, strict=True)
        for key, at_ms, minor, said_after_ms, packed in ledger:
            said = unpack(packed, other.words)
            effects += out._join(key, at_ms, minor, at_ms + said_after_ms, said, calendar)
        firsts = [at_ms for at_ms in (out.sealed_first_ms, other.sealed_first_ms) if at_ms]
        out.sealed_first_ms = min(firsts, default=0)
        out.sealed_last_ms = max(out.sealed_last_ms, other.sealed_last_ms)
        return out, effects

    def live(self) -> list[Effect]:
        """The remembered orders that count, ascending, as if they came to count now."""
        words = self.words
        rows = zip(self.at_ms, self.minor, self.details, strict=True)
        return [
            Effect(1, at_ms, minor, unpack(packed, words))
            for at_ms, minor, packed in rows
            if minor != CANCELLED
        ]

    def latest_ms(self, most: int) -> list[int]:
        """Times of the latest orders that count, ascending, at most `most` (of those remembered)."""
        out: list[int] = []
        for i in range(len(self.key) - 1, -1, -1):
            if self.minor[i] != CANCELLED:
                out.append(self.at_ms[i])
                if len(out) == most:
                    break
        return out[::-1]

    def last_where_ms(self, holds: Callable[[Details], bool]) -> int:
        """Time of the latest order that counts and whose details are so; 0 where none is remembered."""
        for effect in reversed(self.live()):
            if effect.details is not None and holds(effect.details):
                return effect.at_ms
        return 0

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

    def second_ms(self, calendar: Calendar) -> int:
        """Time of the first order that counts on a later day than the first; 0 = none or forgotten."""
        first = self.first_ms()
        if self.sealed_first_ms or not first:
            return 0
        day = calendar.day(first)
        rows = zip(self.at_ms, self.minor, strict=True)
        return next((at for at, minor in rows if minor != CANCELLED and calendar.day(at) > day), 0)

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

    def _insert(
        self, key: int, at_ms: int, minor: int, said_ms: int, said: Details | None, calendar: Calendar
    ) -> list[Effect]:
        times = self.at_ms
        i = len(times) if not times or times[-1] < at_ms else bisect_left(times, at_ms)
        while i < len(times) and times[i] == at_ms and self.key[i] < key:
            i += 1
        self.key.insert(i, key)
        times.insert(i, at_ms)
        self.minor.insert(i, minor)
        self.said_after_ms.insert(i, said_ms - at_ms)
        self.details.insert(i, None if said is None else pack(said, self.words))
        if (aged := len(times) - REMEMBERED) > 0:
            self._shorten(aged - 1)
            self._shorten(min(i, aged - 1))
        if minor == CANCELLED:
            return []
        self._count(1, at_ms, minor, calendar)
        return [Effect(1, at_ms, minor, said)]

    def _shorten(self, i: int) -> None:
        packed = self.details[i]
        if packed is not None:
            self.details[i] = brief(packed)

    def _remove(self, i: int, calendar: Calendar) -> list[Effect]:
        effects = []
        if self.minor[i] != CANCELLED:
            self._count(-1, self.at_ms[i], self.minor[i], calendar)
            said = unpack(self.details[i], self.words)
            effects.append(Effect(-1, self.at_ms[i], self.minor[i], said))
        del self.key[i], self.at_ms[i], self.minor[i], self.said_after_ms[i], self.details[i]
        return effects

    def _count(self, sign: int, at_ms: int, minor: int, calendar: Calendar) -> None:
        """An order that stands in the ledger comes to count (1) or is about to cease to (-1)."""
        day = calendar.day(at_ms)
        self._sum(sign, minor, day)
        known, valued = self._on(day, calendar)
        if self.sealed_last_ms and calendar.day(self.sealed_last_ms) == day:
            known, valued = known + 1, valued + 1
        self.occasions += sign * (known == 1)
        self.valued += sign * (valued == 1 and minor != UNKNOWN)

    def _sum(self, sign: int, minor: int, day: int) -> None:
        known = 0 if minor == UNKNOWN else minor
        self.n += sign
        self.total_minor += sign * known
        self.unknown += sign if minor == UNKNOWN else 0
        self.days.add(day, sign, sign * known)

    def _on(self, day: int, calendar: Calendar) -> tuple[int, int]:
        """Remembered orders of a day that count, and those of them whose amount is known."""
        times = self.at_ms
        known = valued = 0
        for i in range(bisect_left(times, calendar.start_ms(day)), len(times)):
            if calendar.day(times[i]) != day:
                break
            known += self.minor[i] != CANCELLED
            valued += self.minor[i] >= 0
        return known, valued

    def _seal(self) -> None:
        at_ms, minor = self.at_ms[0], self.minor[0]
        if minor != CANCELLED:
            self.sealed_first_ms = min(at_ms, self.sealed_first_ms or at_ms)
            self.sealed_last_ms = max(at_ms, self.sealed_last_ms)
        del self.key[0], self.at_ms[0], self.minor[0], self.said_after_ms[0], self.details[0]
