"""The lag monitor on Apache Kafka: each kind of trouble is made, and called by its name."""

import asyncio
import contextlib
import os
import pty
import re
import select
import signal
import subprocess
import sys
import termios
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from conftest import missing
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition
from kafka.admin import MemberToRemove
from parts import ApacheKafka, kafka_available
from prometheus_client.parser import text_string_to_metric_families as parsed
from rollout import Traffic, history
from waiting import wait_for

from streams import admin, keys
from streams.config import Config
from streams.lag.broker import BrokerProbe, Seen
from streams.lag.probe import Probe
from streams.lag.sample import Partition, Sample
from streams.local import load
from streams.local.broker import EmbeddedBroker
from streams.local.ports import free_port
from streams.local.stack import LocalStack, environment
from streams.recorded import records
from streams.settings import load as settings
from streams.store.contract import Unavailable
from streams.topics import DEAD_LETTER, INPUT_TOPICS

pytestmark = [pytest.mark.broker, pytest.mark.store, pytest.mark.slow, pytest.mark.timeout(600)]

WAIT_S = 120.0  # for what comes within seconds, but on a machine that is busy
BOUND_S = 20.0  # no look takes longer: half of it is for a busy machine
LONG = "1000s"  # however slow a machine is
Name = tuple[str, str | None, str | None, str | None]


