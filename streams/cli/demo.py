"""`profilestream demo`: the whole product on this machine, on real input, within a minute."""

import asyncio
import logging
import signal
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, nullcontext
from pathlib import Path
from typing import Any

import click
from rich.console import Console
from rich.live import Live

from streams.cli.options import Context, pass_context
from streams.cli.trainer import missing_libraries
from streams.config import Config
from streams.local.demo_feed import Feeder
from streams.local.demo_story import Story, prepare
from streams.local.demo_summary import directions, summary
from streams.local.demo_view import View, clock
from streams.local.demo_watch import Watch
from streams.local.ports import free_port, is_free
from streams.local.process import LocalProcess, LocalProcessError, unbroken
from streams.local.stack import LocalStack

_FRAME_S = 0.125
_LINE_S = 3.0  # between two lines where there is no terminal
_READY_S = 180.0
_PARTITIONS = 4
_CROWD = 100  # customers, below which the trainer makes nothing of them
_TRAIN_S = 10.0  # from one look at everybody to the next


@click.command()
@click.option("--data", type=click.Path(path_type=Path, exists=True, dir_okay=False),
              help="Replay this JSON-lines file instead of the households.")  # fmt: skip
@click.option("--port", type=click.IntRange(0, 65_535), default=8080, show_default=True,
              help="Of the console; where it is taken, or 0, a free one.")  # fmt: skip
@click.option("--once", is_flag=True, help="Plain lines instead of the live screen, and end when done.")
@click.option("--seconds", type=click.FloatRange(0.1), default=60.0, show_default=True,
              help="How long the replay takes.")  # fmt: skip
@click.option("--households", type=click.IntRange(1), default=200, show_default=True,
              help="How many households of Complete Journey.")  # fmt: skip
@click.option("--seed", default=1, show_default=True, help="Of the simulated clicks and service events.")
@pass_context
def demo(
    context: Context, data: Path | None, port: int, once: bool, seconds: float, households: int, seed: int
) -> None:
    """Replay a year of real orders through a private deployment, live on this terminal and in a browser.

    Starts a broker, a store, a worker and the console on loopback ports in a temporary folder. In a
    terminal it stays up when the replay is over, to be looked at, until Ctrl-C; then nothing is left of it.
    """
    console = Console(highlight=False)
    live = console.is_terminal and sys.stdout.isatty() and not console.is_dumb_terminal and not once
    if not live:
        console = Console(highlight=False, force_terminal=False, color_system=None, width=100)
    settings = _settings(context.config())
    try:
        with _stoppable() as parts:
            load = prepare(data, households, seed)
            _run(parts, console, live, settings, load, seconds, port)
    except KeyboardInterrupt:
        if not live:
            raise
        console.print("\nStopped; nothing is left behind.")


def _settings(config: Config) -> dict[str, Any]:
    """Definitions come from the user's configuration, everything else is made for a minute."""
    names = ["zone", "currency", "recency_edges_days", "frequency_edges", "monetary_edges_minor", "catalogue"]
    values = ((name, getattr(config, name)) for name in names)
    mine = {name: ",".join(map(str, v)) if isinstance(v, tuple) else v for name, v in values}
    mine |= {"trainer_interval_s": _TRAIN_S, "clusters": 3}  # 200 households are too few for more
    return {**mine, "clock": "event", "partitions": _PARTITIONS, "commit_interval_s": 0.3,
            "relay_durable": False, "log_level": "warning"}  # fmt: skip


@contextmanager
def _stoppable() -> Iterator[ExitStack]:
    """What is entered into the stack is left in peace: SIGTERM acts like Ctrl-C, and a second one waits."""
    before = {sig: signal.getsignal(sig) for sig in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)}
    for sig in (signal.SIGTERM, signal.SIGHUP):
        signal.signal(sig, lambda *_: signal.raise_signal(signal.SIGINT))
    try:
        with ExitStack() as parts:
            try:
                yield parts
            finally:
                for sig in before:
                    signal.signal(sig, signal.SIG_IGN)
    finally:
        for sig, handler in before.items():
            signal.signal(sig, handler)


def _run(
    parts: ExitStack,
    console: Console,
    live: bool,
    settings: dict[str, Any],
    load: Callable[[], Story],
    seconds: float,
    port: int,
) -> None:
    for noisy in ("aiokafka", "kafka", "asyncio"):  # a stopping broker is no news here
        logging.getLogger(noisy).setLevel(logging.CRITICAL)
    with console.status("Starting a broker and a store ...") if live else nullcontext() as status:
        with unbroken():
            folder = parts.enter_context(tempfile.TemporaryDirectory(prefix="profilestream-demo-"))
        stack = LocalStack(Path(folder), settings)
        parts.callback(stack.stop)  # before it starts: Ctrl-C while it does must not leave half of it running
        stack.start()
        stack.start_worker()
        if not missing_libraries():
            stack.start_trainer()
        url = stack.start_console(_port(console, port))
        if status is not None:
            status.update("Reading the events, while the worker starts ...")
        story = load()
    if not live:
        console.print(f"console    {url}")
    asyncio.run(_Show(console, live, stack, story, seconds, url).play())


