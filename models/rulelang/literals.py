"""Numbers, durations and texts as a rule writes them."""

import re
from decimal import Decimal

UNITS_MS = {"w": 604_800_000, "d": 86_400_000, "h": 3_600_000, "m": 60_000, "s": 1_000}
MAX_DURATION_MS = 3_650 * UNITS_MS["d"]
MAX_NUMBER = 10**15
_NUMBER = re.compile(r"[0-9]+(?:_[0-9]+)*(\.[0-9]+(?:_[0-9]+)*)?")
_DURATION = re.compile(r"(?:[0-9]+[wdhms])+")
_PART = re.compile(r"([0-9]+)([wdhms])")
_ESCAPE = re.compile(r"\\(.)")


def number(written: str) -> int | float | None:
    """Value of a number without sign; None if it is none.

    Raises:
        ValueError: with a sentence, it is too large.
    """
    found = _NUMBER.fullmatch(written)
    if found is None:
        return None
    plain = written.replace("_", "")
    if len(plain.partition(".")[0].lstrip("0")) > len(str(MAX_NUMBER)) or Decimal(plain) > MAX_NUMBER:
        raise ValueError("numbers go up to 1_000_000_000_000_000")
    return float(plain) if found[1] else int(plain)


def duration_ms(written: str) -> int | None:
    """Milliseconds of `90s`, `1d12h`; None if it is no duration.

    Raises:
        ValueError: with a sentence, it is 0 or too long, or its units are not from large to small.
    """
    if _DURATION.fullmatch(written) is None:
        return None
    parts = _PART.findall(written)
    sizes = [UNITS_MS[unit] for _, unit in parts]
    if sizes != sorted(set(sizes), reverse=True):
        raise ValueError("the units of a duration go from large to small, each once, as in 1d12h")
    # Digits are bounded before they become an integer: that costs quadratic time.
    if any(len(digits.lstrip("0")) > 9 for digits, _ in parts):
        raise ValueError("durations go up to 3650d")
    total = sum(int(digits) * UNITS_MS[unit] for digits, unit in parts)
    if total == 0:
        raise ValueError("a duration is longer than 0")
    if total > MAX_DURATION_MS:
        raise ValueError("durations go up to 3650d")
    return total


def text(written: str) -> str:
    r"""What stands between the quotes.

    Raises:
        ValueError: with a sentence, a backslash before anything but a quote or a backslash.
    """
    inner = written[1:-1]
    for escaped in _ESCAPE.findall(inner):
        if escaped not in "\\\"'":
            raise ValueError("a backslash stands only before a quote or a backslash")
    return _ESCAPE.sub(r"\1", inner)


def write_number(value: float) -> str:
    """The shortest decimal text that `number` reads as the same value, a sign before it."""
    shown = repr(value)
    return format(Decimal(shown), "f") if "e" in shown else shown


def write_duration(ms: int) -> str:
    """In days, hours, minutes and seconds."""
    out = ""
    for unit in "dhms":
        n, ms = divmod(ms, UNITS_MS[unit])
        out += f"{n}{unit}" if n else ""
    return out


def write_text(value: str) -> str:
    """In double quotes."""
    return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
