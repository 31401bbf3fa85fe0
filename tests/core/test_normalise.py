from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.money import MAX_MINOR
from models.normalise import MAX_NAME, REMEMBERED, Names, Rates, version

DAY_MS = 86_400_000
JAN_10_MS = 1_704_844_800_000  # 2024-01-10T00:00:00Z
TABLE = {
    "EUR": {"2024-01-10": "1.08", "2024-01-12": 1.1},
    "JPY": {"2024-01-10": "0.0068"},
    "BHD": {"2024-01-10": "2.65"},
    "VND": {"2024-01-10": 0.00004},
}
RATES = Rates(TABLE, "USD")


def test_an_amount_is_converted_exactly_across_different_minor_units() -> None:
    assert RATES.to_base(10_000, "EUR", JAN_10_MS) == 10_800  # 100.00 EUR at 1.08
    assert RATES.to_base(1_500, "JPY", JAN_10_MS) == 1_020  # 1500 yen have no cents: 10.20 USD
    assert RATES.to_base(1_234, "BHD", JAN_10_MS) == 327  # 1.234 dinar * 2.65 = 3.2701 USD
    assert RATES.to_base(250_000, "VND", JAN_10_MS) == 1_000  # 250,000 dong = 10.00 USD
    assert (
        Rates({"USD": {"2024-01-10": "147.5"}}, "JPY").to_base(1_001, "USD", JAN_10_MS) == 1_476
    )  # 1476.475
    assert Rates({"USD": {"2024-01-10": "0.3774"}}, "BHD").to_base(101, "USD", JAN_10_MS) == 381  # 0.381174


def test_halves_go_to_the_even_neighbour() -> None:
    half = Rates({"EUR": {"2024-01-10": "0.5"}})
    assert [half.to_base(minor, "EUR", JAN_10_MS) for minor in (1, 2, 3, 5, 7, -1, -3)] == [
        0, 1, 2, 2, 4, 0, -2,
    ]  # fmt: skip


def test_a_rate_holds_from_its_utc_date_until_the_next_one() -> None:
    def at(at_ms: int) -> int | None:
        return RATES.to_base(10_000, "EUR", at_ms)

    assert at(JAN_10_MS - 1) is None
    assert at(JAN_10_MS) == at(JAN_10_MS + 2 * DAY_MS - 1) == 10_800
    assert at(JAN_10_MS + 2 * DAY_MS) == at(JAN_10_MS + 4_000 * DAY_MS) == 11_000


def test_the_order_of_the_dates_in_the_table_does_not_matter() -> None:
    turned = Rates({"EUR": {"2024-01-12": 1.1, "2024-01-10": "1.08"}})
    assert turned.to_base(10_000, "EUR", JAN_10_MS + DAY_MS) == 10_800


def test_the_base_currency_is_unchanged_and_an_unknown_one_is_unknown() -> None:
    assert RATES.to_base(12_345, "USD", 0) == 12_345
    assert RATES.to_base(12_345, "SEK", JAN_10_MS) is None
    assert Rates().to_base(1, "EUR", JAN_10_MS) is None
    assert Rates().to_base(1, "USD", JAN_10_MS) == 1
    assert Rates({"EUR": {}}).to_base(1, "EUR", JAN_10_MS) is None


def test_a_result_beyond_the_limit_of_amounts_is_unknown() -> None:
    rates = Rates({"EUR": {"2024-01-10": "2"}})
    assert rates.to_base(MAX_MINOR // 2, "EUR", JAN_10_MS) == MAX_MINOR
    assert rates.to_base(MAX_MINOR // 2 + 1, "EUR", JAN_10_MS) is None


@given(
    st.integers(0, MAX_MINOR),
    st.decimals("0.000001", 1_000_000, places=6),
    st.sampled_from([("USD", 2), ("JPY", 0), ("BHD", 3), ("CLF", 4)]),
    st.sampled_from([("EUR", 2), ("KRW", 0), ("TND", 3)]),
)
def test_conversion_is_the_decimal_product_rounded_once(
    minor: int, rate: Decimal, base: tuple[str, int], foreign: tuple[str, int]
) -> None:
    with localcontext() as context:
        context.prec = 100
        exact = Decimal(minor).scaleb(-foreign[1]) * rate * Decimal(10) ** base[1]
        expected = int(exact.to_integral_value(ROUND_HALF_EVEN))
    rates = Rates({foreign[0]: {"2024-01-10": format(rate, "f")}}, base[0])
    assert rates.to_base(minor, foreign[0], JAN_10_MS) == (expected if expected <= MAX_MINOR else None)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"eur": {"2024-01-10": 1}}, "'eur' is not three capital letters"),
        ({"USD": {"2024-01-10": 1}}, "USD is the base currency"),
        ({"EUR": 1.08}, "EUR must be a table"),
        ({"EUR": {"20240110": 1}}, "'20240110' of EUR is not a date"),
        ({"EUR": {"2024-02-30": 1}}, "'2024-02-30' of EUR is not a date"),
        *(
            ({"EUR": {"2024-01-10": rate}}, "is not a rate from")
            for rate in (0, "0", -1, "-1", "1e3", "1/3", "", " 1", "9" * 41, True, None, [], float("nan"),
                         float("inf"), 1e13, 1e-13)
        ),
    ],
)  # fmt: skip
def test_a_table_that_cannot_be_read_is_refused_in_one_sentence(table: object, words: str) -> None:
    with pytest.raises(ValueError, match=r"^rates: ") as caught:
        Rates(table)  # type: ignore[arg-type]
    assert words in str(caught.value)
    assert "\n" not in str(caught.value)


