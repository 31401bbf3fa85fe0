"""`profilestream lag`: how far the workers are behind, asked from outside."""

import logging
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress

import click
import orjson

from streams.cli.options import Context, pass_context
from streams.cli.parts import until_stopped
from streams.config import Config
from streams.lag.tracker import Look
from streams.lag.verdict import MEANING, Limits, Verdict, judge
from streams.metrics.declared import LAG

_HELP = "\n".join(f"  {verdict.value}  {verdict.word:12} {MEANING[verdict]}" for verdict in Verdict)
_WINDOW_S = 20.0  # how far back --watch and --serve compare


class Seconds(click.ParamType):
    """`500ms`, `2s`, `1m`, or a number of seconds."""

    name = "duration"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> float:
        """Seconds, 0 or more."""
        text = str(value)
        for unit, size in (("ms", 0.001), ("s", 1.0), ("m", 60.0), ("", 1.0)):
            number = text.removesuffix(unit)
            if text.endswith(unit) and number.replace(".", "", 1).isdecimal():
                return float(number) * size
        raise click.BadParameter(f"'{text}' is no duration like 500ms, 2s or 1m", ctx, param)


class Address(click.ParamType):
    """`HOST:PORT`."""

    name = "host:port"

    def convert(
        self, value: object, param: click.Parameter | None, ctx: click.Context | None
    ) -> tuple[str, int]:
        """Host and port."""
        host, _, port = str(value).rpartition(":")
        if host and port.isdecimal() and int(port) < 65_536:
            return host, int(port)
        raise click.BadParameter(f"'{value}' is no HOST:PORT", ctx, param)


@click.command(epilog="\b\nExit codes, the worst that holds:\n" + _HELP + "\n  1  wrong options or settings")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object: deploy/schema/LAG.md.")
@click.option("--watch", is_flag=True, help="Keep looking, on a whole terminal, until q or Ctrl-C.")
@click.option("--serve", type=Address(), metavar="HOST:PORT", help="Keep looking, for Prometheus.")
@click.option("--max", "most", type=click.IntRange(0), help="Behind if more records than this wait.")
@click.option("--max-seconds", type=float, help="Behind if the oldest waits longer.  [default: lag_slo_s]")
@click.option("--over", type=Seconds(), default="2s", show_default=True,
              help="Between the two looks that movement is told from; 0 = one look only.")  # fmt: skip
@click.option("--every", type=Seconds(), default="2s", show_default=True,
              help="From one look to the next, with --watch and --serve.")  # fmt: skip
@click.option("--stalled-after", "stalled_s", type=Seconds(), default="30s", show_default=True,
              help="A partition that stands for so long with lag is stalled.")  # fmt: skip
@pass_context
def lag(
    context: Context,
    as_json: bool,
    watch: bool,
    serve: tuple[str, int] | None,
    most: int | None,
    max_seconds: float | None,
    over: float,
    every: float,
    stalled_s: float,
) -> None:
    """How far the workers are behind, in records and in seconds. Works when every worker is dead."""
    if sum((as_json, watch, serve is not None)) > 1:
        raise click.UsageError("--json, --watch and --serve exclude each other")
    if watch and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise click.UsageError("--watch needs a terminal; --json does not")
    if every < 0.1:
        raise click.UsageError("--every is at least 100ms")
    config = context.config()
    limits = Limits(config.lag_slo_s if max_seconds is None else max_seconds, most)
    window_s = over if not watch and serve is None else _WINDOW_S
    stop = until_stopped(config, LAG) if serve is not None else None
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # what it would say, the verdict says
    if serve is not None and stop is not None:
        from streams.lag import serve as exporter

        with _looking(config, limits, window_s, stalled_s) as take:
            exporter.run(take, serve, every, stop)
        return
    with _looking(config, limits, window_s, stalled_s) as take:
        if watch:
            _watch(take, limits, config.group, every)
        else:
            raise SystemExit(_once(take, limits, config.group, over, as_json=as_json))


@contextmanager
def _looking(
    config: Config, limits: Limits, window_s: float, stalled_s: float
) -> Iterator[Callable[[], Look]]:
    """Gives what takes a look and compares it with those before."""
    from streams.lag.probe import Probe
    from streams.lag.tracker import Tracker

    tracker = Tracker(
        window_s=window_s, stalled_s=stalled_s, step_s=config.commit_interval_s, limit_s=limits.seconds
    )
    with Probe(config) as probe:
        yield lambda: tracker.add(probe.look())


def _once(take: Callable[[], Look], limits: Limits, group: str, over_s: float, *, as_json: bool) -> int:
    """Print one look, of two where movement is wanted; gives the exit code."""
    from streams.lag import report

    look = take()
    if over_s and not look.sample.broker_says:
        time.sleep(over_s)
        look = take()
    found = judge(look, limits)
    if as_json:
        click.echo(orjson.dumps(report.as_object(look, found, group)))
    else:
        is_down = found[0].verdict is Verdict.BROKER_DOWN
        click.echo("\n".join(report.lines(look, found)), err=is_down)
    return found[0].verdict.value


def _watch(take: Callable[[], Look], limits: Limits, group: str, every_s: float) -> None:
    """Draw a screen a look until somebody ends it."""
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    from streams.cli.keyboard import pressed, single_keys
    from streams.lag.screen import History, screen

    console, history = Console(), History()
    with (
        suppress(KeyboardInterrupt),
        single_keys(),
        Live(Text(" looking ..."), console=console, screen=True, auto_refresh=False) as live,
    ):
        live.refresh()
        while True:
            due_s = time.monotonic() + every_s
            look = take()
            history.add(look)
            found, drawn = judge(look, limits), None
            while (left_s := due_s - time.monotonic()) > 0 or drawn is None:
                if console.size != drawn:  # also where somebody drags the window
                    drawn = console.size
                    size = (drawn.width, drawn.height)
                    live.update(screen(look, found, history, group, size), refresh=True)
                if pressed(max(0.0, min(left_s, 0.2))) in {"q", "Q"}:
                    return
