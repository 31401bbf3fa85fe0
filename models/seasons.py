"""The year as customers live it: seasons, paydays and holidays, from day numbers of a `Calendar`."""

import re
from datetime import date, timedelta
from functools import lru_cache

from models.calendar import date_of

SEASONS = ("spring", "summer", "autumn", "winter")
_NORTH = (3, 3, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3)  # by month, meteorological
_SOUTH = tuple((one + 2) % 4 for one in _NORTH)
_RANGE = re.compile(r"(\d{4}-)?(\d\d-\d\d)(?:\.\.(\d{4}-)?(\d\d-\d\d))?")


def season(month: int, southern: bool) -> int:
    """Index into `SEASONS` of a month of the year, 1..12."""
    return (_SOUTH if southern else _NORTH)[month - 1]


@lru_cache(maxsize=16_384)
def payday_months(day: int, paydays: tuple[int, ...], width: int) -> tuple[int, ...]:
    """The months (12 * year + month) of the paydays within the last `width` days, this one included.

    Args:
        day: day number.
        paydays: days of the month; one beyond the month's end is its last day.
        width: how many days belong to a payday, itself the first.
    """
    months = set()
    for back in range(width):
        at = date_of(day - back)
        is_last = (at + timedelta(days=1)).day == 1
        if at.day in paydays or (is_last and any(payday > at.day for payday in paydays)):
            months.add(12 * at.year + at.month)
    return tuple(sorted(months))


class Holidays:
    """Days by configuration.

    Args:
        said: each "MM-DD", "MM-DD..MM-DD" (every year, over its end too) or "YYYY-MM-DD..YYYY-MM-DD".

    Raises:
        ValueError: one of them is none of these.
    """

    def __init__(self, said: tuple[str, ...] = ()) -> None:
        self._yearly: list[tuple[str, str]] = []
        self._once: list[tuple[str, str]] = []
        for text in said:
            match = _RANGE.fullmatch(text)
            if match is None or bool(match[1]) != bool(match[3] if match[4] else match[1]):
                raise ValueError(f"'{text}' is not MM-DD, MM-DD..MM-DD or YYYY-MM-DD..YYYY-MM-DD")
            first, last = match[2], match[4] or match[2]
            for part, year in ((first, match[1]), (last, match[3])):
                date.fromisoformat((year or "2000-") + part)
            if match[1]:
                self._once.append((match[1] + first, (match[3] or match[1]) + last))
            else:
                self._yearly.append((first, last))
        self._known: dict[int, bool] = {}

    def __bool__(self) -> bool:
        return bool(self._yearly or self._once)

    def __contains__(self, day: int) -> bool:
        known = self._known.get(day)
        if known is None:
            known = self._known[day] = self._holds(date_of(day).isoformat())
        return known

    def _holds(self, iso: str) -> bool:
        month_day = iso[5:]
        return any(first <= iso <= last for first, last in self._once) or any(
            first <= month_day <= last if first <= last else month_day >= first or month_day <= last
            for first, last in self._yearly
        )