def test_the_base_must_be_a_currency() -> None:
    with pytest.raises(ValueError, match="'dollar' is not three capital letters"):
        Rates({}, "dollar")


ALIASES = Names({"Coffe ": "Coffee", "coffee": "Coffee", "n/a": "", "Tea": "Coffee", "Coffee": "Kaffee"})


@pytest.mark.parametrize(
    ("text", "name"),
    [
        (None, ""),
        ("", ""),
        (" \t\n", ""),
        ("Coffe", "Coffee"),
        ("  Coffe  ", "Coffee"),
        ("coffee", "Coffee"),
        ("COFFEE", "COFFEE"),
        ("Coffee", "Kaffee"),
        ("Tea", "Coffee"),  # one step, not two
        ("n/a", ""),
        (" 咖啡 ", "咖啡"),
        ("x" * 65, "x" * 64),
        (" " + "x" * 63 + " y", "x" * 63),
    ],
)
def test_a_name_is_stripped_cut_and_looked_up(text: str | None, name: str) -> None:
    assert ALIASES.name(text) == name
    assert ALIASES.name(text) == name  # remembered


def test_a_spelling_is_recognised_by_what_is_kept_of_it() -> None:
    assert Names({"x" * 70: "long"}).name("x" * 64 + "anything") == "long"
    with pytest.raises(ValueError, match="stands for both 'a' and 'b'"):
        Names({"x" * 70: "a", "x" * 64: "b"})
    with pytest.raises(ValueError, match="the spelling of 'b' is blank"):
        Names({" ": "b"})


@given(st.text(max_size=200))
def test_without_aliases_a_name_is_its_own_name(text: str) -> None:
    names = Names()
    name = names.name(text)
    assert len(name) <= MAX_NAME
    assert name == name.strip() == names.name(name)


def test_what_is_remembered_is_bounded_in_number_and_size() -> None:
    names = Names({"0": "zero"})
    for n in range(REMEMBERED * 2 + 5):
        assert names.name(str(n)) == (str(n) if n else "zero")
        assert len(names._names) <= REMEMBERED
    assert names.name("0") == "zero"
    before = len(names._names)
    assert names.name("y" * 100_000) == "y" * 64
    assert len(names._names) == before


def test_the_version_tells_tables_apart_by_what_they_say() -> None:
    one = version(RATES, category=ALIASES)
    assert len(one) == 8
    assert int(one, 16) >= 0
    again = Rates({"JPY": {"2024-01-10": "0.00680"}, **{c: TABLE[c] for c in ("VND", "BHD", "EUR")}})
    assert version(again, category=ALIASES, brand=Names({"same": "same "})) == one
    others = {
        version(Rates(), category=ALIASES),
        version(RATES),
        version(RATES, brand=ALIASES),
        version(Rates({**TABLE, "BHD": {"2024-01-11": "2.65"}}), category=ALIASES),
        version(Rates({**TABLE, "BHD": {"2024-01-10": "2.66"}}), category=ALIASES),
        version(Rates(), category=Names()),
        version(Rates(base="EUR")),
    }
    assert len(others) == 7
    assert one not in others


def test_the_version_never_changes_by_itself() -> None:
    """Stored documents carry it: another release must not give the same tables another number."""
    assert version(Rates({"EUR": {"2024-01-10": 1.1}}), brand=Names({"a": "b"})) == "c6342e73"
