"""The exporter: looks at fixed times, and answers /metrics, /healthz and /readyz with the latest look."""

import logging
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder

from streams.lag import gauges
from streams.lag.tracker import Look
from streams.metrics.declared import LAG
from streams.metrics.sheet import Sheet, registry
from streams.store.contract import Unavailable

log = logging.getLogger(__name__)
HUNG_S = 60.0  # without a new look, far longer than one may take: the process is not healthy any more


class Latest:
    """The newest look, for whoever asks; written by one thread, read by others."""

    def __init__(self) -> None:
        self._look: Look | None = None
        self._at_s = time.monotonic()

    def put(self, look: Look) -> None:
        """There is a newer one."""
        self._look, self._at_s = look, time.monotonic()

    def is_healthy(self) -> bool:
        """Whether looks still come."""
        return time.monotonic() - self._at_s < HUNG_S

    def is_ready(self) -> bool:
        """Whether the broker answered the latest look."""
        return self.is_healthy() and self._look is not None and not self._look.sample.broker_says

    def fill(self, sheet: Sheet) -> None:
        """All that is known; nothing before the first look."""
        if self._look is not None:
            gauges.fill(sheet, self._look)


class Server:
    """Answers over HTTP in threads of its own.

    Args:
        address: host and port; port 0 = any free one.
        latest: what to answer with.

    Raises:
        Unavailable: the address cannot be listened on.
    """

    def __init__(self, address: tuple[str, int], latest: Latest) -> None:
        try:
            self._http = ThreadingHTTPServer(address, _handler(registry(LAG, latest.fill), latest))
        except OSError as error:
            said = f"{address[0]}:{address[1]} cannot be listened on: {error.strerror}"
            raise Unavailable(said) from error
        self._http.daemon_threads = True
        self._thread = threading.Thread(target=self._http.serve_forever, name="lag-http", daemon=True)
        self._thread.start()

    @property
    def port(self) -> int:
        """Where it listens."""
        return int(self._http.server_address[1])

    def close(self) -> None:
        """Stop answering."""
        self._http.shutdown()
        self._http.server_close()
        self._thread.join()


def run(take: Callable[[], Look], server_at: tuple[str, int], every_s: float, stop: threading.Event) -> None:
    """Look and serve until stopped.

    Raises:
        Unavailable: the address cannot be listened on.
    """
    latest = Latest()
    server = Server(server_at, latest)
    log.info("serving /metrics, /healthz and /readyz on %s:%d", server_at[0], server.port)
    was_up = True
    try:
        while not stop.is_set():
            began_s = time.monotonic()
            look = take()
            latest.put(look)
            is_up = not look.sample.broker_says
            if is_up != was_up:
                log.warning("%s", "the broker answers again" if is_up else look.sample.broker_says)
            was_up = is_up
            stop.wait(max(0.0, began_s + every_s - time.monotonic()))
    finally:
        server.close()


def _handler(told: CollectorRegistry, latest: Latest) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        timeout = 10  # of a client that says nothing

        def do_GET(self) -> None:
            path = self.path.partition("?")[0]
            if path == "/metrics":
                encode, kind = choose_encoder(self.headers.get("Accept", ""))
                self._answer(200, encode(told), kind)
            elif path == "/healthz":
                self._say(latest.is_healthy())
            elif path == "/readyz":
                self._say(latest.is_ready())
            else:
                self._answer(404, b"not found\n")

        def _say(self, well: bool) -> None:
            self._answer(200 if well else 503, b"ok\n" if well else b"no\n")

        def _answer(self, status: int, body: bytes, kind: str = "text/plain; charset=utf-8") -> None:
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:  # noqa: A002
            """A scrape is no news."""

    return Handler
