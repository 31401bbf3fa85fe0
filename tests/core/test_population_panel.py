import random

import numpy as np
import pytest
from builders import DAY, T0
from panels import cdnow_purchases, panel_of, row_of, rows_of

from models.population.clusters import vector
from models.population.quintiles import BAND
from models.population.row import Row
from models.population.sample import in_panel
from streams.population.panel import Panel, repeats
from streams.population.quantiles import edges, quintiles
from streams.population.scale import features, scale_of

ROW = Row(first_ms=T0, second_ms=0, last_ms=T0, orders=1, occasions=1, total_minor=500, valued=1)


def test_everyone_belongs_to_it_while_there_are_few() -> None:
    panel = panel_of({str(i): ROW for i in range(100)}, capacity=100)
    assert (len(panel), panel.share) == (100, 1.0)


def test_beyond_its_capacity_it_shrinks_and_does_not_depend_on_who_came_first(seed: int) -> None:
    ids = [f"c-{i}" for i in range(5_000)]
    one = panel_of(dict.fromkeys(ids, ROW), capacity=1_000)
    random.Random(seed).shuffle(ids)
    other = panel_of(dict.fromkeys(ids, ROW), capacity=1_000)
    assert one._rows.keys() == other._rows.keys() == {i for i in ids if in_panel(i, one.share)}
    assert one.share == other.share < 1
    assert 850 <= len(one) <= 1_000


def test_who_is_not_in_the_sample_is_not_taken_and_who_is_forgotten_is_gone() -> None:
    panel = Panel(share=0.5)
    inside = next(i for i in map(str, range(99)) if in_panel(i, 0.5))
    outside = next(i for i in map(str, range(99)) if not in_panel(i, 0.5))
    panel.take(inside, ROW)
    panel.take(outside, ROW)
    assert len(panel) == 1
    panel.take(inside, None)
    panel.take(outside, None)
    assert len(panel) == 0


def test_columns_and_features_are_those_of_the_rows_whatever_the_order() -> None:
    rows = {"b": row_of([(T0, 500), (T0 + 5, 0), (T0 + 3 * DAY, 700)]), "a": ROW}
    columns = panel_of(rows).columns()
    assert columns.last_ms.tolist() == [T0, T0 + 3 * DAY]
    assert (columns.occasions.tolist(), columns.valued.tolist(), columns.orders.tolist()) == (
        [1, 2],
        [1, 2],
        [1, 3],
    )
    at_ms = T0 + 10 * DAY
    x, t_x, t = repeats(columns, at_ms)
    assert (x.tolist(), t_x.tolist(), t.tolist()) == ([0, 1], [0, 3], [10, 10])
    seen = features(columns, at_ms)
    for i, row in enumerate((rows["a"], rows["b"])):
        assert seen[i] == pytest.approx(vector(at_ms - row.last_ms, row.orders, row.total_minor), rel=1e-15)


def test_an_empty_panel_has_empty_columns() -> None:
    assert len(Panel().columns()) == 0


def test_edges_are_the_quantiles_and_their_bands() -> None:
    found = edges(np.random.default_rng(3).permutation(10_000) + 1)
    assert found.at == (2_000, 4_000, 6_000, 8_000)
    width = round(BAND * 10_000)
    assert found.low == tuple(at - width for at in found.at)
    assert found.high == tuple(at + width for at in found.at)


@pytest.mark.parametrize("n", [1, 2, 3, 7])
def test_few_values_have_edges_in_order(n: int) -> None:
    found = edges(np.arange(n))
    assert all(low <= at <= high for low, at, high in zip(found.low, found.at, found.high, strict=True))
    assert list(found.at) == sorted(found.at)


def test_most_customers_of_cdnow_bought_once_and_the_edges_say_so() -> None:
    purchases = cdnow_purchases()
    columns = panel_of(rows_of(purchases)).columns()
    found = quintiles(columns, purchases[-1].at_ms)
    assert found.frequency.at == (1, 1, 2, 4)
    assert list(found.recency_ms.at) == sorted(found.recency_ms.at)


def test_a_feature_that_is_the_same_for_all_says_nothing_and_breaks_nothing() -> None:
    rows = np.array([[0.0, 1.0, 2.0], [0.0, 3.0, 2.0]])
    standard = scale_of(rows).standard(rows)
    assert np.isfinite(standard).all()
    assert (standard[:, 0] == 0).all()
    assert np.abs(scale_of(rows).standard(rows + 1e6)).max() == 4.0
