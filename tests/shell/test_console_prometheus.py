"""The past out of a real Prometheus: Debian's, scraping what a process of ours would expose."""

import asyncio
import json
import shutil
import time
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiohttp import ClientError, ClientSession, web
from conftest import missing
from consoles import config_of, get, served

from streams.console.prometheus import STEP_S, PrometheusPast
from streams.local.ports import free_port
from streams.local.process import LocalProcess
from streams.local.store import EmbeddedStore
from streams.topics import INPUT_TOPICS

P = "profilestream_"
pytestmark = [pytest.mark.slow, pytest.mark.store, pytest.mark.timeout(400)]


class Exposed:
    """A process that grows: 10 orders, 1 dead letter, 2 tag changes a scrape; all visible within 0.05 s."""

    def __init__(self) -> None:
        self.scrapes = 0

    async def metrics(self, _: web.Request) -> web.Response:
        self.scrapes += 1
        n = self.scrapes
        lines = [
            f"# TYPE {P}events_applied_total counter",
            f'{P}events_applied_total{{topic="orders"}} {10 * n}',
            f'{P}events_applied_total{{topic="clicks"}} 0',
            f"# TYPE {P}dead_letters_total counter",
            f'{P}dead_letters_total{{topic="orders",reason="not_json"}} {n}',
            f"# TYPE {P}tag_changes_total counter",
            f'{P}tag_changes_total{{tag="vip",direction="entered"}} {2 * n}',
            f"# TYPE {P}lag_seconds gauge",
            f'{P}lag_seconds{{topic="orders",partition="0",clock="append"}} 1.5',
            f'{P}lag_seconds{{topic="orders",partition="0",clock="event"}} 99',
            f"# TYPE {P}event_to_visible_seconds histogram",
            *(
                f'{P}event_to_visible_seconds_bucket{{topic="orders",le="{le}"}} {10 * n}'
                for le in ("0.05", "+Inf")
            ),
            f'{P}event_to_visible_seconds_sum{{topic="orders"}} {n}',
            f'{P}event_to_visible_seconds_count{{topic="orders"}} {10 * n}',
        ]
        return web.Response(text="\n".join(lines) + "\n", content_type="text/plain")


@pytest.fixture
async def prometheus(tmp_path: Path) -> AsyncIterator[str]:
    """Its address, once it has scraped for a while, and stopped."""
    binary = shutil.which("prometheus")
    if binary is None:
        missing("Prometheus")
    exposed = Exposed()
    app = web.Application()
    app.add_routes([web.get("/metrics", exposed.metrics)])
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    target, port = free_port(), free_port()
    await web.TCPSite(runner, "127.0.0.1", target).start()
    config = {
        "global": {"scrape_interval": "1s", "scrape_timeout": "1s"},
        "scrape_configs": [{"job_name": "p", "static_configs": [{"targets": [f"127.0.0.1:{target}"]}]}],
    }
    (tmp_path / "prometheus.yml").write_text(json.dumps(config))
    argv = [
        binary,
        f"--config.file={tmp_path / 'prometheus.yml'}",
        f"--storage.tsdb.path={tmp_path / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    url = f"http://127.0.0.1:{port}"
    with LocalProcess("Prometheus", argv, log=tmp_path / "prometheus.log"):
        async with asyncio.timeout(180):
            while not await is_seen(url):  # noqa: ASYNC110
                await asyncio.sleep(0.2)
            await runner.cleanup()
            # Else one query could see a scrape that another one did not.
            while await asked(url, "up") != ["0"]:  # noqa: ASYNC110 - the scrape that found nobody is the last
                await asyncio.sleep(0.1)
        yield url


async def asked(url: str, query: str, **at: int) -> list[str]:
    """Values that a query has; none as long as it does not answer."""
    try:
        async with (
            ClientSession() as session,
            session.get(f"{url}/api/v1/query", params={"query": query, **at}) as said,
        ):
            rows = (await said.json())["data"]["result"]
    except (ClientError, LookupError):
        return []
    return [row["value"][1] for row in rows]


async def is_seen(url: str) -> bool:
    """Whether an instant of those that the console asks for has a rate and a lag.

    A scrape that is answered too late is as if there were nobody: to count scrapes is not enough.
    """
    step_s = STEP_S["1h"]
    at_s = int(time.time()) // step_s * step_s
    rate = await asked(url, f'rate({P}events_applied_total{{topic="orders"}}[1m])', time=at_s)
    lag = await asked(url, f'{P}lag_seconds{{clock="append"}}', time=at_s)
    return bool(rate and lag and float(rate[0]) > 0)


async def test_the_past_is_what_prometheus_says(prometheus: str, valkey: EmbeddedStore) -> None:
    async with served(config_of(valkey.url, prometheus_url=prometheus)) as (_, client):
        found = await get(client, "/api/history?span=1h")
    assert found["step_s"] == 15
    assert len(found["at_ms"]) == 241
    rates = [one for one in found["events_per_s"]["orders"] if one]
    assert rates
    # It has seen a part of the minute only, over which it takes the mean.
    assert 0 < rates[-1] < 11
    assert found["events_per_s"].keys() == set(INPUT_TOPICS)
    assert found["events_per_s"]["service"] == [None] * 241
    assert [one for one in found["lag_s"] if one is not None][-1] == 1.5
    last = {
        name: [one for one in found[name] if one][-1]
        for name in ("dead_per_s", "tag_changes_per_s", "p99_ms")
    }
    assert last["dead_per_s"] == pytest.approx(rates[-1] / 10)
    assert last["tag_changes_per_s"] == pytest.approx(rates[-1] / 5)
    assert last["p99_ms"] == pytest.approx(49.5)
    assert all(found[name][0] is None for name in last), "an hour ago there was nothing"


async def test_where_prometheus_does_not_answer_the_console_shows_its_own(valkey: EmbeddedStore) -> None:
    nowhere = f"http://127.0.0.1:{free_port()}"
    assert await PrometheusPast(nowhere).read("1h") is None
    async with served(config_of(valkey.url, prometheus_url=nowhere)) as (_, client):
        assert (await get(client, "/api/history?span=24h"))["step_s"] == 60
