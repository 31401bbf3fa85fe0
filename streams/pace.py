"""Work in the background beside live events: a little at a time, then a rest as long."""

import asyncio
import time
from collections.abc import Awaitable

AT_ONCE = 16  # customers between two rests: a few milliseconds in which no live event gets a turn
REST_MOST_S = 0.25  # however long it waited for the store


async def paced(work: Awaitable[None], least_s: float = 0.0) -> None:
    """Do some work, then rest as long as it took.

    Args:
        work: what to do.
        least_s: how long both together take at least, seconds.
    """
    started_s = time.monotonic()
    await work
    took_s = time.monotonic() - started_s
    await asyncio.sleep(max(min(took_s, REST_MOST_S), least_s - took_s))
