"""What is wrong with a rule, where, and how that is shown."""

import unicodedata
from collections.abc import Iterable, Mapping
from difflib import get_close_matches

_LISTED = 8  # names that an error lists where none of them is near
_QUOTED = 40  # characters of a rule that an error repeats


class RuleError(ValueError):
    """A text is no rule.

    Attributes:
        message: one sentence.
        line: where, from 1.
        column: where in that line, in characters from 1; one past its last character where something is
            missing at the end.
        source: that line.
    """

    def __init__(self, message: str, line: int, column: int, source: str = "") -> None:
        super().__init__(message, line, column, source)
        self.message = message
        self.line = line
        self.column = column
        self.source = source

    def within(self, text: str) -> "RuleError":
        """The same with its line of the text."""
        lines = text.split("\n")
        return RuleError(self.message, self.line, self.column, lines[self.line - 1])

    def __str__(self) -> str:
        before = self.source[: self.column - 1]
        indent = "".join("\t" if char == "\t" else " " * _width(char) for char in before)
        shown = "".join(char if _width(char) else "\ufffd" * (char != "\r") for char in self.source)
        return f"line {self.line}, column {self.column}: {self.message}\n  {shown}\n  {indent}^"


def _width(char: str) -> int:
    """Places it takes on a terminal; 0 for what cannot be shown as it is."""
    if char == "\t":
        return 1
    if not char.isprintable():
        return 0
    return 2 if unicodedata.east_asian_width(char) in "WF" else 1


def quoted(text: str) -> str:
    """Part of a rule as an error repeats it: one short line."""
    short = text if len(text) <= _QUOTED else text[:_QUOTED] + "..."
    return f"'{''.join(char if char.isprintable() else '?' for char in short)}'"


def nearest(word: str, known: Iterable[str], shown: Mapping[str, str] | None = None) -> str:
    """The end of a sentence about an unknown word: the names meant, or, of few, all that there are.

    Args:
        word: unknown.
        known: names.
        shown: name -> how a rule writes it, where that differs.
    """
    written = shown or {}
    names = sorted(known)
    last = word.rpartition(".")[2]
    near = get_close_matches(word, names, n=3, cutoff=0.8) if len(word) <= 2 * _QUOTED else []
    near += [name for name in names if "." in name and name.endswith("." + last) and name not in near]
    if near:
        return f"; did you mean {either(quoted(written.get(name, name)) for name in near[:3])}?"
    every = ", ".join(quoted(written.get(name, name)) for name in names)
    return f"; it is one of {every}" if 0 < len(names) <= _LISTED else ""


def either(words: Iterable[str]) -> str:
    """`a, b or c`."""
    *most, last = words
    return f"{', '.join(most)} or {last}" if most else last


def a(kind: str) -> str:
    """With its article."""
    return f"{'an' if kind[0] in 'aeio' else 'a'} {kind}"
