"""Exports: the same rows in every format and layout, as the documents have them."""

import csv
from datetime import UTC, datetime
from pathlib import Path

import orjson
import pyarrow.parquet as pq
import pytest
from builders import DAY, T0, order
from exporting import AT_MS, SHIPPED, documents, folded, population, written

from models.calendar import iso
from models.reference import FIELDS
from streams.export.columns import columns
from streams.export.formats import dotted
from streams.export.raw import COLUMNS


@pytest.fixture(scope="module")
def states(request: pytest.FixtureRequest) -> dict[str, bytes]:
    return population(int(request.config.getoption("--seed")), 60, 1_500)


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
