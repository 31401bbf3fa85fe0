"""A real run to look at: the demo's households through broker, worker, trainer and store, and the console."""

import asyncio
import json
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar

import orjson

from models import codec
from models.calendar import iso
from streams import catalogues, exporter, keys
from streams.cli.replay import wait_settled
from streams.console.moves import COARSE
from streams.local import load
from streams.local.datasets import complete_journey
from streams.local.demo_feed import Feeder
from streams.local.demo_story import Row, Story, of_households
from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.stack import LocalStack, environment
from streams.recorded import records
from streams.topics import DEAD_LETTER

Result = TypeVar("Result")
SETTINGS = {"clock": "event", "partitions": 4, "commit_interval_s": 0.3, "relay_durable": False,
            "clusters": 3, "log_level": "warning"}  # fmt: skip
WITHIN_S = 180.0
HOSTILE = "<img src=x onerror=document.title='pwned'>/../?q=1#x"
MARKUP = "<b onclick=alert(1)>Q</b>"
WITHDRAWN = "withdrawn-1"
# The console gives up on the store after a second and a half and says so on the page; on its first look, its
# first survey and a search it gives up within seconds, too. The tests provoke that by stopping the store, and
# a busy machine shall not.
PATIENT = (
    "from streams.console import app, customer, known, live; "
    "known.TIMEOUT_S = live.FIRST_S = app.FIRST_SURVEY_S = customer.SEARCH_S = 60.0; "
    "from streams.cli import main; main()"
)
# What is sent to be refused, by reason.
REFUSED = {"not_json": 3, "bad_timestamp": 2, "negative_amount": 1}


def _run(work: Coroutine[Any, Any, Result]) -> Result:
    """In a thread of its own: in that of the tests Playwright's loop is running."""
    with ThreadPoolExecutor(1) as thread:
        return thread.submit(asyncio.run, work).result()


