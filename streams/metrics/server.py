"""The HTTP side of a process: /metrics for Prometheus, /healthz and /readyz for whoever starts and routes."""

import logging
import re
import socket
from collections.abc import Callable, Sequence

from aiohttp import web
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from streams.config import ConfigError
from streams.store.contract import Unavailable

log = logging.getLogger(__name__)

Reasons = Callable[[], Sequence[str]]  # codes of what is wrong; empty = nothing
_ADDRESS = re.compile(r"\[?(?P<host>[^\[\]\s]*?)\]?:(?P<port>\d{1,5})")


def bind(address: str) -> socket.socket | None:
    """Take the port, so that a start that cannot have it fails before anything else; None = nowhere.

    Args:
        address: host:port; port 0 = any free one.

    Raises:
        ConfigError: it is no address.
        Unavailable: the port is taken, or the host is none of this machine.
    """
    if not address:
        return None
    found = _ADDRESS.fullmatch(address)
    if not found or int(found["port"]) > 65_535:
        raise ConfigError(f"metrics must be like 127.0.0.1:9400, not '{address}'")
    host = found["host"] or "0.0.0.0"  # noqa: S104 - ":9400" says just that
    try:
        family = socket.getaddrinfo(host, int(found["port"]), type=socket.SOCK_STREAM)[0][0]
        taken = socket.socket(family, socket.SOCK_STREAM)
        taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            taken.bind((host, int(found["port"])))
            taken.listen(64)
        except OSError:
            taken.close()
            raise
    except OSError as error:
        raise Unavailable(f"metrics cannot be served at {address}: {error.strerror or error}") from None
    taken.setblocking(False)
    return taken


class Server:
    """Answers on a socket, in the loop that it is started in.

    Args:
        registry: of the process.
        alive: what is wrong so that the process should be started anew.
        ready: what is wrong so that it does not do its work now.
    """

    def __init__(self, registry: CollectorRegistry, alive: Reasons, ready: Reasons) -> None:
        self._registry, self._alive, self._ready = registry, alive, ready
        app = web.Application()
        app.add_routes(
            [
                web.get("/metrics", self._metrics),
                web.get("/healthz", self._healthz),
                web.get("/readyz", self._readyz),
            ]
        )
        self._runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=0.5)

    async def start(self, taken: socket.socket) -> None:
        """Begin to answer."""
        await self._runner.setup()
        await web.SockSite(self._runner, taken).start()
        host, port = taken.getsockname()[:2]
        log.info("metrics at http://%s/metrics", f"[{host}]:{port}" if ":" in host else f"{host}:{port}")

    async def stop(self) -> None:
        """Answer no more."""
        await self._runner.cleanup()

    async def _metrics(self, request: web.Request) -> web.Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return web.Response(body=encode(self._registry), headers={"content-type": kind})

    async def _healthz(self, _: web.Request) -> web.Response:
        return _said("alive", self._alive())

    async def _readyz(self, _: web.Request) -> web.Response:
        return _said("ready", self._ready())


def _said(what: str, reasons: Sequence[str]) -> web.Response:
    return web.json_response({what: not reasons, "reasons": list(reasons)}, status=503 if reasons else 200)
