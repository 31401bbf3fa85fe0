"""`verify` agrees with what the pipeline made and notices damage; bad input is one sentence."""

import asyncio
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from commits import committed
from faults.crash_run import within_contract

from models import codec
from streams import exporter, keys
from streams.cli.replay import wait_settled
from streams.local import load
from streams.local.datasets import write_jsonl
from streams.local.ports import free_port
from streams.local.stack import LocalStack
from streams.local.synthetic import synthetic
from streams.oracle import event_time_ms

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]

START_MS, END_MS = 1_480_000_000_000, 1_514_000_000_000
ROOT = Path(__file__).parents[2]
REFUSED = b'{"type":"order","event_id":"x","customer_id":"nobody","ts":"yesterday","order_id":"1"}'


def run(*args: str, **env: str) -> "subprocess.CompletedProcess[str]":
    command = [sys.executable, "-m", "streams", *args]
    full = {"PATH": "/usr/bin:/bin", **env}
    return subprocess.run(
        command, cwd=ROOT, env=full, capture_output=True, text=True, timeout=300, check=False
    )


@pytest.fixture(scope="module")
def events(seed: int) -> list[bytes]:
    stream = within_contract(synthetic(seed, 60, 3_000, START_MS, END_MS))
    made = [orjson.dumps(event) for event in stream]
    return [*made[:1_000], REFUSED, *made[1_000:]]


@pytest.fixture(scope="module")
def deployment(
    tmp_path_factory: pytest.TempPathFactory, events: list[bytes]
) -> Iterator[tuple[LocalStack, dict[tuple[str, int], int]]]:
    """Everything applied, and the worker gone again."""
    settings = {"clock": "event", "partitions": 3, "commit_interval_s": 0.2, "relay_durable": False}
    with LocalStack(tmp_path_factory.mktemp("verify"), settings) as stack:
        ends = asyncio.run(load.produce(stack.config.brokers, load.rows(events, lambda _: True)))
        worker = stack.start_worker()
        client = exporter.connect(stack.config.redis_url)
        newest = max(event_time_ms(orjson.loads(line)["ts"]) for line in events if line != REFUSED)
        wait_settled(client, stack.config.buckets, ends, newest, [worker])
        deadline_s = time.monotonic() + 120
        while committed(stack.config) != ends:  # it follows: what is committed is on disk
            assert time.monotonic() < deadline_s
            time.sleep(0.1)
        worker.stop(60)
        yield stack, ends


@pytest.fixture
def stack(deployment: tuple[LocalStack, dict[tuple[str, int], int]]) -> LocalStack:
    return deployment[0]


def verify(stack: LocalStack, *args: str, clock: str = "event") -> tuple[int, dict[str, Any]]:
    config = stack.config
    where = ("--brokers", config.brokers, "--redis-url", config.redis_url)
    done = run(*where, "verify", "--json", *args, PROFILESTREAM_CLOCK=clock)
    assert done.stdout, done.stderr
    return done.returncode, orjson.loads(done.stdout)


@pytest.fixture
def tampered(stack: LocalStack) -> Iterator[tuple[str, str, Any]]:
    """A customer, its key and a client; the profile is put back afterwards."""
    client = exporter.connect(stack.config.redis_url)
    customer = exporter.customer_ids(client)[0]
    key = keys.profile(keys.bucket(customer, stack.config.buckets), customer)
    before = client.hgetall(key)
    yield customer, key, client
    client.delete(key)
    client.hset(key, mapping=before)


@pytest.mark.parametrize("clock", ["event", "wall"])
def test_profiles_agree_with_the_raw_events(stack: LocalStack, events: list[bytes], clock: str) -> None:
    code, report = verify(stack, clock=clock)
    assert (code, report["differences"]) == (0, 0), report["first"]
    assert sum(report["records"].values()) == len(events)
    assert (report["refused"], report["pending"], report["evaluated_later"]) == (1, 0, 0)
    assert report["profiles"] == len({orjson.loads(line)["customer_id"] for line in events}) - 1
    assert not report["notes"]


def test_files_stand_in_for_the_topics(stack: LocalStack, events: list[bytes], tmp_path: Path) -> None:
    (tmp_path / "events.jsonl").write_bytes(b"\n".join(events))
    code, report = verify(stack, str(tmp_path / "events.jsonl"))
    assert (code, report["differences"], report["refused"]) == (0, 0, 1), report["first"]


def test_an_event_that_was_never_applied_is_a_difference(
    stack: LocalStack, events: list[bytes], tmp_path: Path
) -> None:
    customer = orjson.loads(events[0])["customer_id"]
    order = {"event_id": "lost", "type": "order", "customer_id": customer, "ts": END_MS, "order_id": "lost"}
    (tmp_path / "more.jsonl").write_bytes(b"\n".join([*events, orjson.dumps(order)]))
    code, report = verify(stack, str(tmp_path / "more.jsonl"))
    assert code == 1
    assert list(report["first"]) == [customer]
    assert any(line.startswith("rfm.frequency: ") for line in report["first"][customer])


def test_an_instant_in_the_past_is_said_to_be_out_of_reach(stack: LocalStack) -> None:
    code, report = verify(stack, "--as-of", "2017-01-01T00:00:00Z")
    assert (code, report["differences"]) == (0, 0), report["first"]
    assert report["evaluated_later"] == report["profiles"]


def test_a_changed_document_is_named(stack: LocalStack, tampered: tuple[str, str, Any]) -> None:
    customer, key, client = tampered
    doc = orjson.loads(client.hget(key, keys.DOC))
    doc["rfm"]["frequency"] += 1
    client.hset(key, keys.DOC, orjson.dumps(doc))
    code, report = verify(stack)
    assert (code, report["differences"]) == (1, 1)
    assert report["first"][customer][0].startswith("doc.rfm.frequency: ")


