"""The page on reading, and the programs in other languages: the same buckets, the same answers."""

import json
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zlib import crc32

import orjson
import pytest
from conftest import missing
from deployed import BUCKETS, Deployed, document
from proxy import Proxy

from models.contract_schema import BEYOND
from streams import keys
from streams.local.ports import free_port
from streams.local.store import EmbeddedStore
from streams.published import FILES

ROOT = Path(__file__).resolve().parents[2]
PAGE = (ROOT / "deploy/schema/READING.md").read_text("utf-8")
VECTORS = re.findall(r"^\| `(.+)` \| `([0-9a-f]+)` \| (\d+) \| (\d+) \|$", PAGE, flags=re.MULTILINE)
LANGUAGES = ("node", "go")
PATIENCE_S = 90.0
pytestmark = pytest.mark.timeout(600)


def test_the_vectors_of_the_page_are_right_and_speak_of_more_than_ascii() -> None:
    assert len(VECTORS) >= 8
    assert sum(not name.isascii() for name, *_ in VECTORS) >= 3
    for name, utf8, checksum, bucket in VECTORS:
        assert name.encode().hex() == utf8
        assert crc32(name.encode()) == int(checksum)
        assert keys.bucket(name, 64) == int(bucket)
    names = [name for name, *_ in VECTORS]
    assert len(set(names)) == len(names)


def test_the_page_names_every_file_every_reason_and_the_keys_as_they_are() -> None:
    for name in FILES:
        assert name.endswith(".py") or f"({name})" in PAGE
    for link in re.findall(r"\]\(([^)]+)\)", PAGE):
        assert (ROOT / "deploy/schema" / link).exists(), link
    for reason, why in BEYOND.items():
        assert f"| `{reason}` | {why} |" in PAGE
    for key in (keys.META, keys.CLOCK, keys.CATALOGUE, "ps:profile:{b}:", "ps:due:{b}", "ps:members:{b}:"):
        assert key in PAGE


@pytest.fixture(scope="module", params=LANGUAGES)
def program(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> list[str]:
    """How the example of a language is run."""
    folder = ROOT / "deploy/examples" / request.param
    if request.param == "node":
        if shutil.which("node") is None:
            missing("Node")
        return ["node", str(folder / "read.mjs")]
    if shutil.which("go") is None:
        missing("Go")
    out = tmp_path_factory.mktemp("go") / "read"
    # No network, and nothing of the machine's own settings: it needs the standard library only.
    env = os.environ | {"GOFLAGS": "-mod=mod", "GOPROXY": "off", "GOTOOLCHAIN": "local"}
    subprocess.run(["go", "build", "-o", str(out), "."], cwd=folder, env=env, check=True, timeout=500)
    return [str(out)]


def ask(program: list[str], server: str, *words: str) -> Any:
    """What it prints."""
    url = (
        server
        if server == "bucket" or "mjs" in program[-1]
        else server.removeprefix("redis://").split("/")[0]
    )
    done = subprocess.run(
        [*program, url, *words],
        capture_output=True,
        text=True,
        encoding="utf-8",
        check=True,
        timeout=PATIENCE_S,
    )
    return json.loads(done.stdout)


def ask_until(said: Callable[[], Any], holds: Callable[[Any], bool]) -> Any:
    """What it says at last: a busy machine may cost it its time-out of a second."""
    deadline_s = time.monotonic() + PATIENCE_S
    while not holds(found := said()):
        assert (found["known"], time.monotonic() < deadline_s) == (None, True), found
    return found


@pytest.fixture(scope="module")
def proxy(valkey: EmbeddedStore) -> Iterator[Proxy]:
    with Proxy(valkey.port) as found:
        yield found


@pytest.fixture
def deployed(valkey: EmbeddedStore, proxy: Proxy) -> Iterator[Deployed]:
    proxy.cut_after, proxy.delay_s, proxy.says = None, 0.0, None
    found = Deployed(valkey.url)
    for cid in ("c-1", "客户", "a{b}c:d"):
        found.put(cid)
    yield found
    found.client.close()


@pytest.mark.slow
def test_it_computes_the_buckets_of_the_page(program: list[str]) -> None:
    for name, _, checksum, bucket in VECTORS:
        assert ask(program, "bucket", name) == int(bucket)
        assert ask(program, "bucket", name, "7") == int(checksum) % 7


@pytest.mark.slow
@pytest.mark.store
def test_it_reads_a_profile_and_says_whom_there_is_none_of(
    program: list[str], deployed: Deployed, proxy: Proxy
) -> None:
    def said(cid: str) -> Any:
        deployed.tick()
        return ask(program, proxy.url, cid)

    for cid in ("c-1", "客户", "a{b}c:d"):
        asked_ms = int(time.time() * 1_000)
        found = ask_until(partial(said, cid), lambda found: found["known"] is not None)
        assert (found["known"], found["profile"]) == (True, document(cid))
        # A clock is in whole milliseconds, in the store and in the programs.
        assert 0 <= round(found["ageS"] * 1_000) <= int(time.time() * 1_000) - asked_ms
    nobody = ask_until(partial(said, "nobody"), lambda found: found["known"] is not None)
    assert nobody["known"] is False
    assert "profile" not in nobody


# What happens -> how, and the reason that is given ("" = any).
CASES: dict[str, tuple[Any, str]] = {
    # Far longer than their time-out of a second: a machine that stands still must not make it quick.
    "slow": (lambda d, p: setattr(p, "delay_s", 60.0), ""),
    "cut off": (lambda d, p: setattr(p, "cut_after", 40), "cut off"),
    "loading": (lambda d, p: setattr(p, "says", b"-LOADING later\r\n"), "LOADING"),
    "emptied": (lambda d, p: d.client.flushall(), "no_deployment"),
    "another layout": (lambda d, p: d.client.hset(keys.META, "layout", "2"), "layout 2"),
    "no worker": (lambda d, p: d.client.delete(keys.CLOCK), "no_clock"),
    "stale": (lambda d, p: d.tick(ago_s=61), "stale"),
    "timers behind": (
        lambda d, p: d.client.zadd(keys.due(keys.bucket("c-1", BUCKETS)), {"c-9": (time.time() - 90) * 1000}),
        "stale",
    ),
    "newer schema": (lambda d, p: d.put("c-1", orjson.dumps(document("c-1", schema=2))), "newer_schema"),
    "no JSON": (lambda d, p: d.put("c-1", b"{"), ""),
    "somebody else's": (lambda d, p: d.put("c-1", orjson.dumps(document("c-2"))), "damaged"),
    "clock damaged": (lambda d, p: d.client.hset(keys.CLOCK, mapping={"orders/0": "1:x"}), ""),
}


@pytest.mark.slow
@pytest.mark.store
@pytest.mark.parametrize("case", CASES)
def test_a_failure_is_unknown(program: list[str], deployed: Deployed, proxy: Proxy, case: str) -> None:
    happens, reason = CASES[case]

    def said() -> Any:
        deployed.tick()
        happens(deployed, proxy)
        return ask(program, proxy.url, "c-1")

    found = ask_until(said, lambda found: found["reason"] == reason if reason else found["reason"])
    assert found["known"] is None


@pytest.mark.slow
def test_nobody_answering_is_unknown(program: list[str]) -> None:
    assert ask(program, f"redis://127.0.0.1:{free_port()}", "c-1")["known"] is None
