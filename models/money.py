"""Money is an integer of minor units (cents, yen, fils), converted once, here.

A JSON amount arrives as a double. The decimal that was *written* is the shortest one that reads back as
that double, so it is that decimal that is rounded, half to even; `round(amount * 100)` alone would turn
1.005 into whatever the binary product happens to be. No clock, no I/O. Used by `events`.
"""

import re
from decimal import ROUND_HALF_EVEN, Context, Decimal
from math import isfinite
from typing import Final

MAX_MINOR: Final = 10**12  # nine million orders of this size still add up within 64 bits
MAX_TEXT: Final = 40
NUMERIC: Final = r"\A[0-9]+(\.[0-9]+)?\Z"

# ISO 4217, list one: every currency whose exponent is not 2.
_EXPONENTS: Final = {
    code: exponent
    for exponent, codes in (
        (0, "BIF CLP DJF GNF ISK JPY KMF KRW PYG RWF UGX UYI VND VUV XAF XOF XPF"),
        (3, "BHD IQD JOD KWD LYD OMR TND"),
        (4, "CLF UYW"),
    )
    for code in codes.split()
}

_CODE: Final = re.compile(r"[A-Z]{3}", re.ASCII)
_NUMERIC: Final = re.compile(NUMERIC)
# A private context: the process-wide one may be changed by any library, and 28 digits would round twice.
_EXACT: Final = Context(prec=400, rounding=ROUND_HALF_EVEN)


class MoneyError(ValueError):
    """An amount or a currency breaks the contract.

    Attributes:
        reason: a code of `models.rejection.REASONS`.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(f"The amount was refused: {reason}.")
        self.reason = reason


class _Scales(dict[str, int]):
    """Currency to minor units per unit; remembers each valid code (at most 26**3) it has been asked for."""

    def __missing__(self, currency: str) -> int:
        if not _CODE.fullmatch(currency):
            raise MoneyError("bad_currency")
        scale: int = 10 ** _EXPONENTS.get(currency, 2)
        self[currency] = scale
        return scale


SCALES: Final = _Scales()


def minor(amount: float | str, currency: str) -> int:
    """Minor units of an amount.

    >>> minor(12.345, "USD"), minor("12.355", "EUR"), minor(1200, "JPY"), minor(0.0015, "BHD")
    (1234, 1236, 1200, 2)

    Args:
        amount: currency units >= 0; a number, or plain decimal text such as "12.50" (no sign, no exponent).
        currency: three capital letters; codes that ISO 4217 does not know count 2 decimals.

    Returns:
        The amount rounded half to even, 0 to 10**12.

    Raises:
        MoneyError: `bad_currency`, `wrong_type`, `bad_amount`, `too_long`, `negative_amount` or
            `amount_too_large`.
    """
    return scaled(amount, SCALES[currency])


def scaled(amount: float | str, scale: int) -> int:
    """`minor` for a caller that converts several amounts at one scale, `SCALES[currency]`.

    Raises:
        MoneyError: as `minor`.
    """
    if type(amount) is float and 0.0 <= amount <= 1e8:  # false for NaN; within MAX_MINOR at any exponent
        units = round(amount * scale)
        # Doubles carry 15 decimal digits faithfully: when the quotient is the same double, the shortest
        # decimal of `amount` has no digit below the minor unit, and nothing has to be rounded.
        if units / scale == amount:
            return units
    return _exact(amount, scale)


def times(price: float | str, qty: float | None, scale: int) -> int:
    """Minor units of a quantity at a unit price, rounded once, half to even; at most `MAX_MINOR`.

    Args:
        price: of one, currency units, as the contract allows it.
        qty: how many, >= 0; None is one.
        scale: minor units of one unit.
    """
    if qty is None or qty == 1:
        return scaled(price, scale)
    product = _EXACT.multiply(_decimal(price), Decimal(repr(qty)))
    units = int(_EXACT.multiply(product, Decimal(scale)).to_integral_value(ROUND_HALF_EVEN, _EXACT))
    return min(units, MAX_MINOR)


def _exact(amount: object, scale: int) -> int:
    decimal = _decimal(amount)
    if decimal < 0:
        raise MoneyError("negative_amount")
    if decimal > MAX_MINOR:  # before the product: an exponent of 308 has no business in an integer
        raise MoneyError("amount_too_large")
    units = int(_EXACT.multiply(decimal, Decimal(scale)).to_integral_value(ROUND_HALF_EVEN, _EXACT))
    if units > MAX_MINOR:
        raise MoneyError("amount_too_large")
    return units


def _decimal(amount: object) -> Decimal:
    if isinstance(amount, str):
        if len(amount) > MAX_TEXT:
            raise MoneyError("too_long")
        if not _NUMERIC.match(amount):
            is_signed = amount[:1] == "-" and _NUMERIC.match(amount[1:])  # "-0" too: no sign is allowed
            raise MoneyError("negative_amount" if is_signed else "bad_amount")
        return Decimal(amount)
    if isinstance(amount, bool) or not isinstance(amount, int | float):
        raise MoneyError("wrong_type")
    if not isfinite(amount):
        raise MoneyError("bad_amount")
    return Decimal(repr(amount)) if isinstance(amount, float) else Decimal(amount)
