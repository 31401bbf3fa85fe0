"""Whatever happens to the store, a read says that it does not know, or raises a clear error: in bounded time,
and never that somebody is no member or no customer."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, NamedTuple

import orjson
import pytest
from deployed import BUCKETS, PATIENT, QUICK, READERS, Deployed, document
from proxy import Proxy
from waiting import wait_for

from streams import keys
from streams.local.store import EmbeddedStore
from streams.reader import Damaged, Known, ReaderError, Unknown, WrongDeployment, breaker

pytestmark = pytest.mark.store
ROOM_S = 30.0  # a busy machine may stand still so long; attempts beyond those promised are counted instead
ATTEMPTS = 1 + QUICK.retries
READS: dict[str, Callable[[Any], Any]] = {
    "get": lambda reader: reader.get("c-1"),
    "get_many": lambda reader: reader.get_many(["c-1", "c-2"])["c-1"],
    "tags": lambda reader: reader.tags("c-1"),
    "has_tag": lambda reader: reader.has_tag("c-1", "quiet"),  # which nobody holds: no would be easily said
    "members": lambda reader: reader.members("vip"),
}


class World(NamedTuple):
    """A store of two customers, and the proxy that readers ask."""

    store: EmbeddedStore
    proxy: Proxy
    deployed: Deployed


@pytest.fixture
def world(tmp_path: Path) -> Iterator[World]:
    with EmbeddedStore(tmp_path / "store") as store, Proxy(store.port) as proxy:
        deployed = Deployed(store.url)
        deployed.put("c-1")
        deployed.put("c-2")
        deployed.tick(ago_s=-600)  # what is read here is old only where a test says so
        yield World(store, proxy, deployed)
        deployed.client.close()
        store.process.signal(signal.SIGCONT)


def replaced(world: World) -> None:
    """Another, empty server under the same address, as after a fail-over to a replica never filled."""
    world.store.stop()
    for path in world.store.process.log.parent.glob("appendonlydir/*"):
        path.unlink()
    world.store.start()


def refused(world: World) -> None:
    world.deployed.client.execute_command("ACL", "SETUSER", "default", "-@read")


def wrong_type(world: World) -> None:
    for cid in ("c-1", "c-2"):
        key = keys.profile(keys.bucket(cid, BUCKETS), cid)
        world.deployed.client.delete(key)
        world.deployed.client.sadd(key, "x")


def stored(doc: Any) -> Callable[[World], Any]:
    value = doc if isinstance(doc, bytes) else orjson.dumps(doc)
    return lambda world: world.deployed.put("c-1", value)


def overdue(world: World) -> None:
    world.deployed.client.zadd(keys.due(7), {"c-9": (time.time() - 90) * 1000})


UNREACHABLE = {"unreachable", "resting"}
ALL = frozenset(READS)
PROFILES = ALL - {"members"}
# What happens -> how, the reasons that may be given, and the reads that it concerns.
CASES: dict[str, tuple[Callable[[World], Any], set[str], frozenset[str]]] = {
    "stopped": (lambda w: w.store.stop(), UNREACHABLE, ALL),
    "killed": (lambda w: w.store.kill(), UNREACHABLE, ALL),
    "cut off": (lambda w: [setattr(w.proxy, "cut_after", 0), w.proxy.drop()], UNREACHABLE, ALL),
    "cut off in mid reply": (lambda w: [setattr(w.proxy, "cut_after", 60), w.proxy.drop()], UNREACHABLE, ALL),
    "slow": (lambda w: setattr(w.proxy, "delay_s", 60.0), UNREACHABLE, ALL),
    "frozen": (lambda w: w.store.process.signal(signal.SIGSTOP), UNREACHABLE, ALL),
    "loading": (
        lambda w: setattr(w.proxy, "says", b"-LOADING Redis is loading the dataset in memory\r\n"),
        {"loading", "resting", "unreachable"}, ALL,
    ),
    "failing over": (
        lambda w: setattr(w.proxy, "says", b"-MASTERDOWN Link with MASTER is down\r\n"),
        {"refused", "resting", "unreachable"}, ALL,
    ),
    "failed over to nothing": (replaced, {"no_deployment", "changed", "no_clock", "unreachable"}, ALL),
    "emptied": (lambda w: w.deployed.client.flushall(), {"no_deployment", "changed", "no_such_set"}, ALL),
    "rights taken away": (refused, {"refused"}, ALL),
    "no worker ever": (lambda w: w.deployed.client.delete(keys.CLOCK), {"no_clock"}, ALL),
    "stale beyond max_age": (lambda w: w.deployed.tick(ago_s=61), {"stale"}, ALL),
    "timers behind max_age": (overdue, {"stale"}, ALL),
    "clock damaged": (lambda w: w.deployed.client.hset(keys.CLOCK, "orders/0", "1:x"), {"damaged"}, ALL),
    "facts damaged": (lambda w: w.deployed.client.hset(keys.META, "buckets", "x"), {"damaged"}, ALL),
    "newer schema": (stored(document("c-1", schema=2)), {"newer_schema"}, PROFILES),
    "no JSON": (stored(b"\x00\xff"), {"damaged"}, PROFILES),
    "no object": (stored([1]), {"damaged"}, PROFILES),
    "somebody else's": (stored(document("c-9")), {"damaged"}, PROFILES),
    "without its head": (stored({"customer_id": "c-1"}), {"damaged"}, PROFILES),
    "key of another type": (wrong_type, {"refused"}, PROFILES),
    "tags damaged": (stored(document("c-1", tags=[])), {"damaged"}, frozenset({"tags", "has_tag"})),
    "misspelt tag": (
        lambda w: w.deployed.client.hset(keys.CATALOGUE, mapping={"revision": 2, "text": "[tags.other]"}),
        {"no_such_tag", "no_such_set"}, frozenset({"has_tag", "members"}),
    ),
    "catalogue damaged": (
        lambda w: w.deployed.client.hset(keys.CATALOGUE, mapping={"revision": 2, "text": "]"}),
        {"no_such_tag", "no_such_set"}, frozenset({"has_tag", "members"}),
    ),
}  # fmt: skip


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("is_warm", [False, True], ids=["first read", "after good reads"])
@pytest.mark.parametrize("case", CASES)
def test_a_read_that_fails_is_unknown_in_bounded_time(
    world: World, case: str, is_warm: bool, kind: str
) -> None:
    happens, reasons, concerned = CASES[case]
    # Where a server is to say what is wrong it gets the time for it; the others are not waited for.
    settings = QUICK if "resting" in reasons else PATIENT
    reader = READERS[kind](world.proxy.url, settings)
    if is_warm:
        wait_for(lambda: all(isinstance(read(reader), Known) for read in READS.values()))
    happens(world)
    if is_warm:  # what is looked at once a second is seen within one
        time.sleep(settings.pulse_s)
    accepted = world.proxy.accepted
    for name, read in READS.items():
        if name in concerned:
            started_s = time.monotonic()
            answer = read(reader)
            took_s = time.monotonic() - started_s
            assert isinstance(answer, Unknown), (name, answer)
            assert answer.reason in reasons, (name, answer)
            assert took_s < ATTEMPTS * settings.timeout_s + ROOM_S, (name, took_s)
    assert world.proxy.accepted - accepted <= ATTEMPTS * len(concerned)
    reader.close()


@pytest.mark.parametrize("kind", READERS)
@pytest.mark.parametrize("field", [{"buckets": 12}, {"layout": "2"}], ids=["buckets", "layout"])
@pytest.mark.parametrize("name", [*READS, "lag", "check"])
def test_the_wrong_deployment_is_an_error_of_every_read(
    world: World, name: str, field: dict[str, Any], kind: str
) -> None:
    read = READS.get(name) or (lambda reader: getattr(reader, name)())
    reader = READERS[kind](world.proxy.url, PATIENT._replace(buckets=BUCKETS))
    reader.check()
    world.deployed.client.hset(keys.META, mapping=field)
    time.sleep(PATIENT.pulse_s)
    for _ in range(2):  # it does not get used to it
        with pytest.raises(WrongDeployment, match="the store has"):
            read(reader)
    reader.close()


def test_a_document_damaged_in_the_middle_is_an_error_where_it_is_looked_at(world: World) -> None:
    value = orjson.dumps(document("c-1")).replace(b'"tags":{', b'"tags":{{')
    world.deployed.put("c-1", value)
    with READERS["blocking"](world.proxy.url, PATIENT) as reader:
        with pytest.raises(Damaged, match="is not JSON"):
            _ = reader.get("c-1").value.doc
        assert reader.tags("c-1") == Unknown("damaged", "the document has no tags")
        assert issubclass(Damaged, ReaderError)


@pytest.mark.parametrize("name", READS)
def test_between_the_emptying_of_a_store_and_the_next_pulse_nobody_is_absent(world: World, name: str) -> None:
    with READERS["blocking"](world.proxy.url, PATIENT._replace(pulse_s=600)) as reader:
        assert READS[name](reader).known
        world.deployed.client.flushall()
        assert READS[name](reader) == Unknown(
            "changed", "the store was emptied or replaced while it was read"
        )


@pytest.mark.parametrize("kind", READERS)
def test_a_store_in_trouble_is_left_alone_and_asked_again_later(
    world: World, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = PATIENT._replace(failures=3, rest_s=600, retries=0)
    reader = READERS[kind](world.proxy.url, settings)
    world.proxy.cut_after = 0
    for _ in range(3):
        assert reader.get("c-1").reason == "unreachable"
    world.proxy.cut_after = None
    accepted = world.proxy.accepted
    for _ in range(100):
        assert reader.get("c-1").reason == "resting"
    assert world.proxy.accepted == accepted
    # The machine may take its time: only the breaker's clock says that it has rested.
    later = SimpleNamespace(monotonic=lambda: time.monotonic() + settings.rest_s)
    monkeypatch.setattr(breaker, "time", later)
    assert reader.get("c-1").known is True
    reader.close()


def test_retries_run_out_before_they_double_the_load(world: World) -> None:
    asked = 0
    with READERS["blocking"](world.proxy.url, QUICK._replace(failures=10_000)) as reader:
        send = reader._send

        def counting(commands: Any) -> Any:
            nonlocal asked
            asked += 1
            return send(commands)

        reader._send = counting
        world.store.stop()
        for _ in range(200):
            assert isinstance(reader.get("c-1"), Unknown)
    assert 200 + 20 <= asked <= 200 + 10 + 20 + 1  # ten saved up, and one in ten calls


def test_one_cut_in_the_middle_is_healed_by_the_retry(world: World) -> None:
    with READERS["blocking"](world.proxy.url, PATIENT) as reader:
        assert reader.get("c-1").known
        world.proxy.drop()
        assert reader.get("c-1").known
