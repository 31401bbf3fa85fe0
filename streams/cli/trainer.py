"""`profilestream trainer`: the process that learns what customers have in common."""

import asyncio
import contextlib
import signal
import time
from importlib.util import find_spec

import click

from streams import logs
from streams.cli.options import Context, pass_context
from streams.cli.worker import check
from streams.clock import safe_now
from streams.config import Config, instant_ms
from streams.publisher import Publisher
from streams.store.contract import Unavailable
from streams.store.redis_store import RedisStore
from streams.topics import INPUT_TOPICS


@click.command()
@click.option("--once", is_flag=True, help="One snapshot now, then end.")
@pass_context
def trainer(context: Context, once: bool) -> None:
    """Learn scores, clusters, churn and value from all customers, and publish them as a snapshot.

    Start two: one is active, the other takes over when it is silent. Workers go on with the last snapshot
    when none runs. SIGTERM stops one in an orderly way.
    """
    # Until the loop listens, a note: an exception raised while libraries are imported may be swallowed there.
    early: list[int] = []
    signal.signal(signal.SIGTERM, lambda sig, _: early.append(sig))
    config = context.config()
    if missing := missing_libraries():
        raise click.ClickException(
            f"the trainer needs {', '.join(missing)}: pip install 'profilestream[trainer]'"
        )
    logs.set_up(config, "trainer", ("aiokafka", "kafka"))
    check(config)
    asyncio.run(_run(config, once, early))


def missing_libraries() -> list[str]:
    """Of the extra `trainer`, those that are not installed."""
    return [name for name in ("numpy", "scipy", "river") if find_spec(name) is None]


async def _run(config: Config, once: bool, early: list[int]) -> None:
    """Until SIGTERM or SIGINT, or after one epoch; not at all where a signal came early."""
    from streams.metrics import declared, server
    from streams.metrics.service import Service
    from streams.metrics.trainer import TrainerVitals
    from streams.population.epoch import Settings
    from streams.population.lease import Lease
    from streams.population.trainer import Trainer

    store = RedisStore(config.redis_url, config.buckets, replicas=config.redis_replicas)
    publisher = Publisher(config.brokers, dead_letter_payload=False, idempotent=config.producer_idempotent)
    lease = Lease(store, config.trainer_lease_s)
    active = Trainer(
        store,
        Settings(config.clusters, config.clusterer, config.trainer_seed),
        lease,
        calendar=config.rules().calendar,
        now_ms=lambda: _now_ms(config, store, publisher),
        announce=publisher.population,
        interval_s=config.trainer_interval_s,
    )
    service = Service(
        declared.TRAINER,
        logs.name_of_process(),
        redis_url="" if once else config.redis_url,
        taken=None if once else server.bind(config.metrics),
        fill=TrainerVitals(active, live=config.clock == "wall").fill,
        settings={"trainer_interval_s": config.trainer_interval_s},
    )
    task = asyncio.current_task()
    assert task is not None
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, task.cancel)
    if early:
        return
    looked_at = asyncio.create_task(service.run())
    try:
        await store.adopt()
        await publisher.start()
        await (active.once() if once else active.run())
    except asyncio.CancelledError:
        pass  # asked to stop
    finally:
        with contextlib.suppress(Unavailable):
            await lease.let_go()
        looked_at.cancel()
        await asyncio.gather(looked_at, return_exceptions=True)
        await publisher.stop()
        await store.close()


async def _now_ms(config: Config, store: RedisStore, publisher: Publisher) -> int:
    """The clock, or how far all input is applied; 0 = not yet known."""
    if config.clock == "wall":
        return int(time.time() * 1000)
    suffix = f"@{config.input_epoch}" if config.input_epoch else ""
    expected = [
        f"{topic}/{partition}{suffix}"
        for topic in INPUT_TOPICS
        for partition in await publisher.partitions(topic)
    ]
    until_ms = instant_ms(config.clock_until) if config.clock_until else None
    return safe_now(await store.clock(), expected, live=False, until_ms=until_ms)
