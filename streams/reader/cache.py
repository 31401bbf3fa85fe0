"""Profiles remembered on this side until the server says that they changed (RESP3 client tracking).

One connection listens: in broadcast mode the server names every profile that is written, whoever reads it,
and needs no memory for us. A remembered profile counts only while that connection is known to be alive: it is
asked twice a second, and what it has not confirmed for `LEASE_S` is not believed.

Theory of the race: a reply may be under way when the profile changes. So a reader first leaves a ticket, the
news of a change takes tickets away like profiles, and a reply is kept only where its ticket still lies.
redis-py has a cache of its own; it takes no pipelines, no asyncio and no Valkey.
"""

import contextlib
import threading
import time
from collections.abc import Iterable
from typing import Any

import redis
from redis.exceptions import RedisError

BEAT_S = 0.5
LEASE_S = 2.0
PREFIX = "ps:profile:"


class Mirror:
    """What was read, by key.

    Args:
        client: blocking redis-py client with `protocol=3`, for the connection that listens.
        most: profiles remembered; beyond it the oldest goes.
    """

    def __init__(self, client: "redis.Redis", most: int) -> None:
        self._client = client
        self._most = most
        self._kept: dict[bytes, Any] = {}
        self._valid_until_s = 0.0
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="profilestream-reader-cache", daemon=True)
        self._thread.start()

    @property
    def listening(self) -> bool:
        """Whether what is remembered counts."""
        return time.monotonic() < self._valid_until_s

    def known(self, keys: Iterable[str]) -> dict[str, bytes]:
        """What is remembered of these."""
        if not self.listening:
            return {}
        kept = self._kept
        return {key: raw for key in keys if type(raw := kept.get(key.encode())) is bytes}

    def tickets(self, keys: Iterable[str]) -> list[tuple[bytes, object]]:
        """To be taken before asking for what is then `put`; none where nothing can be remembered."""
        if not self.listening:
            return []
        taken = [(key.encode(), object()) for key in keys]
        self._kept.update(taken)
        while len(self._kept) > self._most:
            with contextlib.suppress(StopIteration, RuntimeError, KeyError):  # the listener is quicker
                del self._kept[next(iter(self._kept))]
        return taken

    def put(self, tickets: list[tuple[bytes, object]], replies: Iterable[Any]) -> None:
        """Remember replies, in the order of the tickets, as far as nothing changed since those were taken."""
        for (key, ticket), reply in zip(tickets, replies, strict=False):
            if self._kept.get(key) is ticket:
                if type(reply) is bytes:
                    self._kept[key] = reply
                else:
                    self._kept.pop(key, None)

    def close(self) -> None:
        """Stop listening."""
        self._closing.set()
        self._thread.join()
        self._client.close()

    def _listen(self) -> None:
        while not self._closing.is_set():
            with contextlib.suppress(RedisError, OSError):
                self._hear()
            self._valid_until_s = 0.0
            self._kept.clear()
            self._closing.wait(BEAT_S)

    def _hear(self) -> None:
        """Follow the news until the connection fails or the mirror is closed."""
        connection: Any = self._client.connection_pool.get_connection()
        try:
            # redis-py has no other way to hear an invalidation than the parser that its own cache uses.
            connection._parser.set_invalidation_push_handler(self._changed)  # noqa: SLF001
            connection.send_command("CLIENT", "TRACKING", "ON", "BCAST", "PREFIX", PREFIX)
            while connection.read_response(push_request=True) is None:
                pass
            while not self._closing.is_set():
                self._beat(connection)
        finally:
            connection.disconnect()  # a pooled connection must not go on tracking
            self._client.connection_pool.release(connection)

    def _beat(self, connection: Any) -> None:
        asked_s = time.monotonic()
        connection.send_command("PING")
        is_alive = False
        while (left_s := asked_s + BEAT_S - time.monotonic()) > 0:
            # News is handled inside and gives None.
            if connection.can_read(left_s) and connection.read_response(push_request=True) is not None:
                is_alive = True
                self._valid_until_s = asked_s + LEASE_S
        if not is_alive and not self.listening:
            raise TimeoutError

    def _changed(self, news: list[Any]) -> None:
        """The server names keys; no keys at all mean that everything went."""
        if news[1] is None:
            self._kept.clear()
        for key in news[1] or ():
            self._kept.pop(key, None)
