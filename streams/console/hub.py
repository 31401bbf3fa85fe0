"""Tells open pages what happens: each message is written once and handed to all.

A page that does not take what it is told is let go, not waited for: its browser comes back by itself and
begins anew. So a stopped browser costs `BACKLOG_BYTES` at most, and nobody else waits for it.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator

import orjson

BACKLOG_BYTES = 256 * 1024
MOST_PAGES = 500


class Full(Exception):
    """There are too many pages."""


class Page:
    """What one page has yet to be told."""

    def __init__(self) -> None:
        self.is_dropped = False
        self._waiting: list[bytes] = []
        self._bytes = 0
        self._news = asyncio.Event()
        self.task = asyncio.current_task()

    def put(self, message: bytes) -> None:
        """Keep a message for it; lets it go where it has too many."""
        if self.is_dropped:
            return
        self._bytes += len(message)
        if self._bytes > BACKLOG_BYTES:
            self.drop()
            return
        self._waiting.append(message)
        self._news.set()

    def drop(self) -> None:
        """Let it go."""
        self.is_dropped = True
        self._waiting.clear()
        if self.task is not None:
            self.task.cancel()  # it may wait for the browser for ever

    async def messages(self) -> AsyncIterator[bytes]:
        """All that there is, whenever there is something."""
        while not self.is_dropped:
            await self._news.wait()
            self._news.clear()
            some, self._waiting = b"".join(self._waiting), []
            yield some
            self._bytes -= len(some)


class Hub:
    """The open pages."""

    def __init__(self) -> None:
        self._pages: set[Page] = set()

    def __len__(self) -> int:
        return len(self._pages)

    @contextlib.contextmanager
    def page(self) -> Iterator[Page]:
        """One more page, told everything from now on.

        Raises:
            Full: there are too many.
        """
        if len(self._pages) >= MOST_PAGES:
            raise Full
        page = Page()
        self._pages.add(page)
        try:
            yield page
        finally:
            self._pages.discard(page)

    def close(self) -> None:
        """Let every page go."""
        for page in tuple(self._pages):
            page.drop()

    def tell(self, message: bytes) -> None:
        """Tell every page."""
        for page in tuple(self._pages):
            page.put(message)


def event(name: str, value: object) -> bytes:
    r"""A server-sent event.

    >>> event("live", {"a": 1})
    b'event: live\ndata: {"a":1}\n\n'
    """
    return b"event: %s\ndata: %s\n\n" % (name.encode(), orjson.dumps(value))
