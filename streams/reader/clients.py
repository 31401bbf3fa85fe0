"""The two readers: the plans of `core`, waited for by blocking or by asyncio."""

from abc import ABC, abstractmethod
from collections.abc import AsyncIterable, AsyncIterator, Callable, Collection, Iterable, Iterator, Sequence
from typing import Any, Self, TypeVar

import redis
import redis.asyncio
from redis.asyncio.cluster import RedisCluster as AsyncRedisCluster
from redis.asyncio.retry import Retry as AsyncRetry
from redis.backoff import NoBackoff
from redis.cluster import RedisCluster
from redis.exceptions import RedisError, ResponseError
from redis.maint_notifications import MaintNotificationsConfig
from redis.retry import Retry

from . import watch
from .answers import Answer, NotKnown, Page, Profile, Unknown
from .cache import Mirror
from .core import Core, Plan
from .deployment import Command, Lag, Settings
from .documents import Tag
from .watch import TagChange

T = TypeVar("T")
_DEFAULT = Settings()
_MOST = 10_000  # connections
LOCAL = "redis://127.0.0.1:6379/0"


class _Reader(ABC):
    """What both readers are made of."""

    def __init__(
        self,
        source: Any = LOCAL,
        settings: Settings = _DEFAULT,
        *,
        cluster: bool = False,
        cache: int = 0,
        tracking: "redis.Redis | None" = None,
    ) -> None:
        self._mirror: Mirror | None = None
        if cache and tracking is None:
            if cluster or not isinstance(source, str):
                raise ValueError("a cache needs the URL of a single server, or a client for tracking")
            quiet = MaintNotificationsConfig(enabled=False)
            more = options(settings.timeout_s) | {"protocol": 3, "maint_notifications_config": quiet}
            tracking = redis.Redis.from_url(source, **more)
        if cache and tracking is not None:
            self._mirror = Mirror(tracking, cache)
        self._core = Core(settings, self._mirror)
        self._is_own = isinstance(source, str)
        self._client: Any = None if self._is_own else source
        self._connect: Callable[[], Any] = lambda: self._made(source, settings.timeout_s, cluster)

    @staticmethod
    @abstractmethod
    def _made(url: str, timeout_s: float, cluster: bool) -> Any: ...

    def _pipe(self, commands: Sequence[Command]) -> Any:
        pipe = self._client.pipeline(transaction=False)
        for command in commands:
            pipe.execute_command(*command)
        return pipe


def options(timeout_s: float = _DEFAULT.timeout_s, *, asyncio: bool = False) -> dict[str, Any]:
    """What a redis-py client is told: this time-out, and no retries besides the reader's own."""
    return {
        "socket_timeout": timeout_s,
        "socket_connect_timeout": timeout_s,
        "retry": (AsyncRetry if asyncio else Retry)(NoBackoff(), 0),
        "protocol": 2,  # nothing here is of another type in RESP3
    }


