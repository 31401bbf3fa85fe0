"""The group and its commands."""

from pathlib import Path

import click

from streams.cli.alerts import alerts
from streams.cli.bench import bench
from streams.cli.console import console
from streams.cli.contract import contract
from streams.cli.demo import demo
from streams.cli.doctor import doctor
from streams.cli.export import export
from streams.cli.feedback import feedback
from streams.cli.fields import fields
from streams.cli.lag import lag
from streams.cli.metrics import metrics
from streams.cli.options import Context
from streams.cli.read import explain, get, tail
from streams.cli.replay import replay
from streams.cli.stats import stats
from streams.cli.tags import members, tags
from streams.cli.topics import topics
from streams.cli.trainer import trainer
from streams.cli.verify import verify
from streams.cli.worker import worker


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.option("--config", "path", type=click.Path(path_type=Path), help="TOML file with settings.")
@click.option("--brokers", help="Kafka bootstrap servers, host:port,...")
@click.option("--redis-url", help="Redis or Valkey, redis://host:port/0")
@click.version_option(package_name="profilestream")
@click.pass_context
def cli(context: click.Context, path: Path | None, brokers: str | None, redis_url: str | None) -> None:
    """Always-current customer profiles: events in from Kafka, profiles in Redis, tag changes out.

    Settings come from --config, then from PROFILESTREAM_* variables, then from options. Try
    'profilestream demo' first: it needs nothing but this package.
    """
    context.obj = Context(path, {"brokers": brokers, "redis_url": redis_url})


for command in (demo, worker, trainer, console, alerts, feedback, replay, get, explain, tags, members, stats,
                tail, lag, metrics, export, verify, fields, contract, topics, doctor, bench):  # fmt: skip
    cli.add_command(command)
