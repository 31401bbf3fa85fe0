"""Who may look at the console, what browsers are told, files of the page, and pages that do not listen."""

import asyncio
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp.test_utils import TestClient, TestServer
from click.testing import CliRunner
from consoles import config_of, get, served

from streams.cli import cli
from streams.config import Config, ConfigError
from streams.console import hub as hub_module
from streams.console.app import Parts
from streams.console.guard import COOKIE, address
from streams.console.hub import Full, Hub, event
from streams.console.pages import ROOT
from streams.local.ports import free_port

NOWHERE = f"redis://127.0.0.1:{free_port()}/0"
TOKEN = "correct horse battery staple"


def served_quietly(**settings: Any) -> Any:
    return served(config_of(NOWHERE, **settings))


# -- where it answers --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("where", "expected"),
    [("127.0.0.1:8080", ("127.0.0.1", 8080)), ("localhost:0", ("localhost", 0)), ("[::1]:80", ("::1", 80)),
     ("127.9.9.9:1", ("127.9.9.9", 1))],
)  # fmt: skip
def test_on_this_machine_no_token_is_asked_for(where: str, expected: tuple[str, int]) -> None:
    assert address(Config(console=where)) == expected


@pytest.mark.parametrize("where", ["0.0.0.0:8080", ":8080", "[::]:8080", "10.0.0.7:80", "console.example:80"])
def test_beyond_this_machine_it_does_not_start_without_a_token(where: str) -> None:
    with pytest.raises(ConfigError, match="console_token"):
        address(Config(console=where))
    assert address(Config(console=where, console_token=TOKEN))[1] in (80, 8080)
    done = CliRunner().invoke(cli, ["console", "--address", where])
    assert done.exit_code != 0
    assert "console_token" in str(done.exception or done.output)


@pytest.mark.parametrize(
    "where", ["", "8080", "127.0.0.1", "127.0.0.1:99999", "a b:80", "http://127.0.0.1:80"]
)
def test_what_is_no_address_is_refused(where: str) -> None:
    with pytest.raises(ConfigError, match="must be like"):
        address(Config(console=where))


# -- who may look ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", "[fe80::1]:80", "10.0.0.1"]
)
async def test_without_a_token_only_names_of_this_machine_are_answered(host: str) -> None:
    """A page from elsewhere whose name points at 127.0.0.1 must not read customers."""
    async with served_quietly() as (_, client):
        assert (await get(client, "/api/meta", 403, Host=host))["error"] == "forbidden"
        for mine in ("localhost", "localhost:1", "127.0.0.1:8080", "[::1]:9"):
            assert await get(client, "/api/meta", Host=mine)


