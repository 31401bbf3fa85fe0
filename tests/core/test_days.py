import random
from collections import Counter

from models.days import WINDOWS, Days

TODAY = 19_000


def filled(*rows: tuple[int, int, int]) -> Days:
    days = Days()
    for day, n, minor in rows:
        days.add(day, n, minor)
    return days


def test_a_window_holds_today_and_the_days_before_it_and_no_more() -> None:
    days = filled(*((TODAY - back, 1, 10 + back) for back in range(12)))
    assert days.within(TODAY, 7) == (7, 70 + sum(range(7)))
    assert days.within(TODAY, 1) == (1, 10)


def test_days_ahead_of_today_are_in_no_window() -> None:
    assert filled((TODAY + 1, 3, 5), (TODAY, 1, 2)).within(TODAY, 7) == (1, 2)


def test_a_day_that_comes_to_nothing_disappears() -> None:
    days = filled((TODAY, 1, 10), (TODAY - 1, 1, 5), (TODAY, -1, -10))
    assert (days.day, days.n, days.minor) == ([TODAY - 1], [1], [5])


def test_taking_out_of_a_trimmed_day_does_not_bring_it_back() -> None:
    days = filled((TODAY - 400, 1, 10), (TODAY, 1, 1))
    days.trim(TODAY, 365)
    days.add(TODAY - 400, -1, -10)
    assert days.day == [TODAY]


def test_trimming_keeps_the_last_day_of_the_window_and_drops_the_one_before() -> None:
    days = filled((TODAY - 365, 1, 1), (TODAY - 364, 1, 1), (TODAY, 1, 1))
    days.trim(TODAY, 365)
    assert days.day == [TODAY - 364, TODAY]
    assert days.n == days.minor == [1, 1]


def test_windows_and_their_next_change_agree_with_counting(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(100):
        rows = [(TODAY - rng.randrange(420), rng.randint(1, 3), rng.randrange(99)) for _ in range(8)]
        days, n, minor = filled(*rows), Counter[int](), Counter[int]()
        for day, some, money in rows:
            n[day] += some
            minor[day] += money

        def counted(
            today: int, width: int, n: Counter[int] = n, minor: Counter[int] = minor
        ) -> tuple[int, int]:
            inside = range(today - width + 1, today + 1)
            return sum(n[day] for day in inside), sum(minor[day] for day in inside)

        now = [days.within(TODAY, width) for width in WINDOWS]
        assert now == [counted(TODAY, width) for width in WINDOWS]
        later = (TODAY + ahead for ahead in range(1, 400))
        changed = (day for day in later if [counted(day, width) for width in WINDOWS] != now)
        assert days.next_change(TODAY, WINDOWS) == next(changed, None)


def test_a_day_ahead_changes_the_windows_when_it_enters() -> None:
    assert filled((TODAY + 2, 1, 1)).next_change(TODAY, WINDOWS) == TODAY + 2


def test_nothing_changes_where_nothing_is_left_to_leave() -> None:
    assert Days().next_change(TODAY, WINDOWS) is None
    assert filled((TODAY - 365, 1, 1)).next_change(TODAY, WINDOWS) is None


def test_the_order_of_additions_does_not_matter(seed: int) -> None:
    rng = random.Random(seed)
    rows = [(TODAY - rng.randrange(30), 1, rng.randrange(99)) for _ in range(60)]
    assert filled(*rows) == filled(*rng.sample(rows, len(rows)))
