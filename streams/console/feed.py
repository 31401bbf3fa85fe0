"""The latest tag changes, as the recorder left them in the store: kept here for queries, told to pages."""

import asyncio
import logging
from collections import deque
from collections.abc import Iterable, Iterator
from typing import Any

import orjson

from streams import keys
from streams.console.answers import STORE_AWAY
from streams.console.hub import Hub, event
from streams.console.notes import Row, value_text
from streams.console.recorder import FEED

log = logging.getLogger(__name__)
EVERY_S = 0.25
TOLD_A_SECOND = 50  # the rest shows in the rate only
MOST_ANSWERED = 500


class Feed:
    """The latest changes, oldest first.

    Args:
        client: asyncio Redis client.
        hub: the pages.
    """

    def __init__(self, client: Any, hub: Hub) -> None:
        self._client, self._hub = client, hub
        self._rows: deque[Row] = deque(maxlen=FEED)
        self._last = b""
        self._second, self._told = 0, 0

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.look()
            except STORE_AWAY as error:
                log.info("the feed waits: %s", type(error).__name__)
            await asyncio.sleep(EVERY_S)

    async def look(self) -> None:
        """Take in what is new; what the client raises goes to the caller."""
        if not self._last:
            found = await self._client.xrevrange(keys.console("changes"), count=FEED)
            found.reverse()
        else:
            found = await self._client.xrange(keys.console("changes"), min=b"(" + self._last, count=FEED)
        rows = [orjson.loads(fields[b"c"]) for _, fields in found]
        if self._last:
            self._tell(rows)
        if found:
            self._last = found[-1][0]
        elif not self._last:
            self._last = b"0-0"
        self._rows.extend(rows)

    def _tell(self, rows: Iterable[Row]) -> None:
        second = int(asyncio.get_running_loop().time())
        if second != self._second:
            self._second, self._told = second, 0
        for row in rows:
            if self._told >= TOLD_A_SECOND:
                return
            self._told += 1
            self._hub.tell(event("change", row))

    def find(self, tag: str = "", value: str = "", direction: str = "", limit: int = 100) -> Row:
        """The latest changes of these, latest first, and since when none is missing.

        Args:
            tag: only of this tag.
            value: only from or to this value.
            direction: only entered, left, changed or corrected.
            limit: at most so many.
        """
        rows = (row for row in reversed(self._rows) if _fits(row, tag, value, direction))
        some = _first(rows, max(1, min(limit, MOST_ANSWERED)))
        return {"changes": some, "from_ms": self._rows[0]["known_ms"] if self._rows else None}


def _fits(row: Row, tag: str, value: str, direction: str) -> bool:
    if (tag and row["tag"] != tag) or (direction and row["direction"] != direction):
        return False
    return not value or value in {_plain(row["old"]), _plain(row["new"])}


def _plain(value: Any) -> str:
    return value if isinstance(value, str) else value_text(value) if isinstance(value, bool) else str(value)


def _first(rows: Iterator[Row], most: int) -> list[Row]:
    return [row for _, row in zip(range(most), rows, strict=False)]
