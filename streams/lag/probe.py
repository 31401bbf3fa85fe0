"""One look at the world: the store first, so that what is applied never seems to be beyond the end."""

import time
from types import TracebackType
from typing import Self

from streams.config import Config
from streams.lag.broker import BrokerProbe
from streams.lag.sample import Sample
from streams.lag.store import StoreProbe
from streams.store.contract import Unavailable


class Probe:
    """Both sides behind one call. Blocking; neither side's absence is an error, the sample says it.

    Raises:
        ConfigError: how input is decoded cannot be understood.
    """

    def __init__(self, config: Config) -> None:
        self._broker = BrokerProbe(config)
        self._store = StoreProbe(config)

    def look(self) -> Sample:
        """What is there now."""
        stored, store_says = None, ""
        try:
            stored = self._store.look(int(time.time() * 1000))
        except Unavailable as error:
            store_says = str(error)
        try:
            seen = self._broker.look(stored.watermarks if stored is not None else None)
        except Unavailable as error:
            at_ms = int(time.time() * 1000)
            return Sample(at_ms, stored=stored, store_says=store_says, broker_says=str(error))
        at_ms = int(time.time() * 1000)
        return Sample(
            at_ms,
            seen.partitions,
            seen.missing,
            seen.group,
            stored,
            seen.dead_letters,
            store_says=store_says,
            notes=seen.notes,
            knows_commits=seen.knows_commits,
        )

    def close(self) -> None:
        """Disconnect."""
        self._broker.close()
        self._store.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None
    ) -> None:
        self.close()
