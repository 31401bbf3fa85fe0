"""`profilestream console`: look at a deployment in a browser."""

import asyncio
import logging
import signal

import click
from aiohttp import web

from streams.cli.options import Context, pass_context
from streams.config import Config
from streams.console.app import Parts
from streams.console.guard import address
from streams.store.contract import Unavailable


@click.command()
@click.option("--address", "where", help="Where to answer, host:port.")
@pass_context
def console(context: Context, where: str | None) -> None:
    """Serve the console, read-only, until SIGTERM or SIGINT.

    On loopback unless it is told otherwise, and then only with a token.
    """
    config = context.config(console=where)
    host, port = address(config)
    logging.basicConfig(
        level=config.log_level.upper(), format="%(asctime)s %(levelname)s %(name)s %(message)s"
    )
    for noisy in ("aiokafka", "kafka", "asyncio"):
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    asyncio.run(_serve(config, host, port))


async def _serve(config: Config, host: str, port: int) -> None:
    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    runner = web.AppRunner(
        Parts(config).application(), access_log=None, handle_signals=False, shutdown_timeout=1.0
    )
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            raise Unavailable(
                f"the console cannot answer at {config.console}: {error.strerror or error}"
            ) from None
        bound = runner.addresses[0][1]
        shown = f"[{host}]:{bound}" if ":" in host else f"{host}:{bound}"
        login = "/login?token=..." if config.console_token else "/"
        click.echo(f"the console answers at http://{shown}{login}")
        await stop.wait()
    finally:
        await runner.cleanup()