class Deployment:
    """Broker, store, a worker and a console, and households whose story is sent little by little.

    Attributes:
        url: of the console.
        stack: the processes.
        client: Redis client.
    """

    def __init__(self, directory: Path, *, households: int) -> None:
        self.stack = LocalStack(directory, SETTINGS)
        self._households = households
        self._rows: list[Row] = []
        self._at = 0
        self._newest_ms = 0  # event time of what was sent
        self._rested_s = 0.0  # when everything was at rest for the last time
        self._ends: dict[tuple[str, int], int] = {}

    def __enter__(self) -> Self:
        try:
            self.stack.start()
            self.stack.start_worker()
            self._start_console()
            self.client = exporter.connect(self.stack.config.redis_url)
            self._rows = of_households(complete_journey(self._households), self._households, 1).rows
            self.until(lambda: self.get("live")["processes"])
            self.get("segments")  # the first survey is made
        except BaseException:
            self.stack.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.client.close()
        self.stack.stop()

    def _start_console(self) -> None:
        where = f"127.0.0.1:{free_port()}"
        env = environment(self.stack.settings | {"console": where})
        argv = [sys.executable, "-c", PATIENT, "console"]
        console = LocalProcess("console", argv, log=self.stack.directory / "console.log", env=env)
        console.start()
        self.stack.consoles.append(console)
        self.url = f"http://{where}"

    def get(self, path: str, **query: str) -> Any:
        """What the console answers, once it does: 503 says that it cannot yet."""
        asked = f"?{urllib.parse.urlencode(query)}" if query else ""
        return self.until(lambda: (_answer(f"{self.url}/api/{path}{asked}"),))[0]

    def until(self, holds: Callable[[], Any], within_s: float = WITHIN_S) -> Any:
        """Wait until something holds; gives what it is."""
        deadline_s = time.monotonic() + within_s
        while True:
            try:
                if found := holds():
                    return found
            except urllib.error.HTTPError as error:
                if error.code != 503:
                    raise
            except OSError:
                pass  # the console is not there yet
            assert time.monotonic() < deadline_s, "it never held"
            time.sleep(0.1)

    def replay(self, share: float, seconds: float) -> None:
        """The first part of the story, paced, then wait until it is applied."""
        self._at = int(len(self._rows) * share)
        self._newest_ms = self._rows[self._at - 1].at_ms
        feeder = Feeder(self.stack.config.brokers, Story(self._rows[: self._at], (), 0), seconds)
        _run(feeder.run())
        for source, lane in feeder.lanes.items():
            topic, _, partition = source.partition("/")
            self._count({(topic, int(partition)): len(lane.event_ms)})
        self.settle()

    def train(self) -> None:
        """Start a trainer and wait for its population; it makes one, so that people move by events only."""
        self.stack.start_trainer()
        self.until(lambda: self.get("segments")["clusters"])
        self.settle()

    def more(self, n: int) -> None:
        """The next rows of the story; when this returns all that comes of them is there, at rest.

        Pages are told so many changes a second only: what came before shall not have used them up.
        """
        time.sleep(max(0.0, self._rested_s + 1.0 - time.monotonic()))
        rows, self._at = self._rows[self._at : self._at + n], self._at + n
        assert len(rows) == n, "the story is over"
        self._newest_ms = max(self._newest_ms, rows[-1].at_ms)
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
        self._newest_ms = now_ms + len(events) - 1
        self._send([*refused, *load.rows(rows, lambda _: True)])
        self.settle()

    def refused(self) -> Counter[str]:
        """Dead letters by reason, as the topic has them: each at least once, and twice after a rebalance."""
        letters = records(self.stack.config.brokers, (DEAD_LETTER,))
        return Counter(orjson.loads(one.value)["reason"] for one in letters)

    def profiles(self) -> int:
        """How many there are in Redis."""
        return len(exporter.customer_ids(self.client))

    def applied(self) -> int:
        """Records whose effects are stored, by the watermarks in Redis."""
        marks = self.client.hgetall(keys.WATERMARKS).values()
        return sum(int(mark.split(b":")[0] or 0) for mark in marks)

    def settle(self) -> None:
        """Until nothing moves: all is applied and judged, what fell due is fired, the console knows it."""
        buckets = self.stack.config.buckets
        self.until(lambda: catalogues.is_swept(self.client, buckets))
        wait_settled(self.client, buckets, self._ends, self._newest_ms, self.stack.workers,
                     time.monotonic() + WITHIN_S)  # fmt: skip
        self.until(lambda: self._recorded() >= self._announced())
        self.until(self._fed)
        self._rested_s = time.monotonic()

    def _announced(self) -> int:
        """Tag changes that there ever were, as each customer's state has them numbered."""
        ids = exporter.customer_ids(self.client)
        states = exporter.states(self.client, ids, self.stack.config.buckets)
        return sum(codec.decode(blob).seq for _, blob in states)

    def _recorded(self) -> int:
        """Tag changes that the console has counted."""
        steps = self.client.scan_iter(keys.console(f"moves:{COARSE}:*"), count=1000)
        counts = [self.client.hgetall(step) for step in steps]
        return sum(int(n) for step in counts for field, n in step.items() if field.startswith(b"d:"))

    def _fed(self) -> bool:
        """The newest recorded change is in the console's feed, so its pages were told."""
        newest = self.client.xrevrange(keys.console("changes"), count=1)
        shown = self.get("tag-changes", limit="1")["changes"]
        return [orjson.loads(fields[b"c"])["id"] for _, fields in newest] == [one["id"] for one in shown]

    def _send(self, rows: Iterable[tuple[str, bytes, bytes | None]]) -> None:
        self._count(_run(load.produce(self.stack.config.brokers, rows)))

    def _count(self, counts: dict[tuple[str, int], int]) -> None:
        for source, n in counts.items():
            self._ends[source] = self._ends.get(source, 0) + n


def _answer(url: str) -> Any:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return json.load(answer)
