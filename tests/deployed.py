"""A store as workers leave it, without workers; and both readers behind one face."""

import asyncio
import time
from typing import Any

import orjson
import redis

from streams import keys
from streams.reader import AsyncProfileReader, ProfileReader, Settings
from streams.store.checks import LAYOUT
from streams.store.redis_store import RedisStore

BUCKETS = 64
VIP = "[tags.vip]\nmembers = true\n[tags.stage]\nkind = 'category'\nmembers = true\n[tags.quiet]\n"


def document(customer_id: str, version: int = 1, **more: Any) -> dict[str, Any]:
    """A small profile that holds `vip` and is in the stage `new`."""
    tags = {"vip": {"value": True}, "stage": {"value": "new"}}
    at = "2026-11-21T01:14:05.000Z"
    head = {"customer_id": customer_id, "schema": 1, "version": version, "as_of": at, "updated_at": at}
    return head | {"tags": tags} | more


class Deployed:
    """What is written to a store for readers.

    Args:
        url: of the store, which is emptied.
    """

    def __init__(self, url: str) -> None:
        self.client = redis.Redis.from_url(url, protocol=2, socket_timeout=60)
        self.client.flushall()
        self.client.hset(keys.META, mapping={"buckets": BUCKETS, "layout": LAYOUT, "epoch": "e"})
        self.client.hset(keys.CATALOGUE, mapping={"revision": 1, "text": VIP})
        self.tick()

    def tick(self, ago_s: float = 0) -> None:
        """Two partitions report that everything up to then is applied."""
        at_ms = int((time.time() - ago_s) * 1000)
        self.client.hset(keys.CLOCK, mapping={"orders/0": f"1:{at_ms}", "clicks/0": f"0:{at_ms + 500}"})

    def put(self, customer_id: str, doc: bytes | None = None) -> str:
        """Store a document; gives its key."""
        b = keys.bucket(customer_id, BUCKETS)
        key = keys.profile(b, customer_id)
        self.client.hset(key, keys.DOC, orjson.dumps(document(customer_id)) if doc is None else doc)
        self.client.sadd(keys.members(b, "vip"), customer_id)
        return key


def patient_store(url: str, buckets: int = BUCKETS, **more: Any) -> RedisStore:
    """The store as workers have it, with patience for a machine that is busy: it asks nothing twice."""
    store = RedisStore(url, buckets, **more)
    store._client.connection_pool.connection_kwargs |= {"socket_timeout": 60, "socket_connect_timeout": 60}
    return store


class Waited:
    """The asyncio reader, each of its calls waited for."""

    def __init__(self, *args: Any, **more: Any) -> None:
        self._runner = asyncio.Runner()
        self._reader = AsyncProfileReader(*args, **more)

    def __getattr__(self, name: str) -> Any:
        async def call(*args: Any, **more: Any) -> Any:
            return await getattr(self._reader, name)(*args, **more)

        return lambda *args, **more: self._runner.run(call(*args, **more))

    def close(self) -> None:
        self._runner.run(self._reader.aclose())
        self._runner.close()


READERS: dict[str, Any] = {"blocking": ProfileReader, "asyncio": Waited}
QUICK = Settings(timeout_s=0.2, pulse_s=0.1)
PATIENT = QUICK._replace(timeout_s=30)  # for what the store has to say, however busy the machine is
