"""Exports: the same rows in every format, one instant for all, interrupted and taken up again."""

import csv
import doctest
import random
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import duckdb
import orjson
import pyarrow.parquet as pq
import pytest
import redis
from builders import DAY, RULES, T0, arrive, control, order
from click.testing import CliRunner

from models import codec, document, step
from models.calendar import iso
from models.reference import FIELDS
from models.state import State
from models.view import View
from streams import keys
from streams.alerts import template
from streams.cli import cli
from streams.config import Config, ConfigError
from streams.export import formats, page, run, schedule
from streams.export.columns import columns
from streams.export.formats import dotted
from streams.export.raw import COLUMNS
from streams.export.run import Export, Shape, list_ids
from streams.local.store import EmbeddedStore
from streams.local.synthetic import synthetic

SHIPPED = Config().rules()
AT_MS = T0 + 400 * DAY
Doc = dict[str, Any]


class FakeStore:
    """States of customers, as much of a client as an export uses; fails after so many round trips."""

    def __init__(self, states: dict[str, bytes], fails_after: int = 1 << 60) -> None:
        self.states, self.left = states, fails_after
        self._asked: list[str] = []

    def scan_iter(self, *_: Any, **__: Any) -> Iterator[bytes]:
        some = [keys.profile(keys.bucket(cid, 64), cid).encode() for cid in self.states]
        return iter([*some, *some[::3]])  # SCAN may name a key twice

    def pipeline(self, **_: Any) -> "FakeStore":
        return self

    def hget(self, key: str, _: str) -> None:
        self._asked.append(keys.customer(key.encode()))

    def execute(self) -> list[bytes]:
        self.left -= 1
        if self.left < 0:
            raise ConnectionError
        asked, self._asked = self._asked, []
        return [self.states[cid] for cid in asked]


def folded(events: list[Doc], rules: Any = SHIPPED) -> bytes:
    state = State()
    step.on_events(state, list(arrive(events)), rules, live=False)
    return codec.encode(state)


def population(seed: int, customers: int, events: int) -> dict[str, bytes]:
    by: dict[str, list[Doc]] = {}
    for event in synthetic(seed, customers, events, T0, T0 + 300 * DAY):
        by.setdefault(event["customer_id"], []).append(event)
    by["=1+1"] = [order("o1", T0, 5)]
    by['quote" ,'] = [order("o2", T0, 5), control(T0 + 1, "consent", consent={"status": "withdrawn"})]
    return {cid: folded(own) for cid, own in by.items()}


