"""Waiting for a condition, with patience for a machine that is busy: what is met ends the wait."""

import time
from collections.abc import Callable
from typing import Any


def wait_for(met: Callable[[], Any], within_s: float = 120.0, every_s: float = 0.05) -> Any:
    """The first answer that says anything; fails where there is none in time."""
    deadline_s = time.monotonic() + within_s
    while not (found := met()):
        assert time.monotonic() < deadline_s, "not in time"
        time.sleep(every_s)
    return found
