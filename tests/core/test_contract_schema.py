"""The published schemas say what the code does: what the parser accepts they accept, and the other way
round too, but for the reasons that JSON Schema cannot give."""

import copy
import json
from collections import Counter
from pathlib import Path
from typing import Any

import orjson
import pytest
import yaml
from builders import RULES, T0, control, fold, order
from click.testing import CliRunner
from good_events import GOOD, JSON, TS_MS
from hostile import BAD, BAD_FACTS, hostile
from hypothesis import given, settings
from hypothesis import strategies as st
from jsonschema import Draft202012Validator

from models.changes import CHANGED, CORRECTED, ENTERED, LEFT, render
from models.changes_schema import change_schema
from models.contract_schema import BEYOND, EXAMPLES, KINDS, event_schema
from models.document import SCHEMA
from models.events import EventError, parse
from models.step import CATALOGUE, Change
from streams.cli import cli
from streams.lane import DeadLetter
from streams.local.synthetic import synthetic
from streams.published import FILES, asyncapi
from streams.publisher import letter
from streams.topics import INPUT_KINDS, TOPICS

ROOT = Path(__file__).resolve().parents[2]
EVENTS = {kind: Draft202012Validator(event_schema(kind)) for kind in KINDS}
CHANGES = Draft202012Validator(change_schema())


def accepted(kind: str, value: bytes | None) -> str:
    """The parser's reason, "" where it accepts."""
    try:
        parse(kind, value, latest_ms=TS_MS)
    except EventError as error:
        return error.reason
    return ""


def agree(kind: str, value: bytes | None) -> str:
    """Hold a record against both; gives the parser's reason where the schema is the more lenient one."""
    reason = accepted(kind, value)
    try:
        fields = orjson.loads(value or b"")
    except orjson.JSONDecodeError:
        return ""  # a schema sees what can be read
    fits = EVENTS[kind].is_valid(fields)
    if not reason:
        assert fits, (value, [error.message for error in EVENTS[kind].iter_errors(fields)])
        return ""
    if fits:
        assert reason in BEYOND, (reason, value)
        return reason
    return ""


def test_the_files_are_those_of_the_code_and_the_command_prints_them() -> None:
    for name, text in FILES.items():
        folder = "streams/reader" if name.endswith(".py") else "deploy/schema"
        assert (ROOT / folder / name).read_text("utf-8") == text(), f"profilestream contract {name}"
        assert CliRunner().invoke(cli, ["contract", name]).output == text()
    assert CliRunner().invoke(cli, ["contract"]).output.split() == list(FILES)
    assert CliRunner().invoke(cli, ["contract", "no"]).exit_code == 1


@pytest.mark.parametrize("name", [name for name in FILES if name.endswith("-1.json")])
def test_every_schema_is_one(name: str) -> None:
    Draft202012Validator.check_schema(orjson.loads(FILES[name]()))


@pytest.mark.parametrize("kind", KINDS)
def test_good_events_fit(kind: str) -> None:
    for event in (GOOD[kind], EXAMPLES[kind]):
        assert parse(kind, orjson.dumps(event), latest_ms=None)
        assert EVENTS[kind].is_valid(event)
        absent = {name: None for name in event if name not in REQUIRED[kind]}
        unknown = event | absent | {"ts": TS_MS, "more": {"of": 1}}
        assert agree(kind, orjson.dumps(unknown)) == ""
        for name in REQUIRED[kind]:
            for less in (event | {name: None}, {key: event[key] for key in event if key != name}):
                assert not EVENTS[kind].is_valid(less)


REQUIRED = {kind: event_schema(kind)["required"] for kind in KINDS}


def test_all_events_of_a_shop_fit() -> None:
    met = Counter[str]()
    for event in synthetic(7, 40, 3_000, T0, T0 + 90 * 86_400_000):
        assert EVENTS[event["type"]].is_valid(event)
        met[event["type"]] += 1
    assert min(met[kind] for kind in ("order", "click", "service")) > 100


def test_every_hostile_record_is_refused_but_for_what_no_schema_can_say(seed: int) -> None:
    beyond = Counter(
        agree(kind, value) for kind, value in hostile(seed, 5_000) if value is None or len(value) < 9_999
    )
    assert beyond[""] > 4_000
    assert beyond.total() - beyond[""] < 500


def test_every_wrong_value_is_held_against_both() -> None:
    for kind, fields in BAD.items():
        for name, values in fields.items():
            for value in values:
                agree(kind, orjson.dumps(GOOD[kind] | {name: value}))
    for action, facts in BAD_FACTS.items():
        for fact in facts:
            agree("control", orjson.dumps(GOOD["control"] | {"action": action, action: fact}))


@pytest.mark.parametrize("kind", KINDS)
@given(data=st.data())
@settings(max_examples=300)
def test_both_agree_on_good_records_with_changed_fields(kind: str, data: st.DataObject) -> None:
    event = copy.deepcopy(GOOD[kind])
    name = data.draw(st.sampled_from(sorted(event)))
    plain = st.sampled_from([0, -1, 1.5, 1e13, "", "1.5", "x" * 129, "USD", [], [{}], {}, True, None])
    event[name] = data.draw(plain | JSON)
    agree(kind, json.dumps(event, ensure_ascii=False).encode("utf-8", "surrogatepass"))


