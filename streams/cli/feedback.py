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
    from streams.metrics import server
    from streams.metrics.consumers import service_of_feedback
    from streams.metrics.service import beside

    config = context.config()
    taken = server.bind(config.metrics)
    client = exporter.connect(config.redis_url)
    counter = FeedbackCounter(config, client, until_stopped(config, "feedback"))
    with beside(service_of_feedback(config, counter, taken)):
        counter.run()
