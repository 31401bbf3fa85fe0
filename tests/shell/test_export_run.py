"""Exports: interrupted and taken up again, at fixed times, from the command line, read by DuckDB."""

import doctest
import random
import threading
from pathlib import Path

import duckdb
import pyarrow.parquet as pq
import pytest
import redis
from builders import DAY, RULES
from click.testing import CliRunner
from exporting import AT_MS, SHIPPED, Doc, FakeStore, folded, population, written

from models.calendar import iso
from streams import keys
from streams.alerts import template
from streams.cli import cli
from streams.config import ConfigError
from streams.export import formats, page, run, schedule
from streams.export.run import Export, Shape, list_ids
from streams.local.store import EmbeddedStore


@pytest.fixture(scope="module")
def states(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return population(int(request.config.getoption("--seed")), 60, 1_500)


def test_an_interrupted_export_goes_on_and_comes_out_the_same(
    states: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PART_ROWS", 7)
    shape = Shape("parquet", "flat")
    (tmp_path / "whole").mkdir()
    whole = pq.read_table(written(states, tmp_path / "whole" / "out", "parquet", "flat"))
    out = tmp_path / "out"
    out.write_bytes(b"yesterday's")
    interrupted = Export(FakeStore(states, fails_after=4), 64, SHIPPED, shape)
    with pytest.raises(ConnectionError):
        interrupted.write(out, AT_MS, AT_MS)
    assert out.read_bytes() == b"yesterday's"  # the former file stands until the new one is complete
    store = FakeStore(states)
    told: list[tuple[int, int]] = []
    later = AT_MS + DAY  # the instant is that of the plan, not of the second attempt
    count = Export(store, 64, SHIPPED, shape).write(
        out, None, later, resume=True, say=lambda *at: told.append(at)
    )
    assert count == len(states)
    assert told[-1] == (len(states), len(states))
    assert (1 << 60) - store.left == -(-len(states) // 7) - 4  # four parts were there
    assert pq.read_table(out).equals(whole)


def test_an_export_of_another_shape_is_not_taken_up(states: dict[str, bytes], tmp_path: Path) -> None:
    out = tmp_path / "out"
    with pytest.raises(ConnectionError):
        Export(FakeStore(states, 0), 64, SHIPPED, Shape("csv")).write(out, AT_MS, AT_MS)
    with pytest.raises(ConfigError, match="differs in kind, as_of"):
        Export(FakeStore(states), 64, SHIPPED, Shape("jsonl")).write(out, AT_MS + 1, AT_MS, resume=True)
    assert Export(FakeStore(states), 64, SHIPPED, Shape("jsonl")).write(out, AT_MS, AT_MS) == len(states)


def test_a_folder_of_somebody_else_is_left_alone(states: dict[str, bytes], tmp_path: Path) -> None:
    theirs = run.partial(tmp_path / "out") / "thesis.tex"
    theirs.parent.mkdir()
    theirs.write_text("years of work")
    with pytest.raises(ConfigError, match="in the way"):
        Export(FakeStore(states), 64, SHIPPED, Shape()).write(tmp_path / "out", AT_MS, AT_MS)
    assert theirs.read_text() == "years of work"


def test_the_list_of_customers_is_sorted_outside_memory_and_names_each_once(
    tmp_path: Path, seed: int
) -> None:
    ids = [f"c{n}" for n in range(1_000)] + ["é", "中", "a b"]
    random.Random(seed).shuffle(ids)
    path = tmp_path / "ids"
    assert list_ids(FakeStore(dict.fromkeys(ids, b"")), path, run_ids=64) == len(ids)
    assert path.read_text(encoding="utf-8").split("\n")[:-1] == sorted(ids)
    assert [left.name for left in tmp_path.iterdir()] == ["ids"]


def test_an_empty_deployment_gives_a_file_without_rows(tmp_path: Path) -> None:
    for kind in ("jsonl", "csv", "parquet"):
        for layout in ("nested", "flat"):
            (tmp_path / f"{kind}{layout}").mkdir()
            written({}, tmp_path / f"{kind}{layout}" / "out", kind, layout)
    assert pq.read_table(tmp_path / "parquetflat" / "out").num_rows == 0


def test_row_groups_join_parts(
    states: dict[str, bytes], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "PART_ROWS", 5)
    monkeypatch.setattr("streams.export.formats.ROW_GROUP", 20)
    file = pq.ParquetFile(written(states, tmp_path / "out", "parquet", "flat"))
    assert file.num_row_groups == -(-len(states) // 20)


@pytest.mark.store
def test_a_file_that_cannot_be_written_is_one_sentence(valkey: EmbeddedStore) -> None:
    with redis.Redis.from_url(valkey.url, socket_timeout=60) as client:
        client.flushall()
    done = CliRunner().invoke(cli, ["--redis-url", valkey.url, "export", "/proc/nowhere/out"])
    assert "/proc/nowhere/out cannot be written" in done.output


def test_what_the_docstrings_show_is_so() -> None:
    for module in (formats, schedule, template):
        found = doctest.testmod(module)
        assert (found.attempted > 0, found.failed) == (True, 0), module


def test_a_schedule_writes_on_the_hour_and_outlives_a_failure(tmp_path: Path) -> None:
    stop, names = threading.Event(), []
    clock = iter([0, 3_600_000, 3_600_001, 7_200_000, 7_300_000, 10_800_000, 10_800_001, 99_999_999])

    def write(path: Path, at_ms: int) -> int:
        names.append((path.name, at_ms))
        if len(names) == 2:
            run.partial(path).mkdir()
            raise redis.ConnectionError
        if len(names) == 3:
            stop.set()
        return 5

    schedule.run(write, tmp_path / "p.parquet", 3_600_000, stop, lambda: next(clock))
    assert names == [
        ("p-19700101T010000Z.parquet", 3_600_000),
        ("p-19700101T020000Z.parquet", 7_200_000),
        ("p-19700101T030000Z.parquet", 10_800_000),
    ]
    assert list(tmp_path.iterdir()) == []  # what failed leaves nothing


@pytest.mark.store
def test_the_command_exports_a_running_store(valkey: EmbeddedStore, tmp_path: Path) -> None:
    with redis.Redis.from_url(valkey.url, socket_timeout=60) as client:
        client.flushall()
        for cid, blob in population(3, 20, 200).items():
            client.hset(keys.profile(keys.bucket(cid, 64), cid), keys.STATE, blob)
        count = client.dbsize()
    for args in ([], ["--format", "csv"], ["--format", "parquet", "--layout", "flat", "--raw"]):
        out = tmp_path / "out.parquet"
        argv = ["--redis-url", valkey.url, "export", str(out), "--as-of", iso(AT_MS), *args]
        done = CliRunner().invoke(cli, argv)
        assert done.exit_code == 0, done.output
        assert f"{count} profiles written" in done.output
    found = duckdb.sql(f"SELECT count(*), min(epoch_ms(export_as_of)) FROM '{out}'").fetchall()
    assert found == [(count, AT_MS)]
    for args, said in ((["--every", "soon"], "no duration"), (["--every", "1h", "--resume"], "of its own")):
        done = CliRunner().invoke(cli, ["--redis-url", valkey.url, "export", str(out), *args])
        assert said in str(done.exception) + done.output


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_segment_table_of_the_page_is_what_duckdb_says_of_the_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from streams.local.datasets import cdnow
    from streams.oracle import event_time_ms

    by: dict[str, list[Doc]] = {}
    for event in cdnow():
        by.setdefault(event["customer_id"], []).append(event)
    at_ms = event_time_ms("1998-07-01T00:00:00Z")
    shape = Shape("parquet", "flat")
    states = {cid: folded(own, RULES) for cid, own in by.items()}
    assert (
        Export(FakeStore(states), 64, RULES, shape).write(tmp_path / "profiles.parquet", at_ms, at_ms)
        == 23_570
    )
    monkeypatch.chdir(tmp_path)
    assert tuple(duckdb.sql(page.SEGMENTS_SQL).fetchall()) == page.SEGMENTS
    shown = page.page(RULES.catalogue)
    assert page.SEGMENTS_SQL.strip() in shown
    assert "| lost | 13561 | 498 | 1.1 | 414602 |" in shown
