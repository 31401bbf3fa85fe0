"""Normalisation: foreign money into the base currency, and the many spellings of a name into one.

Both are tables that a deployment brings along, applied while events are folded. No clock, no I/O: what is
in force on a day is looked up with the event's own time. Used by `rules`.
"""

import json
import re
from bisect import bisect_right
from collections.abc import Mapping
from datetime import date
from fractions import Fraction
from hashlib import sha256
from typing import Final

from models.calendar import DAY_MS
from models.money import MAX_MINOR, MAX_TEXT, NUMERIC, SCALES, MoneyError

MAX_NAME: Final = 64  # characters
REMEMBERED: Final = 10_000  # names
_REMEMBERED_TEXT: Final = 128  # characters; 10,000 texts of a record's length would be gigabytes
_LARGEST_RATE: Final = 10**12  # and its inverse the smallest

Rate = str | int | float
_ISO_DATE: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_NUMERIC: Final = re.compile(NUMERIC)
_EPOCH_ORDINAL: Final = date(1970, 1, 1).toordinal()


class Rates:
    """Exchange rates by day; a rate holds from its date until the next one.

    Args:
        table: currency -> {ISO date: base currency units for one unit}; text or a number.
        base: ISO 4217 code of the currency that everything is converted to.

    Raises:
        ValueError: a currency, a date or a rate cannot be read; one sentence.
    """

    __slots__ = ("_factors", "base", "canonical")

    def __init__(self, table: Mapping[str, Mapping[str, Rate]] | None = None, base: str = "USD") -> None:
        self.base = base
        self.canonical: dict[str, dict[str, str]] = {}
        # Ascending day numbers, and in parallel fractions: base minor units for one minor unit.
        self._factors: dict[str, tuple[list[int], list[tuple[int, int]]]] = {}
        to_scale = _scale(base)
        for currency, by_date in (table or {}).items():
            from_scale = _scale(currency)
            if currency == base:
                raise ValueError(f"rates: {base} is the base currency and takes no rate")
            if not isinstance(by_date, Mapping):
                raise ValueError(f"rates: {currency} must be a table of dates and rates, not {by_date!r}")
            rates = {_day(currency, text): _rate(currency, text, rate) for text, rate in by_date.items()}
            if rates:
                days = sorted(rates)
                fractions = [(rates[day] * to_scale / from_scale).as_integer_ratio() for day in days]
                self._factors[currency] = (days, fractions)
                self.canonical[currency] = {str(day): str(rates[day]) for day in days}

    def to_base(self, minor: int, currency: str, at_ms: int) -> int | None:
        """An amount in the base currency, at the rate of the latest date that is not after the instant.

        Args:
            minor: minor units of `currency`.
            currency: ISO 4217 code.
            at_ms: epoch ms; its UTC date counts.

        Returns:
            Minor units of the base currency, rounded half to even; None where no rate applies or the
            result is beyond 10**12.
        """
        if currency == self.base:
            return minor
        known = self._factors.get(currency)
        if known is None:
            return None
        days, fractions = known
        i = bisect_right(days, at_ms // DAY_MS)
        if i == 0:
            return None
        # Integers throughout: exact whatever the digits, and no decimal context that could round before.
        numerator, denominator = fractions[i - 1]
        units, rest = divmod(minor * numerator, denominator)
        if 2 * rest > denominator or (2 * rest == denominator and units & 1):
            units += 1
        return units if -MAX_MINOR <= units <= MAX_MINOR else None


class Names:
    """One spelling for each name: of categories, brands, channels.

    Args:
        aliases: spelling -> name; "" as name makes that spelling unknown. Not applied twice.

    Raises:
        ValueError: a spelling is blank, or two that differ only beyond what is kept name different things.
    """

    __slots__ = ("_names", "canonical")

    def __init__(self, aliases: Mapping[str, str] | None = None) -> None:
        table: dict[str, str] = {}
        for alias, name in (aliases or {}).items():
            key, value = _tidy(alias), _tidy(name)
            if not key:
                raise ValueError(f"aliases: the spelling of '{value}' is blank")
            if table.setdefault(key, value) != value:
                raise ValueError(f"aliases: '{key}' stands for both '{table[key]}' and '{value}'")
        self.canonical = {alias: name for alias, name in table.items() if alias != name}
        self._names = _Remembered(self.canonical)

    def name(self, text: str | None) -> str:
        """The name for a text: stripped, at most 64 characters, aliases replaced; "" for None or blank."""
        return self._names[text] if text else ""


class _Remembered(dict[str, str]):
    """Text -> name; when full it forgets everything, so that today's names displace last year's."""

    def __init__(self, aliases: Mapping[str, str]) -> None:
        super().__init__()
        self._aliases = aliases

    def __missing__(self, text: str) -> str:
        key = _tidy(text)
        name = self._aliases.get(key, key)
        if len(text) <= _REMEMBERED_TEXT:
            if len(self) >= REMEMBERED:
                self.clear()
            self[text] = name
        return name


def version(rates: Rates, **names: Names) -> str:
    """Fingerprint of the tables, 8 hex digits: equal where the tables say the same.

    Args:
        rates: exchange rates.
        names: what is named -> its aliases.
    """
    tables = {"base": rates.base, "rates": rates.canonical}
    tables["names"] = {what: table.canonical for what, table in names.items() if table.canonical}
    text = json.dumps(tables, sort_keys=True, separators=(",", ":"))
    return sha256(text.encode()).hexdigest()[:8]


def _tidy(text: str) -> str:
    return text.strip()[:MAX_NAME].rstrip()


def _scale(currency: str) -> int:
    try:
        return SCALES[currency]
    except (MoneyError, TypeError):
        raise ValueError(f"rates: '{currency}' is not three capital letters") from None


def _day(currency: str, text: str) -> int:
    try:
        if _ISO_DATE.fullmatch(text):  # CPython 3.11 also reads 20240105 and 2024-W01-5
            return date.fromisoformat(text).toordinal() - _EPOCH_ORDINAL
    except ValueError:
        pass
    raise ValueError(f"rates: '{text}' of {currency} is not a date like 2024-01-31")


def _rate(currency: str, text: str, rate: Rate) -> Fraction:
    is_plain = len(rate) <= MAX_TEXT and _NUMERIC.match(rate) if isinstance(rate, str) else True
    if is_plain and not isinstance(rate, bool):
        try:
            exact = Fraction(str(rate))  # the digits that were written, not the double's
            if Fraction(1, _LARGEST_RATE) <= exact <= _LARGEST_RATE:
                return exact
        except ValueError:  # not a number, infinite, or no number at all
            pass
    raise ValueError(f"rates: {rate!r} for {currency} on {text} is not a rate from 10**-12 to 10**12")
