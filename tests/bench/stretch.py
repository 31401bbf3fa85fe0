"""A stretch of live orders at a steady rate, of the same customers each time, and how long each takes.

What the store does with its append-only file meanwhile is part of it: the child that rewrites the file takes
a core for itself.
"""

import argparse
import contextlib
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import NamedTuple

import redis
from harness import ROOT, Site
from latency import _channel, _listen, _percentile, _subscribe, customer_of

EVERY = 20  # one order in so many is watched
REWRITE_AT = "auto-aof-rewrite-percentage"  # by how much the file has grown
SENDER = Path(__file__).with_name("latency.py")


@contextlib.contextmanager
def rewriting(client: "redis.Redis", when: str) -> Iterator[None]:
    """The store rewrites its file "never" or "always" in this stretch, or by "default"."""
    busy = partial(_is_rewriting, client)
    while when != "default" and busy():
        time.sleep(0.1)
    if when == "default":
        yield
        return
    ended = threading.Event()

    def again() -> None:
        while not ended.wait(0.05):
            if not busy():
                client.bgrewriteaof()

    client.config_set(REWRITE_AT, 0)
    thread = threading.Thread(target=again)
    if when == "always":
        thread.start()
    try:
        yield
    finally:
        ended.set()
        if when == "always":
            thread.join()
        client.config_set(REWRITE_AT, 100)


def _is_rewriting(client: "redis.Redis") -> bool:
    return any(client.info("persistence")[f"aof_rewrite_{now}"] for now in ("scheduled", "in_progress"))


class Stretch(NamedTuple):
    """What came of some live orders: ms each, ascending, how far the sender was behind, rewrites begun."""

    ms: list[float]
    behind_ms: float
    rewrites: int

    def row(self, name: str) -> str:
        """Of the table."""
        cells = [name, f"{len(self.ms):,}", *(_percentile(self.ms, q) for q in (50, 95, 99, 100))]
        return f"| {' | '.join(cells)} | {self.behind_ms:.1f} | {self.rewrites} |"


def live(here: Site, client: "redis.Redis", args: argparse.Namespace, number: int) -> Stretch:
    """A stretch of live orders."""
    rate, seconds = args.rate, args.seconds
    count = rate * seconds
    watched = {_channel(customer_of(i)): i for i in range(0, count, EVERY)}
    before = client.info("persistence")["aof_rewrites"]
    with (
        client.pubsub(ignore_subscribe_messages=True) as listener,  # type: ignore[no-untyped-call]
        rewriting(client, args.rewriting),
    ):
        _subscribe(listener, list(watched))
        start_s = time.monotonic() + 2.0
        argv = [sys.executable, str(SENDER), "--send", here.config.brokers, str(start_s), str(number)]
        argv += ["--rate", str(rate), "--seconds", str(seconds)]
        sender = subprocess.Popen(argv, stdout=subprocess.PIPE, env={"PYTHONPATH": str(ROOT)})
        try:
            seen = _listen(listener, watched, start_s + seconds + 5)
            behind_ms = float(sender.communicate(timeout=60)[0])
        finally:
            sender.kill()
            sender.wait()
    ms = sorted((at_s - start_s - i / rate) * 1000 for i, at_s in seen.items())
    ms += [float("inf")] * (len(watched) - len(seen))
    return Stretch(ms, behind_ms, client.info("persistence")["aof_rewrites"] - before)
