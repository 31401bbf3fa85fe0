"""What the long-running commands beside the worker share: their log, and an orderly end."""

import logging
import signal
import sys
import threading

from streams.cli.worker import LOG_FORMAT
from streams.config import Config


def until_stopped(config: Config) -> threading.Event:
    """Set up the log; the event is set by SIGTERM or SIGINT."""
    logging.basicConfig(level=config.log_level.upper(), format=LOG_FORMAT, stream=sys.stderr)
    logging.getLogger("kafka").setLevel(logging.ERROR)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    return stop
