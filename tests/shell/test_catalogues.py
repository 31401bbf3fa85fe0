"""`profilestream tags` and `members` as a person at a terminal meets them, on a real store."""

import asyncio
from pathlib import Path
from typing import Any

import orjson
import pytest
from builders import T0, fold, order, tags_of
from click.testing import CliRunner
from deployed import patient_store

from models import codec, document
from models.view import View
from streams import catalogues, exporter, keys
from streams.cli.main import cli
from streams.config import ConfigError
from streams.store.contract import Write

FIRST = """
[tags.buyer]
label = { en = "Buyer", zh = "买家" }
enter = "rfm.frequency >= 1"
members = true
[tags.stage]
kind = "category"
value = "lifecycle.stage"
members = true
"""
SECOND = FIRST.replace("rfm.frequency >= 1", "rfm.frequency >= 2").replace(
    "[tags.buyer]", "[tags.buyer]\nversion = 2"
)
STUCK = FIRST.replace("rfm.frequency >= 1", "rfm.frequency >= 2")


def run(*args: str) -> tuple[int, str]:
    done = CliRunner().invoke(cli, list(args))
    said = done.output or str(done.exception or "")
    return done.exit_code, said


def file(tmp_path: Path, text: str) -> str:
    path = tmp_path / "tags.toml"
    path.write_text(text, encoding="utf-8")
    return str(path)


def test_a_catalogue_is_checked_without_a_deployment(tmp_path: Path) -> None:
    assert run("tags", "check", file(tmp_path, FIRST)) == (0, "tags.toml: 2 tags, all of them can be used\n")
    code, said = run("tags", "check", file(tmp_path, FIRST.replace("frequency", "frequence")))
    assert code == 1
    assert "[tags.buyer] enter: line 1, column 1: no field 'rfm.frequence'; did you mean" in said
    assert "\n  ^" in said  # under the very column


async def deploy(url: str, *orders_of: int) -> None:
    """Customers with so many orders each, judged under the first catalogue."""
    store = patient_store(url)
    await store._client.flushall()
    await store.adopt()
    await store.apply(FIRST, 0, T0, ())
    rules = tags_of(FIRST, 1)
    writes = []
    for n, count in enumerate(orders_of):
        cid = f"c{n}"
        state, _ = fold([order(f"o{i}", T0 + i, 5) for i in range(count)], rules)
        view = View(state, state.as_of_ms, rules)
        members = [("buyer", True), (f"stage={state.tags['stage'].value}", True)]
        doc = document.render(view, cid, 0)
        writes.append(Write(cid, b"", b"token%03d" % n, codec.encode(state), doc, None, [], members))
    await store.commit(writes, 1)
    await store.close()


@pytest.fixture
def url(valkey: Any, monkeypatch: pytest.MonkeyPatch) -> str:
    """Three customers; the commands find their store by the environment."""
    asyncio.run(deploy(valkey.url, 1, 2, 3))
    monkeypatch.setenv("PROFILESTREAM_REDIS_URL", valkey.url)
    return str(valkey.url)


@pytest.mark.store
def test_the_difference_is_told_before_anything_changes(url: str, tmp_path: Path) -> None:
    code, said = run("tags", "diff", file(tmp_path, SECOND))
    assert code == 0
    assert said.splitlines()[:2] == [
        "3 customers, against catalogue 1",
        "  buyer                leave                                1 customers, such as c0",
    ]
    code, said = run("tags", "diff", file(tmp_path, STUCK), "--json")
    found = orjson.loads(said)
    assert found["raise_version_of"] == ["buyer"]
    leave = next(row for row in found["changes"] if row["change"] == "leave")
    assert (leave["tag"], leave["customers"], leave["examples"]) == ("buyer", 1, ["c0"])
    assert catalogues.read(exporter.connect(url)).since == 1


@pytest.mark.store
def test_a_rule_that_changed_under_its_old_version_is_not_applied(url: str, tmp_path: Path) -> None:
    code, said = run("tags", "apply", file(tmp_path, STUCK), "--no-wait")
    assert (code, "raise the version of buyer" in said) == (1, True)
    assert run("tags", "apply", file(tmp_path, SECOND), "--no-wait") == (
        0,
        "catalogue 2 is in force: 2 tags\n",
    )
    assert run("tags", "show") == (0, SECOND)
    with pytest.raises(ConfigError, match="raise the version"):
        catalogues.apply(exporter.connect(url), 64, catalogues.compiled(FIRST.replace("version = 2", "")))


@pytest.mark.store
def test_without_a_worker_waiting_ends_with_a_question(url: str, tmp_path: Path) -> None:
    code, said = run("tags", "apply", file(tmp_path, SECOND), "--timeout", "0.1")
    assert (code, "0 of 64 buckets are done" in said, "does a worker run?" in said) == (1, True, True)
    assert exporter.connect(url).hlen(keys.SWEPT) == 0


@pytest.mark.store
def test_members_are_listed_by_tag_and_by_value(url: str) -> None:
    assert sorted(run("members", "buyer")[1].split()) == ["c0", "c1", "c2"]
    assert run("members", "stage=new") == (0, "c0\n")
    assert sorted(run("members", "stage")[1].split()) == ["c0", "c1", "c2"]
    assert run("members", "buyer", "--count") == (0, "3\n")
    assert len(run("members", "buyer", "--limit", "2")[1].split()) == 2
    code, said = run("members", "nobody")
    assert (code, "no sets are kept of 'nobody'; they are of buyer, stage" in said) == (1, True)
    assert url


@pytest.mark.store
def test_the_tags_in_force_are_listed_in_both_languages(url: str) -> None:
    code, said = run("tags", "list")
    assert (code, "catalogue 1, 2 tags" in said, "Buyer / 买家" in said) == (0, True, True)
    row = orjson.loads(run("tags", "list", "--json")[1])[0]
    assert (row["id"], row["members"], row["rule"]) == ("buyer", True, "flag\nenter: rfm.frequency >= 1")
    assert url
