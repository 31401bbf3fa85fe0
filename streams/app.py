"""The composition root: the only place where configuration becomes a running worker."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any

import faust

from streams.config import Config, instant_ms
from streams.decoding import Decoding
from streams.engine.transport import BatchTransport
from streams.intake import Intake
from streams.logs import name_of_process
from streams.metrics import declared, server
from streams.metrics.service import Service
from streams.metrics.worker import WorkerVitals
from streams.processor import Processor
from streams.publisher import Publisher
from streams.relay import Relay
from streams.store.contract import Store
from streams.store.redis_store import RedisStore
from streams.sweeper import Sweeper
from streams.timers import Timers
from streams.topics import INPUT_TOPICS
from streams.tracing.context import Trail
from streams.tracing.setup import tracing
from streams.watchdog import Watchdog
from streams.worker import Worker

log = logging.getLogger(__name__)


class Parts:
    """The parts of one worker process, wired. Nothing is connected until `app` starts.

    Args:
        config: all settings.
        store: a store to use instead of the configured one.

    Raises:
        ConfigError: spans cannot be traced as configured.
        Unavailable: the port of `metrics` is taken.
    """

    def __init__(self, config: Config, store: Store | None = None) -> None:
        live = config.clock == "wall"
        rules = config.rules()
        self.config = config
        self.name = name_of_process()
        self.tracing = tracing(config, declared.WORKER, self.name)
        self.store = store or RedisStore(
            config.redis_url, config.buckets, replicas=config.redis_replicas, history=config.history
        )
        self.publisher = Publisher(
            config.brokers,
            dead_letter_payload=config.dead_letter_payload,
            idempotent=config.producer_idempotent,
            traced=self.tracing is not None,
        )
        self.intake = Intake(
            Decoding(config).event,
            live=live,
            future_limit_ms=config.future_limit_s * 1000 if live else None,
            suffix=f"@{config.input_epoch}" if config.input_epoch else "",
            trail=Trail() if self.tracing is not None else None,
        )
        self.processor = Processor(
            self.store,
            rules,
            live=live,
            dead_letter=self.publisher.dead_letters,
            cache_size=config.cache_profiles,
            tracing=self.tracing,
        )
        self.worker = Worker(
            self.store,
            self.intake,
            self.processor,
            rebuild=config.on_data_loss == "rebuild",
            outbox_limit=config.outbox_limit,
        )
        self.app = _faust_app(config, self.worker)
        self.timers = Timers(
            self.store,
            self.intake,
            self.processor,
            name=self.name,
            expected=self._sources,
            live=live,
            until_ms=instant_ms(config.clock_until) if config.clock_until else None,
        )
        self.sweeper = Sweeper(self.store, self.processor, self.timers, per_s=config.sweep_per_s)
        self.relay = Relay(
            self.store,
            self.publisher,
            buckets=lambda: self.timers.buckets,
            announced=self.processor.announced,
            durable=config.relay_durable,
            on_size=self._outbox_size,
            tracing=self.tracing,
        )
        self.watchdog = Watchdog(self.store, self.intake, self.worker, stall_s=config.stall_s)
        seen = WorkerVitals(self, live=live)
        self.service = Service(
            declared.WORKER,
            self.name,
            redis_url=config.redis_url if store is None else "",
            taken=server.bind(config.metrics),
            fill=seen.fill,
            ready=seen.ready,
            look=seen.look,
            settings={"lag_slo_s": config.lag_slo_s, "stall_s": config.stall_s},
        )
        self._attach()

    async def _sources(self) -> list[str]:
        """Every input source of the deployment, as the broker tells the partitions."""
        return [
            self.intake.source((topic, partition))
            for topic in INPUT_TOPICS
            for partition in await self.publisher.partitions(topic)
        ]

    def _outbox_size(self, size: int) -> None:
        self.worker.outbox_size = size

    def _attach(self) -> None:
        """Start and stop the parts with the application."""
        running: list[asyncio.Task[None]] = []

        async def start(*_: Any, **__: Any) -> None:
            await self.publisher.start()
            parts = (self.timers.run, self.sweeper.run, self.relay.run, self.watchdog.run)
            running.extend(asyncio.create_task(_or_crash(run, self.app)) for run in parts)

        async def stop(*_: Any, **__: Any) -> None:
            await self.timers.leave()
            for task in running:
                task.cancel()
            await asyncio.gather(*running, return_exceptions=True)
            await self.publisher.stop()
            if self.tracing is not None:
                await self.tracing.stop()

        def at_once() -> None:
            running.append(asyncio.create_task(_or_crash(self.service.run, self.app)))

        self.app.at_start = at_once
        self.app.on_before_shutdown.connect(stop, weak=False)
        self.app.task(start)


async def _or_crash(run: Callable[[], Awaitable[None]], app: Any) -> None:
    """A part that fails takes the process down, loudly; a supervisor starts it again."""
    try:
        await run()
    except Exception as error:
        log.exception("%s failed: %s", run.__qualname__, type(error).__name__)
        await app.crash(error)


class _App(faust.App):  # type: ignore[misc]
    at_start: Callable[[], None]

    async def on_start(self) -> None:
        """Before the group is joined, which takes its time: the process can be looked at meanwhile."""
        await super().on_start()
        self.at_start()

    def _create_directories(self) -> None:
        """Nothing of ours is on disk, and the working directory may not be ours to write."""


def _faust_app(config: Config, worker: Worker) -> Any:
    app = _App(
        config.group,
        broker=[f"kafka://{address.strip()}" for address in config.brokers.split(",")],
        broker_session_timeout=config.session_timeout_s,
        broker_heartbeat_interval=config.heartbeat_s,
        broker_request_timeout=max(20.0, config.session_timeout_s + 5),
        broker_rebalance_timeout=max(config.session_timeout_s, 10.0),
        broker_commit_interval=config.commit_interval_s,
        broker_max_poll_records=config.poll_records,
        # The watchdog decides when a worker is stuck. aiokafka lets nobody back into the group who has
        # fetched nothing for so long, and a worker more than there are partitions fetches nothing.
        broker_max_poll_interval=10 * 365 * 86_400,
        consumer_group_instance_id=config.instance_id or None,
        consumer_auto_offset_reset="earliest",
        stream_wait_empty=False,
        topic_disable_leader=True,
        topic_allow_declare=False,
        table_standby_replicas=0,
        store="memory://",
        web_enabled=False,
        worker_redirect_stdouts=False,
    )
    app.transport = BatchTransport(
        app.conf.broker_consumer, app, handler=worker, fetch_wait_ms=config.fetch_wait_ms
    )
    for topic in INPUT_TOPICS:
        # Faust subscribes to what an agent reads; the transport never hands this one anything.
        app.agent(app.topic(topic, key_serializer="raw", value_serializer="raw"), name=topic)(_unused)
    return app


async def _unused(stream: Any) -> None:
    async for _ in stream:
        raise AssertionError("records go to the worker, not to agents")
