"""Exports at fixed times: every hour on the hour, each a file of its own, complete or not there."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

from redis.exceptions import RedisError

from models.calendar import iso
from streams.export.run import partial
from streams.store.contract import StoreError

log = logging.getLogger(__name__)


def next_tick_ms(after_ms: int, every_ms: int) -> int:
    """The first multiple of the interval after an instant, counted from 1970 UTC.

    >>> next_tick_ms(7_200_000, 3_600_000)
    10800000
    """
    return (after_ms // every_ms + 1) * every_ms


def stamped(out: Path, at_ms: int) -> Path:
    """The file of an instant: its time before the suffix.

    >>> stamped(Path("profiles.parquet"), 0).name
    'profiles-19700101T000000Z.parquet'
    """
    text = iso(at_ms)[:19].replace("-", "").replace(":", "")
    return out.with_name(f"{out.stem}-{text}Z{out.suffix}")


def run(
    write: Callable[[Path, int], int],
    out: Path,
    every_ms: int,
    stop: threading.Event,
    now_ms: Callable[[], int] = lambda: int(time.time() * 1000),
) -> None:
    """Write a file at each tick until stopped; one that fails is left to the next tick.

    Args:
        write: writes a file as of an instant; gives the number of rows.
        out: the file's name without a time.
        every_ms: the interval.
        stop: ends it.
        now_ms: the clock.
    """
    while True:
        tick_ms = next_tick_ms(now_ms(), every_ms)
        if stop.wait(max(0, tick_ms - now_ms()) / 1000):
            return
        path = stamped(out, tick_ms)
        try:
            log.info("%s: %d profiles", path.name, write(path, tick_ms))
        except (RedisError, StoreError, OSError) as error:
            shutil.rmtree(partial(path), ignore_errors=True)  # nobody will go on with this instant
            log.warning("%s was not written: %s", path.name, type(error).__name__)
