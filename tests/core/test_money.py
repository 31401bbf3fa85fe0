from contextlib import suppress
from decimal import ROUND_HALF_EVEN, Decimal

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from models.contract import REASONS
from models.money import MAX_MINOR, MoneyError, minor

DIGITS = {"USD": 2, "EUR": 2, "JPY": 0, "KRW": 0, "BHD": 3, "TND": 3, "CLF": 4, "ZZZ": 2}


def oracle(written: str, currency: str) -> int:
    with_point = Decimal(written).quantize(Decimal(1).scaleb(-DIGITS[currency]), ROUND_HALF_EVEN)
    return int(with_point.scaleb(DIGITS[currency]))


def refusal(amount: object, currency: str = "USD") -> str:
    with pytest.raises(MoneyError) as caught:
        minor(amount, currency)  # type: ignore[arg-type]
    assert caught.value.reason in REASONS
    return caught.value.reason


@given(st.floats(0, 1e8), st.sampled_from(list(DIGITS)))
@example(1.005, "USD")
@example(2.675, "USD")
@example(0.125, "USD")
@example(0.5, "JPY")
@example(1.5, "JPY")
@example(-0.0, "USD")
@example(5e-324, "BHD")
def test_a_double_is_rounded_half_even_as_the_decimal_that_was_written(amount: float, currency: str) -> None:
    assert minor(amount, currency) == oracle(repr(amount), currency)


@given(st.integers(0, 10**12), st.sampled_from(list(DIGITS)))
def test_an_amount_written_with_the_currency_s_digits_comes_back_exactly(units: int, currency: str) -> None:
    written = str(Decimal(units).scaleb(-DIGITS[currency]))
    assert minor(float(written), currency) == units
    assert minor(format(Decimal(written), "f"), currency) == units


@given(st.decimals(0, 10**8, places=12), st.sampled_from(list(DIGITS)))
def test_text_is_rounded_without_passing_through_a_double(amount: Decimal, currency: str) -> None:
    assert minor(format(amount, "f"), currency) == oracle(str(amount), currency)


def test_the_limit_itself_is_accepted_and_the_next_unit_is_not() -> None:
    assert minor(1e10, "USD") == minor("10000000000.00", "USD") == minor(10**10, "USD") == MAX_MINOR
    assert refusal(10000000000.01) == refusal("10000000000.01") == refusal(1e300) == "amount_too_large"
    assert minor(1e12, "JPY") == MAX_MINOR
    assert refusal(1e12 + 1, "BHD") == refusal("9" * 40, "JPY") == "amount_too_large"


@pytest.mark.parametrize("amount", [-0.01, -1, -1e300, "-1", "-0", "-0.00"])
def test_a_negative_amount_is_refused(amount: object) -> None:
    assert refusal(amount) == "negative_amount"


@pytest.mark.parametrize(
    "amount", ["", " 1", "1 ", "1\n", "1e3", "1,5", "+1", ".5", "1.", "NaN", "Infinity", "--1", "١"]
)
def test_text_that_is_no_plain_decimal_is_refused(amount: str) -> None:
    assert refusal(amount) == "bad_amount"


def test_what_json_cannot_say_is_refused_too() -> None:
    assert refusal(float("nan")) == refusal(float("inf")) == refusal(float("-inf")) == "bad_amount"
    assert refusal(True) == refusal(None) == refusal([]) == "wrong_type"
    assert refusal("0" * 41) == "too_long"


@pytest.mark.parametrize("currency", ["", "usd", "US", "USDT", "US1", "ÜSD", "USD\n"])
def test_a_currency_is_three_capital_letters(currency: str) -> None:
    assert refusal(1.0, currency) == "bad_currency"


@given(st.one_of(st.floats(), st.text(), st.integers(), st.none(), st.booleans()), st.text(max_size=4))
def test_nothing_but_a_money_error_gets_out(amount: object, currency: str) -> None:
    with suppress(MoneyError):
        assert 0 <= minor(amount, currency) <= MAX_MINOR  # type: ignore[arg-type]
