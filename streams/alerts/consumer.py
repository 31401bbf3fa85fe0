"""`ChurnAlerts`: where topic, rules, sinks and book meet."""

import logging
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

import orjson

from streams import keys
from streams.alerts import rules
from streams.alerts.delivery import Delivery, Order, Stopped
from streams.alerts.rules import RAISED, Alert
from streams.alerts.settings import Settings
from streams.alerts.sinks import HandlerSink, Sink, build
from streams.books import Book
from streams.config import Config
from streams.reading import MOST_RECORDS, Letters, Reader
from streams.topics import ALERTS_DEAD, TAG_CHANGES

log = logging.getLogger(__name__)
HANDLER = "handler"
_CUSTOMER = b"c:"
_INDEX_S = keys.ALERT_DAYS * 86_400


class ChurnAlerts:
    """Raises alerts and takes them back, each at least once, in order for each customer.

    A batch is decided, delivered, and only then written down with its offset; a crash in between delivers
    it again under the same ids.

    >>> ChurnAlerts(config, settings, handler=call_the_customer).run()  # doctest: +SKIP

    Args:
        config: brokers and store.
        settings: of the rules file.
        client: blocking Redis client.
        handler: is given every alert, of both arms, beside the sinks of its rule; where it
            raises it is asked again, 8 times in all.
        stop: ends `run`.
    """

    def __init__(
        self,
        config: Config,
        settings: Settings,
        client: Any,
        handler: Callable[[Alert], Any] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        self.stop = stop or threading.Event()
        self._config = config
        self._settings = settings
        self._client = client
        self._book = Book(client, f"alerts-{settings.rules.name}")
        self._letters = Letters(config, ALERTS_DEAD)
        sinks: dict[str, Sink] = {name: build(said) for name, said in settings.sinks.items()}
        self._always: tuple[str, ...] = ()
        if handler is not None:
            sinks[HANDLER], self._always = HandlerSink(handler), (HANDLER,)
        self.delivery = Delivery(sinks, self._bury, self.stop)
        self.decided: Counter[tuple[str, str, str]] = Counter()  # rule, arm, what; written down
        self.reader: Reader | None = None

    def run(self) -> None:
        """Until stopped.

        Raises:
            Unavailable: the broker cannot be reached at the start.
        """
        most = MOST_RECORDS * (1 + len(self._settings.rules.by_id))
        try:
            self.reader = Reader(
                self._config, TAG_CHANGES, self._settings.group, self._book, self.handle, self.stop,
                start=self._settings.start, round_s=self.delivery.worst_s(most),
            )  # fmt: skip
            self.reader.run()
        except Stopped:
            pass
        finally:
            self.close()

    def handle(self, partition: int, at: int, records: Sequence[Any]) -> None:
        """Decide, deliver, write down.

        Args:
            partition: of the topic.
            at: where its book stands.
            records: in order, from there on.

        Raises:
            Moved: the book stands elsewhere; what was delivered comes again.
            Unavailable: a dead letter was not acknowledged.
            Stopped: the process ends.
        """
        counts: Counter[str] = Counter()
        changes = list(self._readable(partition, records, counts))
        ids = list(dict.fromkeys(change.customer_id for change in changes))
        fields = [_CUSTOMER + cid.encode() for cid in ids]
        blobs = self._book.read(partition, at, fields) if fields else []
        known = {cid: rules.decode(blob) for cid, blob in zip(ids, blobs, strict=True)}
        orders: list[Order] = []
        decided: list[tuple[str, str, str]] = []
        for change in changes:
            decision = self._settings.rules.decide(known[change.customer_id], change)
            decided += decision.counts
            for rule, arm, alert in decision.alerts:
                names = (*self.delivery.names(rule.sinks, arm), *self._always)
                orders.append(Order(alert, names))
        counts.update("/".join(one) for one in decided)
        if gaps := counts["//gaps"]:
            log.warning("%s/%d: %d gaps in the numbers of customers", TAG_CHANGES, partition, gaps)
        self._index([order.alert for order in orders])
        dead = self.delivery.send(orders)
        counts.update({f"//dead_{name}": count for name, count in dead.items()})
        written = {field: rules.encode(known[cid]) for field, cid in zip(fields, ids, strict=True)}
        self._book.write(partition, at, records[-1].offset + 1, written, counts)
        self.decided.update(one for one in decided if one[0])

    def _readable(self, partition: int, records: Sequence[Any], counts: Counter[str]) -> Any:
        for record in records:
            try:
                yield rules.read(record.value)
            except rules.Unreadable as error:
                place = {"topic": TAG_CHANGES, "partition": partition, "offset": record.offset}
                self._letters.bury({"reason": f"unreadable: {error}", **place})
                counts["//unreadable"] += 1

    def _index(self, alerts: Sequence[Alert]) -> None:
        """Rule and arm by alert id, before anybody can have a word to say about it."""
        raised = [alert for alert in alerts if alert["action"] == RAISED]
        if not raised:
            return
        pipe = self._client.pipeline(transaction=False)
        for alert in raised:
            said = {name: alert[name] for name in ("customer_id", "rule", "arm")}
            pipe.set(keys.alert(alert["id"]), orjson.dumps(said), ex=_INDEX_S)
        pipe.execute()

    def _bury(self, letter: dict[str, Any]) -> None:
        named = {**letter, "name": self._settings.rules.name}
        self._letters.bury(named, letter["alert"]["customer_id"])

    def close(self) -> None:
        """Disconnect."""
        self.delivery.close()
        self._letters.close()