def test_reasons_beyond_a_schema_are_reasons_and_each_has_a_case() -> None:
    from models.contract import REASONS

    assert set(BEYOND) <= set(REASONS)
    cases = [
        ("order", GOOD["order"] | {"ts": "2024-02-30T12:00:00Z"}, "bad_timestamp"),
        ("order", GOOD["order"] | {"ts": "1066-10-14T09:00:00Z"}, "out_of_range"),
        ("order", GOOD["order"] | {"ts": TS_MS + 1}, "in_future"),
        ("order", GOOD["order"] | {"ts": 1.7e12}, "wrong_type"),
        ("order", GOOD["order"] | {"customer_id": "\u202e"}, "bad_characters"),
        ("order", GOOD["order"] | {"amount": 2e10}, "amount_too_large"),
        ("control", GOOD["control"] | {"attributes": {"a": "x" * 1_023}}, "too_long"),
    ]
    for kind, event, reason in cases:
        assert agree(kind, orjson.dumps(event)) == reason


# -- tag changes and dead letters --------------------------------------------------------------------------


def rendered(
    old: Any, new: Any, source: str = "orders/0@2", corrects: tuple[int, ...] = ()
) -> dict[str, Any]:
    reason = [["rfm.frequency", 4, ">=", 4], ["rfm.r", 5]]
    change = Change(3, "vip", 2, old, new, reason, T0, source, 7, corrects)
    found: dict[str, Any] = orjson.loads(render(change, "c-1", 3, "e", T0 + 1))
    return found


CASES = [
    (ENTERED, rendered(None, True)), (LEFT, rendered("new", None)), (CHANGED, rendered(1, 2.5, "")),
    (CORRECTED, rendered(None, True, corrects=(1, 2))), (CORRECTED, rendered(True, None, CATALOGUE, (2,))),
]  # fmt: skip


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_a_tag_change_may_carry_a_trace_context_and_nothing_else_under_its_name(
    kind: str, event: dict[str, Any]
) -> None:
    CHANGES.validate(event | {"traceparent": f"00-{7:032x}-{9:016x}-01"})
    assert not CHANGES.is_valid(event | {"traceparent": "7"}), kind


@pytest.mark.parametrize(("kind", "event"), CASES)
def test_a_tag_change_fits_as_its_own_kind_only(kind: str, event: dict[str, Any]) -> None:
    assert event["type"] == kind
    CHANGES.validate(event)
    for other in {ENTERED, LEFT, CHANGED, CORRECTED} - {kind}:
        if other == CORRECTED or kind != CORRECTED:
            assert not CHANGES.is_valid(event | {"type": other})
    for name in event:
        assert not CHANGES.is_valid({key: event[key] for key in event if key != name})
    for name in event["data"]:
        less = {key: event["data"][key] for key in event["data"] if key != name}
        assert not CHANGES.is_valid(event | {"data": less}), name


def test_changes_of_real_steps_fit() -> None:
    events = [order(f"o{n}", T0 + n * 86_400_000, 900) for n in range(9)]
    events.append(control(T0, attributes={"vip": True}))
    _, changes = fold(events, RULES)
    assert len(changes) > 3
    for change in changes:
        CHANGES.validate(orjson.loads(render(change, "c", 1, "e", T0)))


@pytest.mark.parametrize("with_payload", [False, True])
def test_a_dead_letter_fits(with_payload: bool) -> None:
    schema = Draft202012Validator(orjson.loads(FILES["dead-letter-1.json"]()))
    said = DeadLetter("orders", 1, 7, "missing_field", "ts", b"{}")
    made = letter(said, with_payload=with_payload)
    schema.validate(made)
    assert set(schema.schema["properties"]) - set(made) == (set() if with_payload else {"payload"})
    assert not schema.is_valid(made | {"reason": "whim"})


# -- AsyncAPI ----------------------------------------------------------------------------------------------


def references(node: Any) -> list[str]:
    if isinstance(node, dict):
        return (
            [node["$ref"]]
            if "$ref" in node
            else [ref for inner in node.values() for ref in references(inner)]
        )
    return [ref for inner in node for ref in references(inner)] if isinstance(node, list) else []


def test_the_asyncapi_document_has_every_topic_and_every_reference_leads_somewhere() -> None:
    found = asyncapi()
    assert found["asyncapi"] == "3.0.0"
    assert list(found["channels"]) == [spec.name for spec in TOPICS]
    for spec in TOPICS:
        kafka = found["channels"][spec.name]["bindings"]["kafka"]
        assert kafka["topicConfiguration"]["retention.ms"] == spec.retention_ms
    actions = {name: operation["action"] for name, operation in found["operations"].items()}
    assert {name for name, action in actions.items() if action == "receive"} == {*INPUT_KINDS, "feedback"}
    refs = references(found)
    assert len(refs) == 3 * len(TOPICS) - 3  # three say what they carry on the spot
    for ref in refs:
        if ref.startswith("./"):
            assert ref[2:] in FILES
        else:
            node: Any = found
            for name in ref.removeprefix("#/").split("/"):
                node = node[name]
    for kind, message in found["components"]["messages"].items():
        for example in message.get("examples", ()):
            assert EVENTS[kind].is_valid(example["payload"])
    assert yaml.safe_load(FILES["asyncapi.json"]()) == found  # JSON is YAML


def test_the_schema_of_the_document_has_its_number() -> None:
    assert f"profile-{SCHEMA}.json" in FILES
