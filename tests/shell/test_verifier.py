"""`verify` under a population: agrees where all is well, and tells what is not."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from builders import DAY, fold
from panels import NOW, histories, order_events, panel_of
from panels import row_of as recounted

import models.rfm
import models.sections
import models.view
from models import codec, document, step
from models.catalogue.catalogue import Catalogue
from models.population.churn import Risk, risk
from models.population.population import Population
from models.population.value import clv_minor, expected_orders
from models.rules import Rules
from models.state import State
from models.view import View
from streams import verifier
from streams.config import Config
from streams.population.epoch import Population as Training
from streams.population.epoch import Settings
from streams.recorded import Fact, Facts
from streams.settings import load
from streams.verifier import Live, Verdict

LATER = NOW + 3 * DAY


@pytest.fixture(scope="module")
def world(seed: int) -> dict[str, list[dict[str, Any]]]:
    return {
        cid: [event | {"customer_id": cid} for event in order_events(some)]
        for cid, some in histories(seed).items()
    }


@pytest.fixture(scope="module")
def rules(seed: int) -> Rules:
    """Under the second of two snapshots, so that scores are held."""
    return _rules(seed, 2)


def _rules(seed: int, version: int) -> Rules:
    training, rows = Training(Settings(clusters=3)), {cid: recounted(s) for cid, s in histories(seed).items()}
    made = [training.epoch(panel_of(rows), NOW + n * DAY) for n in range(version)][-1]
    assert made is not None
    return replace(Config().rules(), population=Population(made))


def live(world: dict[str, list[dict[str, Any]]], rules: Rules, **before: Rules) -> Live:
    """Everyone folded, judged under a snapshot before where one is told, and then under this one."""
    profiles = {}
    for cid, some in world.items():
        state, _ = fold(some, before.get("before", rules))
        step.on_wake(state, NOW, before.get("before", rules))
        state.revision = -1
        step.on_wake(state, NOW, rules)
        profiles[cid] = stored(state, cid, rules)
    return Live({}, profiles, rules)


def stored(state: State, cid: str, rules: Rules) -> tuple[bytes, bytes]:
    return codec.encode(state), document.render(View(state, state.as_of_ms, rules), cid, 0)


def verdict(found: Live, world: dict[str, list[dict[str, Any]]], config: Config | None = None) -> Verdict:
    facts = Facts()
    facts.by_customer.update({cid: [Fact("", 0, one) for one in some] for cid, some in world.items()})
    return verifier.judge(config or Config(), found, facts, LATER)


def test_scores_churn_and_tags_under_a_snapshot_agree_with_the_second_computation(
    world: dict[str, Any], rules: Rules, seed: int
) -> None:
    found = verdict(live(world, rules, before=_rules(seed, 1)), world)
    assert found.differences == {}
    assert (found.compared, found.unjudged) == (len(world), 0)
    assert "population 2 is in force" in verifier.notes(rules)[0]
    assert verifier.notes(Config().rules()) == []


def test_the_fixed_rule_of_churn_is_compared_to_the_millisecond(world: dict[str, Any], rules: Rules) -> None:
    config = load(environ={}, overrides={"churn_rule": "fixed"})
    assert verdict(live(world, replace(rules, churn_rule="fixed")), world, config).differences == {}


def later_risk(*args: Any) -> Risk:
    """Right but for three milliseconds."""
    right = risk(*args)
    return right._replace(until_ms=right.until_ms + 3 if right.until_ms else 0)


@pytest.mark.parametrize(
    ("part", "name", "wrong", "path"),
    [
        (models.rfm, "score", lambda *_: 1, "rfm.f"),
        (models.rfm, "recency_score", lambda *_: 1, "rfm.r"),
        (models.sections, "p_alive", lambda *_: 0.123, "churn.p_alive"),
        (models.view, "risk", lambda *_: Risk("high", 0), "churn.risk"),
        (models.view, "risk", later_risk, "churn.risk_changes_at"),
        (
            models.sections,
            "expected_orders",
            lambda *a: expected_orders(*a) + 1e-3,
            "value.expected_orders_365d",
        ),
        (models.sections, "clv_minor", lambda *a: clv_minor(*a) + 2, "value.clv_365d_minor"),
    ],
)
def test_wrong_arithmetic_is_a_difference(
    world: dict[str, Any], rules: Rules, monkeypatch: pytest.MonkeyPatch,
    part: Any, name: str, wrong: Callable[..., Any], path: str,
) -> None:  # fmt: skip
    monkeypatch.setattr(part, name, wrong)
    few = dict(list(world.items())[::4])
    found = verdict(live(few, rules), few).differences
    assert sum(line.startswith(f"{path}: ") for lines in found.values() for line in lines) > len(few) // 20


def test_who_is_not_judged_yet_is_counted_and_the_document_not_looked_at(
    world: dict[str, Any], rules: Rules, seed: int
) -> None:
    before = _rules(seed, 1)
    found = live(world, before)
    waiting = replace(rules, catalogue=replace_revision(rules, 1))
    out = verdict(found._replace(rules=waiting), world)
    assert (out.differences, out.unjudged) == ({}, len(world))


def replace_revision(rules: Rules, revision: int) -> Catalogue:
    return Catalogue(rules.catalogue.tags, rules.catalogue.text, revision, 0)
