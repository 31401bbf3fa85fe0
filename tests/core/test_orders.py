import random

import pytest
from builders import DAY, T0

from models.calendar import UTC_CALENDAR
from models.orders import CANCELLED, LEDGER, UNKNOWN, Orders

Said = tuple[int, int, int]  # order, instant, amount


def joined(*said: Said) -> Orders:
    orders = Orders()
    for key, at_ms, minor in said:
        orders.join(key, at_ms, minor, None, UTC_CALENDAR)
    return orders


def facts(orders: Orders) -> tuple[object, ...]:
    days = orders.days
    totals = orders.n, orders.total_minor, orders.unknown
    return (
        *totals,
        orders.first_ms(),
        orders.last_ms(),
        orders.last_gap_ms(),
        days.day,
        days.n,
        days.minor,
    )


def test_no_order_has_no_times() -> None:
    assert facts(Orders()) == (0, 0, 0, 0, 0, 0, [], [], [])


def test_an_order_stands_at_its_earliest_event_with_the_amount_said_last() -> None:
    orders = joined((1, T0 + 5, 700), (1, T0 + 9, 900), (1, T0, 100))
    assert (orders.n, orders.total_minor, orders.first_ms(), orders.last_ms()) == (1, 900, T0, T0)


def test_of_two_amounts_said_at_one_instant_the_greater_counts() -> None:
    assert joined((1, T0, 5), (1, T0, 7)).total_minor == joined((1, T0, 7), (1, T0, 5)).total_minor == 7


def test_an_unknown_amount_is_counted_as_unknown_until_one_is_said() -> None:
    orders = joined((1, T0, UNKNOWN))
    assert (orders.n, orders.total_minor, orders.unknown) == (1, 0, 1)
    orders.join(1, T0 - DAY, 300, None, UTC_CALENDAR)
    assert (orders.n, orders.total_minor, orders.unknown) == (1, 300, 0)
    orders.join(1, T0 + DAY, UNKNOWN, None, UTC_CALENDAR)
    assert (orders.n, orders.total_minor, orders.unknown) == (1, 300, 0)


def test_a_known_zero_is_not_unknown() -> None:
    orders = joined((1, T0, 0))
    assert (orders.total_minor, orders.unknown) == (0, 0)


@pytest.mark.parametrize("cancelled_at", [T0 - DAY, T0, T0 + DAY])
def test_a_cancellation_takes_the_order_out_whenever_it_comes(cancelled_at: int) -> None:
    said = [(1, T0, 500), (1, cancelled_at, CANCELLED), (1, T0 + 3, 600)]
    for turn in range(3):
        orders = joined((2, T0 - 7 * DAY, 11), *said[turn:], *said[:turn])
        assert (orders.n, orders.total_minor, orders.last_ms()) == (1, 11, T0 - 7 * DAY)
        assert (orders.days.n, orders.days.minor) == ([1], [11])


def test_cancelling_the_only_order_leaves_no_times_and_no_day() -> None:
    orders = joined((1, T0, 5), (1, T0 + 1, CANCELLED))
    assert facts(orders) == (0, 0, 0, 0, 0, 0, [], [], [])


def test_an_order_moved_to_an_earlier_day_leaves_the_later_one() -> None:
    orders = joined((1, T0, 5), (1, T0 - 1, UNKNOWN))
    assert orders.days.day == [T0 // DAY - 1]
    assert orders.days.minor == [5]


def test_the_last_gap_is_between_the_last_two_orders_that_count() -> None:
    orders = joined((1, T0, 1), (2, T0 + 10 * DAY, 1), (3, T0 + 30 * DAY, 1))
    assert orders.last_gap_ms() == 20 * DAY
    orders.join(2, T0 + 11 * DAY, CANCELLED, None, UTC_CALENDAR)
    assert orders.last_gap_ms() == 30 * DAY


def test_the_last_gap_is_found_behind_a_tail_of_cancellations() -> None:
    orders = joined((1, T0, 1), (2, T0 + 5 * DAY, 1))
    for key in range(3, 20):
        orders.join(key, T0 + key * DAY, 1, None, UTC_CALENDAR)
        orders.join(key, T0 + key * DAY, CANCELLED, None, UTC_CALENDAR)
    assert (orders.last_gap_ms(), orders.last_ms()) == (5 * DAY, T0 + 5 * DAY)


def test_any_order_of_arrival_gives_the_same_facts(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(200):
        amounts = (UNKNOWN, 0, 5, 5, 700, *([CANCELLED] if rng.random() < 0.5 else []))
        said = [(rng.randrange(6), T0 + rng.randrange(40) * DAY // 4, rng.choice(amounts)) for _ in range(15)]
        expected = facts(joined(*said))
        assert facts(joined(*rng.sample(said, len(said)))) == expected
        assert facts(joined(*said, *said)) == expected


def test_what_is_sealed_still_counts_and_keeps_first_and_last() -> None:
    orders = joined(*((key, T0 + key * DAY, 100) for key in range(LEDGER + 44)))
    assert len(orders.key) == len(orders.at_ms) == len(orders.minor) == len(orders.said_after_ms) == LEDGER
    assert (orders.n, orders.total_minor, orders.first_ms()) == (LEDGER + 44, 100 * (LEDGER + 44), T0)
    for key in range(44, LEDGER + 44):
        orders.join(key, T0 + key * DAY, CANCELLED, None, UTC_CALENDAR)
    assert (orders.n, orders.first_ms(), orders.last_ms()) == (44, T0, T0 + 43 * DAY)


def test_the_gap_reaches_into_the_sealed_orders() -> None:
    orders = joined(*((key, T0 + key * DAY, 100) for key in range(LEDGER + 1)))
    for key in range(1, LEDGER):
        orders.join(key, T0 + key * DAY, CANCELLED, None, UTC_CALENDAR)
    assert orders.last_gap_ms() == LEDGER * DAY  # from the sealed one at T0 to the last one


def test_a_very_old_order_is_sealed_at_once_and_counts() -> None:
    orders = joined(*((key, T0 + key, 1) for key in range(LEDGER)), (9_999, T0 - DAY, 50))
    assert 9_999 not in orders.key
    assert (orders.n, orders.total_minor, orders.first_ms()) == (LEDGER + 1, LEDGER + 50, T0 - DAY)
