"""`profilestream worker`: the process that keeps profiles current."""

import asyncio
import contextlib
import ctypes
import gc
import logging
import os
import signal
import sys
import threading

import click

from streams import admin, logs
from streams.cli.options import Context, pass_context
from streams.config import Config
from streams.store.contract import Unavailable
from streams.store.redis_store import RedisStore

M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3  # malloc.h
DRAIN_S = 8.0
NOISY = ("faust", "mode", "aiokafka", "kafka")


@click.command()
@pass_context
def worker(context: Context) -> None:
    """Keep profiles current: read events, write Redis, publish tag changes.

    Start as many as there are partitions at most; they share the work out among themselves. SIGTERM
    stops one in an orderly way.
    """
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))  # until Faust listens
    config = context.config()
    logs.set_up(config, "worker", NOISY)
    check(config)
    run(config)


def check(config: Config) -> None:
    """Refuse to start against a world that is not ready.

    Raises:
        Unavailable: a broker or the store does not answer, or topics are missing.
        StoreUnfit: the store must not be used as it is.
    """
    missing = admin.missing_topics(config)
    if missing:
        raise Unavailable(
            f"topics {', '.join(missing)} do not exist on {config.brokers}; run 'profilestream topics create'"
        )

    async def ask() -> None:
        store = RedisStore(config.redis_url, config.buckets)
        try:
            await store.adopt()
        finally:
            await store.close()

    asyncio.run(ask())


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT; exits the process."""
    import faust  # half a second that other commands need not pay

    from streams.app import Parts

    class Worker(faust.Worker):  # type: ignore[misc]
        """Faust's, with an end to its patience."""

        def _on_sigterm(self) -> None:
            exit_after(DRAIN_S)
            super()._on_sigterm()

        def _on_sigint(self) -> None:
            exit_after(DRAIN_S)
            super()._on_sigint()

    worker = Worker(Parts(config).app, override_logging=False, redirect_stdouts=False, quiet=True)
    worker.spinner = None  # it writes control characters into the log
    # Kafka's client has a thread of its own. With the default of 5 ms it waits that long for every turn
    # while events are folded, and a poll takes several turns.
    sys.setswitchinterval(0.0005)
    gc.freeze()  # what is loaded stays: the collector need not look at it again
    gc.set_threshold(50_000, 20, 50)
    _keep_freed_memory()
    worker.execute_from_commandline()


def _keep_freed_memory() -> None:
    """Every batch frees what the next one needs; giving it back to the system costs page faults."""
    with contextlib.suppress(OSError, AttributeError):  # glibc only
        libc = ctypes.CDLL(None)
        libc.mallopt(M_TRIM_THRESHOLD, 256 << 20)
        libc.mallopt(M_MMAP_THRESHOLD, 32 << 20)


def exit_after(seconds: float) -> None:
    """Leave at the latest then, whatever still waits for a broker: every effect so far can be repeated."""

    def leave() -> None:
        logging.getLogger(__name__).warning("not drained in %.0f s: leaving", seconds)
        os._exit(0)

    timer = threading.Timer(seconds, leave)
    timer.daemon = True
    timer.start()
