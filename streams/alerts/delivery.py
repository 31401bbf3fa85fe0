"""Alerts into their sinks: in order for each customer, several customers at once, tried again, never lost.

A sink that does not take an alert is tried again with growing, jittered pauses. When its tries are used up
the alert becomes a dead letter. From then on, until it takes something, it has one try for each alert, so
that an endpoint that is down holds nobody up for longer than once.
"""

import logging
import random
import threading
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, wait
from typing import Any, NamedTuple

from streams.alerts.rules import HOLDOUT, Alert
from streams.alerts.sinks import Failed, Sink

log = logging.getLogger(__name__)
AT_ONCE = 8  # customers
Letter = dict[str, Any]


class Stopped(Exception):
    """The process ends; what is under way is delivered by its successor."""


class Order(NamedTuple):
    """An alert, and the names of the sinks that are to have it."""

    alert: Alert
    sinks: tuple[str, ...]


class Delivery:
    """Sends alerts.

    Args:
        sinks: by name.
        bury: writes a dead letter; returns once it is acknowledged.
        stop: set when the process ends.
        rng: of the jitter.
    """

    def __init__(
        self,
        sinks: Mapping[str, Sink],
        bury: Callable[[Letter], None],
        stop: threading.Event,
        rng: random.Random | None = None,
    ) -> None:
        self._sinks = sinks
        self._bury = bury
        self._stop = stop
        self._rng = rng or random.Random()
        self._down: set[str] = set()
        self._counting = threading.Lock()
        self.outcomes: Counter[tuple[str, str]] = Counter()  # sink, outcome
        self._pool = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="alerts")

    def names(self, wanted: Sequence[str], arm: str) -> tuple[str, ...]:
        """Of these sinks the ones that are to have an alert of an arm: few take that of the hold-out."""
        return tuple(name for name in wanted if arm != HOLDOUT or self._sinks[name].takes_holdout)

    def worst_s(self, orders: int) -> float:
        """How long so many alerts may take when every sink is down."""
        return sum(
            sum(1.5 * sink.delay_s(n) for n in range(1, sink.tries)) + sink.timeout_s * (sink.tries + orders)
            for sink in self._sinks.values()
        )

    def send(self, orders: Sequence[Order]) -> Counter[str]:
        """Deliver; gives how many dead letters each sink has caused.

        Raises:
            Stopped: the process ends.
        """
        by_customer: dict[str, list[Order]] = {}
        for order in orders:
            by_customer.setdefault(order.alert["customer_id"], []).append(order)
        under_way = [self._pool.submit(self._one_customer, own) for own in by_customer.values()]
        wait(under_way)  # all of them, before one's failure makes the caller begin again
        return sum((one.result() for one in under_way), Counter())

    def _one_customer(self, orders: Sequence[Order]) -> Counter[str]:
        dead: Counter[str] = Counter()
        for alert, names in orders:
            for name in names:
                if failure := self._try(name, alert):
                    self._bury({"reason": str(failure), "sink": name, "alert": alert})
                    dead[name] += 1
        return dead

    def _try(self, name: str, alert: Alert) -> Failed | None:
        """What kept the sink from taking it in the end, or None."""
        sink, attempt = self._sinks[name], 0
        while True:
            if self._stop.is_set():
                raise Stopped
            attempt += 1
            try:
                sink.send(alert)
            except Failed as error:
                failure = error
            else:
                self._down.discard(name)
                self._count(name, "delivered")
                return None
            if failure.retry and attempt < sink.tries and name not in self._down:
                self._count(name, "retried")
                pause_s = max(sink.delay_s(attempt) * self._rng.uniform(0.5, 1.5), failure.after_s)
                self._stop.wait(pause_s)
                continue
            if failure.retry:
                self._down.add(name)
            self._count(name, "dead")
            log.warning("sink %s did not take an alert after %d tries: %s", name, attempt, failure)
            return failure

    def _count(self, sink: str, outcome: str) -> None:
        with self._counting:
            self.outcomes[sink, outcome] += 1

    def close(self) -> None:
        """Wait for nobody."""
        self._pool.shutdown(wait=False, cancel_futures=True)
