"""`profilestream doctor`: is the world fit for a worker?"""

import asyncio
from typing import Any

import click
import orjson
import redis.asyncio as redis
from redis.exceptions import RedisError

from streams import admin, placement
from streams.cli.options import Context, pass_context
from streams.config import Config
from streams.store import checks
from streams.store.contract import Unavailable
from streams.topics import INPUT_TOPICS, TOPICS


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@pass_context
def doctor(context: Context, as_json: bool) -> None:
    """Check broker, topics and store; exit with 1 where a worker would refuse to start."""
    findings = examine(context.config())
    fit = not any(finding.fatal for finding in findings)
    if as_json:
        click.echo(orjson.dumps({"fit": fit, "findings": [finding._asdict() for finding in findings]}))
    else:
        for finding in findings:
            click.echo(f"{'FAIL' if finding.fatal else 'note'}  {finding.sentence}")
        click.echo("fit to run" if fit else "not fit to run")
    if not fit:
        raise SystemExit(1)


def examine(config: Config) -> list[checks.Finding]:
    """Everything that is wrong with broker, topics and store."""
    found = _broker(config)
    try:
        found += asyncio.run(_store(config))
    except (RedisError, OSError) as error:
        text = f"the store at {checks.address(config.redis_url)} does not answer: {type(error).__name__}"
        found.append(checks.Finding("store", True, text))
    return found


def _broker(config: Config) -> list[checks.Finding]:
    try:
        described = admin.partition_counts(config)
    except Unavailable as error:
        return [checks.Finding("broker", True, str(error))]
    out = []
    for needed in (True, False):
        missing = [spec.name for spec in TOPICS if spec.needed == needed and spec.name not in described]
        if missing:
            text = f"topics {', '.join(missing)} do not exist; run 'profilestream topics create'"
            out.append(checks.Finding("topics", needed, text))
    counts = {described[name] for name in INPUT_TOPICS if name in described}
    if len(counts) > 1:
        text = f"the input topics have different partition counts {sorted(counts)}; one customer may be split"
        out.append(checks.Finding("partitions", False, text))
    try:
        out += [checks.Finding("keys", False, text) for text in placement.verdict(placement.sample(config))]
    except Unavailable as error:
        out.append(checks.Finding("keys", False, f"where customers lie was not looked at: {error}"))
    return out


async def _store(config: Config) -> list[checks.Finding]:
    client: Any = redis.Redis.from_url(config.redis_url, socket_connect_timeout=3, socket_timeout=5)
    try:
        return await checks.inspect(client, config.buckets)
    finally:
        await client.aclose()
