"""`profilestream metrics`: what is measured, and what the live processes say now."""

import asyncio

import click

from streams.cli.options import Context, pass_context


@click.command()
@click.option("--live", is_flag=True, help="What every live process says now, read from Redis.")
@pass_context
def metrics(context: Context, live: bool) -> None:
    """Print the reference of all metrics; --live: their present values, each process's after its name."""
    if not live:
        from streams.metrics.page import page

        click.echo(page(), nl=False)
        return
    for process, text in asyncio.run(_texts(context.config().redis_url)):
        click.echo(f"# PROCESS {process}\n{text}", nl=False)


async def _texts(url: str) -> list[tuple[str, str]]:
    import redis.asyncio as redis

    from streams.metrics import vitals

    client = redis.Redis.from_url(url, socket_connect_timeout=3, socket_timeout=10)
    try:
        return await vitals.raw(client)
    finally:
        await client.aclose()