class ProfileReader(_Reader):
    """Reads profiles, blocking; safe to share between threads.

    >>> with ProfileReader("redis://127.0.0.1:1/0") as reader:
    ...     reader.get("c-1").reason
    'unreachable'

    Args:
        source: redis:// or rediss:// URL with user and password where there are some, or a redis-py client of
            one's own, for Sentinel say. Give such a client `options()`, or its own time-outs and retries are
            added to ours.
        settings: patience and strictness, see `Settings`.
        cluster: the URL is of a node of a Redis Cluster.
        cache: so many profiles are remembered until the server says that they changed; 0 = none.
        tracking: blocking redis-py client with `protocol=3` through which the cache hears of changes; None =
            one is made of the URL. There is no cache on a cluster.

    Raises:
        ValueError: a cache is wanted where there can be none.
    """

    @staticmethod
    def _made(url: str, timeout_s: float, cluster: bool) -> Any:
        more = options(timeout_s) | {
            "max_connections": _MOST
        }  # each thread has one; redis-py refuses the 101st
        return (RedisCluster if cluster else redis.Redis).from_url(url, **more)

    def _run(self, plan: Plan[T]) -> T:
        try:
            commands = next(plan)
            while True:
                try:
                    replies = self._send(commands)
                except (RedisError, OSError) as error:
                    commands = plan.throw(error)
                else:
                    commands = plan.send(replies)
        except StopIteration as done:
            result: T = done.value
            return result

    def _send(self, commands: Sequence[Command]) -> list[Any]:
        if self._client is None:
            self._client = self._connect()
        if len(commands) > 1:
            replies: list[Any] = self._pipe(commands).execute(raise_on_error=False)
            return replies
        try:
            return [self._client.execute_command(*commands[0])]
        except ResponseError as error:
            return [error]

    def check(self) -> None:
        """See that the store can be read and is the one that is meant; reads do so by themselves.

        Raises:
            WrongDeployment: it is another one.
            NotKnown: it cannot be read now, or is too old.
        """
        _raise(self._run(self._core.check()))

    def get(self, customer_id: str) -> Answer[Profile]:
        """One customer's profile.

        Raises:
            WrongDeployment: as every read.
        """
        return self._run(self._core.get(customer_id))

    def get_many(self, customer_ids: Iterable[str]) -> dict[str, Answer[Profile]]:
        """An answer for each customer, in one round trip (one a node on a cluster)."""
        return self._run(self._core.get_many(customer_ids))

    def tags(self, customer_id: str) -> Answer[dict[str, Tag]]:
        """What a customer holds: tag -> value, since, because, until."""
        return self._run(self._core.tags(customer_id))

    def has_tag(self, customer_id: str, tag: str, value: str | float | None = None) -> Answer[bool]:
        """Whether a customer holds a tag, with this value if one is given."""
        return self._run(self._core.has_tag(customer_id, tag, value))

    def members(
        self, tag: str, value: str | None = None, *, cursor: str = "", count: int = 1000
    ) -> Answer[Page]:
        """About `count` of those who hold a tag; `Page.cursor` asks for the next page."""
        return self._run(self._core.members(tag, value, cursor, count))

    def lag(self) -> Answer[dict[str, Lag]]:
        """How far the store is behind, by input "topic/partition"; also where that is too far to read."""
        return self._run(self._core.lag())

    @staticmethod
    def watch(source: Iterable[Any] | str, tags: Collection[str] | None = None) -> Iterator[TagChange]:
        """Tag changes, each once.

        Args:
            source: records of the topic, such as a Kafka consumer, which then decides where to begin and
                when to commit; or "host:port,..." of brokers, for what is new from now on (extra `watch`).
            tags: only of these.

        Raises:
            Damaged: a record is no tag change.
        """
        return watch.changes(watch.consumer(source) if isinstance(source, str) else source, tags)

    def close(self) -> None:
        """Let go of connections that are our own."""
        if self._mirror is not None:
            self._mirror.close()
        if self._is_own and self._client is not None:
            self._client.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncProfileReader(_Reader):
    """`ProfileReader` for asyncio, with the same arguments; for one event loop."""

    @staticmethod
    def _made(url: str, timeout_s: float, cluster: bool) -> Any:
        more = options(timeout_s, asyncio=True)
        if cluster:
            return AsyncRedisCluster.from_url(url, max_connections=_MOST, **more)
        # Of thousands of tasks most wait for a connection; the plain pool would refuse them.
        pool = redis.asyncio.BlockingConnectionPool.from_url(url, timeout=timeout_s, **more)
        return redis.asyncio.Redis.from_pool(pool)

    async def _run(self, plan: Plan[T]) -> T:
        try:
            commands = next(plan)
            while True:
                try:
                    replies = await self._send(commands)
                except (RedisError, OSError) as error:
                    commands = plan.throw(error)
                else:
                    commands = plan.send(replies)
        except StopIteration as done:
            result: T = done.value
            return result

    async def _send(self, commands: Sequence[Command]) -> list[Any]:
        if self._client is None:
            self._client = self._connect()
        if len(commands) > 1:
            replies: list[Any] = await self._pipe(commands).execute(raise_on_error=False)
            return replies
        try:
            return [await self._client.execute_command(*commands[0])]
        except ResponseError as error:
            return [error]

    async def check(self) -> None:
        """See `ProfileReader.check`."""
        _raise(await self._run(self._core.check()))

    async def get(self, customer_id: str) -> Answer[Profile]:
        """See `ProfileReader.get`."""
        return await self._run(self._core.get(customer_id))

    async def get_many(self, customer_ids: Iterable[str]) -> dict[str, Answer[Profile]]:
        """See `ProfileReader.get_many`."""
        return await self._run(self._core.get_many(customer_ids))

    async def tags(self, customer_id: str) -> Answer[dict[str, Tag]]:
        """See `ProfileReader.tags`."""
        return await self._run(self._core.tags(customer_id))

    async def has_tag(self, customer_id: str, tag: str, value: str | float | None = None) -> Answer[bool]:
        """See `ProfileReader.has_tag`."""
        return await self._run(self._core.has_tag(customer_id, tag, value))

    async def members(
        self, tag: str, value: str | None = None, *, cursor: str = "", count: int = 1000
    ) -> Answer[Page]:
        """See `ProfileReader.members`."""
        return await self._run(self._core.members(tag, value, cursor, count))

    async def lag(self) -> Answer[dict[str, Lag]]:
        """See `ProfileReader.lag`."""
        return await self._run(self._core.lag())

    @staticmethod
    def watch(source: AsyncIterable[Any], tags: Collection[str] | None = None) -> AsyncIterator[TagChange]:
        """See `ProfileReader.watch`; `source` is waited for, such as an aiokafka consumer."""
        return watch.achanges(source, tags)

    async def aclose(self) -> None:
        """Let go of connections that are our own."""
        if self._mirror is not None:
            self._mirror.close()
        if self._is_own and self._client is not None:
            await self._client.aclose()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()


def _raise(found: Unknown | None) -> None:
    if found is not None:
        raise NotKnown(f"the store cannot be read: {found.reason}, {found.detail}")
