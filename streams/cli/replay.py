"""`profilestream replay`: files of events through the pipeline, in a private deployment or a running one."""

import asyncio
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import click
import orjson

from models.calendar import iso
from streams import catalogues, exporter, keys, recorded
from streams.cli.options import Context, pass_context
from streams.config import Config, instant_ms
from streams.local import load
from streams.local.process import LocalProcess, LocalProcessError
from streams.local.stack import LocalStack
from streams.oracle import event_time_ms

POLL_S = 0.1


@click.command()
@click.argument(
    "files", nargs=-1, required=True, type=click.Path(path_type=Path, exists=True, dir_okay=False)
)
@click.option("--embedded", is_flag=True, help="In a private broker and store that end with the command.")
@click.option("--as-of", help="Send events up to this instant (ISO-8601) and evaluate everyone then.")
@click.option(
    "--export",
    "out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Write profiles here (JSON lines).",
)
@click.option("--rate", default="max", show_default=True, help="Events per second, or 'max'.")
@click.option("--workers", default=1, show_default=True, help="With --embedded: worker processes.")
@pass_context
def replay(
    context: Context,
    files: tuple[Path, ...],
    embedded: bool,
    as_of: str | None,
    out: Path | None,
    rate: str,
    workers: int,
) -> None:
    """Send the events of FILES (JSON lines), routed by their type; the last line printed is a JSON summary.

    With --embedded the replay is exact: every event up to --as-of is applied, every timer due by then is
    fired at its own instant, and everyone is evaluated at that instant.
    """
    at_ms = instant_ms(as_of) if as_of else None
    per_second = _rate(rate)
    lines = partial(_lines, files)
    if embedded:
        at_ms = _newest(lines()) if at_ms is None else at_ms
        summary = _embedded(context.config(), lines, at_ms, out, workers)
    else:
        if out is not None:
            raise click.ClickException(
                "--export needs --embedded; use 'profilestream export' on a running deployment"
            )
        config = context.config()
        started = time.monotonic()
        sent = asyncio.run(load.produce(config.brokers, load.rows(lines(), _until(at_ms)), per_second))
        summary = {"events": sum(sent.values()), "seconds": round(time.monotonic() - started, 3)}
    click.echo(orjson.dumps(summary))


def _embedded(
    config: Config, lines: Callable[[], Iterator[bytes]], at_ms: int, out: Path | None, workers: int
) -> dict[str, Any]:
    """One private deployment from start to end."""
    settings = {
        name: ",".join(map(str, value)) if isinstance(value := getattr(config, name), tuple) else value
        for name in ("partitions", "buckets", "zone", "currency", "recency_edges_days", "frequency_edges",
                     "monetary_edges_minor", "catalogue", "poll_records", "cache_profiles")
    }  # fmt: skip
    settings |= {"clock": "event", "clock_until": iso(at_ms), "log_level": "warning"}
    settings |= {"commit_interval_s": 0.3, "relay_durable": False}  # nothing of it outlives the command
    with (
        tempfile.TemporaryDirectory(prefix="profilestream-") as folder,
        LocalStack(Path(folder), settings) as stack,
    ):
        started = time.monotonic()
        ends = asyncio.run(load.produce(stack.config.brokers, load.rows(lines(), _until(at_ms))))
        loaded = time.monotonic()
        processes = [stack.start_worker() for _ in range(workers)]
        client = exporter.connect(stack.config.redis_url)
        wait_settled(client, stack.config.buckets, ends, at_ms, processes)
        settled = time.monotonic()
        ids = exporter.customer_ids(client)
        if out is not None:
            now_ms = int(time.time() * 1000)
            rules = catalogues.rules_in_force(client, stack.config)
            found = exporter.documents(client, ids, stack.config.buckets, rules, at_ms, now_ms)
            exporter.write_jsonl(out, (doc for _, doc in found))
        dead = recorded.dead_letters(stack.config.brokers)
        return {
            "events": sum(ends.values()),
            "profiles": len(ids),
            "dead_letters": dead,
            "as_of": iso(at_ms),
            "load_seconds": round(loaded - started, 3),
            "apply_seconds": round(settled - loaded, 3),
            "export": str(out) if out is not None else None,
        }


def wait_settled(
    client: Any,
    buckets: int,
    ends: dict[tuple[str, int], int],
    at_ms: int,
    workers: list[LocalProcess],
    deadline_s: float = float("inf"),
) -> None:
    """Wait until everything is applied, every timer due is fired and every tag change is out.

    Raises:
        LocalProcessError: a worker ended before, or it takes longer than until `deadline_s` (monotonic).
    """
    expected = {f"{topic}/{partition}": end for (topic, partition), end in ends.items() if end}
    while True:
        stored = {k.decode(): int(v.split(b":")[0] or 0) for k, v in client.hgetall(keys.WATERMARKS).items()}
        if all(stored.get(source, 0) >= end for source, end in expected.items()):
            pipe = client.pipeline(transaction=False)
            for b in range(buckets):
                pipe.zcount(keys.due(b), "-inf", at_ms)
                pipe.xlen(keys.outbox(b))
            if not any(pipe.execute()):
                return
        for worker in workers:
            if not worker.running:
                raise LocalProcessError(f"{worker.name} ended with {worker.returncode}; see {worker.log}")
        if time.monotonic() > deadline_s:
            behind = {s: (stored.get(s, 0), end) for s, end in expected.items() if stored.get(s, 0) < end}
            raise LocalProcessError(f"not settled in time; behind on {behind}")
        time.sleep(POLL_S)


def _lines(files: Sequence[Path]) -> Iterator[bytes]:
    for file in files:
        with file.open("rb") as stream:
            yield from stream


def _until(at_ms: int | None) -> Callable[[dict[str, Any]], bool]:
    """Whether an event is to be sent; one without a readable time is, and dead-letters."""

    def wanted(event: dict[str, Any]) -> bool:
        at = _time(event)
        return at_ms is None or at is None or at <= at_ms

    return wanted


def _time(event: dict[str, Any]) -> int | None:
    try:
        return event_time_ms(event["ts"])
    except (KeyError, ValueError, TypeError, OverflowError):
        return None


def _newest(lines: Iterator[bytes]) -> int:
    newest = 0
    for _, _, line in load.rows(lines, lambda _: True):
        try:
            newest = max(newest, _time(orjson.loads(line)) or 0)
        except (orjson.JSONDecodeError, AttributeError, TypeError):
            continue
    return newest


def _rate(text: str) -> float | None:
    if text == "max":
        return None
    try:
        value = float(text)
    except ValueError:
        value = 0
    if not value > 0:
        raise click.ClickException(f"--rate must be a positive number or 'max', not '{text}'")
    return value
