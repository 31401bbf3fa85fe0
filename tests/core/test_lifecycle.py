from dataclasses import replace

import pytest
from builders import DAY, T0

from models.lifecycle import VOCABULARIES, stage
from models.rules import Rules

RULES = Rules(at_risk_days=10, dormant_days=20, lost_days=40)


def after(silent_ms: int, orders: int = 2, gap_ms: int = DAY) -> tuple[str, int]:
    found, until_ms = stage(T0 + silent_ms, orders, T0, gap_ms, RULES)
    return found, until_ms - T0 if until_ms else 0


def test_without_an_order_a_customer_is_a_prospect_for_good() -> None:
    assert stage(T0, 0, 0, 0, RULES) == ("prospect", 0)


@pytest.mark.parametrize(
    ("edge_days", "before", "since", "next_days"),
    [(10, "active", "at_risk", 20), (20, "at_risk", "dormant", 40), (40, "dormant", "lost", 0)],
)
def test_a_stage_begins_at_its_edge_and_not_a_millisecond_before(
    edge_days: int, before: str, since: str, next_days: int
) -> None:
    assert after(edge_days * DAY - 1) == (before, edge_days * DAY)
    assert after(edge_days * DAY) == (since, next_days * DAY)


def test_one_order_is_new_and_two_are_active() -> None:
    assert after(0, orders=1, gap_ms=0) == ("new", 10 * DAY)
    assert after(0) == ("active", 10 * DAY)


def test_a_gap_of_dormant_days_before_the_last_order_is_a_reactivation() -> None:
    assert after(0, gap_ms=20 * DAY) == ("reactivated", 10 * DAY)
    assert after(0, gap_ms=20 * DAY - 1) == ("active", 10 * DAY)


def test_silence_ends_a_reactivation() -> None:
    assert after(10 * DAY, gap_ms=20 * DAY) == ("at_risk", 20 * DAY)


def test_following_the_announced_changes_leads_through_every_stage_of_silence() -> None:
    at_ms, path = T0, []
    while at_ms:
        name, at_ms = stage(at_ms, 3, T0, 0, RULES)
        path.append(name)
    assert path == ["active", "at_risk", "dormant", "lost"]
    assert set(path) < set(VOCABULARIES["standard"].stages())


@pytest.mark.parametrize(
    ("vocabulary", "orders", "gap_ms", "path"),
    [
        ("standard", 3, 0, ["active", "at_risk", "dormant", "lost"]),
        ("purchase", 1, 0, ["first_purchase", "lapsed"]),
        ("purchase", 2, 0, ["repeat", "lapsed"]),
        ("purchase", 2, 20 * DAY, ["reactivated", "lapsed"]),
        ("growth", 1, 0, ["activation", "decline"]),
        ("growth", 4, 0, ["growth", "decline"]),
        ("growth", 5, 0, ["maturity", "decline"]),
    ],
)
def test_each_vocabulary_tells_its_own_way_into_silence(
    vocabulary: str, orders: int, gap_ms: int, path: list[str]
) -> None:
    rules = replace(RULES, lifecycle=vocabulary, mature_orders=5)
    at_ms, found = T0, []
    while at_ms:
        name, at_ms = stage(at_ms, orders, T0, gap_ms, rules)
        found.append(name)
    assert found == path
    assert set(path) <= set(VOCABULARIES[vocabulary].stages())
