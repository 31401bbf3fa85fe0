"""Dead alerts get another chance: what no sink took is read again from its topic and delivered once more.

Theory
    Time has passed. An alert that was taken back since must not be raised now, so the book of open alerts is
    asked before; and again after, since the consumer may take it back at that very moment: then a
    cancellation follows ours, and the receiver, who knows both by their id, ends with the last word.
    What fails again goes to the end of the topic, marked with this run; the run ends where it meets that.
"""

import threading
from collections import Counter
from collections.abc import Sequence
from secrets import token_hex
from typing import Any

import orjson

from streams import keys
from streams.alerts.delivery import Delivery, Order, Stopped
from streams.alerts.rules import CANCELLED, LEFT, RAISED, Alert, decode
from streams.alerts.settings import Settings
from streams.alerts.sinks import build
from streams.books import Book
from streams.config import Config
from streams.reading import MOST_RECORDS, Letters, Reader
from streams.store.contract import Unavailable
from streams.topics import ALERTS_DEAD

_POLL_MS = 1_000
_PATIENCE = 30  # polls that bring nothing, until a silent broker is given up


class Resending:
    """One pass over the dead alerts of a deployment of alerts, from where the pass before it ended.

    Args:
        config: brokers and store.
        settings: of the rules file; alerts of other files are left alone.
        client: blocking Redis client.
        stop: ends the pass early.
    """

    def __init__(self, config: Config, settings: Settings, client: Any, stop: threading.Event) -> None:
        self._config = config
        self._settings = settings
        self._client = client
        self._stop = stop
        self._run = token_hex(8)
        self._is_over = False
        self._book = Book(client, f"dead-{settings.rules.name}")
        self._letters = Letters(config, ALERTS_DEAD)
        self._delivery = Delivery(
            {name: build(said) for name, said in settings.sinks.items()}, self._bury, stop
        )
        self.counts: Counter[str] = Counter(dict.fromkeys(("delivered", "taken_back", "dead"), 0))

    def run(self) -> Counter[str]:
        """Gives how many were delivered, how many taken back meanwhile, how many are dead again.

        What is under way when it is stopped is delivered by the next pass.

        Raises:
            Unavailable: the broker cannot be reached, or falls silent.
        """
        reader = Reader(
            self._config, ALERTS_DEAD, "", self._book, self._handle, self._stop,
            round_s=self._delivery.worst_s(MOST_RECORDS),
        )  # fmt: skip
        try:
            quiet = 0
            while not (self._is_over or reader.is_at_end or self._stop.is_set()):
                quiet = 0 if reader.round(_POLL_MS) else quiet + 1
                if quiet > _PATIENCE:
                    raise Unavailable(f"topic {ALERTS_DEAD} cannot be read to its end")
        except Stopped:
            pass
        finally:
            reader.close()
            self._delivery.close()
            self._letters.close()
        return self.counts

    def _handle(self, partition: int, at: int, records: Sequence[Any]) -> None:
        orders, then = [], at
        for record in records:
            letter = orjson.loads(record.value)
            if letter.get("run") == self._run:
                self._is_over = True
                break
            then = record.offset + 1
            alert = letter.get("alert")
            is_ours = letter.get("name") == self._settings.rules.name
            if alert is None or not is_ours or letter["sink"] not in self._settings.sinks:
                continue
            if alert["action"] == RAISED and not self._is_open(alert):
                self.counts["taken_back"] += 1
                continue
            orders.append(Order(alert, (letter["sink"],)))
        dead = self._delivery.send(orders)
        late = [one for one in orders if one.alert["action"] == RAISED and not self._is_open(one.alert)]
        self._delivery.send([Order(self._cancelled(one.alert), one.sinks) for one in late])
        self.counts["dead"] += dead.total()
        self.counts["delivered"] += len(orders) - dead.total()
        if then > at:
            self._book.write(partition, at, then, {}, {})

    def _is_open(self, alert: Alert) -> bool:
        name, field = f"alerts-{self._settings.rules.name}", b"c:" + alert["customer_id"].encode()
        for key in self._client.smembers(keys.BOOKS):
            if keys.book_name(key) == name:
                known = decode(self._client.hget(key, field))
                if any(one.id == alert["id"] for one in known.open):
                    return True
        return False

    def _cancelled(self, alert: Alert) -> Alert:
        """The word that the consumer has given meanwhile, in case ours came after it."""
        customer_id = alert["customer_id"]
        bucket = keys.bucket(customer_id, self._config.buckets)
        doc = orjson.loads(self._client.hget(keys.profile(bucket, customer_id), keys.DOC) or b"{}")
        value = doc.get("tags", {}).get(alert["tag"], {}).get("value")
        return {**alert, "action": CANCELLED, "why": LEFT, "old": alert["value"], "value": value}

    def _bury(self, letter: dict[str, Any]) -> None:
        named = {**letter, "name": self._settings.rules.name, "run": self._run}
        self._letters.bury(named, letter["alert"]["customer_id"])
