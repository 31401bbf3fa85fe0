import random
from datetime import UTC, datetime
from itertools import pairwise
from zoneinfo import ZoneInfo

import pytest

from models.calendar import DAY_MS, Calendar, iso

MINUTE_MS = 60_000
ZONES = ("Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu", "America/Sao_Paulo",
         "Asia/Beirut", "America/Havana", "Pacific/Apia", "Pacific/Chatham", "Africa/Casablanca")  # fmt: skip


def ms(text: str) -> int:
    return int(datetime.fromisoformat(text).timestamp() * 1000)


def number(text: str) -> int:
    return (datetime.fromisoformat(text + "T00:00:00Z") - datetime(1970, 1, 1, tzinfo=UTC)).days


def zoned(name: str) -> Calendar:
    return Calendar(ZoneInfo(name))


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_is_the_date_on_the_wall_at_every_instant(zone: str, seed: int) -> None:
    rng, calendar = random.Random(f"{seed} {zone}"), zoned(zone)
    for _ in range(2_000):
        at_ms = rng.randrange(ms("2011-01-01T00:00:00Z"), ms("2030-01-01T00:00:00Z"))
        wall = datetime.fromtimestamp(at_ms / 1000, ZoneInfo(zone)).date()
        assert calendar.day(at_ms) == number(wall.isoformat())


@pytest.mark.parametrize("zone", ZONES)
def test_a_day_starts_at_its_first_instant_on_every_day_of_twenty_years(zone: str) -> None:
    calendar = zoned(zone)
    for day in range(number("2010-01-01"), number("2030-01-01")):
        start_ms = calendar.start_ms(day)
        assert calendar.day(start_ms) >= day > calendar.day(start_ms - 1)


@pytest.mark.parametrize(
    ("zone", "day", "first"),
    [
        ("America/Sao_Paulo", "2018-11-04", "2018-11-04T01:00:00-02:00"),  # 00:00 does not exist
        ("Asia/Beirut", "2022-03-27", "2022-03-27T01:00:00+03:00"),  # nor here
        ("America/Havana", "2018-11-04", "2018-11-04T00:00:00-04:00"),  # exists twice: the first one
        ("Pacific/Apia", "2011-12-31", "2011-12-31T00:00:00+14:00"),
        ("Europe/Berlin", "2024-03-31", "2024-03-31T00:00:00+01:00"),
    ],
)
def test_a_day_starts_where_its_zone_says(zone: str, day: str, first: str) -> None:
    assert zoned(zone).start_ms(number(day)) == ms(first)


def test_a_day_that_the_zone_left_out_starts_with_the_next_one() -> None:
    apia = zoned("Pacific/Apia")  # went from the 29th to the 31st across the date line
    assert apia.start_ms(number("2011-12-30")) == apia.start_ms(number("2011-12-31"))


@pytest.mark.parametrize(
    ("zone", "day", "hours"),
    [
        ("Europe/Berlin", "2024-03-31", 23), ("Europe/Berlin", "2024-10-27", 25),
        ("America/Sao_Paulo", "2018-11-04", 23), ("America/Sao_Paulo", "2018-02-17", 25),
        ("Asia/Beirut", "2022-03-27", 23), ("Asia/Beirut", "2022-10-29", 25),
        ("Australia/Lord_Howe", "2024-04-07", 24.5), ("Europe/Berlin", "2024-06-01", 24),
    ],
)  # fmt: skip
def test_a_day_is_as_long_as_its_zone_makes_it(zone: str, day: str, hours: float) -> None:
    calendar = zoned(zone)
    length_ms = calendar.start_ms(number(day) + 1) - calendar.start_ms(number(day))
    assert length_ms == hours * 60 * MINUTE_MS


def test_utc_by_arithmetic_and_utc_as_a_zone_agree(seed: int) -> None:
    rng, plain, zone = random.Random(seed), Calendar(), zoned("UTC")
    for _ in range(2_000):
        at_ms = rng.randrange(ms("1990-01-01T00:00:00Z"), ms("2200-12-31T00:00:00Z"))
        day = plain.day(at_ms)
        assert zone.day(at_ms) == day
        assert zone.start_ms(day) == plain.start_ms(day) == day * DAY_MS


def test_a_zone_that_turned_its_clocks_a_minute_past_midnight_has_the_right_day() -> None:
    at_ms = ms("2010-11-07T02:35:00Z")  # 23:05 on the 6th for the second time, in St. John's
    assert zoned("America/St_Johns").day(at_ms) == number("2010-11-06")


def test_the_text_of_an_instant_is_iso_in_utc_with_milliseconds(seed: int) -> None:
    rng = random.Random(seed)
    for at_ms in [0, 1, 999, DAY_MS - 1, DAY_MS, *(rng.randrange(7_289_654_400_000) for _ in range(2_000))]:
        moment = datetime.fromtimestamp(at_ms // 1000, UTC)
        assert iso(at_ms) == f"{moment:%Y-%m-%dT%H:%M:%S}.{at_ms % 1000:03}Z"


def test_texts_sort_as_their_instants(seed: int) -> None:
    rng = random.Random(seed)
    instants = sorted(rng.randrange(7_289_654_400_000) for _ in range(500))
    assert all(iso(a) <= iso(b) for a, b in pairwise(instants))
