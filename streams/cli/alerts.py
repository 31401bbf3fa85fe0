"""`profilestream alerts`: churn alerts out of tag changes."""

import os
from pathlib import Path

import click

from streams import exporter
from streams.cli.options import Context, pass_context
from streams.cli.parts import until_stopped


@click.command()
@click.option(
    "--rules",
    "path",
    required=True,
    type=click.Path(path_type=Path, exists=True, dir_okay=False),
    help="Whom to alert about, where to, how often: see deploy/examples/alerts.toml.",
)
@click.option("--check", is_flag=True, help="Only say whether the rules file can be used.")
@click.option("--resend", is_flag=True, help="Deliver again what went to topic alerts-dead, then end.")
@pass_context
def alerts(context: Context, path: Path, check: bool, resend: bool) -> None:
    """Raise alerts when customers take on a tag's value, and take them back when they leave it.

    Each is delivered at least once, a repeat under the same id; what a sink does not take in the end goes to
    topic `alerts-dead`, from where `--resend` takes it when the sink is well again (exit code 2: some
    are dead again). SIGTERM stops it in an orderly way, SIGKILL loses nothing.
    """
    from streams.alerts import settings
    from streams.alerts.consumer import ChurnAlerts
    from streams.alerts.resend import Resending
    from streams.metrics import server
    from streams.metrics.consumers import service_of_alerts
    from streams.metrics.service import beside

    found = settings.load(path, os.environ)
    if check:
        click.echo(f"{path.name}: {len(found.rules.by_id)} rules, {len(found.sinks)} sinks, can be used")
        return
    config = context.config()
    taken = None if resend else server.bind(config.metrics)
    client = exporter.connect(config.redis_url)
    stop = until_stopped(config, "alerts")
    if not resend:
        consumer = ChurnAlerts(config, found, client, stop=stop)
        with beside(service_of_alerts(config, consumer, taken)):
            consumer.run()
        return
    said = Resending(config, found, client, stop).run()
    click.echo(
        f"{said['delivered']} delivered, {said['taken_back']} taken back meanwhile, {said['dead']} dead again"
    )
    if said["dead"]:
        raise SystemExit(2)
