"""Facts in the words of a shop: every item that evidence may have, whoever wrote it."""

from typing import Any

import pytest
from builders import T0

from models.catalogue.scope import HINTS, scope
from models.rules import Rules
from streams.cli import nouns, why


def because(*items: list[Any]) -> str:
    """What stands between the tag and what follows."""
    doc = {"tags": {"t": {"value": True, "because": list(items)}}, "rfm": {"currency": "USD"}}
    sentence = why.explain(doc, T0, Rules(), tag="t")[1]
    return sentence.removeprefix("t: ").removesuffix(". Time alone does not change it.")


@pytest.mark.parametrize(
    ("item", "expected"),
    [
        (["rfm.frequency", 1, ">=", 1], "1 order, at least 1"),
        (["rfm.frequency", 2, "<", 1_200], "2 orders, fewer than 1,200"),
        (["rfm.frequency", 2, "==", 2], "2 orders"),
        (["rfm.frequency", 2, "!=", 3], "2 orders, not 3"),
        (["rfm.frequency", 2, "in", [2, 3, 4]], "2 orders, one of 2, 3 or 4"),
        (["rfm.net_minor", 61_001], "net spending 610.01 USD"),
        (["rfm.net_minor", -5, "<=", 0], "net spending -0.05 USD, at most 0.00 USD"),
        (
            ["promotion.mean_order_minor", 9_999.9, "<", 10_000],
            "mean amount of an order 100.00 USD, just less than 100.00 USD",
        ),
        (['rfm.foreign["GBP"].amount_minor', 500], "spending in GBP 5.00 GBP"),
        (["habits.night_ratio", 0.4706, ">=", 0.4], "share of orders at night 47.06 %, at least 40 %"),
        (["habits.gap_median_days", 7.25, "<", 14], "usual time between orders 7.2 days, less than 14 days"),
        (
            ["2 * (habits.gap_median_days * 1d)", "9d12h", ">", "1d"],
            "2 times the usual time between orders 9 days 12 hours, more than 1 day",
        ),
        (["habits.usual_hour", 9, ">=", 8], "usual hour 09:00, at least 08:00"),
        (["engagement.dwell_ms", 90_000], "time spent 1 minute 30 seconds"),
        (["health.score", 45.5, "<", 50], "health 45.5 of 100, less than 50"),
        (['habits.weekdays["sat"]', 2, ">", 1], "2 orders on Saturday, more than 1"),
        (["rfm.r", 5], "recency score 5 of 5"),
        (["count(search, 1d12h)", 2, ">=", 2], "2 searches within 1 day 12 hours, at least 2"),
        (["engagement.clicks / rfm.frequency", 2.5, "<", 3], "clicks per orders is 2.5, less than 3"),
        (
            ["rfm.refunds_minor / rfm.monetary_minor", 0.125, ">", 0.1],
            "refunds as a share of spending is 12.5 %, more than 10 %",
        ),
        (
            ["rfm.monetary_minor / rfm.frequency", 1_050, ">", 1_000],
            "spending per orders is 10.50 USD, more than 10.00 USD",
        ),
        (
            ["rfm.monetary_minor - rfm.refunds_minor", 100, ">", 50],
            "spending less refunds is 1.00 USD, more than 0.50 USD",
        ),
        (
            ["since(last_active_at)", "2026-11-03T09:14:00.000Z", "<", "30d"],
            "last active 2026-11-03 09:14, less than 30 days ago",
        ),
        (
            ["since(last_active_at)", "2026-11-03T09:14:00.000Z", ">", "since(x)"],
            "since last active at 2026-11-03T09:14:00.000Z, more than since(x)",
        ),
        (
            ["since(last_active_at)", "2026-11-03T09:14:00.000Z", ">", "2026-11-04T09:14:00.000Z"],
            "last active 2026-11-03 09:14, before 2026-11-04 09:14",
        ),
        (
            ["rfm.last_order_at", "2026-11-03T09:14:00.000Z", ">=", "2026-11-03T09:14:00.000Z"],
            "last order 2026-11-03 09:14, not before 2026-11-03 09:14",
        ),
        (
            ["rfm.last_order_at", "2026-11-03T09:14:01.000Z", ">", "2026-11-03T09:14:00.500Z"],
            "last order 2026-11-03 09:14:01, after 2026-11-03 09:14:00.500",
        ),
        (
            ["lifecycle.stage", "at_risk", "not in", ["lost", "dormant"]],
            "stage at risk, none of lost or dormant",
        ),
        (["lifecycle.stage", "at_risk", "in", ["lost", "at_risk"]], "stage at risk"),
        (["journey.abandoned", "cart", "!=", "browse"], "abandoned a cart, not a visit"),
        (["habits.usual_weekday", "sat", "==", "sat"], "usual day of the week Saturday"),
        (["habits.payday.habit", False, "==", False], "buys after paydays: no"),
        (
            ['attributes["birthday"]', "12-31", "not within", "7d"],
            "birthday 12-31 does not come within 7 days",
        ),
        (['attributes["city"]', "Bonn", "==", "Bonn"], "attribute city Bonn"),
        (['attributes["is_member"]', True, "==", True], "attribute is member: yes"),
        (['attributes["age"]', 41, ">", 40], "attribute age 41, more than 40"),
        (['attributes["age"]', 41, "known", True], "attribute age 41"),
        (['preferences.slices["app"].orders / rfm.frequency', None, "unknown"], "no order through app"),
        (["satisfaction.nps_last", None, "unknown"], "there was no NPS answer"),
        (["health.band", None, "unknown"], "no component is known"),
        (["preferences.brands", None, "unknown"], "preferences brands is not known"),
        (['preferences.brands["Acme"]', None, "unknown"], "share of orders of brand Acme is not known"),
        (
            ["population.monetary_p80", None, "unknown"],
            "what 80 % of all customers stay below in spending is not known",
        ),
        (["no_such.thing", 5, ">=", 3], "no such thing 5, at least 3"),
        (["no_such.thing", None, "unknown"], "no such thing is not known"),
        (["no_such.thing", {"a": 1}, "~", None], 'no such thing {"a":1}, ~ unknown'),
    ],
)
def test_a_fact_in_words(item: list[Any], expected: str) -> None:
    assert because(item) == expected


def test_several_bounds_of_one_fact() -> None:
    day = "2026-11-03T09:14:00.000Z"
    items = [
        ["since(last_active_at)", day, op, limit]
        for op, limit in (("<", "9d"), ("<", "5d"), (">=", "1d"), (">=", "2d"))
    ]
    assert because(*items) == "last active 2026-11-03 09:14, less than 5 days ago and 2 days or more ago"
    assert because(["rfm.r", None], ["rfm.f", None]) == "no order counts"
    assert because(["rfm.r", None], ["rfm.f", 3]) == "frequency score 3 of 5"
    assert because(*([f"n{n}", n] for n in range(40))).endswith("; n11 11; 28 more")


def test_every_field_that_a_rule_may_name_has_words() -> None:
    known = scope({})
    named = {path for path in (*known.fields, *known.maps) if not path.startswith("population.")}
    special = {"engagement.latest", "engagement.actions", "journey.steps"}
    assert named - special == set(nouns.NOUNS) - {"attributes", "churn.p_alive"}
    assert set(known.counts) == set(nouns.ACTIONS)
    assert set(HINTS) & set(nouns.NOUNS) == {"churn.p_alive"}  # a reason states it, no rule asks it
    for path in named:
        assert nouns.moved_by(path) or path in ("lifecycle.threshold_days", "rfm.first_order_at")
