from typing import Any

import orjson
import pytest
from builders import DAY, RULES, T0, click, fold, order, service

from models import rfm, tags
from models.standing import Standing, next_change_ms, standing
from models.state import Held, State
from models.tags import TAGS

BY_ID = {tag.id: tag for tag in TAGS}


def customer(*events: dict[str, Any]) -> State:
    return fold(events)[0]


def values(state: State, at_ms: int) -> dict[str, Any]:
    now = standing(state, at_ms, RULES)
    return {tag.id: tag.value(now, RULES) for tag in TAGS}


ONE_EACH = (
    customer(),
    customer(click(T0)),
    customer(order("a", T0, 20)),
    customer(order("a", T0, 600), order("b", T0 + DAY, 10), click(T0 + 3 * DAY)),
    customer(order("a", T0, 50), order("b", T0 + 200 * DAY, 90), service(T0 + 201 * DAY, "complaint")),
    customer(*(order(f"o{n}", T0 + n * DAY, 70) for n in range(12))),
)


def test_ids_are_unique_and_the_rule_names_id_and_version() -> None:
    assert len(BY_ID) == len(TAGS)
    assert all(tag.rule == f"{tag.id}@{tag.version}" and tag.version >= 1 for tag in TAGS)


def test_a_customer_with_clicks_only_is_an_active_prospect_without_segment() -> None:
    assert values(ONE_EACH[1], T0) == {
        "lifecycle": "prospect",
        "rfm_segment": None,
        "active_30d": True,
        "high_value": None,
        "cart_abandoned": None,
        "browse_abandoned": None,
    }


def test_a_campaign_mail_or_a_delivery_does_not_make_a_customer_active() -> None:
    passive = customer(click(T0, "campaign_received"), service(T0 + 1, "delivered"))
    assert values(passive, T0 + 1)["active_30d"] is None


def test_high_value_is_net_of_refunds_and_begins_at_its_edge() -> None:
    assert values(customer(order("a", T0, 500)), T0)["high_value"] is True
    refunded = customer(order("a", T0, 500), service(T0 + 1, "refund", refund_amount=0.01))
    assert values(refunded, T0 + 1)["high_value"] is None


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: tag.id)
@pytest.mark.parametrize("state", ONE_EACH[1:], ids=str)
def test_a_value_holds_until_the_announced_instant_and_changes_there(tag: tags.Tag, state: State) -> None:
    now = standing(state, state.as_of_ms, RULES)
    held, until_ms = tag.value(now, RULES), tag.until_ms(now, RULES)
    look_ms = [state.as_of_ms + n * DAY // 2 for n in range(900)]
    before = [at for at in look_ms if not until_ms or at < until_ms] + ([until_ms - 1] if until_ms else [])
    assert {tag.value(standing(state, at, RULES), RULES) for at in before} == {held}
    if until_ms:
        assert tag.value(standing(state, until_ms, RULES), RULES) != held


def test_a_segment_holds_over_recency_edges_that_do_not_change_its_name() -> None:
    buyer = customer(*(order(f"o{n}", T0, 70) for n in range(4)))  # f 3, m 4: loyal with r 5, 4 and 3
    now = standing(buyer, T0, RULES)
    assert [rfm.segment(r, now.f, now.m) for r in (5, 4, 3, 2)] == [*3 * ["loyal_customers"], "at_risk"]
    assert BY_ID["rfm_segment"].until_ms(now, RULES) == T0 + 180 * DAY
    assert next_change_ms(buyer, now, RULES) < T0 + 30 * DAY  # though the score falls before, and windows too


@pytest.mark.parametrize("tag", TAGS, ids=lambda tag: tag.id)
@pytest.mark.parametrize("state", ONE_EACH, ids=str)
def test_reasons_can_be_written_as_json(tag: tags.Tag, state: State) -> None:
    reason = tag.because(standing(state, state.as_of_ms, RULES), RULES)
    assert orjson.loads(orjson.dumps(reason)) == reason != {}


def test_a_reason_gives_times_as_text_and_leaves_unknown_ones_out() -> None:
    assert "last_order_at" not in BY_ID["lifecycle"].because(standing(ONE_EACH[1], T0, RULES), RULES)
    reason = BY_ID["active_30d"].because(standing(ONE_EACH[2], T0, RULES), RULES)
    assert reason == {"last_active_at": "2023-11-15T00:00:00.000Z", "within_days": 30}


def compared(held: dict[str, Held], now: Standing) -> list[tuple[str, Any, Any]]:
    return [(tag.id, old, new) for tag, old, new in tags.compare(held, now, RULES)]


def test_comparing_tells_what_was_entered_left_and_changed_and_nothing_else() -> None:
    now = standing(ONE_EACH[2], T0, RULES)  # new, new_customers, active
    held = {"lifecycle": Held("prospect", 5), "high_value": Held(True, 5), "active_30d": Held(True, 5)}
    assert compared(held, now) == [
        ("lifecycle", "prospect", "new"),
        ("rfm_segment", None, "new_customers"),
        ("high_value", True, None),
    ]


@pytest.mark.parametrize("state", ONE_EACH[1:], ids=str)
def test_what_was_announced_at_an_instant_does_not_differ_at_it(state: State) -> None:
    assert compared(state.tags, standing(state, state.as_of_ms, RULES)) == []
