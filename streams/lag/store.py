"""What the store knows of the group: what is applied beyond the commit, who lives, what waits."""

from typing import Any

import redis
from redis.backoff import NoBackoff
from redis.retry import Retry

from streams import keys
from streams.config import Config
from streams.lag.sample import Stored
from streams.store import checks
from streams.store.contract import Unavailable

_CONNECT_S, _ANSWER_S = 1.0, 3.0


class StoreProbe:
    """Asks in one round trip; reads only. Blocking."""

    def __init__(self, config: Config) -> None:
        self._buckets = config.buckets
        self._address = checks.address(config.redis_url)
        self._client: Any = redis.Redis.from_url(
            config.redis_url,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_ANSWER_S,
            retry=Retry(NoBackoff(), 1),  # a connection that went away since the last look
            protocol=2,
        )

    def look(self, now_ms: int) -> Stored:
        """What is there now.

        Raises:
            Unavailable: it does not answer, refuses, or holds no deployment.
        """
        pipe = self._client.pipeline(transaction=False)
        pipe.hget(keys.META, "epoch")
        pipe.hgetall(keys.WATERMARKS)
        pipe.zcount(keys.WORKERS, now_ms, "+inf")
        for b in range(self._buckets):
            pipe.xlen(keys.outbox(b))
            pipe.xrange(keys.outbox(b), count=1)
        try:
            epoch, marks, workers, *outboxes = pipe.execute()
        except (redis.RedisError, OSError) as error:
            raise Unavailable(f"store {self._address} cannot be asked: {type(error).__name__}") from error
        if epoch is None:
            raise Unavailable(f"store {self._address} holds no deployment")
        offsets = {source.decode(): value.partition(b":")[0] for source, value in marks.items()}
        oldest = [int(found[0][0].partition(b"-")[0]) for found in outboxes[1::2] if found]
        return Stored(
            watermarks={source: int(offset) for source, offset in offsets.items() if offset},
            workers=workers,
            outbox=sum(outboxes[::2]),
            outbox_ms=min(oldest, default=None),
        )

    def close(self) -> None:
        """Disconnect."""
        self._client.close()
