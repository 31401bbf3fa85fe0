"""`profilestream feedback`: counts what is said of alerts and tags afterwards."""

import click

from streams import exporter
from streams.cli.options import Context, pass_context
from streams.cli.parts import until_stopped


@click.command()
@pass_context
def feedback(context: Context) -> None:
    """Count the events of topic `feedback`; `profilestream stats` shows what comes of it.

    An event is counted once. SIGTERM stops it in an orderly way, SIGKILL loses nothing.
    """
    from streams.feedback import FeedbackCounter

    config = context.config()
    client = exporter.connect(config.redis_url)
    FeedbackCounter(config, client, until_stopped(config)).run()
