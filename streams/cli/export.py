"""`profilestream export`: every profile into a file for BI, once or at fixed times."""

import sys
import time
from pathlib import Path

import click

from models.rulelang.literals import duration_ms
from streams import catalogues, exporter
from streams.cli.options import Context, pass_context
from streams.cli.parts import until_stopped
from streams.config import ConfigError, instant_ms

_SHOWN_S = 1.0


@click.command()
@click.argument("out", type=click.Path(path_type=Path, dir_okay=False))
@click.option(
    "--format", "kind", type=click.Choice(["jsonl", "csv", "parquet"]), default="jsonl", show_default=True
)
@click.option(
    "--layout",
    type=click.Choice(["nested", "flat"]),
    default="nested",
    show_default=True,
    help="The document as it is, or a stable list of columns: deploy/schema/EXPORT.md.",
)
@click.option("--as-of", help="Evaluate everyone at this instant (ISO-8601) instead of now.")
@click.option("--resume", is_flag=True, help="Go on with an export of the same shape that was interrupted.")
@click.option("--every", help="Write a file at each multiple of this interval, such as 1h, until stopped.")
@click.option("--raw", "with_raw", is_flag=True, help="Add columns of the state, for training models.")
@pass_context
def export(
    context: Context,
    out: Path,
    kind: str,
    layout: str,
    as_of: str | None,
    resume: bool,
    every: str | None,
    with_raw: bool,
) -> None:
    """Write every profile to OUT, one a row, sorted by customer; progress goes to stderr.

    OUT is there when it is complete, not before. With --every the time stands in its name.
    """
    from streams.export import schedule
    from streams.export.run import Export, Shape

    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    shape = Shape(kind, layout, with_raw)

    def write(path: Path, at_ms: int | None) -> int:
        rules = catalogues.rules_in_force(client, config)  # another catalogue may have come into force
        now_ms, say = int(time.time() * 1000), _Progress()
        return Export(client, config.buckets, rules, shape).write(path, at_ms, now_ms, resume=resume, say=say)

    if every is None:
        try:
            count = write(out, instant_ms(as_of) if as_of else None)
        except OSError as error:
            raise click.ClickException(f"{out} cannot be written: {error.strerror}") from error
        click.echo(f"{count} profiles written to {out}")
        return
    if as_of is not None or resume:
        raise click.ClickException("--every has instants of its own: leave --as-of and --resume out")
    schedule.run(write, out, _interval_ms(every), until_stopped(config, "export"))


def _interval_ms(text: str) -> int:
    try:
        found = duration_ms(text)
    except ValueError as error:
        raise ConfigError(f"--every: {error}") from None
    if found is None:
        raise ConfigError(f"--every: '{text}' is no duration like 15m, 1h, 1d")
    return found


class _Progress:
    """How far it is, once a second; on a terminal on one line."""

    def __init__(self) -> None:
        self._shown_s = time.monotonic()
        self._is_terminal = sys.stderr.isatty()

    def __call__(self, done: int, total: int) -> None:
        if time.monotonic() < self._shown_s + _SHOWN_S:
            return
        self._shown_s = time.monotonic()
        text = f"{done:,} of {total:,} customers"
        click.echo(f"\r{text}" if self._is_terminal else text, err=True, nl=not self._is_terminal)
