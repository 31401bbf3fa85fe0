"""Trace contexts as text: in the headers of records, in tag changes, and on the way in between.

The text is `traceparent` of W3C Trace Context, version 00, the only one there is. What is none is no context:
a header never makes a record wrong.
"""

import re
from collections.abc import Callable, Mapping, Sequence
from itertools import takewhile

import msgspec

from streams.lane import Record

HEADER = "traceparent"
_FORM = re.compile(rb"00-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
# Source and offset of what caused a change -> the context that the change carries on; "" = none.
Traceparent = Callable[[str, int], str]
Headers = list[tuple[str, bytes]]


def of_headers(headers: Sequence[tuple[str, bytes | None]]) -> str:
    """The context in the headers of a record, the last one if there are several; "" = none."""
    for name, value in reversed(headers):
        if name == HEADER:
            return value.decode() if value and _FORM.fullmatch(value) else ""
    return ""


class _Head(msgspec.Struct):
    traceparent: str = ""


_head = msgspec.json.Decoder(_Head)


def of_change(change: bytes) -> str:
    """The context that a tag change carries, see `models.changes.render`; "" = none."""
    return _head.decode(change).traceparent


class Trail:
    """Contexts of the records that are fetched and not yet released."""

    def __init__(self) -> None:
        self._by_source: dict[str, dict[int, str]] = {}

    def clear(self) -> None:
        """Whatever was fetched is void."""
        self._by_source.clear()

    def take(self, source: str, records: Sequence[Record], first: int) -> None:
        """Note the contexts of fetched records, ascending by offset, from an offset on."""
        found = self._by_source.setdefault(source, {})
        for record in records:
            if record.headers and record.offset >= first and (text := of_headers(record.headers)):
                found[record.offset] = text

    def release(self, ends: Mapping[str, int]) -> dict[tuple[str, int], str]:
        """Take out those before the next offset of each source: (source, offset) -> context."""
        out = {}
        for source, end in ends.items():
            found = self._by_source.get(source, {})
            for offset in list(takewhile(lambda offset: offset < end, found)):  # noqa: B023 - used at once
                out[source, offset] = found.pop(offset)
        return out
