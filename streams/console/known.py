"""What the console knows of the deployment without asking each time: the rules in force, and its instant."""

import asyncio
import logging
import time
from collections.abc import Mapping, Sequence
from typing import Any

import redis as redis_blocking

from models.rules import Rules
from streams import catalogues, keys
from streams.config import Config, ConfigError
from streams.metrics.service import impatient

log = logging.getLogger(__name__)
TIMEOUT_S = 1.5  # of one command: pages are told soon that the store is away
AT_ONCE = 200  # profiles read in one round trip


def client(config: Config) -> Any:
    """An asyncio client of the console's own."""
    return impatient(config.redis_url, TIMEOUT_S, 32)


def blocking(config: Config) -> Any:
    """A blocking client, as impatient."""
    return redis_blocking.Redis.from_url(
        config.redis_url, socket_timeout=TIMEOUT_S, socket_connect_timeout=TIMEOUT_S
    )


def wall_ms() -> int:
    """The clock."""
    return int(time.time() * 1000)


class Known:
    """The rules in force, read again when they are others.

    Args:
        config: of the deployment.

    Attributes:
        rules: in force; those of the configuration as long as nothing is.
        instant_ms: the deployment's "now": the clock, or how far the events are.
        current_ms: everything that happened or fell due before is stored; None = nobody says.
    """

    def __init__(self, config: Config) -> None:
        self.config = config
        self.rules: Rules = config.rules()
        self.instant_ms = wall_ms()
        self.current_ms: int | None = None
        self._revision: bytes | None = None

    def at(self, clock: Mapping[bytes, bytes], due_ms: Sequence[int]) -> None:
        """Take in what workers report of how far they are (`ps:clock`), and what falls due next."""
        marks = [int(report[2:]) for report in clock.values()]
        self.current_ms = min([*marks, *due_ms]) if marks else None
        self.instant_ms = wall_ms()
        if self.config.clock != "wall":
            self.instant_ms = max(marks, default=0) or self.instant_ms

    async def refresh(self, revision: bytes | None) -> None:
        """Read what is in force where its revision is another one than before."""
        if revision is None or revision == self._revision:
            return
        try:
            self.rules = await asyncio.to_thread(self._read)
            self._revision = revision
        except ConfigError as error:
            log.warning("what is in force cannot be read: %s", type(error).__name__)

    def _read(self) -> Rules:
        client = blocking(self.config)
        try:
            return catalogues.rules_in_force(client, self.config)
        finally:
            client.close()


async def documents(client: Any, ids: list[str], buckets: int) -> list[bytes | None]:
    """The documents of customers, None where there is none (any more)."""
    pipe = client.pipeline(transaction=False)
    for cid in ids:
        pipe.hget(keys.profile(keys.bucket(cid, buckets), cid), keys.DOC)
    return list(await pipe.execute()) if ids else []
