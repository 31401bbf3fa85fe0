"""What the long-running commands beside the worker share: their log, and an orderly end."""

import logging
import signal
import threading

from streams import logs
from streams.config import Config


def until_stopped(config: Config, role: str) -> threading.Event:
    """Set up the log of a role; the event is set by SIGTERM or SIGINT."""
    logs.set_up(config, role)
    logging.getLogger("kafka").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
