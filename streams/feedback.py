"""What is said of alerts and tags afterwards, counted: the topic `feedback` into one book.

An event is counted once: its identity is remembered among the latest `SEEN_MOST` of its partition, in the
transaction that counts it. What breaks the contract goes to `dead-letter` like a record of any other topic.
"""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from models.contract import EventError
from models.feedback import ALERT_OUTCOME, Feedback, parse
from streams import keys
from streams.books import Book
from streams.config import Config
from streams.lane import DeadLetter
from streams.publisher import letter
from streams.reading import Letters, Reader
from streams.topics import DEAD_LETTER, FEEDBACK

NAME = "feedback"
SEEN_MOST = 50_000  # event ids of a partition, about 100 bytes each
UNKNOWN = "unknown"  # rule or arm of an alert that is not known (any more)


class FeedbackCounter:
    """Counts feedback.

    Args:
        config: brokers and store.
        client: blocking Redis client.
        stop: ends `run`.
        bury: takes a dead letter; None = topic `dead-letter`.
    """

    def __init__(
        self,
        config: Config,
        client: Any,
        stop: threading.Event,
        bury: Callable[[dict[str, Any]], None] | None = None,
    ) -> None:
        self._config = config
        self._client = client
        self._stop = stop
        self._book = Book(client, NAME)
        self._letters = Letters(config, DEAD_LETTER)
        self._bury = bury or self._letters.bury
        self.reader: Reader | None = None

    def run(self) -> None:
        """Until stopped.

        Raises:
            Unavailable: the broker cannot be reached at the start.
        """
        group = f"{self._config.group}-{NAME}"
        try:
            self.reader = Reader(self._config, FEEDBACK, group, self._book, self.handle, self._stop)
            self.reader.run()
        finally:
            self._letters.close()

    def handle(self, partition: int, at: int, records: Sequence[Any]) -> None:
        """Count records and write down how far they go.

        Raises:
            Moved: the book does not stand at `at`.
        """
        self._book.read(partition, at, [])
        counts: Counter[str] = Counter()
        events: dict[str, tuple[int, Feedback]] = {}
        for record in records:
            try:
                event = parse(record.value)
            except EventError as error:
                self._refuse(partition, record, error)
                counts["refused"] += 1
                continue
            counts["repeats"] += event.event_id in events
            events.setdefault(event.event_id, (record.offset, event))
        new = self._unseen(partition, events)
        counts["repeats"] += len(events) - len(new)
        counts.update(map(self._name, (event for _, event in new.values()), self._alerts(new)))
        seen = keys.seen(NAME, partition)

        def remember(pipe: Any) -> None:
            if new:
                pipe.zadd(seen, {event_id: offset for event_id, (offset, _) in new.items()})
                pipe.zremrangebyrank(seen, 0, -SEEN_MOST - 1)

        self._book.write(partition, at, records[-1].offset + 1, {}, +counts, remember)

    def _refuse(self, partition: int, record: Any, error: EventError) -> None:
        said = DeadLetter(FEEDBACK, partition, record.offset, error.reason, error.field, record.value)
        self._bury(letter(said, with_payload=self._config.dead_letter_payload))

    def _unseen(
        self, partition: int, events: dict[str, tuple[int, Feedback]]
    ) -> dict[str, tuple[int, Feedback]]:
        if not events:
            return {}
        scores = self._client.zmscore(keys.seen(NAME, partition), list(events))
        return {one: events[one] for one, score in zip(events, scores, strict=True) if score is None}

    def _alerts(self, events: dict[str, tuple[int, Feedback]]) -> list[dict[str, Any]]:
        """What is known of the alert of each event; nothing where it has none."""
        if not events:
            return []
        found = self._client.mget([keys.alert(event.alert_id) for _, event in events.values()])
        return [orjson.loads(blob) if blob else {} for blob in found]

    @staticmethod
    def _name(event: Feedback, alert: dict[str, Any]) -> str:
        """What an event is counted under: kind/rule or tag/arm/outcome."""
        if event.kind != ALERT_OUTCOME:
            return f"{event.kind}/{event.tag}//"
        if alert.get("customer_id") != event.customer_id:
            alert = {}
        rule, arm = alert.get("rule", event.rule or UNKNOWN), alert.get("arm", UNKNOWN)
        return f"{event.kind}/{rule}/{arm}/{event.outcome}"
