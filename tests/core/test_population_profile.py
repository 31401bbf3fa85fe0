"""The population in a profile: scores that are held, risk at its instant, clusters and who moved, causes."""

from dataclasses import replace

import msgspec
from builders import DAY, HOUR, T0, copy, document_at, fold, order, tags_of, told
from panels import CHURN, SNAPSHOT

from models import document, rfm, step
from models.catalogue.catalogue import Catalogue
from models.population.churn import Rhythm, p_alive, risk
from models.population.population import Population
from models.population.snapshot import Edges, Snapshot
from models.rules import Rules
from models.view import View

TAGS = """
[tags.risk]
kind = "category"
value = "churn.risk"
because = ["churn.p_alive", "rfm.frequency"]
[tags.cluster]
kind = "category"
value = "cluster.name"
because = ["cluster.cause"]
[tags.segment]
kind = "category"
value = "rfm.segment"
[tags.big]
enter = "rfm.monetary_minor >= population.monetary_p80"
"""
PLAIN = tags_of(TAGS, 1)


def under(snapshot: Snapshot, revision: int = 2) -> Rules:
    """The same tags, and a population."""
    catalogue = Catalogue(PLAIN.catalogue.tags, TAGS, revision, 1)
    return replace(PLAIN, catalogue=catalogue, population=Population(snapshot))


PEOPLED = under(SNAPSHOT)
MONTHLY = [order(f"o{n}", T0 + n * 30 * DAY, 20) for n in range(5)]
LAST = T0 + 120 * DAY


def test_churn_and_value_are_those_of_the_model() -> None:
    state, _ = fold(MONTHLY, PEOPLED)
    at_ms = LAST + 10 * DAY
    doc = document_at(state, at_ms, PEOPLED)
    rhythm = Rhythm(5, T0, LAST)
    assert doc["churn"]["p_alive"] == round(p_alive(rhythm, at_ms, CHURN), 6)
    found = risk(rhythm, at_ms, CHURN)
    assert (doc["churn"]["risk"], doc["churn"]["risk_changes_at"]) == (
        found.level,
        document.iso(found.until_ms),
    )
    assert doc["value"]["expected_orders_365d"] > 0
    assert doc["value"]["clv_365d_minor"] > 0
    assert doc["cluster"].keys() == {"id", "name", "model_version", "since", "cause"}


def test_several_orders_of_a_day_are_one_occasion_and_one_that_is_cancelled_is_none() -> None:
    events = [order("a", T0, 5), order("b", T0 + HOUR), order("c", T0 + 3 * DAY), order("d", T0 + 3 * DAY, 5)]
    state, _ = fold([*events, order("d", T0 + 3 * DAY, status="cancelled")], PEOPLED)
    assert (state.orders.n, state.orders.occasions, state.orders.valued) == (3, 2, 1)
    state, _ = fold([*events, order("c", T0 + 3 * DAY, status="cancelled")], PEOPLED)
    assert (state.orders.occasions, state.orders.valued) == (2, 2)
    both = [order(one, T0 + 3 * DAY, status="cancelled") for one in "cd"]
    state, _ = fold([*events, *both], PEOPLED)
    assert (state.orders.occasions, state.orders.valued) == (1, 1)


def test_risk_rises_at_the_solved_millisecond_and_an_order_ends_it() -> None:
    state, _ = fold(MONTHLY, PEOPLED)
    changes = step.on_wake(state, LAST + 3_000 * DAY, PEOPLED).changes
    rises = [(old, new, at) for tag, old, new, at in told(changes) if tag == "risk"]
    assert [(old, new) for old, new, _ in rises] == [("low", "medium"), ("medium", "high")]
    rhythm = Rhythm(5, T0, LAST)
    for old, new, at in rises:
        assert (risk(rhythm, at - 1, CHURN).level, risk(rhythm, at, CHURN).level) == (old, new)
    state, changes = fold([*MONTHLY, order("z", LAST + 900 * DAY, 5)], PEOPLED)
    assert [new for tag, _, new, _ in told(changes) if tag == "risk"][-1] == "low"


def test_asking_every_hour_finds_no_risk_that_no_timer_announced() -> None:
    state, _ = fold(MONTHLY, PEOPLED)
    shadow = copy(state)
    for at_ms in range(LAST, LAST + 400 * DAY, 7 * HOUR):
        step.on_wake(shadow, at_ms, PEOPLED)
        assert View(shadow, at_ms, PEOPLED).risk == risk(Rhythm(5, T0, LAST), at_ms, CHURN)
        assert shadow.tags["risk"].value == risk(Rhythm(5, T0, LAST), at_ms, CHURN).level


def test_fixed_days_decide_where_that_is_asked_for() -> None:
    fixed = replace(PEOPLED, churn_rule="fixed", churn_days=(10, 20))
    state, _ = fold(MONTHLY, fixed)
    changes = step.on_wake(state, LAST + 99 * DAY, fixed).changes
    assert [(new, at - LAST) for tag, _, new, at in told(changes) if tag == "risk"] == [
        ("medium", 10 * DAY), ("high", 20 * DAY)
    ]  # fmt: skip
    assert "p_alive" in document_at(state, LAST + 99 * DAY, fixed)["churn"]


def test_a_new_snapshot_is_the_cause_of_what_it_changes() -> None:
    state, _ = fold(MONTHLY, PLAIN)
    assert "cluster" not in state.tags
    done = step.on_wake(state, LAST + DAY, PEOPLED)
    assert done.is_adopted
    assert {(change.source, change.offset) for change in done.changes} == {("population", SNAPSHOT.version)}
    assert "cluster" in {change.tag for change in done.changes}
    entry = document_at(state, LAST + DAY, PEOPLED)["tags"]["cluster"]
    assert entry["cause"] == {"population": SNAPSHOT.version}
    assert entry["because"] == [["cluster.cause", "behaviour"]]
    assert state.revision == 2


def test_the_scores_announced_are_those_of_the_document_and_hold_against_an_edge_that_moves_a_little() -> (
    None
):
    state, _ = fold(MONTHLY, PEOPLED)
    doc = document_at(state, state.as_of_ms, PEOPLED)
    assert state.scores == (doc["rfm"]["r"], doc["rfm"]["f"], doc["rfm"]["m"])
    money = SNAPSHOT.quintiles.monetary_minor if SNAPSHOT.quintiles else None
    assert money is not None
    total = state.orders.total_minor
    assert doc["rfm"]["m"] == 5
    # The last edge has just passed the customer: what ties with an edge stands below it.
    ends = [
        (*row[:3], one) for row, one in ((money.at, total), (money.low, total - 1), (money.high, total + 1))
    ]
    moved = msgspec.structs.replace(SNAPSHOT.quintiles, monetary_minor=Edges(*ends))  # type: ignore[arg-type]
    later = under(msgspec.structs.replace(SNAPSHOT, version=8, quintiles=moved), 3)
    step.on_wake(state, state.as_of_ms, later)
    assert state.scores[2] == 5
    assert rfm.scores(0, 1, total, rfm.NONE, later).m == 4


def test_who_has_no_order_any_more_has_no_cluster_no_risk_and_no_scores() -> None:
    state, _ = fold([order("a", T0, 5), order("a", T0 + 1, status="cancelled")], PEOPLED)
    assert (state.membership, state.scores) == (None, (0, 0, 0))
    doc = document_at(state, T0 + 1, PEOPLED)
    assert not {"churn", "value", "cluster"} & doc.keys()
