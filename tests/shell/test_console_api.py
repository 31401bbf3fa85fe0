"""What the console answers, against the store itself: Valkey and Redis 7, filled by the real fold."""

import asyncio
import signal
import time
from collections import Counter
from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any
from urllib.parse import quote

import orjson
import pytest
import redis
from aiohttp.test_utils import TestClient
from builders import DAY
from consoles import config_of, fill, get, record, served, until

from models import codec, history
from models.calendar import iso
from models.population.churn import p_alive
from models.view import View
from streams import books, catalogues, feedback, keys
from streams.cli import why
from streams.config import Config
from streams.console import survey as survey_module
from streams.console.app import Parts
from streams.console.notes import Notes
from streams.console.past import Past
from streams.console.recorder import FEED, SAMPLES, Moved
from streams.local.store import EmbeddedStore
from streams.topics import DEAD_LETTER, TAG_CHANGES

pytestmark = [pytest.mark.store, pytest.mark.timeout(300)]
Filled = tuple[dict[bytes, bytes], list[Any]]
Console = tuple[Parts, TestClient[Any, Any], list[Any]]


@pytest.fixture(scope="module")
def filled(store_server: EmbeddedStore, seed: int) -> Filled:
    """A store is filled once; what is in it afterwards, and the tag changes."""
    records = asyncio.run(fill(store_server.url, seed))
    with redis.Redis.from_url(store_server.url, socket_timeout=60) as client:
        return {key: client.dump(key) for key in client.scan_iter("*", count=1_000)}, records


@pytest.fixture
async def console(store_server: EmbeddedStore, filled: Filled) -> AsyncIterator[Console]:
    """A console on the filled store as it was, its feed and counts taken in."""
    dumps, records = filled
    with redis.Redis.from_url(store_server.url, socket_timeout=60) as direct:
        direct.flushall()
        pipe = direct.pipeline(transaction=False)
        for key, dump in dumps.items():
            pipe.restore(key, 0, dump)
        pipe.execute()
    async with served(config_of(store_server.url)) as (parts, client):
        await record(parts, records)
        await until(lambda: len(parts.feed._rows) == min(len(records), FEED))
        yield parts, client, records


@pytest.fixture
def direct(store_server: EmbeddedStore) -> Any:
    """A client that reads the store by hand."""
    client = redis.Redis.from_url(store_server.url, socket_timeout=60)
    yield client
    client.close()


def documents(direct: Any) -> dict[str, dict[str, Any]]:
    found = {}
    for key in direct.scan_iter("ps:profile:*"):
        found[keys.customer(key)] = orjson.loads(direct.hget(key, "doc"))
    return found


async def now(parts: Parts, client: TestClient[Any, Any]) -> Any:
    """What pages are told, looked at this moment and not up to a second ago."""
    parts.sampler.live = await parts.sampler.look()
    return await get(client, "/api/live")


async def alone(parts: Parts) -> Past:
    """Keeps figures as the console does, which keeps none from now on."""
    parts.past._records = lambda: False
    before = parts.sampler.live
    await until(lambda: parts.sampler.live is not before)  # what it was writing is written
    return Past(parts.client, lambda: True)


# -- figures equal the store's -----------------------------------------------------------------------------


async def test_live_figures_are_those_of_the_store(console: Console, direct: Any) -> None:
    parts, client, _ = console
    await get(client, "/api/segments")  # a survey was made
    live = await now(parts, client)
    clock = direct.hgetall(keys.CLOCK)
    assert live["applied_total"] == {"orders": 711, "clicks": 400, "service": 0, "control": 0}
    now_ms = live["at_ms"]
    assert live["timers"]["due"] == sum(
        direct.zcount(keys.due(b), "-inf", live["instant_ms"]) for b in range(Config().buckets)
    )
    assert live["outbox"] == {"entries": 0, "oldest_s": 0.0}
    assert live["profiles"] == len(documents(direct)) > 20
    ages = {one: (now_ms - int(report[2:])) / 1000 for one, report in clock.items()}
    assert live["lag"]["seconds"] == pytest.approx(max(ages.values()), abs=0.002)
    assert {(row["topic"], row["partition"]) for row in live["lag"]["partitions"]} == {
        ("orders", 0),
        ("clicks", 0),
    }
    assert live["slo"] == {"state": "bad", "why": ["no_worker", "stale"]}
    assert live["population"]["version"] == 7


