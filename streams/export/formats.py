"""How rows become files: parts of an export, and the parts joined.

A part is written whole or not at all, so an interrupted export goes on behind its last part. Joining streams:
nothing is held but one row group.
"""

import csv
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import orjson

from streams.export.columns import Column

ROW_GROUP = 20_000  # rows
Row = dict[str, Any]


class Format(Protocol):
    """One way to write rows."""

    def part(self, path: Path, rows: Sequence[Row]) -> None:
        """Write a part."""

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Write all parts as one file."""


class JsonLines:
    """A JSON object a line; with columns these and no others, null where unknown."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._names = names

    def part(self, path: Path, rows: Sequence[Row]) -> None:
        """A file of lines."""
        names = self._names
        with path.open("wb") as file:
            for row in rows:
                shown = row if names is None else {name: row.get(name) for name in names}
                file.write(orjson.dumps(shown, option=orjson.OPT_APPEND_NEWLINE))

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """One behind the other."""
        with out.open("wb") as file:
            for part in parts:
                with part.open("rb") as source:
                    shutil.copyfileobj(source, file, 1 << 20)


class Csv:
    """A row a customer. With columns these; without, the document's names joined by dots, as they occur."""

    def __init__(self, names: Sequence[str] | None = None) -> None:
        self._names = names
        self._lines = JsonLines()

    def part(self, path: Path, rows: Sequence[Row]) -> None:
        """Lines of JSON: which columns there are is known at the end."""
        self._lines.part(path, rows if self._names is not None else [dotted(row) for row in rows])

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """With a line of names first."""
        names = self._names or sorted({name for row in _rows(parts) for name in row})
        with out.open("w", newline="", encoding="utf-8") as file:
            writer = csv.writer(file)
            writer.writerow(names)
            for row in _rows(parts):
                writer.writerow([_cell(row.get(name)) for name in names])


def _rows(parts: Iterable[Path]) -> Iterator[Row]:
    for part in parts:
        with part.open("rb") as file:
            yield from map(orjson.loads, file)


def _cell(value: Any) -> Any:
    """JSON's words for truth and lists, nothing for nothing."""
    return orjson.dumps(value).decode() if isinstance(value, bool | list | dict) else value


def dotted(value: Row, prefix: str = "") -> Row:
    """A document on one level, names joined by dots.

    >>> dotted({"rfm": {"r": 5}, "tags": {}})
    {'rfm.r': 5}
    """
    out: Row = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            out.update(dotted(inner, f"{prefix}{name}."))
        else:
            out[prefix + name] = inner
    return out


class Parquet:
    """Parquet, compressed, row groups of `ROW_GROUP` rows, with statistics.

    Args:
        table: makes an Arrow table of rows.
        metadata: of the file, text by name.
    """

    def __init__(self, table: Callable[[Sequence[Row]], Any], metadata: dict[str, str]) -> None:
        self._table = table
        self._metadata = metadata

    def part(self, path: Path, rows: Sequence[Row]) -> None:
        """A file of its own."""
        import pyarrow.parquet as pq

        pq.write_table(self._table(rows), path, compression="zstd")

    def join(self, parts: Sequence[Path], out: Path) -> None:
        """Row groups of several parts each."""
        import pyarrow as pa
        import pyarrow.parquet as pq

        schema = self._table([]).schema.with_metadata(self._metadata)
        with pq.ParquetWriter(out, schema, compression="zstd") as writer:
            waiting: list[Any] = []
            for part in parts:
                waiting.append(pq.read_table(part).replace_schema_metadata(self._metadata))
                if sum(table.num_rows for table in waiting) >= ROW_GROUP:
                    writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)
                    waiting.clear()
            if waiting:
                writer.write_table(pa.concat_tables(waiting), row_group_size=ROW_GROUP)


def flat_table(columns: Sequence[Column]) -> Callable[[Sequence[Row]], Any]:
    """Makes Arrow tables of rows in the flat layout; Arrow reads the texts of instants, a column at once."""
    import pyarrow as pa

    from streams.export.nested import type_of

    types = [type_of(column.type) for column in columns]
    texts = {type_of("instant"): pa.string(), type_of("instants"): pa.list_(pa.string())}

    def table(rows: Sequence[Row]) -> Any:
        arrays = []
        for column, wanted in zip(columns, types, strict=True):
            values = [row.get(column.name) for row in rows]
            arrays.append(pa.array(values, texts.get(wanted, wanted)).cast(wanted))
        return pa.Table.from_arrays(arrays, names=[column.name for column in columns])

    return table


def replace(draft: Path, path: Path) -> None:
    """Put a finished file in its place, on disk."""
    with draft.open("rb") as file:
        os.fsync(file.fileno())
    draft.replace(path)