class World:
    """A deployment with one worker, and `profilestream lag` run against it."""

    def __init__(self, stack: LocalStack, seed: int) -> None:
        self.stack, self.seed = stack, seed
        self.probe = Probe(stack.config)
        self._sent = 0

    def lag(
        self, *args: str, seeing: Callable[[dict[str, Any]], bool] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Exit code and JSON object of a look that sees what it should.

        Broker and store have a few seconds to answer, which a busy machine may not give them; a look says so.
        """
        argv = [sys.executable, "-m", "streams", "lag", "--json", *args]
        deadline_s = time.monotonic() + WAIT_S
        while True:
            done = subprocess.run(
                argv, env=environment(self.stack.settings), capture_output=True, timeout=120, check=False
            )
            assert done.stderr == b"", done.stderr.decode()
            made = orjson.loads(done.stdout)
            assert made["code"] == done.returncode
            if (seeing or sees_all)(made):
                return done.returncode, made
            assert time.monotonic() < deadline_s, made

    def send(self, count: int) -> None:
        """Events of now, to all partitions."""
        at_ms = int(time.time() * 1000)
        made = []
        for n in range(self._sent, self._sent + count):
            event = {"type": "click", "event_id": f"l-{n}", "customer_id": f"c-{n % 40}", "ts": at_ms}
            made.append(orjson.dumps(event | {"action": "product_view"}))
        self._sent += count
        asyncio.run(load.produce(self.stack.config.brokers, load.rows(made, lambda _: True)))

    def until(self, what: Callable[[Sample], bool], within_s: float = WAIT_S) -> Sample:
        """Look until it is so."""
        deadline_s = time.monotonic() + within_s
        while not what(sample := self.probe.look()):
            assert time.monotonic() < deadline_s, sample
            time.sleep(0.1)
        return sample

    def seen(self) -> Sample:
        """A look to which both sides answered in time."""
        return self.until(saw_all)

    def caught_up(self) -> Sample:
        """A worker is in the group, and everything is applied, committed and published.

        One that has ended is started, as a supervisor would: it gives a busy broker ten seconds to answer.
        """
        (worker,) = self.stack.workers
        worker.signal(signal.SIGCONT)

        def caught_up(sample: Sample) -> bool:
            if not worker.running and self.is_deserted(sample):
                worker.start()
            return saw_all(sample) and works(sample) and all(map(is_committed, sample.partitions))

        return self.until(caught_up)

    def stop_worker(self) -> None:
        """It has left: group and store know that nobody is there."""
        (worker,) = self.stack.workers
        worker.stop(timeout_s=60)
        assert worker.returncode == 0
        self.until(self.is_deserted)

    def is_deserted(self, sample: Sample) -> bool:
        """Whether nobody is in the group and no heartbeat in the store; asked where no worker runs.

        One that is not done in eight seconds ends without a goodbye, and its session is long: it is put out.
        """
        group, stored = sample.group, sample.stored
        if not saw_all(sample) or group is None or stored is None:
            return False
        if group.members:
            self.put_out()
        return group.members == stored.workers == 0

    def put_out(self) -> None:
        """Whoever is in the group leaves it."""
        client, group = KafkaAdminClient(bootstrap_servers=self.stack.config.brokers), self.stack.config.group
        members = client.describe_groups([group])[group]["members"]
        client.remove_group_members(group, [MemberToRemove(member_id=one["member_id"]) for one in members])
        client.close()


def sees_all(made: dict[str, Any]) -> bool:
    """Whether broker and store answered a look in time."""
    return made["broker_up"] and made["store_up"] and not made["notes"]


def saw_all(sample: Sample) -> bool:
    """Likewise, of a sample."""
    return not (sample.broker_says or sample.store_says or sample.notes)


def works(sample: Sample) -> bool:
    """Whether one worker is there and has nothing to send."""
    group, stored = sample.group, sample.stored
    if group is None or stored is None:
        return False
    return (group.state, group.members, stored.workers, stored.outbox) == ("Stable", 1, 1, 0)


def is_committed(part: Partition) -> bool:
    return part.lag == 0 and (part.committed or 0) == part.end


@pytest.fixture(scope="module")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ApacheKafka]:
    """Its own, because it is killed; producers say when a record was made, as a test needs it."""
    if not kafka_available():
        missing("Apache Kafka")
    with ApacheKafka(tmp_path_factory.mktemp("lag-kafka")) as server:
        admin.create_topics(config_of(server.address), append_time=False)
        yield server


def config_of(brokers: str, **more: Any) -> Config:
    return settings(environ={}, overrides={"brokers": brokers, "partitions": 3, **more})


class Running:
    """A broker that somebody else starts and stops."""

    def __init__(self, address: str) -> None:
        self.address = address

    def start(self) -> None:
        """It runs."""

    def stop(self) -> None:
        """Others need it."""


@pytest.fixture(scope="module")
def started(kafka: ApacheKafka, tmp_path_factory: pytest.TempPathFactory, seed: int) -> Iterator[World]:
    # A worker that is stopped stays in the group, and is no case for its watchdog, however long a test takes.
    patience = {"session_timeout_s": 300, "stall_s": 600}
    more = {"partitions": 3, "heartbeat_s": 1, "commit_interval_s": 0.2} | patience
    with LocalStack(tmp_path_factory.mktemp("lag"), more, broker=Running(kafka.address)) as stack:
        stack.start_worker()
        world = World(stack, seed)
        try:
            yield world
        finally:
            world.probe.close()
            stack.workers[0].signal(signal.SIGCONT)


@pytest.fixture
def world(started: World, kafka: ApacheKafka) -> World:
    if not kafka.process.running:
        kafka.start()
    started.caught_up()
    return started


def test_caught_up_is_ok_with_everything_told(world: World) -> None:
    world.send(500)
    world.caught_up()
    code, made = world.lag("--max", "0")
    assert (code, made["verdict"], made["total"], made["append_s"]) == (0, "ok", 0, 0.0)
    assert (made["members"], made["workers"], made["group_state"]) == (1, 1, "Stable")
    assert (made["broker_up"], made["store_up"], made["notes"]) == (True, True, [])
    assert made["outbox"] == {"entries": 0, "oldest_s": 0.0}
    assert {part["end_by"] for part in made["partitions"]} == {"fetch"}
    assert len(made["partitions"]) == 12
    assert sum(part["end"] for part in made["partitions"]) >= 500


def test_a_stopped_worker_is_nobody_with_and_without_lag(world: World) -> None:
    world.stop_worker()
    code, made = world.lag("--over", "0")
    assert (code, made["verdict"], made["total"], made["members"], made["workers"]) == (
        5,
        "no_workers",
        0,
        0,
        0,
    )
    world.send(300)
    code, made = world.lag("--over", "500ms")
    assert (code, made["verdict"], made["total"]) == (5, "no_workers", 300)
    world.caught_up()
    assert world.lag("--over", "0")[0] == 0


def test_a_worker_that_hangs_is_stalled(world: World) -> None:
    (worker,) = world.stack.workers
    worker.signal(signal.SIGSTOP)
    world.send(200)
    time.sleep(1)
    code, made = world.lag("--over", "1s", "--stalled-after", "1s")
    assert (code, made["verdict"], made["members"]) == (4, "stalled", 1)
    stalled = [part for part in made["partitions"] if part["stalled"]]
    assert sum(part["lag"] for part in stalled) == made["total"] == 200
    assert (made["rate_out"], made["catch_up_s"]) == (0.0, None)
    assert world.lag("--over", "0", "--max-seconds", "0.5")[0] == 2  # one look knows no movement
    world.caught_up()
    assert world.lag("--over", "500ms")[0] == 0


def test_a_backlog_that_grows_is_told_with_its_rates(world: World) -> None:
    world.stack.workers[0].signal(signal.SIGSTOP)
    ids = sorted({event["customer_id"] for event in history(world.seed, 30, 60)})
    traffic = Traffic(world.stack, world.seed, ids, per_second=200)
    traffic.start()

    def came(made: dict[str, Any]) -> bool:
        """Where the traffic had no turn between the looks, there is nothing to be seen."""
        return sees_all(made) and made["rate_in"] > 20

    # Its heartbeat, however long the looks take: it is slow, not gone.
    with redis.Redis.from_url(world.stack.config.redis_url, socket_timeout=60) as client:
        client.zadd(keys.WORKERS, {"slow": int(time.time() * 1000) + 600_000})
        try:
            world.until(lambda s: sum(part.lag for part in s.partitions) > 100)
            limits = ("--max-seconds", "0.5", "--stalled-after", LONG)
            before = traffic.sent
            code, made = world.lag("--over", "3s", *limits, seeing=came)
        finally:
            traffic.stop()
            client.zrem(keys.WORKERS, "slow")
    assert (code, made["verdict"], made["trend"], made["catch_up_s"]) == (3, "growing", "growing", None)
    assert (made["rate_out"], "are applied" in made["why"][0]["says"]) == (0.0, True)
    assert 20 < made["rate_in"] < (traffic.sent - before) / made["over_s"] + 1
    assert made["rate_in"] == pytest.approx(sum(part["rate_in"] for part in made["partitions"]), abs=0.1)
    assert world.lag("--over", "0", "--max", "5", "--max-seconds", "1000")[0] == 2
    world.caught_up()


def test_the_age_is_that_of_the_oldest_record_by_both_clocks(world: World) -> None:
    world.stop_worker()
    now_ms = int(time.time() * 1000)
    made_ms, happened_ms, broken_ms = now_ms - 754_321, now_ms - 3_600_123, now_ms - 100_000
    event = {
        "type": "service",
        "event_id": "old",
        "customer_id": "c-1",
        "ts": happened_ms,
        "action": "refund",
    }
    producer = KafkaProducer(bootstrap_servers=world.stack.config.brokers)
    producer.send("service", orjson.dumps(event), key=b"c-1", partition=0, timestamp_ms=made_ms)
    producer.send(
        "service", b"{}", key=b"c-1", partition=0, timestamp_ms=made_ms - 99_000
    )  # not the oldest by offset
    producer.send("service", b"no event", key=b"c-2", partition=1, timestamp_ms=broken_ms)
    producer.close()
    asked_ms = time.time() * 1000
    _, made = world.lag("--over", "0")
    told_ms = time.time() * 1000
    of = {(part["topic"], part["partition"]): part for part in made["partitions"]}
    for key, field, then_ms in (
        (("service", 0), "append_s", made_ms),
        (("service", 0), "event_s", happened_ms),
        (("service", 1), "append_s", broken_ms),
    ):
        assert (asked_ms - then_ms) / 1000 <= of[key][field] <= (told_ms - then_ms) / 1000, (key, field)
    assert of["service", 1]["event_s"] is None
    assert (of["service", 0]["lag"], of["service", 2]["append_s"]) == (2, 0.0)
    assert (made["append_s"], made["event_s"]) == (of["service", 0]["append_s"], of["service", 0]["event_s"])
    counted = world.caught_up().dead_letters
    letters = [orjson.loads(record.value) for record in records(world.stack.config.brokers, (DEAD_LETTER,))]
    assert counted == len(letters)
    # Two records, each once at least: where the broker was slow to acknowledge a letter, it came again.
    new = {(one["topic"], one["partition"], one["offset"]) for one in letters[made["dead_letters"] :]}
    assert new == {("service", p, of["service", p]["end"] - 1) for p in (0, 1)}


def test_records_deleted_before_they_were_applied_are_a_gap(world: World) -> None:
    world.send(50)
    world.caught_up()
    world.stop_worker()
    some = max(world.seen().partitions, key=lambda part: part.end)
    assert some.committed == some.end  # what was never applied has no gap
    producer = KafkaProducer(bootstrap_servers=world.stack.config.brokers)
    for n in range(50):
        producer.send(some.topic, b"broken %d" % n, key=b"x", partition=some.partition)
    producer.close()
    client = KafkaAdminClient(bootstrap_servers=world.stack.config.brokers)
    client.delete_records({TopicPartition(*some.key): some.end + 30})
    client.close()
    code, made = world.lag("--over", "0", "--max-seconds", "1000")
    assert (code, made["verdict"], made["total"]) == (6, "data_gap", 20)
    gaps = {(part["topic"], part["partition"]): part["gap"] for part in made["partitions"] if part["gap"]}
    assert gaps == {some.key: 30}
    assert [why["verdict"] for why in made["why"]] == ["data_gap", "no_workers"]
    world.caught_up()  # the worker passes it
    assert world.lag("--over", "0")[0] == 0


def test_the_store_says_what_is_applied_and_its_absence_breaks_nothing(world: World) -> None:
    world.stop_worker()
    world.send(100)
    waits = {part.key: part for part in world.seen().partitions if part.lag}
    assert sum(part.lag for part in waits.values()) == 100
    some = max(waits.values(), key=lambda part: part.lag)
    client = redis.Redis.from_url(world.stack.config.redis_url, socket_timeout=60)
    source = f"{some.topic}/{some.partition}"
    stored = client.hget(keys.WATERMARKS, source) or b"0:0"
    client.hset(keys.WATERMARKS, source, b"%d:%s" % (some.end, stored.partition(b":")[2]))
    assert world.lag("--over", "0")[1]["total"] == 100 - some.lag
    client.hset(keys.WATERMARKS, source, stored)
    stored_ms = int(time.time() * 1000) - 90_000
    client.xadd(keys.outbox(3), {"c": "someone", "e": ""}, id=f"{stored_ms}-1")
    made = world.lag("--over", "0")[1]
    assert made["outbox"]["entries"] == 1
    assert 90 <= made["outbox"]["oldest_s"] <= time.time() - stored_ms / 1000
    client.delete(keys.outbox(3))
    client.close()
    world.stack.store.kill()
    try:
        code, made = world.lag(
            "--over", "0", seeing=lambda made: made["members"] is not None and len(made["notes"]) == 1
        )
        assert (code, made["store_up"], made["workers"], made["outbox"]) == (5, False, None, None)
        assert (made["total"], made["members"], bool(made["append_s"])) == (100, 0, True)
        assert "cannot be asked" in made["notes"][0]
    finally:
        world.stack.store.start()


def fetched(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=10) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()
    except OSError:
        return 0, ""


def samples(port: int) -> dict[Name, float]:
    """What the exporter tells: name, topic, partition and clock -> value."""
    out = {}
    for family in parsed(fetched(port, "/metrics")[1]):
        for told in family.samples:
            where = (told.labels.get("topic"), told.labels.get("partition"), told.labels.get("clock"))
            out[told.name.removeprefix("profilestream_"), *where] = told.value
    return out


def everything(made: dict[str, Any]) -> set[Name]:
    """The names of what a look tells in which nothing is missing."""
    out: set[Name] = {(name, None, None, None) for name in ("group_members", "group_workers", "broker_up")}
    for part in made["partitions"]:
        where = (part["topic"], str(part["partition"]))
        out |= {("group_lag_records", *where, None)}
        out |= {("group_lag_seconds", *where, clock) for clock in ("append", "event")}
    return out


def test_the_exporter_tells_what_the_command_tells_and_outlives_the_broker(
    world: World, kafka: ApacheKafka, tmp_path: Path
) -> None:
    world.stop_worker()
    world.send(120)
    port, began_s = free_port(), time.monotonic()
    argv = [sys.executable, "-m", "streams", "lag", "--serve", f"127.0.0.1:{port}", "--every", "300ms"]
    with (tmp_path / "out").open("wb") as out:
        child = subprocess.Popen(argv, env=environment(world.stack.settings), stdout=out, stderr=out)
    try:
        wait_for(lambda: fetched(port, "/readyz")[0] == 200)
        made = world.lag("--over", "0")[1]
        # In a look for which the broker took too long, the ages or the group are missing.
        of = wait_for(lambda: (told := samples(port)).keys() >= everything(made) and told)
        took_s = time.monotonic() - began_s  # in which both looked, at moments of their own
        for part in made["partitions"]:
            where = (part["topic"], str(part["partition"]))
            assert of["group_lag_records", *where, None] == part["lag"]
            assert of["group_lag_seconds", *where, "append"] == pytest.approx(part["append_s"], abs=took_s)
            assert of["group_lag_seconds", *where, "event"] == pytest.approx(part["event_s"], abs=took_s)
        assert (of["group_members", None, None, None], of["broker_up", None, None, None]) == (0, 1)
        world.probe.close()  # else its client keeps trying while nothing listens
        kafka.process.kill()
        wait_for(lambda: "profilestream_broker_up 0.0" in fetched(port, "/metrics")[1])
        assert wait_for(lambda: fetched(port, "/readyz")[0]) == 503
        assert wait_for(lambda: fetched(port, "/healthz")[0]) == 200
        assert "group_lag" not in fetched(port, "/metrics")[1]
        kafka.start()
        wait_for(lambda: fetched(port, "/readyz")[0] == 200)
        child.send_signal(signal.SIGTERM)
        assert child.wait(60) == 0
    finally:
        child.kill()
        child.wait()
    said = (tmp_path / "out").read_text()
    assert "Traceback" not in said
    turns = re.findall(r"WARNING .* (does not answer|cannot be asked|answers again)", said)
    assert "answers again" in turns
    assert all((turn == "answers again") == n % 2 for n, turn in enumerate(turns)), turns  # not at every look


class Screen:
    """A pseudo-terminal with `lag --watch` in it."""

    def __init__(self, world: World, *args: str) -> None:
        self.master, slave = pty.openpty()
        termios.tcsetwinsize(slave, (24, 80))
        self.before = termios.tcgetattr(slave)
        self._slave = slave
        argv = [sys.executable, "-m", "streams", "lag", "--watch", *args]
        env = environment(world.stack.settings) | {"TERM": "xterm-256color", "LANG": "C.UTF-8"}
        env.pop("COLUMNS", None), env.pop("LINES", None)
        self.child = subprocess.Popen(
            argv, env=env, stdin=slave, stdout=slave, stderr=slave, start_new_session=True
        )
        self.text = ""

    def until(self, pattern: str, within_s: float = WAIT_S) -> None:
        deadline_s, begin = time.monotonic() + within_s, len(self.text)
        while not re.search(pattern, re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", self.text[begin:])):
            assert time.monotonic() < deadline_s, self.text[-3000:]
            self.read(0.1)

    def read(self, patience_s: float) -> bool:
        """What is there to be read; False = nothing."""
        if not select.select([self.master], [], [], patience_s)[0]:
            return False
        self.text += os.read(self.master, 65_536).decode(errors="replace")
        return True

    def end(self, how: Callable[[], None]) -> int:
        how()
        deadline_s = time.monotonic() + 60
        while self.child.poll() is None and time.monotonic() < deadline_s:
            self.read(0.1)
        while self.read(0):  # its last words
            pass
        assert termios.tcgetattr(self._slave) == self.before
        self.child.kill()
        code = self.child.wait()
        os.close(self._slave)
        os.close(self.master)
        return code


@pytest.mark.parametrize("key", ["q", "ctrl-c"])
def test_watch_shows_the_trouble_and_ends_by_a_key(world: World, key: str) -> None:
    world.caught_up()
    screen = Screen(world, "--every", "300ms", "--max-seconds", "1", "--stalled-after", LONG)
    screen.until(r"lag  of group profilestream +ok ")
    world.stack.workers[0].signal(signal.SIGSTOP)
    world.send(90)
    screen.until(r"clicks/\d +\d+ +\d[.\dm]*s")
    screen.until(r" (behind|growing) ")

    def end() -> None:
        if key == "q":
            os.write(screen.master, b"q")
        else:
            screen.child.send_signal(signal.SIGINT)

    assert screen.end(end) == 0
    assert "Traceback" not in screen.text
    assert "\x1b[?1049l" in screen.text  # back from the other screen
    world.caught_up()


def test_a_broker_that_is_dead_or_frozen_is_down_in_bounded_time_and_comes_back(
    world: World, kafka: ApacheKafka
) -> None:
    for way in ("dead", "frozen"):
        world.probe.close()  # else its client keeps trying while we look at the other one
        if way == "dead":
            kafka.process.kill()
        else:
            kafka.process.signal(signal.SIGSTOP)
        began_s = time.monotonic()
        assert world.probe.look().broker_says
        assert time.monotonic() - began_s < BOUND_S, way  # of the look: a program takes its time to start
        code, made = world.lag(seeing=lambda made: made["store_up"])
        assert (code, made["verdict"], made["broker_up"], made["partitions"]) == (7, "broker_down", False, [])
        assert made["store_up"], way
        if way == "dead":
            kafka.start()
        else:
            kafka.process.signal(signal.SIGCONT)
        world.seen()
    world.caught_up()


def test_a_dead_broker_is_one_sentence_for_people() -> None:
    where = f"127.0.0.1:{free_port()}"
    argv = [sys.executable, "-m", "streams", "--brokers", where, "lag"]
    done = subprocess.run(argv, capture_output=True, text=True, timeout=120, check=False)
    assert (done.returncode, done.stdout) == (7, "")
    assert done.stderr.startswith(f"broker_down: broker {where} does not answer\n")


def test_on_the_embedded_broker_ends_are_exact_where_listed_offsets_are_not(tmp_path: Path) -> None:
    with EmbeddedBroker(tmp_path / "broker") as broker:
        config = config_of(broker.address, redis_url=f"redis://127.0.0.1:{free_port()}/0")
        probe = Probe(config)

        def look() -> Sample:
            """One to which the broker answered in time; there is no store."""
            return wait_for(lambda: None if (sample := probe.look()).broker_says or sample.notes else sample)

        sample = look()
        assert sample.missing == ("orders", "clicks", "service", "control")
        admin.create_topics(config)
        producer = KafkaProducer(bootstrap_servers=broker.address, enable_idempotence=False, linger_ms=50)
        for n in range(1_000):
            producer.send("orders", b"{}", partition=n % 2)
        producer.close()
        for _ in range(3):  # the connections are kept; what was fetched for the last look is not
            sample = look()
            assert {part.key: part.lag for part in sample.partitions if part.lag} == {
                ("orders", 0): 500, ("orders", 1): 500,
            }  # fmt: skip
            assert all(part.is_exact for part in sample.partitions)
            assert (sample.group, sample.stored, sample.missing) == (None, None, ())
        probe.close()


def test_the_right_to_describe_is_enough_for_records_but_not_for_ages(tmp_path: Path) -> None:
    if not kafka_available():
        missing("Apache Kafka")
    from kafka.admin import ACL, ACLOperation, ACLPermissionType, ResourcePattern, ResourceType

    authorizer = "org.apache.kafka.metadata.authorizer.StandardAuthorizer"
    more = {"authorizer_class_name": authorizer, "allow_everyone_if_no_acl_found": "true"}
    with ApacheKafka(tmp_path / "kafka", **more) as server:
        config = config_of(server.address)
        admin.create_topics(config)
        producer = KafkaProducer(bootstrap_servers=server.address)
        for n in range(30):
            producer.send("orders", b"{}", partition=n % 3)
        producer.close()
        client = KafkaAdminClient(bootstrap_servers=server.address)
        allow = ACLPermissionType.ALLOW
        client.create_acls(
            [
                ACL(
                    "User:ANONYMOUS",
                    "*",
                    ACLOperation.DESCRIBE,
                    allow,
                    ResourcePattern(ResourceType.TOPIC, topic),
                )
                for topic in INPUT_TOPICS
            ]
        )
        probe = BrokerProbe(config)

        def noting(*notes: str) -> Seen:
            """What is seen once these notes come with it: a broker obeys a rule a moment after it took it."""

            def look() -> Seen | None:
                with contextlib.suppress(Unavailable):  # it did not answer in time
                    found = probe.look(None)
                    return found if found.notes[: len(notes)] == notes else None
                return None

            found: Seen = wait_for(look)
            return found

        seen = noting("ages are not known: TopicAuthorizationFailedError")
        group = ResourcePattern(ResourceType.GROUP, config.group)
        client.create_acls([ACL("User:another", "*", ACLOperation.ALL, allow, group)])
        client.close()
        blind = noting("commits are not known: GroupAuthorizationFailedError")
        probe.close()
    assert seen.notes == ("ages are not known: TopicAuthorizationFailedError",)
    assert [(p.lag, p.append_ms) for p in seen.partitions if p.topic == "orders"] == [(10, None)] * 3
    assert (seen.knows_commits, blind.knows_commits, blind.group) == (True, False, None)
