"""A private deployment on loopback: broker, store, workers, trainers, console, a process each, one folder."""

import os
import sys
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Protocol, Self

from streams import admin
from streams.config import PREFIX, Config
from streams.local.broker import EmbeddedBroker
from streams.local.process import LocalProcess
from streams.local.store import EmbeddedStore
from streams.settings import load

# What the embedded broker needs to be quick: its group join takes half the session time-out, it does not
# wake a waiting fetch, and it knows no idempotent producers.
BROKER_SETTINGS = {
    "session_timeout_s": "6",
    "heartbeat_s": "1",
    "fetch_wait_ms": "20",
    "producer_idempotent": "false",
}


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Ours without settings, and these: what a process of a stack is told."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith(PREFIX)}
    return ours | {PREFIX + name.upper(): value for name, value in settings.items()}


class Broker(Protocol):
    """A broker that can be started and stopped."""

    address: str

    def start(self) -> None:
        """Start, and return once it answers."""

    def stop(self) -> None:
        """Stop."""


class LocalStack:
    """A broker, a store and any number of workers, trainers and consoles.

    Args:
        directory: for data and logs.
        settings: names and values of `Config`, on top of what the embedded broker needs.
        broker: another broker than the embedded one.
        store: another store than the embedded one.
    """

    def __init__(
        self,
        directory: Path,
        settings: Mapping[str, Any] | None = None,
        *,
        broker: Broker | None = None,
        store: EmbeddedStore | None = None,
    ) -> None:
        self.directory = directory
        self.broker: Broker = broker or EmbeddedBroker(directory / "broker")
        self.store = store or EmbeddedStore(directory / "store")
        self.settings: dict[str, str] = {
            **(BROKER_SETTINGS if broker is None else {}),
            "brokers": self.broker.address,
            "redis_url": self.store.url,
            **{name: str(value) for name, value in (settings or {}).items() if value is not None},
        }
        self.workers: list[LocalProcess] = []
        self.trainers: list[LocalProcess] = []
        self.consoles: list[LocalProcess] = []

    @property
    def config(self) -> Config:
        """The settings as the workers see them."""
        return load(environ={}, overrides=self.settings)

    def start(self) -> Self:
        """Start broker and store, and create the topics."""
        self.broker.start()
        self.store.start()
        admin.create_topics(self.config)
        return self

    def start_worker(self) -> LocalProcess:
        """Start one more worker process."""
        return self._start("worker", self.workers)

    def start_trainer(self) -> LocalProcess:
        """Start one more trainer process."""
        return self._start("trainer", self.trainers)

    def start_console(self, port: int) -> str:
        """Start a console process on a port of loopback; gives its address, which answers a moment later."""
        address = f"127.0.0.1:{port}"
        self._start("console", self.consoles, console=address)
        return f"http://{address}/"

    def _start(self, command: str, others: list[LocalProcess], **more: str) -> LocalProcess:
        number = len(others)
        log = self.directory / f"{command}-{number}.log"
        argv = [sys.executable, "-m", "streams", command]
        env = environment(self.settings | more)
        process = LocalProcess(f"{command} {number}", argv, log=log, env=env)
        process.start()
        others.append(process)
        return process

    def stop(self) -> None:
        """Stop everything that runs."""
        for process in (*self.consoles, *self.trainers, *self.workers):
            process.stop()
        self.store.stop()
        self.broker.stop()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:  # Ctrl-C included: half a stack must not outlive its folder
            self.stop()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.stop()
