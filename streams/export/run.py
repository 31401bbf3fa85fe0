"""One export: list the customers, write parts, join them; what is interrupted goes on where it stood.

Beside the file stands a folder `OUT.partial` until it is complete: the sorted list of customers (found by
SCAN, sorted outside memory), the plan, and the parts so far. Memory holds one part. Each profile is read in
one piece and evaluated at one instant for all, so a row is consistent and the rows are as of the same time;
who came after the listing is not in it.
"""

import heapq
import itertools
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from models import codec, document, step
from models.calendar import iso
from models.rules import Rules
from models.view import View
from streams import exporter, keys
from streams.config import ConfigError
from streams.export import formats, raw
from streams.export.columns import AS_OF, Column, columns
from streams.export.formats import Format, Row

PART_ROWS = 5_000
RUN_IDS = 200_000  # sorted in memory at a time
_MARK, _IDS, _PLAN = "profilestream-export", "ids", "plan.json"
Say = Callable[[int, int], None]


class Shape(NamedTuple):
    """What an export looks like: jsonl, csv or parquet; nested or flat; with state columns or without."""

    kind: str = "jsonl"
    layout: str = "nested"
    with_raw: bool = False


class Export:
    """Writes exports of a deployment.

    Args:
        client: blocking Redis client.
        buckets: of the deployment.
        rules: in force.
        shape: of the file.
    """

    def __init__(self, client: Any, buckets: int, rules: Rules, shape: Shape) -> None:
        self._client = client
        self._buckets = buckets
        self._rules = rules
        self._shape = shape
        self._columns: list[Column] | None = columns(rules.catalogue) if shape.layout == "flat" else None

    def write(
        self, out: Path, at_ms: int | None, now_ms: int, *, resume: bool = False, say: Say = lambda *_: None
    ) -> int:
        """Write the file; gives the number of rows.

        Args:
            out: the file; replaced when the new one is complete, not before.
            at_ms: instant to evaluate everyone at; None = now, or what an interrupted export had.
            now_ms: the clock.
            resume: go on with an interrupted export of the same shape, if there is one.
            say: told how many customers are done, and of how many.

        Raises:
            ConfigError: the interrupted export had another shape, or pyarrow is not installed.
        """
        folder = partial(out)
        plan = self._plan(folder, at_ms, now_ms, resume=resume)
        made = self._format(plan["at_ms"])
        parts, done, rows = [], 0, 0
        for n, ids in enumerate(_chunks(folder / _IDS)):
            part = folder / f"{n:06}"
            if not part.exists():
                found = list(self._rows(ids, plan["at_ms"], plan["now_ms"]))
                draft = folder / "draft"
                made.part(draft, found)
                (folder / f"{n:06}.rows").write_text(str(len(found)))
                formats.replace(draft, part)
            parts.append(part)
            rows += int((folder / f"{n:06}.rows").read_text())
            done += len(ids)
            say(done, plan["customers"])
        draft = folder / "whole"
        made.join(parts, draft)
        formats.replace(draft, out)
        shutil.rmtree(folder)
        return rows

    def _plan(self, folder: Path, at_ms: int | None, now_ms: int, *, resume: bool) -> dict[str, Any]:
        """What is to be done, as it was decided when the export began; begins it if need be."""
        wanted = {**self._shape._asdict(), "revision": self._rules.catalogue.revision}
        path = folder / _PLAN
        if resume and path.exists():
            plan: dict[str, Any] = orjson.loads(path.read_bytes())
            other = [name for name, value in wanted.items() if plan[name] != value]
            other += ["as_of"] if at_ms not in (None, plan["at_ms"]) else []
            if other:
                raise ConfigError(
                    f"the interrupted export differs in {', '.join(other)}: begin anew without --resume"
                )
            return plan
        _begin(folder)
        count = list_ids(self._client, folder / _IDS)
        plan = {**wanted, "at_ms": now_ms if at_ms is None else at_ms, "now_ms": now_ms, "customers": count}
        draft = folder / "draft"
        draft.write_bytes(orjson.dumps(plan))
        formats.replace(draft, path)  # only now: a plan without its list would be half an export
        return plan

    def _rows(self, ids: Sequence[str], at_ms: int, now_ms: int) -> Iterator[Row]:
        is_document = self._columns is None and self._shape.kind != "parquet"
        for cid, blob in exporter.states(self._client, ids, self._buckets):
            state = codec.decode(blob)
            step.on_wake(state, at_ms, self._rules)
            doc = document.document(View(state, max(at_ms, state.as_of_ms), self._rules), cid, now_ms)
            row = doc if self._columns is None else {one.name: one.get(doc) for one in self._columns}
            if not is_document:
                row[AS_OF] = iso(at_ms)
            yield row | raw.values(state) if self._shape.with_raw else row

    def _format(self, at_ms: int) -> Format:
        kind, layout, with_raw = self._shape
        known = self._columns
        if known is not None and with_raw:
            known = [*known, *(Column(*one, get=lambda _: None) for one in raw.COLUMNS)]
        names = None if known is None else [one.name for one in known]
        if kind == "jsonl":
            return formats.JsonLines(names)
        if kind == "csv":
            return formats.Csv(names)
        try:
            table = formats.flat_table(known) if known is not None else nested_table(with_raw=with_raw)
        except ImportError:
            raise ConfigError("Parquet needs pyarrow: pip install 'profilestream[export]'") from None
        facts = {"as_of": iso(at_ms), "schema": str(document.SCHEMA), "layout": layout}
        facts["catalogue"] = str(self._rules.catalogue.revision)
        return formats.Parquet(table, {f"profilestream.{name}": text for name, text in facts.items()})


