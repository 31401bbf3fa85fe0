"""The log of every process: lines for people or one JSON object a line, and no secrets in either.

Customers are kept out where lines are written: no message of ours holds an id or a payload. What others raise
may quote data, so of an exception that is not ours only the type is shown, and where it came from.
Credentials in URLs, tokens and the configured secrets are blotted out of whatever is left.
"""

import logging
import os
import re
import socket
import sys
import threading
import traceback
import warnings
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType
from typing import Any
from urllib.parse import unquote, urlsplit

import orjson

from streams.config import Config

TEXT = "%(asctime)s %(levelname)s %(name)s: %(message)s"
BLOT = "***"
_SECRETS = tuple(
    (re.compile(pattern, re.IGNORECASE), instead)
    for pattern, instead in (
        (r"([a-z][a-z0-9+.-]*://)[^\s/@]*@", rf"\1{BLOT}@"),
        (r"\b(bearer|basic)\s+[\w.~+/=-]+", rf"\1 {BLOT}"),
        (
            r"\b(\w*(?:password|passwd|secret|token|api_?key))\b(['\"]?\s*[=:]\s*)['\"]?[^\s'\",;&}]+",
            rf"\1\2{BLOT}",
        ),
    )
)
_OURS = ("streams.", "models.")
_SHORTEST = 4  # characters of a secret; anything shorter would blot out words
_handler: logging.Handler | None = None


def name_of_process() -> str:
    """Unique among the processes of a deployment."""
    return f"{socket.gethostname()}-{os.getpid()}"


def set_up(config: Config, role: str, quiet: Sequence[str] = ()) -> None:
    """Write the log to stderr as the settings say, from here on.

    Args:
        config: form, level, and the secrets not to be shown.
        role: of the process.
        quiet: loggers of libraries that have nothing to say below a warning.
    """
    global _handler  # noqa: PLW0603 - as the logging of a process is
    redact = redaction(secrets_of(config))
    form = JsonLines(redact, role, name_of_process()) if config.log_format == "json" else Lines(redact)
    root = logging.getLogger()
    if _handler is not None:
        root.removeHandler(_handler)
    _handler = logging.StreamHandler(sys.stderr)
    _handler.setFormatter(form)
    root.addHandler(_handler)
    root.setLevel(config.log_level.upper())
    for noisy in quiet:
        logging.getLogger(noisy).setLevel(max(logging.WARNING, root.level))
    sys.excepthook = _uncaught
    threading.excepthook = lambda said: _uncaught(said.exc_type, said.exc_value, said.exc_traceback)
    sys.unraisablehook = _unraisable
    warnings.showwarning = _warned


def last_words(sentence: str) -> None:
    """Why the process ends: to people on stderr, to machines as a line like the others."""
    if _handler is not None and isinstance(_handler.formatter, JsonLines):
        logging.getLogger("profilestream").error("%s", sentence)
    else:
        print(f"profilestream: {sentence}", file=sys.stderr)  # noqa: T201


def secrets_of(config: Config) -> list[str]:
    """Every secret that the settings hold."""
    urls = (config.redis_url, config.trace_endpoint, config.prometheus_url)
    passwords = [word for url in urls if (word := _password(url))]
    found = [config.privacy_key, config.console_token, *passwords, *map(unquote, passwords)]
    return [secret for secret in dict.fromkeys(found) if len(secret) >= _SHORTEST]


def _password(url: str) -> str:
    try:
        return urlsplit(url).password or ""
    except ValueError:
        return ""


def redaction(secrets: Sequence[str]) -> Callable[[str], str]:
    """Blots secrets out of a text: these, and whatever looks like one."""

    def redact(text: str) -> str:
        for secret in secrets:
            text = text.replace(secret, BLOT)
        for pattern, instead in _SECRETS:
            text = pattern.sub(instead, text)
        return text

    return redact


class Lines(logging.Formatter):
    """For people."""

    def __init__(self, redact: Callable[[str], str]) -> None:
        super().__init__(TEXT)
        self._redact = redact

    def format(self, record: logging.LogRecord) -> str:
        """One record; of an exception the frames and, where it is one of ours, its message."""
        return self._redact(super().format(_tamed(record)))

    def formatException(self, ei: Any) -> str:  # noqa: N802 - logging's
        """Of every exception of the chain."""
        return "\n".join(line for error in _chain(ei[1]) for line in (*_frames(error), said(error)))


class JsonLines(logging.Formatter):
    """For machines: ts, level, logger, message, role, name; exception and trace where there is one."""

    def __init__(self, redact: Callable[[str], str], role: str, name: str) -> None:
        super().__init__()
        self._redact, self._role, self._name = redact, role, name

    def format(self, record: logging.LogRecord) -> str:
        """One record, one line."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        line: dict[str, Any] = {
            "ts": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": self._redact(_tamed(record).getMessage()),
            "role": self._role,
            "name": self._name,
        }
        if record.exc_info and record.exc_info[1] is not None:
            chain = _chain(record.exc_info[1])
            line["exception"] = type(chain[-1]).__name__
            shown = [entry.strip() for error in chain for entry in (*_frames(error), said(error))]
            line["trace"] = [self._redact(entry) for entry in shown]
        return orjson.dumps(line, default=str).decode()


def said(error: BaseException) -> str:
    """An exception in a log: its type; its message too where it is ours, because those quote no data."""
    kind = type(error)
    return f"{kind.__name__}: {error}" if kind.__module__.startswith(_OURS) else kind.__name__


def _tamed(record: logging.LogRecord) -> logging.LogRecord:
    """The record with the exceptions among its arguments as `said`."""
    args = record.args
    if isinstance(args, tuple) and any(isinstance(one, BaseException) for one in args):
        record = logging.makeLogRecord(record.__dict__)
        record.args = tuple(said(one) if isinstance(one, BaseException) else one for one in args)
    return record


def _chain(error: BaseException | None) -> list[BaseException]:
    """What led to an exception, in the order of time, and itself."""
    out: list[BaseException] = []
    while error is not None and error not in out:
        out.append(error)
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return out[::-1]


def _frames(error: BaseException) -> list[str]:
    frames = traceback.extract_tb(error.__traceback__)
    return [f"  {_short(one.filename)}:{one.lineno} in {one.name}" for one in frames]


def _short(path: str) -> str:
    """A file without the folders of the machine: from the package on."""
    return re.sub(r"^.*/(?=(?:site-packages|streams|models|python[\d.]+)/)", "", path)


def _unraisable(about: Any) -> None:
    """What an object raised on its way out, where nobody can catch it; of that object nothing is shown."""
    raised = about.exc_type, about.exc_value, about.exc_traceback
    logging.getLogger("profilestream").error("not caught: %s", about.exc_type.__name__, exc_info=raised)


def _warned(
    message: Warning | str,  # noqa: ARG001 - it may quote data
    category: type[Warning],
    filename: str,
    lineno: int,
    *_: object,
    **__: object,
) -> None:
    """A warning of Python or a library, as `said`: which one, and where."""
    logging.getLogger("py.warnings").warning("%s at %s:%d", category.__name__, _short(filename), lineno)


def _uncaught(kind: type[BaseException], error: BaseException | None, trace: TracebackType | None) -> None:
    if error is not None and not issubclass(kind, KeyboardInterrupt):
        logging.getLogger("profilestream").critical("ended: %s", kind.__name__, exc_info=(kind, error, trace))
