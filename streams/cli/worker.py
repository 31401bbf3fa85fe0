"""`profilestream worker`: the process that keeps profiles current."""

import asyncio
import logging
import sys

import click

from streams import admin
from streams.cli.options import Context, pass_context
from streams.config import Config
from streams.store.contract import Unavailable
from streams.store.redis_store import RedisStore

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


@click.command()
@pass_context
def worker(context: Context) -> None:
    """Keep profiles current: read events, write Redis, publish tag changes.

    Start as many as there are partitions at most; they share the work out among themselves. SIGTERM
    stops one in an orderly way.
    """
    config = context.config()
    check(config)
    run(config)


def check(config: Config) -> None:
    """Refuse to start against a world that is not ready.

    Raises:
        Unavailable: a broker or the store does not answer, or topics are missing.
        StoreUnfit: the store must not be used as it is.
    """
    missing = admin.missing_topics(config)
    if missing:
        raise Unavailable(
            f"topics {', '.join(missing)} do not exist on {config.brokers}; run 'profilestream topics create'"
        )

    async def ask() -> None:
        store = RedisStore(config.redis_url, config.buckets)
        try:
            await store.adopt()
        finally:
            await store.close()

    asyncio.run(ask())


def run(config: Config) -> None:
    """Run until SIGTERM or SIGINT; exits the process."""
    import faust  # noqa: PLC0415 - half a second that other commands need not pay

    from streams.app import Parts  # noqa: PLC0415

    logging.basicConfig(level=config.log_level.upper(), format=LOG_FORMAT, stream=sys.stderr)
    for noisy in ("faust", "mode", "aiokafka", "kafka"):
        logging.getLogger(noisy).setLevel(max(logging.WARNING, logging.getLogger().level))
    parts = Parts(config)
    faust.Worker(
        parts.app,
        override_logging=False,
        redirect_stdouts=False,
        quiet=True,
        blocking_timeout=None,
    ).execute_from_commandline()