async def test_segments_are_a_plain_count_of_all_documents(console: Console, direct: Any) -> None:
    _, client, records = console
    found, docs = await get(client, "/api/segments"), documents(direct).values()
    assert (found["profiles"], found["surveyed"], found["sampled"]) == (len(docs), len(docs), False)
    heat = Counter((doc["rfm"]["r"], doc["rfm"]["f"]) for doc in docs if "r" in doc["rfm"])
    money: Counter[Any] = Counter()
    for doc in docs:
        if "r" in doc["rfm"]:
            money[doc["rfm"]["r"], doc["rfm"]["f"]] += doc["rfm"]["monetary_minor"]
    assert {(row["r"], row["f"]): row["customers"] for row in found["heat"]} == heat
    assert {(row["r"], row["f"]): row["monetary_minor"] for row in found["heat"]} == money
    segments = Counter(doc["rfm"]["segment"] for doc in docs if "segment" in doc["rfm"])
    assert {row["id"]: row["customers"] for row in found["segments"]} == segments
    stages = Counter(doc["lifecycle"]["stage"] for doc in docs)
    assert {row["id"]: row["customers"] for row in found["stages"]} == stages
    clusters = Counter(doc["cluster"]["id"] for doc in docs if "cluster" in doc)
    assert {row["id"]: row["customers"] for row in found["clusters"] if row["customers"]} == clusters
    held: Counter[Any] = Counter()
    for doc in docs:
        for tag, entry in doc["tags"].items():
            held[tag, entry["value"] if isinstance(entry["value"], str | bool) else None] += 1
    assert {(row["id"], row["value"]): row["customers"] for row in found["tags"] if row["customers"]} == held
    changes = [orjson.loads(one.value)["data"] for one in records]
    pairs = Counter((one["old"], one["new"]) for one in changes if one["tag"] == "lifecycle")
    assert {(row["from"], row["to"]): row["customers"] for row in found["flows"]} == pairs
    entered = Counter(one["tag"] for one in changes if one["old"] is None)
    assert {tag: sum(row) for tag, row in found["tag_times"]["entered"].items() if sum(row)} == entered


