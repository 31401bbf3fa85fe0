"""Preferences out of the latest orders: exact whatever came first, cancelled orders among them."""

import random
from typing import Any

from builders import DAY, RULES, T0, order, parsed

from models.baskets import baskets
from models.events import Order
from models.orders import DETAILED
from models.purchases import Purchases


def folded(events: list[dict[str, Any]]) -> Purchases:
    out = Purchases()
    for event in events:
        one = parsed(event)
        assert isinstance(one, Order)
        out.add(one, RULES.calendar, RULES)
    out.settle(RULES)
    return out


def shown(events: list[dict[str, Any]]) -> dict[str, Any]:
    found: dict[str, Any] = folded(events).preferences(RULES)
    return found


def bought(n: int, category: str, at_ms: int | None = None) -> dict[str, Any]:
    items = [{"category": category, "price": 5}]
    return order(f"o{n}", T0 + n * DAY if at_ms is None else at_ms, 5, items=items)


def test_only_the_latest_orders_speak_and_a_cancelled_one_holds_its_place() -> None:
    old, new = bought(0, "tea"), [bought(n, "salt") for n in range(1, DETAILED)]
    assert "tea" in shown([old, *new])["categories"]
    gone = order("x", T0 + 99 * DAY, status="cancelled")
    assert shown([old, *new, gone])["categories"] == {"salt": 1.0}
    assert shown([gone, old, *new]) == shown([old, *new, gone])


def test_newer_orders_weigh_more_and_halve_every_ninety_days() -> None:
    found = shown([bought(0, "tea"), bought(90, "salt")])["categories"]
    assert found == {"salt": 0.6667, "tea": 0.3333}


def test_what_is_remembered_is_what_the_ledger_says_in_any_order(seed: int) -> None:
    rng = random.Random(seed)
    for _ in range(40):
        events = []
        for n in range(rng.randrange(1, 60)):  # of none there are no baskets
            at_ms = T0 + rng.randrange(9) * DAY  # many at one instant
            events.append(bought(n, rng.choice(["tea", "salt", "rice"]), at_ms))
            if rng.random() < 0.4:
                events.append(order(f"o{n}", at_ms + rng.randrange(-3, 3) * DAY, status="cancelled"))
            if rng.random() < 0.3:
                events.append(order(f"o{n}", at_ms + DAY, channel=rng.choice(["app", "web"]), payment="card"))
        straight, mixed = folded(events), folded(rng.sample(events, len(events)))
        assert straight.baskets == baskets(straight.orders, RULES)
        assert straight.preferences(RULES) == mixed.preferences(RULES)
        assert repr(straight.baskets) == repr(mixed.baskets)  # to the last bit
