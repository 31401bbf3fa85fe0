"""What the consumers beside the workers say of themselves: `profilestream alerts` and `feedback`."""

import socket
import time
from typing import Any, Protocol

from streams import keys
from streams.alerts.consumer import ChurnAlerts
from streams.config import Config
from streams.feedback import NAME, FeedbackCounter
from streams.logs import name_of_process
from streams.metrics import declared
from streams.metrics.service import Service
from streams.metrics.sheet import Sheet
from streams.reading import Reader
from streams.statistics import Numbers, said


class _Reads(Protocol):
    reader: Reader | None


class _Health:
    """Of the thread that reads; the service runs in another."""

    def __init__(self, consumer: _Reads) -> None:
        self._consumer = consumer

    def alive(self) -> list[str]:
        """A round that lasts longer than the group waits is stuck."""
        reader = self._consumer.reader
        is_stuck = reader is not None and time.monotonic() - reader.beat_s > reader.patience_s
        return ["stuck"] if is_stuck else []

    def ready(self) -> list[str]:
        """Only who has partitions does anything."""
        reader = self._consumer.reader
        if reader is None:
            return ["starting"]
        return [] if reader.assigned else ["no_partitions"]


def service_of_alerts(config: Config, alerts: ChurnAlerts, taken: socket.socket | None) -> Service:
    """The service of `profilestream alerts`, on a socket of `server.bind`."""

    def fill(sheet: Sheet) -> None:
        for (rule, arm, action), count in alerts.decided.copy().items():
            sheet.put("alerts_total", count, rule, arm, action)
        for (sink, outcome), count in alerts.delivery.outcomes.copy().items():
            sheet.put("alert_deliveries_total", count, sink, outcome)

    health = _Health(alerts)
    return Service(
        declared.ALERTS, name_of_process(), redis_url=config.redis_url, taken=taken, fill=fill,
        ready=health.ready, alive=health.alive,
    )  # fmt: skip


def service_of_feedback(config: Config, counter: FeedbackCounter, taken: socket.socket | None) -> Service:
    """The service of `profilestream feedback`, on a socket of `server.bind`."""
    found: dict[str, Numbers] = {}

    async def look(client: Any) -> None:
        """What all feedback together says: the counts of every partition, whoever counted them."""
        books = [key for key in await client.smembers(keys.BOOKS) if keys.book_name(key) == NAME]
        counts: dict[str, int] = {}
        for key in books:
            for name, value in (await client.hgetall(keys.counts(key.decode()))).items():
                counts[name.decode()] = counts.get(name.decode(), 0) + int(value)
        found["rules"] = said(counts)["rules"]

    def fill(sheet: Sheet) -> None:
        for rule, arms in found.get("rules", {}).items():
            for arm, numbers in arms.items():
                if isinstance(numbers, dict):  # beside the arms stands the uplift
                    sheet.put("feedback_precision", numbers.get("precision"), rule, arm)

    health = _Health(counter)
    return Service(
        declared.FEEDBACK, name_of_process(), redis_url=config.redis_url, taken=taken, fill=fill,
        ready=health.ready, alive=health.alive, look=look,
    )  # fmt: skip
