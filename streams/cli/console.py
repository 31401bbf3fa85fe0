"""`profilestream console`: look at a deployment in a browser."""

import asyncio
import logging
import signal

import click

from streams import logs
from streams.cli.options import Context, pass_context
from streams.config import Config
from streams.store.contract import Unavailable


@click.command()
@click.option("--address", "where", help="Where to answer, host:port.")
@pass_context
def console(context: Context, where: str | None) -> None:
    """Serve the console, read-only, until SIGTERM or SIGINT.

    On loopback unless it is told otherwise, and then only with a token.
    """
    from streams.console.guard import address  # what answers HTTP is of no use to other commands

    config = context.config(console=where)
    host, port = address(config)
    logs.set_up(config, "console", ("kafka", "asyncio"))
    logging.getLogger("aiokafka").setLevel(logging.CRITICAL)  # a broker that is away is no news here
    asyncio.run(_serve(config, host, port))


async def _serve(config: Config, host: str, port: int) -> None:
    from aiohttp import web

    from streams.cli.worker import DRAIN_S, exit_after
    from streams.console.app import Parts

    stop = asyncio.Event()
    for sig in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(sig, stop.set)
    app = Parts(config).application()
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1.0)
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, host, port).start()
        except OSError as error:
            reason = error.strerror or str(error)
            raise Unavailable(f"the console cannot answer at {config.console}: {reason}") from None
        shown = f"[{host}]" if ":" in host else host
        login = "login?token=..." if config.console_token else ""
        click.echo(f"the console answers at http://{shown}:{runner.addresses[0][1]}/{login}")
        await stop.wait()
        exit_after(DRAIN_S)
    finally:
        await runner.cleanup()
