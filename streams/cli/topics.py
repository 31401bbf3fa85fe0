"""`profilestream topics`: create what is missing."""

import click
import orjson

from streams import admin
from streams.cli.options import Context, pass_context


@click.group()
def topics() -> None:
    """The Kafka topics of a deployment."""


@topics.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@pass_context
def create(context: Context, as_json: bool) -> None:
    """Create the topics that are missing; those that exist are left as they are."""
    report = admin.create_topics(context.config())
    if as_json:
        click.echo(orjson.dumps(report))
    else:
        for name, state in report.items():
            click.echo(f"{name:12} {state}")
