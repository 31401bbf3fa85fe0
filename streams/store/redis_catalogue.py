"""The part of the store on Redis that knows what is in force, who was judged under it, and who trains."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Iterable, Sequence
from typing import Any

from streams import keys
from streams.store import checks
from streams.store.contract import InForce, Trained


class RedisCatalogue(ABC):
    """See `Store`; a base of `RedisStore`, which brings connection and errors along."""

    buckets: int
    _client: Any

    @abstractmethod
    async def _ask(self, question: Awaitable[Any]) -> Any: ...

    async def in_force(self) -> InForce:
        """See `Store`."""
        pipe = self._client.pipeline(transaction=True)
        pipe.hgetall(keys.CATALOGUE)
        pipe.hmget(keys.POPULATION, "version", "snapshot")
        return checks.in_force(*await self._ask(pipe.execute()))

    async def apply(self, text: str, replaces: int, now_ms: int, retired: Sequence[str]) -> int:
        """See `Store`."""
        names = [keys.CATALOGUE, *map(keys.revision, range(self.buckets))]
        args = (replaces, text, now_ms, ",".join(retired))
        return int(await self._ask(self._client.fcall("ps_apply", len(names), *names, *args)))

    async def trained(self) -> Trained:
        """See `Store`."""
        fields = ("version", "snapshot", "trainer")
        version, snapshot, trainer = await self._ask(self._client.hmget(keys.POPULATION, *fields))
        return Trained(int(version or 0), snapshot or b"", trainer or b"")

    async def publish(self, version: int, snapshot: bytes, trainer: bytes, replaces: int) -> bool:
        """See `Store`."""
        names = [keys.CATALOGUE, keys.POPULATION, *map(keys.revision, range(self.buckets))]
        args = (replaces, version, snapshot, trainer)
        return bool(await self._ask(self._client.fcall("ps_publish", len(names), *names, *args)))

    async def lease(self, holder: str, ttl_ms: int) -> bool:
        """See `Store`."""
        return bool(await self._ask(self._client.fcall("ps_lease", 1, keys.TRAINER, holder, ttl_ms)))

    async def scan(self, cursor: int, count: int) -> tuple[int, list[str]]:
        """See `Store`."""
        cursor, found = await self._ask(self._client.scan(cursor, match="ps:profile:*", count=count))
        return cursor, [keys.customer(key) for key in found]

    async def unswept(self, buckets: Iterable[int], revision: int) -> list[int]:
        """See `Store`."""
        done = await self._ask(self._client.hgetall(keys.SWEPT))
        return [b for b in buckets if int(done.get(str(b).encode(), 0)) < revision]

    async def judged(self, count: int) -> None:
        """See `Store`."""
        await self._ask(self._client.hincrby(keys.CATALOGUE, "judged", count))

    async def swept(self, buckets: Sequence[int], revision: int, retired: Sequence[str]) -> None:
        """See `Store`."""
        pipe = self._client.pipeline(transaction=False)
        for b in buckets:
            if retired:
                pipe.delete(*(keys.members(b, name) for name in retired))
            pipe.hset(keys.SWEPT, str(b), str(revision))
        await self._ask(pipe.execute())
