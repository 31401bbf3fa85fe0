"""Logs of real processes: each line an object, and in none of them a customer, an address or a password."""

import asyncio
import time
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import orjson
import pytest
import redis
import rollout
from waiting import wait_for

from streams import catalogues, keys
from streams.local import load
from streams.local.process import LocalProcess
from streams.local.stack import LocalStack
from streams.local.store import EmbeddedStore
from streams.local.synthetic import synthetic
from streams.topics import INPUT_TOPICS

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]
PASSWORD = "open%20sesame"
SETTINGS = {
    "partitions": 2,
    "commit_interval_s": 0.3,
    "log_format": "json",
    "log_level": "debug",
    "clusters": 3,
    "metrics": "127.0.0.1:0",
    "privacy_key": "the key of privacy",
}
MARKS = ("zqx", "@example.org", "sesame", "key of privacy")


def events(seed: int) -> list[dict[str, Any]]:
    """Of people whose every name is marked."""
    now_ms = int(time.time() * 1000)
    some = list(synthetic(seed, 200, 3_000, now_ms - 50 * 86_400_000, now_ms - 1_000))
    out = [event | {"customer_id": f"zqx-{event['customer_id']}"} for event in some]
    for n, cid in enumerate(sorted({event["customer_id"] for event in out})):
        said = {"action": "attributes", "attributes": {"email": f"{cid}@example.org", "name": f"zqx {n}"}}
        out.append({"type": "control", "event_id": f"zqx-a{n}", "customer_id": cid, "ts": now_ms, **said})
    return out


WRONG = [
    b"zqx",
    b'{"customer_id": "zqx-1"}',
    b'{"type": "order", "customer_id": "zqx-1", "email": "zqx@example.org"}',
    b'"zqx',
    b"\xffzqx",
    b'{"zqx": ' * 2_000,
]


def produce(stack: LocalStack, made: list[dict[str, Any]]) -> dict[Any, int]:
    rows = list(load.rows(map(orjson.dumps, made), lambda _: True))
    rows += [(topic, b"zqx-1", value) for topic in INPUT_TOPICS for value in WRONG]
    return asyncio.run(load.produce(stack.config.brokers, rows))


def lines(process: LocalProcess) -> list[dict[str, Any]]:
    """Every line of the log; each is an object that names nobody."""
    is_over = not process.running
    text = process.log.read_bytes()
    assert [mark for mark in MARKS if mark.encode() in text] == []
    text, _, rest = text.rpartition(b"\n")
    assert not (is_over and rest)  # only a line that is being written is half a line, or half a character
    found = [orjson.loads(one) for one in text.splitlines()]
    for one in found:
        assert {"ts", "level", "logger", "message", "role", "name"} <= one.keys()
        assert one["ts"].endswith("Z")
    return found


def spoil(client: Any) -> None:
    """A fault that ends a worker at the next event: no timer is left that would meet it before."""
    for name in client.scan_iter("ps:profile:*"):
        client.hset(name, keys.STATE, b"zqx is no state")
    client.delete(*client.scan_iter("ps:due:*"))


def test_no_log_names_anybody_whatever_happens(tmp_path: Path, seed: int) -> None:
    store = EmbeddedStore(tmp_path / "store", extra={"user": f"app on >{PASSWORD} ~* &* +@all"})
    at = urlsplit(store.url)
    url = f"redis://app:{PASSWORD.replace('%', '%25')}@{at.hostname}:{at.port}/0"
    with LocalStack(tmp_path, SETTINGS | {"redis_url": url}, store=store) as stack:
        worker = stack.start_worker()
        client = redis.Redis.from_url(url, socket_timeout=60)
        ends = produce(stack, events(seed))
        rollout.settle(stack, client, ends, 300)
        trainer = stack.start_trainer()
        wait_for(lambda: any(one["message"].startswith("population 1 ") for one in lines(trainer)))
        store.kill()  # while everyone works
        wait_for(lambda: any("vitals are skipped" in one["message"] for one in lines(worker)))
        store.start()
        wait_for(lambda: sum("starting on" in one["message"] for one in lines(worker)) >= 2)
        rollout.settle(stack, client, ends, 300)
        trainer.stop(timeout_s=60)
        wait_for(lambda: catalogues.is_swept(client, stack.config.buckets))
        worker.kill()
        spoil(client)
        worker.start()
        produce(stack, events(seed + 1))
        wait_for(lambda: not worker.running)
        assert worker.returncode != 0
        found = lines(worker)
        assert {one["role"] for one in found} == {"worker"}
        assert len({one["name"] for one in found}) == 2
        (end,) = [one for one in found if one["message"] == "the worker stops: CodecError"]
        assert end["exception"] == "CodecError"
        assert any(frame.startswith("models/codec.py:") for frame in end["trace"])
        assert {one["role"] for one in lines(trainer)} == {"trainer"}


def test_a_start_that_fails_says_so_in_the_same_form(tmp_path: Path) -> None:
    with LocalStack(tmp_path, SETTINGS) as stack:
        stack.settings["redis_url"] = f"redis://:{PASSWORD}@127.0.0.1:1/0"
        worker = stack.start_worker()
        wait_for(lambda: not worker.running)
        (one,) = [one for one in lines(worker) if one["level"] == "error"]
        assert (worker.returncode, one["logger"]) == (1, "profilestream")
        assert one["message"].startswith("127.0.0.1:1: ConnectionError")