def test_a_changed_state_is_named_for_people_too(stack: LocalStack, tampered: tuple[str, str, Any]) -> None:
    customer, key, client = tampered
    state = codec.decode(client.hget(key, keys.STATE))
    state.first_seen_ms -= 1
    client.hset(key, keys.STATE, codec.encode(state))
    done = run("--brokers", stack.config.brokers, "--redis-url", stack.config.redis_url, "verify")
    assert done.returncode == 1
    assert done.stdout.startswith(f"{customer}\n")
    assert "    first_seen_at: " in done.stdout
    assert "in 1 customers" in done.stdout


@pytest.mark.parametrize(("damage", "says"), [(b"", "there is none"), (b"\x09junk", "(state): ")])
def test_a_lost_or_unreadable_profile_is_named(
    stack: LocalStack, tampered: tuple[str, str, Any], damage: bytes, says: str
) -> None:
    customer, key, client = tampered
    if damage:
        client.hset(key, keys.STATE, damage)
    else:
        client.delete(key)
    code, report = verify(stack)
    assert code == 1
    assert says in report["first"][customer][0]


def test_a_profile_without_events_is_named(stack: LocalStack, tampered: tuple[str, str, Any]) -> None:
    _, key, client = tampered
    ghost = keys.profile(keys.bucket("ghost", stack.config.buckets), "ghost")
    client.copy(key, ghost)
    try:
        code, report = verify(stack)
    finally:
        client.delete(ghost)
    assert code == 1
    assert "(profile): no event explains it" in report["first"]["ghost"]


def test_what_is_not_applied_yet_is_no_difference(
    deployment: tuple[LocalStack, dict[tuple[str, int], int]], seed: int
) -> None:
    """Last in the file: the topics hold more than the profiles from here on."""
    stack, ends = deployment
    later = synthetic(seed + 1, 60, 300, END_MS, END_MS + 86_400_000)
    lines = [orjson.dumps({**event, "event_id": f"late-{n}"}) for n, event in enumerate(later)]
    asyncio.run(load.produce(stack.config.brokers, load.rows(lines, lambda _: True)))
    code, report = verify(stack)
    assert (code, report["differences"], report["pending"]) == (0, 0, 300), report["first"]
    said = lag(stack)
    assert sum(part["end"] for part in said["partitions"]) == sum(ends.values()) + 300
    assert said["total"] == 300


def lag(stack: LocalStack) -> dict[str, Any]:
    """What `lag` says of a broker that has told every end, for which it is given two seconds."""
    deadline_s = time.monotonic() + 120
    while True:
        said: dict[str, Any] = orjson.loads(run("--brokers", stack.config.brokers, "lag", "--json").stdout)
        if said["partitions"] and all(part["end_by"] == "fetch" for part in said["partitions"]):
            return said
        assert time.monotonic() < deadline_s, said


NOWHERE = f"127.0.0.1:{free_port()}"
DEAD = ("--brokers", NOWHERE, "--redis-url", f"redis://{NOWHERE}/0")


@pytest.mark.parametrize(
    ("args", "env"),
    [
        pytest.param((*DEAD, "verify"), {}, id="verify-no-store"),
        pytest.param(("verify", "no-such.jsonl"), {}, id="verify-no-file"),
        pytest.param(("verify", "--as-of", "yesterday"), {}, id="verify-bad-instant"),
        pytest.param(("verify",), {"PROFILESTREAM_CLOK": "event"}, id="verify-bad-key"),
        pytest.param(("demo", "--once"), {"PROFILESTREAM_CLOK": "event"}, id="demo-bad-key"),
        pytest.param(("demo", "--once"), {"PROFILESTREAM_ZONE": "Mars/Phobos"}, id="demo-bad-zone"),
        pytest.param(("demo", "--data", "no-such.jsonl"), {}, id="demo-no-file"),
        pytest.param(("demo", "--data", "/dev/null"), {}, id="demo-no-plain-file"),
        pytest.param(("demo", "--data", "{empty}"), {}, id="demo-empty-file"),
        pytest.param(("demo", "--seconds", "0"), {}, id="demo-no-time"),
        pytest.param(("bench", "--events", "many"), {}, id="bench-bad-number"),
        pytest.param(("--config", "no-such.toml", "verify"), {}, id="no-config"),
        pytest.param(("--config", "{toml}", "demo", "--once"), {}, id="bad-config-key"),
    ],
)
def test_what_cannot_work_is_said_in_one_sentence(
    args: tuple[str, ...], env: dict[str, str], tmp_path: Path
) -> None:
    write_jsonl([], tmp_path / "empty.jsonl")
    (tmp_path / "bad.toml").write_text('colour = "blue"\n')
    names = {"empty": str(tmp_path / "empty.jsonl"), "toml": str(tmp_path / "bad.toml")}
    done = run(*(arg.format(**names) for arg in args), **env)
    assert done.returncode == 1
    assert done.stderr.startswith("profilestream: ")
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert not done.stdout


def test_another_number_of_buckets_is_one_sentence(stack: LocalStack) -> None:
    done = run("--redis-url", stack.config.redis_url, "verify", PROFILESTREAM_BUCKETS="8")
    assert done.returncode == 1
    assert done.stderr == ("profilestream: the store was filled with 64 buckets, the configuration says 8\n")


def test_verify_without_a_broker_is_one_sentence(stack: LocalStack) -> None:
    done = run("--brokers", NOWHERE, "--redis-url", stack.config.redis_url, "verify")
    assert done.returncode == 1
    assert done.stderr.startswith("profilestream: broker ")
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
