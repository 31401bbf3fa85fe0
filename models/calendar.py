"""Instants, calendar days and their text.

An instant is an `int`, epoch milliseconds UTC (`_ms`). A day is an `int`, days since 1970-01-01 in the
calendar's zone. Windows of DESIGN 5 are counted in these days, so they follow the zone's own midnights,
daylight saving included.
"""

from datetime import UTC, date, datetime, timedelta, tzinfo
from functools import lru_cache

DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_EPOCH_ORDINAL = date(1970, 1, 1).toordinal()


class Calendar:
    """Days of one time zone.

    Args:
        zone: the zone whose midnights separate days; None is UTC and takes the arithmetic path.
    """

    __slots__ = ("_zone",)

    def __init__(self, zone: tzinfo | None = None) -> None:
        self._zone = zone

    def day(self, at_ms: int) -> int:
        """Day number of an instant."""
        if self._zone is None:
            return at_ms // DAY_MS
        return _zoned_day(self._zone, at_ms // 60_000)

    def day_and_hour(self, at_ms: int) -> tuple[int, int]:
        """Day number and hour of the day, 0..23, of an instant."""
        if self._zone is None:
            return at_ms // DAY_MS, at_ms % DAY_MS // 3_600_000
        return _zoned_hour(self._zone, at_ms // 60_000)

    def start_ms(self, day: int) -> int:
        """First instant of a day."""
        if self._zone is None:
            return day * DAY_MS
        return _zoned_start_ms(self._zone, day)


@lru_cache(maxsize=65_536)
def _zoned_day(zone: tzinfo, minute: int) -> int:
    local = (_EPOCH + timedelta(minutes=minute)).astimezone(zone)
    return local.toordinal() - _EPOCH_ORDINAL


@lru_cache(maxsize=65_536)
def _zoned_hour(zone: tzinfo, minute: int) -> tuple[int, int]:
    local = (_EPOCH + timedelta(minutes=minute)).astimezone(zone)
    return local.toordinal() - _EPOCH_ORDINAL, local.hour


@lru_cache(maxsize=65_536)
def _zoned_start_ms(zone: tzinfo, day: int) -> int:
    """A midnight that does not exist reads with the offset before the change: the day's first instant."""
    midnight = datetime.combine(date.fromordinal(day + _EPOCH_ORDINAL), datetime.min.time(), tzinfo=zone)
    return (midnight - _EPOCH) // timedelta(milliseconds=1)


@lru_cache(maxsize=16_384)
def date_of(day: int) -> date:
    """The date of a day number."""
    return date.fromordinal(day + _EPOCH_ORDINAL)


@lru_cache(maxsize=4_096)
def _day_text(day: int) -> str:
    return date_of(day).isoformat()


# Text by table: a profile shows ten instants, and formatting each costs more than computing it.
_MINUTES = tuple(f"T{minute // 60:02}:{minute % 60:02}:" for minute in range(1440))
_MS = tuple(f"{ms // 1000:02}.{ms % 1000:03}Z" for ms in range(60_000))


@lru_cache(maxsize=8_192)  # one profile names the same few instants again and again
def iso(at_ms: int) -> str:
    """ISO-8601 text of an instant, UTC with milliseconds.

    >>> iso(0)
    '1970-01-01T00:00:00.000Z'
    """
    day, ms = divmod(at_ms, DAY_MS)
    minute, ms = divmod(ms, 60_000)
    return _day_text(day) + _MINUTES[minute] + _MS[ms]


UTC_CALENDAR = Calendar()
