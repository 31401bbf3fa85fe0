"""A real run to look at: the demo's households through broker, worker, trainer and store, and the console."""

import asyncio
import json
import time
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson

from models.calendar import iso
from streams import exporter
from streams.cli.replay import wait_settled
from streams.local import load
from streams.local.datasets import complete_journey
from streams.local.demo_feed import Feeder
from streams.local.demo_story import Row, Story, of_households
from streams.local.ports import free_port
from streams.local.stack import LocalStack

Result = TypeVar("Result")
SETTINGS = {"clock": "event", "partitions": 4, "commit_interval_s": 0.3, "relay_durable": False,
            "trainer_interval_s": 2, "clusters": 3, "log_level": "warning"}  # fmt: skip
WITHIN_S = 90.0
HOSTILE = "<img src=x onerror=document.title='pwned'>/../?q=1#x"
MARKUP = "<b onclick=alert(1)>Q</b>"
WITHDRAWN = "withdrawn-1"
# What is refused, by reason.
REFUSED = {"not_json": 3, "bad_timestamp": 2, "negative_amount": 1}


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """In a thread of its own: in that of the tests Playwright's loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Deployment:
    """Broker, store, a worker and a console; with a crowd, households and a trainer.

    Attributes:
        url: of the console.
        stack: the processes.
        client: Redis client.
    """

    def __init__(self, directory: Path, *, households: int, trainer: bool) -> None:
        self.stack = LocalStack(directory, SETTINGS)
        self._households, self._trainer = households, trainer
        self._rows: list[Row] = []
        self._at = 0
        self._ends: dict[tuple[str, int], int] = {}

    def __enter__(self) -> Self:
        try:
            self.stack.start()
            self.stack.start_worker()
            if self._trainer:
                self.stack.start_trainer()
            self.url = self.stack.start_console(free_port()).rstrip("/")
            self.client = exporter.connect(self.stack.config.redis_url)
            self._rows = of_households(complete_journey(self._households), self._households, 1).rows
            self.until(lambda: self.get("live")["processes"])
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.client.close()
        self.stack.stop()

    def get(self, path: str, **query: str) -> Any:
        """What the console answers, as any client gets it."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        with urllib.request.urlopen(f"{self.url}/api/{path}{asked}", timeout=20) as answer:
            return json.load(answer)

    def until(self, holds: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
        """Wait until something holds; gives what it is."""
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                if found := holds():
                    return found
            except urllib.error.URLError:
                pass  # the console, or its store, is not there yet
            assert time.monotonic() < deadline_s, "it never held"
            time.sleep(0.1)

    def replay(self, share: float, seconds: float) -> None:
        """The first part of the story, paced, then wait until it is applied."""
        self._at = int(len(self._rows) * share)
        feeder = Feeder(self.stack.config.brokers, Story(self._rows[: self._at], (), 0), seconds)
        _run(feeder.run())
        for source, lane in feeder.lanes.items():
            topic, _, partition = source.partition("/")
            self._count({(topic, int(partition)): len(lane.event_ms)})
        self.settle()

    def more(self, n: int) -> None:
        """The next rows of the story; they are applied when this returns."""
        rows, self._at = self._rows[self._at : self._at + n], self._at + n
        self._send((row.topic, row.key, row.value) for row in rows)
        self.settle()

    def next_customer(self) -> str:
        """Who is in the next row."""
        return self._rows[self._at].key.decode()

    def oddities(self) -> None:
        """Refused records, one who withdrew consent, one whose every text is markup."""
        now_ms = self._rows[max(0, self._at - 1)].at_ms
        at = iso(now_ms)
        refused: list[tuple[str, bytes, bytes]] = [("orders", b"x", b"{")] * REFUSED["not_json"]
        bad = {"type": "order", "event_id": "r", "customer_id": "refused-1", "order_id": "o", "amount": "1"}
        refused += [("orders", b"x", orjson.dumps(bad | {"ts": "yesterday"}))] * REFUSED["bad_timestamp"]
        refused += [("orders", b"x", orjson.dumps(bad | {"ts": at, "amount": "-1"}))] * REFUSED[
            "negative_amount"
        ]
        line = {"sku": MARKUP, "category": MARKUP, "qty": 2, "price": "9.50"}
        events = [
            {"type": "order", "order_id": "h-1", "amount": "19.00", "currency": "USD", "channel": MARKUP,
             "payment": MARKUP, "items": [line], "customer_id": HOSTILE},
            {"type": "click", "action": "add_to_cart", "customer_id": HOSTILE, **line},
            {"type": "control", "action": "attributes", "customer_id": HOSTILE,
             "attributes": {MARKUP: MARKUP}},
            {"type": "order", "order_id": "w-1", "amount": "5", "customer_id": WITHDRAWN},
            {"type": "control", "action": "consent", "consent": {"status": "withdrawn"},
             "customer_id": WITHDRAWN},
        ]  # fmt: skip
        rows = (
            orjson.dumps(event | {"event_id": f"odd-{n}", "ts": now_ms + n}) for n, event in enumerate(events)
        )
        self._send([*refused, *load.rows(rows, lambda _: True)])
        self.settle()

    def profiles(self) -> int:
        """How many there are in Redis."""
        return sum(1 for _ in self.client.scan_iter("ps:profile:*", count=1000))

    def settle(self) -> None:
        """Until all that was sent is applied, and its tag changes are out."""
        wait_settled(self.client, self.stack.config.buckets, self._ends, 0, self.stack.workers,
                     time.monotonic() + WITHIN_S)  # fmt: skip

    def _send(self, rows: Iterable[tuple[str, bytes, bytes | None]]) -> None:
        self._count(_run(load.produce(self.stack.config.brokers, rows)))

    def _count(self, counts: dict[tuple[str, int], int]) -> None:
        for source, n in counts.items():
            self._ends[source] = self._ends.get(source, 0) + n
