"""Live traffic from a thread: people who come, fill carts and buy, now; faulty as far as a test wants it."""

import contextlib
import itertools
import threading
import time
from types import TracebackType
from typing import Any, Self

import orjson
from kafka import KafkaProducer
from kafka.errors import KafkaTimeoutError

from models.rules import DAY_MS

TICK_S = 0.05


class Traffic:
    """Events until it is stopped; a new customer with every fourth event.

    Attributes:
        per_s: events a second.
        bad_share: so many of a hundred records break the contract.
        scattered: the key does not decide the partition, as with producers that do not agree on it: then
            twenty customers are everywhere.

    Args:
        brokers: bootstrap servers.
        per_s: events a second.
    """

    def __init__(self, brokers: str, per_s: int = 40) -> None:
        self.per_s = per_s
        self.bad_share = 0
        self.scattered = False
        self._brokers = brokers.split(",")
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._run, name="traffic", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self._ended.set()
        self._thread.join(60)

    def _run(self) -> None:
        producer = KafkaProducer(
            bootstrap_servers=self._brokers, enable_idempotence=False, acks=1, max_block_ms=500
        )
        try:
            for n in itertools.count():
                if self._ended.wait(TICK_S if n % max(1, round(self.per_s * TICK_S)) == 0 else 0):
                    return
                with contextlib.suppress(KafkaTimeoutError):  # a busy broker misses some of it
                    self._send(producer, n)
        finally:
            producer.close(timeout=2)

    def _send(self, producer: Any, n: int) -> None:
        customer = f"s{n % 20}" if self.scattered else f"c{n // 4}"
        topic, event = _event(n, customer)
        value = b"{" if n % 100 < self.bad_share else orjson.dumps(event)
        partitions = sorted(producer.partitions_for(topic) or ())
        chosen = partitions[n // 20 % len(partitions)] if self.scattered and partitions else None
        producer.send(topic, value, key=customer.encode(), partition=chosen)


def _event(n: int, customer: str) -> tuple[str, dict[str, Any]]:
    """A step of a visit: look, fill a cart; every second customer buys. Some of it comes late or again."""
    now_ms = int(time.time() * 1000)
    event = {"event_id": f"e{n - n % 50 if n % 50 == 7 else n}", "customer_id": customer, "ts": now_ms}
    step, visit = n % 4, n // 4
    if step == 2 and visit % 2:
        order = {"type": "order", "order_id": f"o{n}", "amount": 10 + n % 90, "currency": "USD"}
        return "orders", event | order
    if step == 3 and visit % 5 == 0:
        return "service", event | {"type": "service", "action": "complaint", "ts": now_ms - 2 * DAY_MS}
    action = ("product_view", "add_to_cart", "product_view", "product_view")[step]
    return "clicks", event | {"type": "click", "action": action, "sku": f"sku{n % 9}", "category": "tea"}
