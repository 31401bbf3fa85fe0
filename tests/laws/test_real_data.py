"""Profiles of real customers against the oracle, every field, without broker and store."""

import json
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

import orjson
import pytest
from builders import RULES, arrive, document_at
from oracle import OracleSettings, compare, event_time_ms, recompute

from models import step
from models.state import State
from streams.local.datasets import cdnow, complete_journey
from streams.local.simulate import simulate

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
Event = dict[str, Any]


def grocery(seed: int) -> list[Event]:
    """Orders and campaign clicks of 200 households; visits and service events around them are simulated."""
    orders = list(complete_journey(200))
    return sorted([*orders, *simulate(orders, seed)], key=lambda event: event_time_ms(event["ts"]))


def profiles(events: Iterable[Event], at_ms: int) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
    """What the oracle says of each customer, and the document."""
    by_customer: dict[str, list[Event]] = defaultdict(list)
    for event in events:
        if event_time_ms(event["ts"]) <= at_ms:
            by_customer[event["customer_id"]].append(event)
    for cid, own in by_customer.items():
        state = State()
        step.on_events(state, list(arrive(own)), RULES, live=False)
        exact = [json.loads(orjson.dumps(event), parse_float=Decimal) for event in own]
        yield recompute(exact, at_ms, settings=OracleSettings())[cid], document_at(state, at_ms)


def test_every_field_of_every_household_is_the_oracles(seed: int) -> None:
    whole = 0
    for wanted, doc in profiles(grocery(seed), event_time_ms("2017-10-01T00:00:00Z")):
        assert compare(wanted, doc) == []
        whole += {"habits", "journey", "preferences", "promotion", "health", "engagement"} <= doc.keys()
    assert whole > 180


def test_every_field_of_every_buyer_of_music_is_the_oracles() -> None:
    compared = 0
    for wanted, doc in profiles(cdnow(), event_time_ms("1998-07-01T00:00:00Z")):
        assert compare(wanted, doc) == []
        compared += 1
    assert compared == 23_570