async def test_with_a_token_nothing_is_answered_without_it() -> None:
    async with served_quietly(console_token=TOKEN) as (_, client):
        for path in (
            "/",
            "/api/meta",
            "/api/live",
            "/api/stream",
            "/api/customer/c1",
            "/static/x.js",
            "/api/none",
        ):
            said = await get(client, path, 401)
            assert said["error"] == "unauthorised"
            assert TOKEN not in said["says"]
        for wrong in ("", "Bearer", "Bearer wrong", f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer é"):
            assert await get(client, "/api/meta", 401, Authorization=wrong)
        assert await get(client, "/api/meta", Authorization=f"Bearer {TOKEN}")
        assert await get(client, "/api/meta", Authorization=f"bearer {TOKEN}", Host="any.example")
        assert await get(client, "/healthz") == {"alive": True}


async def test_logging_in_leaves_a_cookie_that_proves_the_token_without_holding_it() -> None:
    async with served_quietly(console_token=TOKEN) as (_, client):
        assert (await get(client, "/login?token=wrong", 401))["error"] == "unauthorised"
        assert (await get(client, "/login", 401))["error"] == "unauthorised"
        async with client.get("/login", params={"token": TOKEN}, allow_redirects=False) as response:
            assert (response.status, response.headers["Location"]) == (303, "/")
            cookie = response.headers["Set-Cookie"]
        assert {"HttpOnly", "SameSite=Strict", "Path=/"} <= set(cookie.split("; "))
        assert TOKEN not in cookie
        assert await get(client, "/api/meta")  # the browser sends it by itself
        proof = re.search(f"{COOKIE}=([0-9a-f]+)", cookie)
        assert proof is not None
        client.session.cookie_jar.clear()
        assert await get(client, "/api/meta", Cookie=f"{COOKIE}={proof[1]}")
        assert await get(client, "/api/meta", 401, Cookie=f"{COOKIE}={proof[1][:-1]}x")
        assert await get(client, "/api/meta", 401, Cookie=f"{COOKIE}={TOKEN}")


async def test_every_answer_tells_browsers_what_they_must_not_do() -> None:
    async with served_quietly() as (_, client):
        for path in ("/", "/api/meta", "/api/nothing", "/static/nothing.js", "/healthz"):
            async with client.get(path) as response:
                policy = response.headers["Content-Security-Policy"]
                assert "default-src 'self'" in policy
                assert "frame-ancestors 'none'" in policy
                assert not re.search(r"unsafe|https?:|\*", policy)
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert response.headers["Referrer-Policy"] == "no-referrer"
                if path.startswith("/api"):
                    assert response.headers["Cache-Control"] == "no-store"
        async with client.get("/api/stream") as response:
            assert "default-src 'self'" in response.headers["Content-Security-Policy"]
            assert response.headers["Content-Type"] == "text/event-stream"


async def test_answers_are_small_where_the_browser_takes_them_packed() -> None:
    async with (
        served_quietly() as (_, client),
        client.get("/api/meta", headers={"Accept-Encoding": "gzip"}) as response,
    ):
        assert response.headers["Content-Encoding"] == "gzip"
        assert len((await response.json())["tags"]) > 30


# -- files -------------------------------------------------------------------------------------------------


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[tuple[Path, TestClient[Any, Any]]]:
    """A page of two files."""
    root = tmp_path / "static"
    root.mkdir()
    (tmp_path / "secret.js").write_text("secret")
    (root / "link.js").symlink_to(tmp_path / "secret.js")
    (root / "app.js").write_text("let a = 1;" * 100)
    (root / "index.html").write_text('<script src="/static/app.js"></script><link href="/static/gone.css">')
    parts = Parts(config_of(NOWHERE), root)
    async with TestClient(TestServer(parts.application())) as client:
        yield root, client


async def test_files_are_named_by_what_is_in_them_and_kept_for_ever(
    site: tuple[Path, TestClient[Any, Any]],
) -> None:
    root, client = site

    async def page() -> str:
        async with client.get("/") as response:
            assert response.headers["Content-Type"] == "text/html; charset=utf-8"
            return await response.text()

    first = await page()
    named = re.search(r'src="(/static/app\.js\?v=[0-9a-f]{16})"', first)
    assert named is not None
    assert 'href="/static/gone.css"' in first
    async with client.get(named[1]) as response:
        assert "immutable" in response.headers["Cache-Control"]
        assert response.headers["Content-Type"].startswith("text/javascript")
        tag = response.headers["ETag"]
    async with client.get("/static/app.js", headers={"If-None-Match": tag}) as response:
        assert (response.status, response.headers["Cache-Control"]) == (304, "no-cache")
    (root / "app.js").write_text("let b = 2;" * 101)
    assert named[1] not in await page()
    async with client.get(named[1]) as response:  # an old name is answered, but not kept
        assert response.headers["Cache-Control"] == "no-cache"
        assert (await response.text()).startswith("let b")


@pytest.mark.parametrize(
    "path", ["link.js", "%2e%2e/secret.js", "..%2fsecret.js", "/etc/passwd", "%00", "a" * 5_000, "."]
)
async def test_no_other_file_is_served(site: tuple[Path, TestClient[Any, Any]], path: str) -> None:
    _, client = site
    async with client.get(f"/static/{path}") as response:
        assert response.status in (400, 404)
        assert "secret" not in await response.text()


def test_what_is_shipped_is_where_it_is_looked_for() -> None:
    assert ROOT.name == "static"
    assert ROOT.parent.name == "console"


# -- pages that listen, and that do not --------------------------------------------------------------------


async def test_all_pages_hear_the_same_and_a_page_that_left_is_forgotten() -> None:
    hub = Hub()
    with hub.page() as one, hub.page() as other:
        hub.tell(b"a")
        hub.tell(b"b")
        heard = [await anext(page.messages()) for page in (one, other)]
        assert heard == [b"ab", b"ab"]
        assert len(hub) == 2
    assert len(hub) == 0
    hub.tell(b"c")


async def test_a_page_that_does_not_listen_is_let_go_and_nobody_waits_for_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(hub_module, "BACKLOG_BYTES", 1_000)
    hub, joined = Hub(), asyncio.Event()

    async def deaf() -> None:
        with hub.page():
            joined.set()
            await asyncio.Event().wait()  # a browser whose window is full

    task = asyncio.create_task(deaf())
    await joined.wait()
    with hub.page() as good:
        heard, listening = 0, good.messages()
        for _ in range(300):
            hub.tell(b"x" * 10)
            heard += len(await anext(listening))
        assert (heard, good.is_dropped) == (3_000, False)
    await asyncio.gather(task, return_exceptions=True)
    assert task.cancelled()
    assert len(hub) == 0


async def test_there_is_an_end_to_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hub_module, "MOST_PAGES", 2)
    async with served_quietly() as (parts, client):
        streams = [await client.get("/api/stream") for _ in range(2)]
        for stream in streams:
            await stream.content.readuntil(b"event: live")
        assert len(parts.hub) == 2
        assert (await get(client, "/api/stream", 503))["error"] == "too_many_pages"
        for stream in streams:
            stream.close()
    hub = Hub()
    with hub.page(), hub.page(), pytest.raises(Full), hub.page():
        pass


async def test_a_browser_that_takes_nothing_costs_no_memory() -> None:
    """Over a real connection: the sockets fill, then the page is dropped and its connection cut."""
    async with served_quietly() as (parts, client):
        assert client.port is not None
        reader, writer = await asyncio.open_connection("127.0.0.1", client.port, limit=1_024)
        writer.write(b"GET /api/stream HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
        await reader.readuntil(b"\r\n\r\n")
        async with asyncio.timeout(90):
            while not len(parts.hub):  # noqa: ASYNC110 - a page is no event
                await asyncio.sleep(0.01)
            told = 0
            while len(parts.hub):
                parts.hub.tell(event("change", {"x": "y" * 30_000}))
                told += 30_000
                await asyncio.sleep(0)
        assert told < 50_000_000
        writer.close()