def _begin(folder: Path) -> None:
    """An empty folder; what lies there must be an export of ours."""
    if folder.exists() and not (folder / _MARK).exists() and any(folder.iterdir()):
        raise ConfigError(f"{folder} is in the way and no interrupted export")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / _MARK).touch()


def partial(out: Path) -> Path:
    """The folder beside a file that is not complete yet."""
    return out.with_name(f"{out.name}.partial")


def nested_table(*, with_raw: bool) -> Callable[[Sequence[Row]], Any]:
    """Makes Arrow tables of documents."""
    import pyarrow as pa

    from models.reference_kinds import INSTANT
    from streams.export import nested

    of = {AS_OF: INSTANT, **nested.tree()}
    extra = raw.COLUMNS if with_raw else ()
    fields = [*nested.schema(of), *(pa.field(one.name, nested.type_of(one.type)) for one in extra)]
    schema = pa.schema(fields)

    def table(rows: Sequence[Row]) -> Any:
        shaped = [nested.shaped(row, of) | nested.times(row, extra) for row in rows]
        return pa.Table.from_pylist(shaped, schema=schema)

    return table


def list_ids(client: Any, path: Path, run_ids: int = RUN_IDS) -> int:
    """Write every customer's id, sorted, one a line; gives how many. SCAN may name one twice: once is kept.

    Args:
        client: blocking Redis client.
        path: file to write.
        run_ids: how many are sorted in memory at a time.
    """
    runs: list[Path] = []
    found = (keys.customer(key) for key in client.scan_iter("ps:profile:*", count=2_000))
    while some := sorted(itertools.islice(found, run_ids)):
        runs.append(path.with_name(f"{path.name}.{len(runs)}"))
        runs[-1].write_text("".join(f"{cid}\n" for cid in some), encoding="utf-8")
    count = 0
    with path.open("w", encoding="utf-8") as out:
        for cid, _ in itertools.groupby(heapq.merge(*map(_lines, runs))):
            out.write(f"{cid}\n")
            count += 1
    for run in runs:
        run.unlink()
    return count


def _lines(path: Path) -> Iterator[str]:
    with path.open(encoding="utf-8", newline="\n") as file:
        for line in file:
            yield line.removesuffix("\n")


def _chunks(path: Path) -> Iterator[list[str]]:
    lines = _lines(path)
    while some := list(itertools.islice(lines, PART_ROWS)):
        yield some
