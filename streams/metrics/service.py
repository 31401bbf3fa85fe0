"""A process that can be looked at: its HTTP server, and its vitals in the store every two seconds.

Nothing here may harm the process. The store is asked through a connection of its own with short time-outs;
what it does not take is skipped, and said once.
"""

import asyncio
import contextlib
import logging
import socket
import threading
from collections.abc import Awaitable, Callable, Iterator, Mapping
from types import MappingProxyType
from typing import Any

import redis.asyncio as redis
from prometheus_client import generate_latest
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import RedisError

from streams.metrics import vitals
from streams.metrics.server import Reasons, Server
from streams.metrics.sheet import Sheet, registry

log = logging.getLogger(__name__)

TIMEOUT_S = 1.0
_WRONG = (RedisError, OSError, TimeoutError)


def impatient(url: str, timeout_s: float, connections: int) -> Any:
    """An asyncio client that gives up soon and tries nothing twice."""
    return redis.Redis.from_url(
        url,
        retry=Retry(NoBackoff(), 0),
        socket_timeout=timeout_s,
        socket_connect_timeout=timeout_s,
        max_connections=connections,
        protocol=2,
    )


class Service:
    """See above.

    Args:
        role: of the process.
        name: of the process.
        redis_url: where vitals are left; "" = nowhere.
        taken: socket to answer on, of `server.bind`.
        fill: puts samples on the sheet whenever somebody asks.
        ready: what keeps the process from its work now, besides a store that does not answer.
        alive: what should have it started anew, besides a loop that does not turn.
        look: asks the store for what only it knows, before each exposition.
        settings: of the process, with which alert rules compare.
    """

    def __init__(
        self,
        role: str,
        name: str,
        *,
        redis_url: str,
        taken: socket.socket | None,
        fill: Callable[[Sheet], None],
        ready: Reasons = tuple,
        alive: Reasons = tuple,
        look: Callable[[Any], Awaitable[None]] | None = None,
        settings: Mapping[str, float] = MappingProxyType({}),
    ) -> None:
        self._role, self._name, self._redis_url, self._taken = role, name, redis_url, taken
        self._ready, self._look, self._settings = ready, look, settings
        self.store_up, self._was_up = False, True
        self._said: type[Exception] | None = None
        self._registry = registry(role, fill, self._fill)
        self._server = Server(self._registry, alive, self.reasons) if taken is not None else None

    def reasons(self) -> list[str]:
        """Why the process is not ready, codes; empty = it is."""
        return [*self._ready(), *([] if self.store_up or not self._redis_url else ["store_down"])]

    def _fill(self, sheet: Sheet) -> None:
        sheet.put("ready", not self.reasons())
        sheet.put("store_up", self.store_up)
        for name, value in self._settings.items():
            sheet.put("setting", value, name)

    async def run(self) -> None:
        """Until cancelled."""
        if self._server is not None:
            assert self._taken is not None
            await self._server.start(self._taken)
        client = self.client()
        try:
            while True:
                if client is not None:
                    await self.beat(client)
                await asyncio.sleep(vitals.EVERY_S)
        finally:
            if client is not None:
                with contextlib.suppress(*_WRONG):
                    await vitals.erase(client, self._role, self._name)
                await client.aclose()
            if self._server is not None:
                await self._server.stop()

    async def beat(self, client: Any) -> None:
        """Look, and leave the vitals; nothing is raised."""
        try:
            await vitals.expire(client)
            self.store_up = self._was_up = True
            if self._look is not None:
                await self._look(client)
            await vitals.write(client, self._role, self._name, generate_latest(self._registry))
        except _WRONG as error:
            if self._was_up:
                log.warning("vitals are skipped while the store does not take them: %s", type(error).__name__)
            self.store_up = self._was_up = False
        except Exception as error:  # a fault of ours: profiles are kept current without vitals too
            if type(error) is not self._said:
                log.exception("no vitals: %s", type(error).__name__)
            self._said = type(error)

    def client(self) -> Any:
        """A connection of its own, that gives up soon; None where vitals are left nowhere."""
        if not self._redis_url:
            return None
        return impatient(self._redis_url, TIMEOUT_S, 2)


@contextlib.contextmanager
def beside(service: Service) -> Iterator[None]:
    """Runs the service in a thread, for programs that block; ends it with the block."""
    loop, started = asyncio.new_event_loop(), threading.Event()
    running: list[asyncio.Task[None]] = []

    async def main() -> None:
        running.append(asyncio.create_task(service.run()))
        started.set()
        with contextlib.suppress(asyncio.CancelledError):
            await running[0]

    def turn() -> None:
        try:
            loop.run_until_complete(main())
        except Exception:
            log.exception("metrics are not served any more")
        finally:
            loop.close()

    thread = threading.Thread(target=turn, name="metrics", daemon=True)
    thread.start()
    started.wait()
    try:
        yield
    finally:
        with contextlib.suppress(RuntimeError):  # it ended by itself
            loop.call_soon_threadsafe(running[0].cancel)
        thread.join(3.0)
