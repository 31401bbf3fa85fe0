"""Reading a document without trust: a profile is data, and may be older or newer than this program."""

from collections.abc import Iterator, Sequence

import orjson

from streams.screen import MOST, plain


class Part:
    """A part of a document, read without trust: what is missing or of another kind is absent.

    Args:
        value: a JSON object; anything else reads as an empty one.
    """

    def __init__(self, value: object) -> None:
        self._value = value if isinstance(value, dict) else {}

    def __bool__(self) -> bool:
        return bool(self._value)

    def __iter__(self) -> Iterator[str]:
        return (name for name in self._value if isinstance(name, str))

    def only(self, *names: str) -> "Part":
        """So much of it."""
        return Part({name: self._value[name] for name in names if name in self._value})

    def part(self, name: str) -> "Part":
        """The object of that name."""
        return Part(self._value.get(name))

    def parts(self, name: str) -> list["Part"]:
        """The objects in the list of that name."""
        value = self._value.get(name)
        return [Part(one) for one in value] if isinstance(value, list) else []

    def rows(self, name: str, columns: Sequence[str]) -> list["Part"]:
        """The lists in the list of that name, what is in each under the names of the columns."""
        value = self._value.get(name)
        found = [one for one in value if isinstance(one, list)] if isinstance(value, list) else []
        return [Part(dict(zip(columns, one, strict=False))) for one in found]

    def listed(self, name: str) -> list["Part"]:
        """What is in the list of that name, each under the same name."""
        value = self._value.get(name)
        return [Part({name: one}) for one in value] if isinstance(value, list) else []

    def number(self, name: str) -> float | None:
        """The number of that name."""
        value = self._value.get(name)
        is_number = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < MOST
        return value if is_number else None

    def is_true(self, name: str) -> bool:
        """Whether what has that name is true, not only said to be."""
        return self._value.get(name) is True

    def count(self, name: str) -> float:
        """The number of that name, 0 where there is none."""
        return self.number(name) or 0

    def text(self, name: str) -> str:
        """The text of that name, harmless; "" where there is none."""
        value = self._value.get(name)
        return plain(value) if isinstance(value, str) else ""

    def raw_text(self, name: str) -> str:
        """The text of that name as it stands there: to be looked at, never to be shown."""
        value = self._value.get(name)
        return value if isinstance(value, str) else ""

    def kind(self, name: str) -> type:
        """What has that name."""
        return type(self._value.get(name))

    def value(self, name: str) -> str:
        """Any JSON value in words, harmless; "unknown" where there is none."""
        value = self._value.get(name)
        if isinstance(value, str):
            return plain(value)
        if isinstance(value, bool) or value is None:
            return {True: "yes", False: "no", None: "unknown"}[value]
        try:
            return plain(orjson.dumps(value, default=str).decode())
        except orjson.JSONEncodeError:  # a number beyond 64 bits, a text beyond Unicode
            return plain(str(value))