def _port(console: Console, wanted: int) -> int:
    """The port that is wanted, or a free one, with a word where it is taken."""
    if wanted and is_free(wanted):
        return wanted
    found = free_port()
    if wanted:
        console.print(f"Port {wanted} is taken; the console answers on {found} instead.")
    return found


class _Show:
    """One replay, from the worker's first heartbeat to the last word."""

    def __init__(
        self, console: Console, live: bool, stack: LocalStack, story: Story, seconds: float, url: str
    ) -> None:
        self._console, self._live, self._stack, self._story = console, live, stack, story
        self._url = url
        self._config = stack.config
        self._feeder = Feeder(self._config.brokers, story, seconds)
        self._watch = Watch(self._config, self._feeder)
        self._view = View(story, self._feeder, self._watch, seconds, url)

    async def play(self) -> None:
        """Show everything; ends by itself only where there is no terminal."""
        reading = None
        try:
            await self._watch.start()
            reading = asyncio.create_task(self._watch.follow())
            await self._joined()
            settle_s = await self._replay(reading)
            await self._end(settle_s)
        finally:
            await _ended(reading)
            await self._watch.stop()

    async def _joined(self) -> None:
        """Until the worker has its partitions; joining takes the embedded broker some seconds."""
        text = "Waiting until the worker has its partitions ..."
        deadline_s = time.monotonic() + _READY_S
        with self._console.status(text) if self._live else nullcontext():
            while not self._watch.ready():
                self._alive()
                if time.monotonic() > deadline_s:
                    raise LocalProcessError(f"the worker got no partitions within {_READY_S:.0f} s")
                await asyncio.sleep(0.05)

    async def _replay(self, reading: "asyncio.Task[None]") -> float:
        """Send and show until everything is settled; gives the seconds after the last record."""
        feeding = asyncio.create_task(self._feeder.run())
        try:
            with self._frames() as draw:
                while not feeding.done():
                    await self._step(draw, reading)
                await feeding
                sent_s = time.monotonic()
                while not await self._watch.settled():
                    await self._step(draw, reading)
                settle_s = time.monotonic() - sent_s
                await self._last_look(draw, reading)
                return settle_s
        finally:
            await _ended(feeding)

    async def _last_look(self, draw: Callable[[], None], reading: "asyncio.Task[None]") -> None:
        """Let the trainer see the end of the story, where there are enough customers for one."""
        crowd = self._stack.trainers and self._watch.profiles >= _CROWD
        deadline_s = time.monotonic() + (2 * _TRAIN_S if crowd else 0)
        while time.monotonic() < deadline_s and not (self._watch.trained() and await self._watch.settled()):
            await self._step(draw, reading)

    async def _step(self, draw: Callable[[], None], reading: "asyncio.Task[None]") -> None:
        started_s = time.monotonic()
        self._alive()
        if reading.done():
            await reading  # raises what ended it
        self._watch.sample()
        draw()
        await asyncio.sleep(max(0.01, _FRAME_S - (time.monotonic() - started_s)))

    @contextmanager
    def _frames(self) -> Iterator[Callable[[], None]]:
        if not self._live:
            for what, says in self._story.parts:
                self._console.print(f"{what:<10} {says}")
            yield self._line()
            return
        with Live(console=self._console, screen=True, auto_refresh=False) as screen:

            def draw() -> None:
                size = self._console.size
                screen.update(self._view.screen(size.width, size.height), refresh=True)

            yield draw

    def _line(self) -> Callable[[], None]:
        """Draws a plain line every few seconds."""
        due_s = time.monotonic() + _LINE_S

        def draw() -> None:
            nonlocal due_s
            if time.monotonic() < due_s:
                return
            due_s += _LINE_S
            feeder, watch = self._feeder, self._watch
            click.echo(
                f"{feeder.took_s:4.0f} s  {clock(feeder.clock_ms)}  sent {feeder.sent:>9,}"
                f"  lag {max(0, feeder.sent - watch.applied):>6,}  {watch.rate:>6,.0f}/s"
                f"  profiles {watch.profiles:>5,}  tag changes {watch.changes:>6,}  dead {watch.dead:,}"
            )

        return draw

    async def _end(self, settle_s: float) -> None:
        self._console.print(summary(self._story, self._feeder, self._watch, settle_s))
        if not self._live:
            self._console.print(
                "\nEverything stops now. In a terminal and without --once the demo stays up, to be asked."
            )
            return
        self._console.print(directions(self._config, self._story, self._watch, self._url), soft_wrap=True)
        self._console.print(" Ctrl-C ends the demo.", style="bold", end="")
        while True:
            self._alive()
            await asyncio.sleep(0.5)

    def _alive(self) -> None:
        """Raises where a part has died, with its last words: its log goes with the folder."""
        servers = [getattr(part, "process", None) for part in (self._stack.broker, self._stack.store)]
        ours = (*self._stack.workers, *self._stack.trainers, *self._stack.consoles)
        for part in [*servers, *ours]:
            if isinstance(part, LocalProcess) and not part.running:
                words = part.log.read_text(errors="replace").strip().splitlines()[-5:]
                raise LocalProcessError("\n".join([f"{part.name} ended with {part.returncode}", *words]))


async def _ended(task: "asyncio.Task[None] | None") -> None:
    """Cancel and wait; what it raised was raised before or no longer matters."""
    if task is not None:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
