"""Work in the background beside live events: a little at a time, then a rest, longer while live events wait.

The share of the time in which the background works follows the live batches: it grows steadily and is halved
by each batch that took long. So it settles where batches are seldom slow, whatever slows them: this worker,
the store that rewrites its file, or strangers on the machine. Additive increase and multiplicative decrease
is how transports share a way and yield to others (Chiu and Jain 1989; LEDBAT, RFC 6817).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable

AT_ONCE = 16  # customers between two rests: a few milliseconds in which no live event gets a turn
SHARE_MOST = 0.5
SHARE_LEAST = 1 / 16  # about 100 customers a second: time-driven changes may come late, but they come
GROWTH_PER_S = 0.05
SLOW_S = 0.05  # a live batch that takes longer made others wait
REST_MOST_S = 1.0  # however long it waited for the store


class Pace:
    """The share of a worker's background work.

    Args:
        yields: False where nobody waits for events, as in a replay: the share stays as it is.
        now_s: monotonic clock.
    """

    def __init__(self, *, yields: bool, now_s: Callable[[], float] = time.monotonic) -> None:
        self._yields = yields
        self._now_s = now_s
        self._share = SHARE_MOST
        self._since_s = now_s()

    def live(self, took_s: float) -> None:
        """A batch of live events took so long."""
        if self._yields and took_s > SLOW_S:
            self._share, self._since_s = max(SHARE_LEAST, self.share / 2), self._now_s()

    @property
    def share(self) -> float:
        """Of the time, in [`SHARE_LEAST`, `SHARE_MOST`]."""
        return min(SHARE_MOST, self._share + GROWTH_PER_S * (self._now_s() - self._since_s))


async def paced(work: Awaitable[None], pace: Pace | None = None, least_s: float = 0.0) -> None:
    """Do some work, then rest.

    Args:
        work: what to do.
        pace: knows what share of the time may be work; None = half, whatever happens.
        least_s: how long both together take at least, seconds.
    """
    started_s = time.monotonic()
    await work
    took_s = time.monotonic() - started_s
    share = pace.share if pace is not None else SHARE_MOST
    await asyncio.sleep(max(min(took_s * (1 / share - 1), REST_MOST_S), least_s - took_s))
