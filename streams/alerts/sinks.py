"""Where alerts go. A sink either has an alert when `send` returns, or says whether trying again can help."""

import http.client
import os
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import urlsplit

import orjson

from streams.alerts import settings, signing, template
from streams.alerts.rules import Alert

_AGAIN = {408, 425, 429}  # statuses that ask for another try; so does every 5xx
LONGEST_WAIT_S = 60.0  # that a receiver may ask for with Retry-After


class Failed(Exception):
    """An alert was not taken; the message is safe to show.

    Attributes:
        retry: whether trying again can help.
        after_s: how long the receiver asks to wait at least.
    """

    def __init__(self, what: str, *, retry: bool, after_s: float = 0.0) -> None:
        super().__init__(what)
        self.retry = retry
        self.after_s = after_s


class Sink(Protocol):
    """Takes alerts, from several threads at once."""

    tries: int
    takes_holdout: bool
    timeout_s: float

    def send(self, alert: Alert) -> None:
        """Returns once the alert is taken.

        Raises:
            Failed: it is not.
        """

    def delay_s(self, attempt: int) -> float:
        """How long to wait after a failed try, counted from 1."""


def message_id(alert: Alert) -> str:
    """Identity of what is sent: an alert is sent when it is raised and when it is cancelled."""
    return f"{alert['id']}.{alert['action']}"


class JsonLinesSink:
    """A line of JSON an alert, on disk when `send` returns; stdout where the path is "-".

    A line is one write, so that a reader sees whole lines; the end that a power cut tore is closed first.
    """

    tries, timeout_s = 1, 1.0

    def __init__(self, said: settings.JsonLines) -> None:
        self.takes_holdout = said.takes_holdout
        self._lock = threading.Lock()
        self._is_file = said.path != "-"
        if not self._is_file:
            self._file = sys.stdout.fileno()
            return
        Path(said.path).parent.mkdir(parents=True, exist_ok=True)
        self._file = os.open(said.path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o640)
        size = os.fstat(self._file).st_size
        if size and os.pread(self._file, 1, size - 1) != b"\n":
            os.write(self._file, b"\n")

    def send(self, alert: Alert) -> None:
        """Append it."""
        line = orjson.dumps(alert, option=orjson.OPT_APPEND_NEWLINE)
        with self._lock:
            try:
                while line:
                    line = line[os.write(self._file, line) :]
                if self._is_file:
                    os.fdatasync(self._file)
            except OSError as error:
                raise Failed(f"cannot be written: {error.strerror}", retry=False) from error

    def delay_s(self, attempt: int) -> float:  # noqa: ARG002 (a disk that refuses is not asked again)
        """Nothing is tried twice."""
        return 0.0


class WebhookSink:
    """One signed POST an alert; any 2xx takes it, redirections are not followed.

    Args:
        said: of the rules file.
        now_s: the clock of the signature, epoch seconds.
    """

    def __init__(self, said: settings.Webhook, now_s: Callable[[], float] = time.time) -> None:
        self.tries = said.tries
        self.takes_holdout = said.takes_holdout
        self.timeout_s = said.timeout_s
        self._said = said
        self._now_s = now_s
        parts = urlsplit(said.url)
        self._connect = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        self._address = parts.hostname or "", parts.port
        self._target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    def send(self, alert: Alert) -> None:
        """Post it."""
        said = self._said
        body = orjson.dumps(alert if said.body is None else template.fill(said.body, alert))
        headers = {"content-type": "application/json", "user-agent": "profilestream", **said.headers}
        headers |= self._signature(message_id(alert), body)
        connection = self._connect(*self._address, timeout=said.timeout_s)
        try:
            connection.request("POST", self._target, body, headers)
            answer = connection.getresponse()
            answer.read(65_536)
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"no answer: {type(error).__name__}", retry=True) from error
        finally:
            connection.close()
        if not 200 <= answer.status < 300:
            again = answer.status in _AGAIN or answer.status >= 500
            raise Failed(f"status {answer.status}", retry=again, after_s=_after_s(answer))

    def _signature(self, its_id: str, body: bytes) -> dict[str, str]:
        if self._said.key is None:
            return {signing.ID: its_id}
        return signing.sign(self._said.key, its_id, int(self._now_s()), body)

    def delay_s(self, attempt: int) -> float:
        """Doubles with each try."""
        return min(self._said.first_delay_s * 2.0 ** (attempt - 1), self._said.longest_delay_s)


class HandlerSink:
    """A function of the program that uses this as a library; what it raises is tried again."""

    takes_holdout, timeout_s = True, 10.0  # what it is expected to need at most

    def __init__(self, handler: Callable[[Alert], Any], tries: int = 8) -> None:
        self._handler = handler
        self.tries = tries

    def send(self, alert: Alert) -> None:
        """Call it."""
        try:
            self._handler(alert)
        except Exception as error:
            raise Failed(f"the handler raised {type(error).__name__}", retry=True) from error

    def delay_s(self, attempt: int) -> float:
        """Doubles from half a second."""
        return min(0.5 * 2.0 ** (attempt - 1), 30.0)


def _after_s(answer: http.client.HTTPResponse) -> float:
    asked = answer.getheader("retry-after", "")
    return min(float(asked), LONGEST_WAIT_S) if asked.isascii() and asked.isdigit() else 0.0


def build(said: settings.JsonLines | settings.Webhook) -> Sink:
    """The sink that a table of the rules file describes."""
    return WebhookSink(said) if isinstance(said, settings.Webhook) else JsonLinesSink(said)