@pytest.fixture(scope="module")
def states(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return population(int(request.config.getoption("--seed")), 60, 1_500)


def documents(states: dict[str, bytes]) -> list[Doc]:
    out = []
    for cid in sorted(states):
        state = codec.decode(states[cid])
        step.on_wake(state, AT_MS, SHIPPED)
        doc = document.document(View(state, AT_MS, SHIPPED), cid, AT_MS)
        out.append(orjson.loads(orjson.dumps(doc)))
    return out


def written(states: dict[str, bytes], out: Path, *shape: Any) -> Path:
    count = Export(FakeStore(states), 64, SHIPPED, Shape(*shape)).write(out, AT_MS, AT_MS)
    assert count == len(states)
    assert [path.name for path in out.parent.iterdir()] == [out.name]  # nothing is left beside it
    return out


def test_lines_are_the_documents_sorted(states: dict[str, bytes], tmp_path: Path) -> None:
    lines = written(states, tmp_path / "out").read_bytes().splitlines()
    assert [orjson.loads(line) for line in lines] == documents(states)


def test_csv_of_the_document_has_the_columns_that_occur(states: dict[str, bytes], tmp_path: Path) -> None:
    path = written(states, tmp_path / "out", "csv")
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    flat = [dotted(doc) for doc in documents(states)]
    assert list(rows[0]) == sorted({name for row in flat for name in row})
    assert [row["customer_id"] for row in rows] == sorted(states)
    for row, wanted in zip(rows, flat, strict=True):
        assert {name for name, cell in row.items() if cell} == {n for n, v in wanted.items() if v != ""}
        assert row["rfm.frequency"] == str(wanted.get("rfm.frequency", ""))


def test_the_flat_layout_is_the_same_in_every_format(states: dict[str, bytes], tmp_path: Path) -> None:
    names = [column.name for column in columns(SHIPPED.catalogue)]
    instants = {column.name for column in columns(SHIPPED.catalogue) if column.type == "instant"}
    folders = {kind: tmp_path / kind for kind in ("jsonl", "parquet", "csv")}
    for kind, folder in folders.items():
        folder.mkdir()
        written(states, folder / "out", kind, "flat")
    rows = [orjson.loads(line) for line in (folders["jsonl"] / "out").read_bytes().splitlines()]
    assert all(list(row) == names for row in rows)
    table = pq.read_table(folders["parquet"] / "out")
    assert table.column_names == names
    from_parquet = [
        {n: iso(round(v.timestamp() * 1000)) if n in instants and v else v for n, v in row.items()}
        for row in table.to_pylist()
    ]
    assert from_parquet == rows
    with (folders["csv"] / "out").open(newline="", encoding="utf-8") as file:
        cells = list(csv.reader(file))
    assert cells[0] == names
    words = {None: "", True: "true", False: "false"}
    shown = [
        [words[value] if value is None or isinstance(value, bool) else str(value) for value in row.values()]
        for row in rows
    ]
    assert cells[1:] == shown


def test_every_leaf_of_a_document_is_in_the_flat_row(states: dict[str, bytes]) -> None:
    known = columns(SHIPPED.catalogue)
    assert len({column.name for column in known}) == len(known)
    for doc in documents(states):
        row = {column.name: column.get(doc) for column in known}
        for tag, entry in doc["tags"].items():
            assert row[f"tag_{tag}"] == entry["value"]
            assert row[f"tag_{tag}_since"] == entry["since"]
        for path, value in dotted({name: inner for name, inner in doc.items() if name != "tags"}).items():
            parts = path.split(".")
            above = ["_".join(parts[:n]) for n in range(len(parts), 0, -1)]
            column = next(name for name in above if name in row)
            found = row[column]
            assert found == value or orjson.loads(found), path
    withdrawn = next(doc for doc in documents(states) if doc["customer_id"] == 'quote" ,')
    assert next(column for column in known if column.name == "tag_vip").get(withdrawn) is None


def test_every_field_of_the_reference_has_a_column() -> None:
    names = {column.name for column in columns(SHIPPED.catalogue)}
    for field in FIELDS:
        if field.parts[0] == "tags":
            continue
        fixed = []
        for part in field.parts:
            if part == "*" and not field.keys:
                break
            fixed.append(part if part != "*" else field.keys[0])
            if part.endswith("[]"):
                break
        assert "_".join(fixed).removesuffix("[]") in names, field.path


def test_the_nested_layout_holds_the_documents(states: dict[str, bytes], tmp_path: Path) -> None:
    path = written(states, tmp_path / "out.parquet", "parquet", "nested", True)
    wanted = documents(states)
    for row, doc in zip(pq.read_table(path).to_pylist(), wanted, strict=True):
        assert row["customer_id"] == doc["customer_id"]
        tags = dict(row["tags"] or [])
        assert {t: e["value"] for t, e in tags.items()} == {
            t: e["value"] if isinstance(e["value"], str) else orjson.dumps(e["value"]).decode()
            for t, e in doc["tags"].items()
        }
        for section in ("rfm", "engagement", "satisfaction"):
            for name, value in doc.get(section, {}).items():
                if isinstance(value, int | float):
                    assert row[section][name] == value
        categories = doc.get("preferences", {}).get("categories", {})
        assert dict((row["preferences"] or {}).get("categories") or []) == categories
        assert [one["sku"] for one in ((row["journey"] or {}).get("cart") or {}).get("lines") or []] == [
            one["sku"] for one in doc.get("journey", {}).get("cart", {}).get("lines", [])
        ]
    metadata = pq.read_schema(path).metadata
    assert metadata[b"profilestream.as_of"] == iso(AT_MS).encode()
    assert metadata[b"profilestream.layout"] == b"nested"


def test_state_columns_are_the_sequences_behind_the_aggregates(tmp_path: Path) -> None:
    events = [order("a", T0, 5), order("b", T0 + DAY), order("c", T0 + 2 * DAY, 7, status="cancelled")]
    path = written({"c": folded(events)}, tmp_path / "out", "parquet", "flat", True)
    (row,) = pq.read_table(path).to_pylist()
    assert list(row)[-len(COLUMNS) :] == [column.name for column in COLUMNS]
    assert row["raw_order_at"] == [datetime.fromtimestamp((T0 + n * DAY) / 1000, UTC) for n in (0, 1)]
    assert row["raw_order_minor"] == [500, None]
    assert row["raw_order_day_n"] == [1, 1]
    assert row["raw_click_at"] == []
    assert row["raw_changes"] > 0


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
    with redis.Redis.from_url(valkey.url) as client:
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
