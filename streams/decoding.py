"""From a record's bytes to an event: names mapped, Segment understood, the contract kept, privacy applied.

Everything that reads input topics goes through here, so that worker, replay and verification see the same
events.
"""

from models.events import Control, Event, EventError, parse
from models.privacy import Policy
from streams.config import Config, ConfigError
from streams.sources import Adapters
from streams.topics import INPUT_KINDS


class Decoding:
    """How this deployment reads its input.

    Args:
        config: currency, sources and privacy.

    Raises:
        ConfigError: the tables `sources` or `privacy` cannot be used.
    """

    def __init__(self, config: Config) -> None:
        self._currency = config.currency
        try:
            self._adapters = Adapters(config.sources, config.currency)
            self._policy = Policy(config.privacy, config.privacy_key.encode())
        except ValueError as error:
            raise ConfigError(str(error)) from None
        self._mapped = frozenset(topic for topic in INPUT_KINDS if self._adapters.translates(topic))

    def event(self, topic: str, value: bytes | None, latest_ms: int | None) -> Event:
        """The event in a record; arguments as of `parse`.

        Raises:
            EventError: the record breaks the contract.
        """
        kind, currency = INPUT_KINDS[topic], self._currency
        if topic in self._mapped:
            event = parse(kind, self.plain(topic, value), latest_ms=latest_ms, currency=currency)
        else:
            try:
                event = parse(kind, value, latest_ms=latest_ms, currency=currency)
            except EventError:
                translated = self._adapters.translate(topic, value)
                if translated is None:
                    raise
                event = parse(kind, translated, latest_ms=latest_ms, currency=currency)
        if kind == "control" and isinstance(event, Control) and event.attributes:
            event.attributes = self._policy.apply(event.attributes)
        return event

    def plain(self, topic: str, value: bytes | None) -> bytes | None:
        """The record in the contract's own words; as it is where no mapping applies."""
        translated = self._adapters.translate(topic, value)
        return value if translated is None else translated
