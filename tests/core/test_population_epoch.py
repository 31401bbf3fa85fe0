import json
import logging

import msgspec
import pytest
from builders import DAY
from panels import cdnow_purchases, panel_of, row_of, rows_of

from models.population.churn import p_alive, risk
from models.population.clusters import Assigner, vector
from models.population.codec import decode, encode
from models.population.quintiles import recency_score, score
from models.population.snapshot import SnapshotError
from streams.population.epoch import Population, Settings
from streams.population.panel import Panel
from streams.population.quantiles import quintiles

END_MS = cdnow_purchases()[-1].at_ms + DAY
ROWS = dict(sorted(rows_of(cdnow_purchases()).items())[:1_000])


@pytest.fixture(scope="module")
def panel() -> Panel:
    return panel_of(ROWS)


def test_an_epoch_makes_a_snapshot_that_workers_can_use(panel: Panel) -> None:
    made = Population().epoch(panel, END_MS)
    assert made is not None
    snapshot = decode(encode(made))
    assert snapshot == made
    assert (snapshot.version, snapshot.parent, snapshot.reason, snapshot.panel) == (1, 0, "warm_up", 1_000)
    assert snapshot.quintiles == quintiles(panel.columns(), END_MS)
    assert snapshot.clusters is not None
    assert snapshot.churn is not None
    assigner = Assigner(snapshot.clusters, snapshot.version)
    counts = dict.fromkeys(snapshot.clusters.ids, 0)
    for row in ROWS.values():
        silent = END_MS - row.last_ms
        counts[assigner.assign(None, vector(silent, row.orders, row.total_minor), END_MS)[0].cluster] += 1
        assert recency_score(silent, snapshot.quintiles.recency_ms) in range(1, 6)
        assert score(row.total_minor, snapshot.quintiles.monetary_minor) in range(1, 6)
        assert 0 < p_alive(row.rhythm(), END_MS, snapshot.churn) <= 1
        assert risk(row.rhythm(), END_MS, snapshot.churn).level in ("low", "medium", "high")
    weights = [counts[cluster] / 1_000 for cluster in snapshot.clusters.ids]
    assert weights == pytest.approx(snapshot.clusters.weights, abs=1e-9)


def test_versions_count_up_and_each_knows_its_parent(panel: Panel) -> None:
    population = Population()
    made = [population.epoch(panel, END_MS + n * DAY) for n in range(3)]
    assert [(one.version, one.parent, one.reason) for one in made if one] == [
        (1, 0, "warm_up"), (2, 1, "refresh"), (3, 2, "refresh"),
    ]  # fmt: skip


def test_the_same_panel_seed_and_instant_give_the_same_bytes_and_another_seed_others(panel: Panel) -> None:
    def blob(seed: int) -> bytes:
        made = Population(Settings(seed=seed)).epoch(panel, END_MS)
        assert made is not None
        return encode(made)

    assert blob(1) == blob(1) != blob(2)


def test_a_trainer_that_is_restarted_goes_on_as_if_nothing_had_been(panel: Panel) -> None:
    one = Population()
    made = one.epoch(panel, END_MS)
    assert made is not None
    other = Population()
    other.restore(json.loads(json.dumps(one.save())), decode(encode(made)))
    for n in (1, 2):
        first, second = (population.epoch(panel, END_MS + n * DAY) for population in (one, other))
        assert first is not None
        assert second is not None
        assert encode(first) == encode(second)
    assert one.save() == other.save()


def test_a_state_of_another_schema_is_refused(panel: Panel) -> None:
    one = Population()
    made = one.epoch(panel, END_MS)
    assert made is not None
    with pytest.raises(SnapshotError, match="schema 2"):
        Population().restore(one.save() | {"schema": 2}, made)


def test_a_small_panel_gives_nothing_and_a_larger_one_what_it_can() -> None:
    assert Population().epoch(panel_of(dict(list(ROWS.items())[:99])), END_MS) is None
    some = Population().epoch(panel_of(dict(list(ROWS.items())[:150])), END_MS)
    assert some is not None
    assert some.quintiles is not None
    assert some.clusters is None


def test_where_nobody_came_back_there_is_no_churn_model_and_an_old_one_is_kept(panel: Panel) -> None:
    once = panel_of({str(i): row_of([(END_MS - i * DAY, 100 * i)]) for i in range(1, 400)})
    made = Population().epoch(once, END_MS)
    assert made is not None
    assert made.churn is None
    population = Population()
    before = population.epoch(panel, END_MS)
    after = population.epoch(once, END_MS)
    assert before is not None
    assert after is not None
    assert before.churn is not None
    assert after.churn == before.churn


def test_a_model_that_cannot_be_fitted_is_carried_over_and_logged(
    panel: Panel, caplog: pytest.LogCaptureFixture
) -> None:
    population = Population()
    before = population.epoch(panel, END_MS)
    assert before is not None
    # Orders of the future: an instant before the panel's own last orders.
    with caplog.at_level(logging.WARNING):
        after = population.epoch(panel, END_MS - 400 * DAY)
    assert after is not None
    assert after.churn == before.churn
    assert "churn model stays as it was" in caplog.text
    assert decode(encode(msgspec.structs.replace(after, version=99))).version == 99
