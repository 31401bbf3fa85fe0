"""A process that can be looked at, and is never harmed by it."""

import asyncio
import contextlib
import logging
import socket
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiohttp
import pytest
import redis.asyncio as redis

from streams import keys
from streams.config import ConfigError
from streams.local.ports import free_port
from streams.local.store import EmbeddedStore
from streams.metrics import server, vitals
from streams.metrics import service as module
from streams.metrics.service import Service, beside
from streams.metrics.sheet import Sheet
from streams.store.contract import Unavailable


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy store may take longer than a process waits for it, and a busy test than vitals stand."""
    monkeypatch.setattr(module, "TIMEOUT_S", 30.0)
    monkeypatch.setattr(vitals, "TTL_S", 300)


def nothing(_: Sheet) -> None:
    """No samples."""


def service(redis_url: str = "", taken: socket.socket | None = None, **more: Any) -> Service:
    return Service("worker", "w-1", redis_url=redis_url, taken=taken, **({"fill": nothing} | more))


def bound() -> tuple[socket.socket, int]:
    taken = server.bind("127.0.0.1:0")
    assert taken is not None
    return taken, taken.getsockname()[1]


@contextlib.asynccontextmanager
async def running(one: Service) -> AsyncIterator[None]:
    task = asyncio.create_task(one.run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(ask: Callable[[], Awaitable[Any]], within_s: float = 60.0) -> Any:
    """The first answer that says anything."""
    deadline = time.monotonic() + within_s
    while not (found := await ask()):
        assert time.monotonic() < deadline
        await asyncio.sleep(0.01)
    return found


async def get(port: int, path: str, **headers: str) -> tuple[int, str, str]:
    url = f"http://127.0.0.1:{port}{path}"
    async with aiohttp.ClientSession() as session, session.get(url, headers=headers) as answer:
        return answer.status, answer.headers["content-type"], await answer.text()


# -- the port ----------------------------------------------------------------------------------------------


def test_a_port_that_is_taken_is_one_sentence() -> None:
    with socket.socket() as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        address = f"127.0.0.1:{other.getsockname()[1]}"
        with pytest.raises(
            Unavailable, match=f"metrics cannot be served at {address}: Address already in use"
        ):
            server.bind(address)


@pytest.mark.parametrize("address", ["9400", "localhost", "127.0.0.1:port", "127.0.0.1:70000", "a b:1"])
def test_what_is_no_address_is_said_to_be_none(address: str) -> None:
    with pytest.raises(ConfigError, match="metrics must be like"):
        server.bind(address)


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(Unavailable, match="metrics cannot be served"):
        server.bind("192.0.2.1:0")


def test_nowhere_is_nowhere() -> None:
    assert server.bind("") is None


@pytest.mark.parametrize("address", ["127.0.0.1:0", "localhost:0", "[::1]:0", ":0"])
def test_every_form_of_an_address_gets_a_free_port(address: str) -> None:
    try:
        taken = server.bind(address)
    except Unavailable:
        assert address.startswith("[")  # a machine without IPv6
        return
    assert taken is not None
    assert taken.getsockname()[1] > 0
    taken.close()


# -- the server --------------------------------------------------------------------------------------------


async def test_the_three_pages(caplog: pytest.LogCaptureFixture) -> None:
    wrong: list[str] = []
    ill: list[str] = []
    taken, port = bound()
    caplog.set_level(logging.INFO)
    async with running(service(taken=taken, ready=lambda: wrong, alive=lambda: ill)):
        status, kind, text = await get(port, "/metrics")
        assert (status, kind.partition(";")[0]) == (200, "text/plain")
        assert "\nprofilestream_ready 1.0\n" in text
        _, kind, text = await get(port, "/metrics", accept="application/openmetrics-text; version=1.0.0")
        assert (kind.partition(";")[0], text[-6:]) == ("application/openmetrics-text", "# EOF\n")
        assert await get(port, "/readyz") == (
            200, "application/json; charset=utf-8", '{"ready": true, "reasons": []}'
        )  # fmt: skip
        wrong.append("no_partitions")
        status, _, text = await get(port, "/readyz")
        assert (status, text) == (503, '{"ready": false, "reasons": ["no_partitions"]}')
        assert "\nprofilestream_ready 0.0\n" in (await get(port, "/metrics"))[2]
        assert (await get(port, "/healthz"))[::2] == (200, '{"alive": true, "reasons": []}')
        ill.append("stuck")
        assert (await get(port, "/healthz"))[::2] == (503, '{"alive": false, "reasons": ["stuck"]}')
        assert (await get(port, "/"))[0] == 404
    assert f"metrics at http://127.0.0.1:{port}/metrics" in caplog.text
    with pytest.raises(aiohttp.ClientError):  # ends with the process
        await get(port, "/healthz")


def test_a_program_that_blocks_is_looked_at_from_a_thread() -> None:
    taken, port = bound()
    with beside(service(taken=taken)):
        assert asyncio.run(get(port, "/readyz"))[0] == 200

    async def refused() -> bool:
        """The thread ends a moment later where the machine is busy."""
        try:
            await get(port, "/readyz")
        except aiohttp.ClientError:
            return True
        return False

    assert asyncio.run(until(refused))


# -- nothing here harms ------------------------------------------------------------------------------------


async def test_a_store_that_is_away_is_skipped_and_said_once(caplog: pytest.LogCaptureFixture) -> None:
    taken, port = bound()
    one = service(f"redis://127.0.0.1:{free_port()}/0", taken)
    client = one.client()
    async with running(one):
        for _ in range(3):
            await one.beat(client)
        status, _, text = await get(port, "/readyz")
        assert (status, text) == (503, '{"ready": false, "reasons": ["store_down"]}')
        assert "\nprofilestream_store_up 0.0\n" in (await get(port, "/metrics"))[2]
        assert (await get(port, "/healthz"))[0] == 200
    assert caplog.text.count("vitals are skipped") == 1
    await client.aclose()


@pytest.mark.parametrize("where", ["fill", "look"])
@pytest.mark.usefixtures("unhurried")
@pytest.mark.store
async def test_a_fault_of_ours_is_logged_once_and_goes_no_further(
    where: str, valkey: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    async def look(_: object) -> None:
        raise ZeroDivisionError

    def fill(_: Sheet) -> None:
        raise ZeroDivisionError

    one = service(valkey.url, **({"look": look} if where == "look" else {"fill": fill}))
    client = one.client()
    for _ in range(3):
        await one.beat(client)
    assert caplog.text.count("no vitals: ZeroDivisionError") == 1
    await client.aclose()


# -- vitals ------------------------------------------------------------------------------------------------


@pytest.mark.usefixtures("unhurried")
@pytest.mark.store
async def test_vitals_say_who_lives_and_go_with_the_process(valkey: EmbeddedStore) -> None:
    client = redis.Redis.from_url(valkey.url, protocol=2, socket_timeout=60)
    await client.flushall()

    def fill(sheet: Sheet) -> None:
        sheet.put("records_total", 7, "orders")

    async with running(service(valkey.url, fill=fill)):
        (one,) = await until(lambda: vitals.read(client))
        assert (one.role, one.name) == ("worker", "w-1")
        assert one.value("profilestream_records_total", topic="orders") == 7
        assert one.value("profilestream_records_total", topic="clicks") is None
        assert one.value("profilestream_store_up") == 1
        assert (one.value("process_resident_memory_bytes") or 0) > 1e6
        assert 0 < await client.ttl(keys.vitals("worker:w-1")) <= vitals.TTL_S
    assert await vitals.read(client) == []
    assert await client.exists(keys.VITALS, keys.vitals("worker:w-1")) == 0
    await client.aclose()


@pytest.mark.usefixtures("unhurried")
@pytest.mark.store
async def test_the_dead_and_the_garbled_are_left_out(valkey: EmbeddedStore) -> None:
    client = redis.Redis.from_url(valkey.url, protocol=2, socket_timeout=60)
    await client.flushall()
    await vitals.write(client, "worker", "host:7", b"# TYPE a gauge\na 1.0\n")
    await vitals.write(client, "trainer", "garbled", b"a{b 1.0\n\xff")
    await client.zadd(
        keys.VITALS, {"worker:killed": int(time.time() * 1000) + 300_000}
    )  # its text has run out
    await client.zadd(keys.VITALS, {"worker:long-dead": 1})
    assert [(one.role, one.name, one.value("a")) for one in await vitals.read(client)] == [
        ("worker", "host:7", 1.0)
    ]
    await vitals.expire(client)
    assert await client.zscore(keys.VITALS, "worker:long-dead") is None
    await client.aclose()


@pytest.mark.usefixtures("unhurried")
@pytest.mark.store
async def test_vitals_come_back_with_the_store(
    valkey: EmbeddedStore, caplog: pytest.LogCaptureFixture
) -> None:
    one = service(valkey.url)
    client = one.client()
    await one.beat(client)
    assert one.reasons() == []
    valkey.kill()
    try:
        await one.beat(client)
        assert one.reasons() == ["store_down"]
    finally:
        valkey.start()
    await one.beat(client)
    assert one.reasons() == []
    assert caplog.text.count("vitals are skipped") == 1
    await client.aclose()