async def test_a_sample_is_scaled_and_said_to_be_one(
    console: Console, direct: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    parts, _, _ = console
    docs = documents(direct)
    parts.survey._capacity = 30
    tally = await parts.survey.make()
    assert tally.share < 1
    assert 0 < tally.surveyed < len(docs) == tally.profiles
    shown = tally.public()
    assert shown["sampled"] is True
    chosen = [doc for cid, doc in docs.items() if survey_module.in_panel(cid, tally.share)]
    stages = Counter(doc["lifecycle"]["stage"] for doc in chosen)
    assert {row["id"]: row["customers"] for row in shown["stages"]} == {
        stage: round(n / tally.share) for stage, n in stages.items()
    }


async def test_a_tag_s_page_agrees_with_its_holders_and_its_changes(console: Console, direct: Any) -> None:
    _, client, records = console
    await get(client, "/api/segments")
    docs = documents(direct).values()
    changes = [orjson.loads(one.value) for one in records]
    for tag in ("lifecycle", "active_30d", "monthly_spend", "vip"):
        found = await get(client, f"/api/tags/{tag}")
        assert found["customers"] == sum(tag in doc["tags"] for doc in docs)
        mine = Counter(one["type"].rpartition(".")[2] for one in changes if one["data"]["tag"] == tag)
        assert {way: found[way] for way in ("entered", "left", "changed", "corrected") if found[way]} == mine
        assert found["members_over_time"]["customers"][-1] == found["customers"]
        assert found["members_over_time"]["customers"][0] == 0, "before the first change nobody held it"
        moves, days = sum(mine.values()), found["span_s"] / 86_400
        assert found["flip_rate_per_customer_day"] == pytest.approx(moves / len(docs) / days, rel=1e-6)
        assert found["label"].keys() == found["words"].keys() == {"en", "zh"}
    assert found["precision"] is None
    book = books.Book(direct, feedback.NAME)
    at = book.open(0, 0)
    book.write(0, at, 9, {}, {"tag_right/vip//": 3, "tag_wrong/vip//": 1})
    assert (await get(client, "/api/tags/vip"))["precision"] == 0.75


async def test_a_customer_is_the_document_and_what_follows_from_the_state(
    console: Console, direct: Any
) -> None:
    parts, client, _ = console
    await get(client, "/api/live")
    config, docs = Config(), documents(direct)
    applied_ms = min(int(report[2:]) for report in direct.hgetall(keys.CLOCK).values())
    rules = catalogues.rules_in_force(direct, config)
    some_curve = some_risk = 0
    for cid, doc in sorted(docs.items())[:25]:  # the store names them in another order each time
        asked_s = time.time()
        found = await get(client, f"/api/customer/{quote(cid, safe='')}")
        assert asked_s <= applied_ms / 1000 + found["document_age_s"] + 0.002 < time.time() + 0.004
        b = keys.bucket(cid, config.buckets)
        blob, log = direct.hmget(keys.profile(b, cid), "st", "log")
        state = codec.decode(blob)
        assert (found["doc"], found["bucket"]) == (doc, b)
        assert found["history"] == [past.public() for past in history.read(log)]
        assert [one["tag"] for one in found["explained"]["en"]] == list(doc["tags"])
        lines = why.explain(doc, parts.known.instant_ms, rules, state=state)[1:]
        assert [one["says"] for one in found["explained"]["en"]] == (lines if doc["tags"] else [])
        for one, zh in zip(found["explained"]["en"], found["explained"]["zh"], strict=True):
            until = doc["tags"][one["tag"]].get("until")
            assert (iso(one["until_ms"]) if one["until_ms"] else None) == until
            assert zh["until_ms"] == one["until_ms"]
            assert zh["says"].endswith("。")
        if not state.orders.n:
            assert (found["curve"], found["risks"]) == (None, [])
            continue
        some_curve += 1
        curve, churn = found["curve"], rules.population.churn  # type: ignore[union-attr]
        assert churn is not None
        assert len(curve["at_ms"]) == len(curve["p_alive"]) == 366
        assert curve["at_ms"][-1] - curve["at_ms"][0] == 365 * DAY
        rhythm = View(state, curve["at_ms"][0], rules).rhythm()
        assert curve["p_alive"][100] == pytest.approx(p_alive(rhythm, curve["at_ms"][100], churn), abs=1e-6)
        assert curve["p_alive"] == sorted(curve["p_alive"], reverse=True)
        for risk in found["risks"]:
            some_risk += 1
            before, after = (View(state, risk["at_ms"] - ms, rules).risk for ms in (1, 0))
            assert before is not None
            assert after is not None
            assert after.level == risk["risk"] != before.level, "the very millisecond"
        last = View(state, curve["at_ms"][0], rules).risk
        assert last is not None
        assert len(found["risks"]) == {"low": 2, "medium": 1, "high": 0}[last.level]
    assert some_curve > 5
    assert some_risk > 5


async def test_meta_says_what_is_in_force(console: Console, direct: Any) -> None:
    _, client, _ = console
    await get(client, "/api/live")
    meta = await get(client, "/api/meta")
    rules = catalogues.rules_in_force(direct, Config())
    assert [tag["id"] for tag in meta["tags"]] == [tag.id for tag in rules.catalogue.tags]
    assert (meta["currency"], meta["zone"], meta["buckets"], meta["lag_slo_s"]) == ("USD", "UTC", 64, 5.0)
    assert len(meta["segments"]) == 11
    assert meta["stages"][:2] == ["prospect", "new"]
    labels = {tag["id"]: tag["label"] for tag in meta["tags"]}
    assert labels["active_30d"] == {"en": "Active", "zh": "活跃"}


# -- the feed and the recorder -----------------------------------------------------------------------------


async def test_the_feed_is_the_topic_s_end_latest_first_and_filtered(console: Console) -> None:
    _, client, records = console
    await get(client, "/api/live")
    changes = [orjson.loads(one.value)["data"] for one in records][-FEED:][::-1]
    found = await get(client, "/api/tag-changes?limit=40")
    assert [(one["customer_id"], one["seq"]) for one in found["changes"]] == [
        (one["customer_id"], one["seq"]) for one in changes[:40]
    ]
    one = await get(client, "/api/tag-changes?tag=lifecycle&value=new&direction=changed&limit=500")
    wanted = [
        c
        for c in changes
        if c["tag"] == "lifecycle" and "new" in (c["old"], c["new"]) and c["old"] and c["new"]
    ]
    assert [(row["customer_id"], row["seq"]) for row in one["changes"]] == [
        (c["customer_id"], c["seq"]) for c in wanted
    ]
    assert wanted
    assert (await get(client, "/api/tag-changes?tag=nobody"))["changes"] == []
    for bad in ("direction=up", "limit=-1", "limit=many", "limit=99999999999", "limit=%D9%A3"):
        assert (await get(client, f"/api/tag-changes?{bad}", 400))["error"] == "bad_query"


async def test_records_that_come_again_change_nothing_and_a_rival_is_noticed(
    console: Console, direct: Any
) -> None:
    parts, _, records = console

    def everything() -> Any:
        names = sorted(direct.scan_iter("ps:console:*"))
        names = [name for name in names if b":live:" not in name and not name.endswith(b":lease")]
        kind = {b"hash": direct.hgetall, b"stream": direct.xlen, b"string": direct.get, b"list": direct.llen}
        return {name: kind[direct.type(name)](name) for name in names}

    before = everything()
    with pytest.raises(Moved):
        await record(parts, records[:5])  # as one who believes the counts to stand at the beginning
    assert everything() == before
    again = [
        SimpleNamespace(offset=one.offset + len(records), value=one.value, timestamp=0)
        for one in records[-9:]
    ]
    notes = Notes()
    for one in records[-9:]:
        assert notes.change(one.value) is not None
    tp = next(iter(parts.recorder._at))
    parts.recorder._at[tp] = len(records)
    await parts.recorder._take(notes, {tp: again})  # published twice by the relay
    after = everything()
    at = keys.console("at").encode()
    assert int(after.pop(at)[b"tag-changes/0"]) == again[-1].offset + 1
    before.pop(at)
    assert after == before


async def test_dead_letters_are_counted_by_reason_with_few_samples_and_no_payload(console: Console) -> None:
    parts, client, _ = console
    letters = [
        {"topic": "orders", "partition": 0, "offset": n, "reason": "not_json" if n % 3 else "too_large",
         "field": "", "payload_bytes": 7, "payload_sha256": "ab" * 32, "payload": "top secret"}
        for n in range(30)
    ]  # fmt: skip
    made = [
        SimpleNamespace(offset=n, value=orjson.dumps(one), timestamp=1_000 + n)
        for n, one in enumerate(letters)
    ]
    made.append(SimpleNamespace(offset=30, value=b"no letter at all", timestamp=5))
    await record(parts, made, DEAD_LETTER)
    found = await get(client, "/api/dead-letters")
    assert found["total"] == 30
    assert [(row["reason"], row["count"], row["last_ms"]) for row in found["reasons"]] == [
        ("not_json", 20, 1_029), ("too_large", 10, 1_027)
    ]  # fmt: skip
    assert [one["offset"] for one in found["reasons"][0]["samples"]] == [29, 28, 26, 25, 23][:SAMPLES]
    assert "secret" not in orjson.dumps(found).decode()
    live = await parts.sampler.look()
    assert live["dead_letters"] == {"not_json": 20, "too_large": 10}


async def test_what_the_console_keeps_is_bounded(console: Console, direct: Any) -> None:
    parts, _, records = console
    start = len(records)
    many = [
        SimpleNamespace(offset=start + n, value=one.value.replace(b'"id":"', b'"id":"x%d' % n), timestamp=0)
        for n, one in enumerate(records * 3)
    ]
    await record(parts, many, TAG_CHANGES, first=start)
    assert direct.xlen(keys.console("changes")) == FEED
    for key in direct.scan_iter("ps:console:*:moves:*"):
        if not key.endswith(b"late"):
            assert 0 < direct.ttl(key) <= 26 * 3_600
    live, past = await parts.sampler.look(), await alone(parts)
    for n in range(2_000):
        await past.keep(live | {"at_ms": live["at_ms"] + 60_000 * n}, 0.0)
    assert direct.llen(keys.console("live:2")) == 1_800
    assert direct.llen(keys.console("live:60")) == 1_440


async def test_history_is_what_was_kept_in_columns(console: Console, store_server: EmbeddedStore) -> None:
    parts, client, _ = console
    live, past = await parts.sampler.look(), await alone(parts)
    base = live["at_ms"] // 60_000 * 60_000 + 600_000
    for n in range(91):
        events = {topic: float(n) for topic in live["events_per_s"]}
        await past.keep(live | {"at_ms": base + 1_000 * n, "events_per_s": events}, n / 10)
    fine, coarse = [await get(client, f"/api/history?span={span}") for span in ("1h", "24h")]
    assert (fine["step_s"], coarse["step_s"]) == (2, 60)
    assert fine["at_ms"][-45:] == [base + 2_000 * n for n in range(45)]
    assert fine["events_per_s"]["orders"][-45:] == [2 * n + 0.5 for n in range(45)]
    assert fine["dead_per_s"][-1] == pytest.approx(8.85)
    assert (coarse["at_ms"][-1], coarse["events_per_s"]["clicks"][-1]) == (base, 29.5)
    assert (await get(client, "/api/history?span=1y", 400))["error"] == "bad_query"


# -- search ------------------------------------------------------------------------------------------------


async def test_a_search_finds_the_exact_id_first_and_those_that_begin_so(
    console: Console, direct: Any
) -> None:
    _, client, _ = console
    ids = sorted(documents(direct))
    found = await get(client, "/api/customers?q=c1")
    mine = [cid for cid in ids if cid.startswith("c1")]
    assert found == {
        "exact": True,
        "customers": ["c1", *(cid for cid in mine if cid != "c1")][:20],
        "partial": False,
    }
    all_of_them = await get(client, "/api/customers?q=c")
    assert (len(all_of_them["customers"]), all_of_them["partial"], all_of_them["exact"]) == (20, True, False)
    assert (await get(client, "/api/customers?q=nobody"))["customers"] == []
    for bad in ("", "?q=", f"?q={'x' * 129}"):
        assert (await get(client, f"/api/customers{bad}", 400))["error"] == "bad_query"


@pytest.mark.parametrize(
    "cid",
    ["<script>alert(1)</script>", "a*b", "[c-z]", "a?b", "back\\slash", "{7}", "a:b}:{c", "客户 1", "a/b",
     "%2e", "'\"", "..", "a\u202eb"],
)  # fmt: skip
async def test_an_id_is_only_ever_an_id(console: Console, direct: Any, cid: str) -> None:
    """Nothing of it is a pattern, a path or markup; answers are JSON, and no browser takes them for more."""
    _, client, _ = console
    doc = {"customer_id": cid, "tags": {}, "rfm": {}}
    direct.hset(keys.profile(keys.bucket(cid, 64), cid), mapping={"doc": orjson.dumps(doc)})
    found = await get(client, f"/api/customers?q={quote(cid, safe='')}")
    assert found["customers"] == [cid]
    if cid != "..":  # which every browser takes for a path, whatever is done to it
        whole = await get(client, f"/api/customer/{quote(cid, safe='')}")
        assert whole["doc"] == doc
        assert whole["curve"] is None
    async with client.get("/api/customers", params={"q": cid}) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Content-Type"].startswith("application/json")


@pytest.mark.parametrize("pattern", ["*", "c*", "?", "[c]1", "c[0-9]", "\\c"])
async def test_a_pattern_finds_nobody(console: Console, pattern: str) -> None:
    _, client, _ = console
    assert (await get(client, f"/api/customers?q={quote(pattern)}"))["customers"] == []


@pytest.mark.parametrize(
    "path", ["nobody", "%3Cscript%3E", "x" * 129, "%00", "c1/../../api/meta%20", "%F0%9F%92%A9"]
)
async def test_an_unknown_customer_is_said_to_be_one_without_being_repeated(
    console: Console, path: str
) -> None:
    _, client, _ = console
    said = await get(client, f"/api/customer/{path}", 404)
    assert said["error"] in ("unknown", "not_found")
    assert "script" not in said["says"]


async def test_unknown_routes_tags_and_methods_are_json_errors(console: Console) -> None:
    _, client, _ = console
    assert (await get(client, "/api/nothing", 404))["error"] == "not_found"
    assert (await get(client, "/api/tags/%3Cb%3E", 404))["error"] == "unknown"
    assert (await get(client, "/static/../app.py", 404))["error"] == "not_found"
    assert (await get(client, "/static/%2e%2e/app.py", 404))["error"] == "not_found"
    async with client.post("/api/live") as response:
        assert response.status == 405
        assert (await response.json())["error"] == "not_allowed"


async def test_a_damaged_document_is_an_answer_not_a_trace(console: Console, direct: Any) -> None:
    _, client, _ = console
    direct.hset(
        keys.profile(keys.bucket("odd", 64), "odd"),
        mapping={"doc": b'{"tags": 7}', "st": b"\xff", "log": b"["},
    )
    found = await get(client, "/api/customer/odd")
    assert (found["explained"], found["curve"], found["history"]) == ({"en": [], "zh": []}, None, [])


# -- the store goes away -----------------------------------------------------------------------------------

ASKED = ("/api/live", "/api/segments", "/api/customers?q=c1", "/api/customer/c1", "/api/tag-changes",
         "/api/tags/vip", "/api/dead-letters", "/api/history?span=1h")  # fmt: skip


async def answered(client: TestClient[Any, Any], path: str) -> Any:
    """An answer of a store that is there, however long a busy machine takes."""
    async with asyncio.timeout(120):
        while True:
            async with client.get(path) as response:
                if response.status != 503:
                    assert response.status == 200
                    return orjson.loads(await response.read())


@pytest.mark.parametrize("how", ["killed", "stopped"])
async def test_without_the_store_everything_is_refused_quickly_and_comes_back(
    tmp_path: Any, seed: int, how: str
) -> None:
    # What is killed comes back with all that it took: it may have had no time yet to write the last second.
    with EmbeddedStore(tmp_path / "store", appendfsync="always") as server:
        await fill(server.url, seed, 10, 200)
        async with served(config_of(server.url), patience_s=None) as (parts, client):
            await answered(client, "/api/segments")
            assert server.process.pid
            server.kill() if how == "killed" else server.process.signal(signal.SIGSTOP)
            async with asyncio.timeout(60):  # two on an idle machine; without time-outs never
                await until(lambda: not parts.sampler.store_up)
            for path in ASKED:
                async with asyncio.timeout(60):
                    assert (await get(client, path, 503))["error"] == "store_down"
            assert (await get(client, "/api/meta"))["version"]
            async with client.get("/api/stream") as stream:
                text = await stream.content.readuntil(b"store_down")
                assert b"event: live" in text
            server.start() if how == "killed" else server.process.signal(signal.SIGCONT)
            await until(lambda: parts.sampler.store_up)
            assert (await answered(client, "/api/live"))["profiles"]
            assert await answered(client, "/api/customer/c1")


async def test_an_empty_store_is_no_error(store_server: EmbeddedStore) -> None:
    direct = redis.Redis.from_url(store_server.url, socket_timeout=60)
    direct.flushall()
    direct.close()
    async with served(config_of(store_server.url)) as (parts, client):
        parts.past._records = lambda: False  # it writes down what it saw when a minute is over
        live = await get(client, "/api/live")
        assert live["slo"] == {"state": "unknown", "why": ["no_deployment"]}
        found = await get(client, "/api/segments")
        assert (found["profiles"], found["heat"], found["clusters"], found["flows"]) == (0, [], [], [])
        assert await get(client, "/api/dead-letters") == {"total": 0, "reasons": []}
        assert await get(client, "/api/tag-changes") == {"changes": [], "from_ms": None}
        assert (await get(client, "/api/history?span=24h"))["at_ms"] == []
        assert (await get(client, "/api/tags/vip"))["customers"] == 0
