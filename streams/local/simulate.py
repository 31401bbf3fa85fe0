"""Seeded invention: what the real data sets lack, and late and repeated delivery; `synthetic` needs no data.

Every event carries `"source": "simulated"`: nothing made here may be taken for an observation. All draws
come from `random.Random` seeded with text, so a result depends on the arguments alone, not on the
process, and the events around one order do not change when other orders join.
"""

import random
from collections.abc import Iterable, Iterator
from typing import Any

from models.calendar import DAY_MS, iso
from streams.oracle import event_time_ms

Event = dict[str, Any]

_MINUTE_MS = 60_000
_STEPS = ("page_view", "list_view", "search", "product_view", "product_view", "add_to_cart", "favourite")
_PAGES = ("home", "offers", "stores", "account")
# Share of orders that lead to a service event of this kind, and days after the order.
_AFTERMATH = (
    ("delivered", 0.90, (1, 5)),
    ("ticket_opened", 0.05, (1, 10)),
    ("complaint", 0.02, (2, 14)),
    ("return", 0.04, (3, 21)),
    ("csat", 0.08, (2, 9)),
    ("nps", 0.02, (5, 30)),
)


def simulate(orders: Iterable[Event], seed: int) -> list[Event]:
    """Clicks and service events that might have surrounded real orders.

    Before an order there is a session of up to an hour that ends in the checkout, now and then preceded by
    a campaign or an idle visit; after it come delivery, tickets, returns and ratings, within 30 days.

    Args:
        orders: contract events; clicks, cancellations and further events of an order are passed over.
        seed: any number; the same one gives the same events.

    Returns:
        The simulated events only, sorted by time.
    """
    made: list[Event] = []
    seen: set[tuple[str, str]] = set()
    for order in orders:
        identity = (order["customer_id"], order.get("order_id", ""))
        if order["type"] != "order" or order.get("status") == "cancelled" or identity in seen:
            continue
        seen.add(identity)
        rng = random.Random(f"{seed} {order['customer_id']} {order['event_id']}")
        around = [*_visits(order, rng), *_aftermath(order, rng)]
        made += [_finish(event, order, number) for number, event in enumerate(around)]
    return sorted(made, key=lambda event: (event["ts"], event["event_id"]))


def disorder(events: Iterable[Event], seed: int, within_ms: int, repeat_ratio: float) -> list[Event]:
    """Deliver events late and some of them twice.

    Args:
        events: contract events in any order.
        seed: any number.
        within_ms: no event comes after one that is more than this younger, repeats aside.
        repeat_ratio: share of events sent a second time, up to 30 days (of event time) later.

    Returns:
        All events and the repeats, in order of arrival; the dicts are the given ones.
    """
    rng = random.Random(f"disorder {seed}")
    arrivals: list[tuple[int, float, Event]] = []
    for event in events:
        arrival_ms = event_time_ms(event["ts"]) + rng.randint(0, within_ms)
        arrivals.append((arrival_ms, rng.random(), event))
        if rng.random() < repeat_ratio:
            arrivals.append((arrival_ms + rng.randint(0, 30 * DAY_MS), rng.random(), event))
    return [event for _, _, event in sorted(arrivals, key=lambda row: row[:2])]


def _finish(event: Event, order: Event, number: int) -> Event:
    event_id = f"sim-{order['event_id']}-{number}"
    return {"event_id": event_id, "customer_id": order["customer_id"], **event, "source": "simulated"}


def _visits(order: Event, rng: random.Random) -> Iterator[Event]:
    bought_ms = event_time_ms(order["ts"])
    if rng.random() < 0.10:
        campaign = {"action": "campaign_click", "campaign_id": f"sim-{rng.randint(1, 20)}"}
        yield {"type": "click", "ts": iso(bought_ms - rng.randint(DAY_MS // 24, 3 * DAY_MS)), **campaign}
    if rng.random() < 0.25:  # an idle visit some days before
        yield from _session(order, bought_ms - rng.randint(DAY_MS, 12 * DAY_MS), rng)
    yield from _session(order, bought_ms - rng.randint(5, 60) * _MINUTE_MS, rng)
    for action, before_ms in (("add_to_cart", 2 * _MINUTE_MS), ("checkout_start", _MINUTE_MS)):
        yield {"type": "click", "ts": iso(bought_ms - before_ms), "action": action, **_product(order, rng)}


def _session(order: Event, start_ms: int, rng: random.Random) -> Iterator[Event]:
    at_ms = start_ms
    for _ in range(rng.randint(2, 6)):
        action = rng.choice(_STEPS)
        event = {"type": "click", "ts": iso(at_ms), "action": action, "dwell_ms": rng.randint(800, 90_000)}
        product = _product(order, rng)
        if action == "page_view":
            event["page"] = rng.choice(_PAGES)
        elif action == "search":
            event["query"] = product.get("category", "gift").lower()
        else:
            event |= product
        yield event
        at_ms += rng.randint(500, 30_000)


def _product(order: Event, rng: random.Random) -> dict[str, str]:
    """What is looked at: mostly something that was then bought."""
    items = order.get("items") or [{}]
    return {name: value for name, value in rng.choice(items).items() if name in ("sku", "category")}


def _aftermath(order: Event, rng: random.Random) -> Iterator[Event]:
    bought_ms = event_time_ms(order["ts"])
    for action, share, (first_day, last_day) in _AFTERMATH:
        if rng.random() >= share:
            continue
        at_ms = bought_ms + rng.randint(first_day * DAY_MS, last_day * DAY_MS)
        details = {"order_id": order["order_id"], **_details(action, order, rng)}
        yield {"type": "service", "ts": iso(at_ms), "action": action, **details}
        if action == "ticket_opened" and rng.random() < 0.85:
            solved_ms = at_ms + rng.randint(DAY_MS // 24, 4 * DAY_MS)
            yield {"type": "service", "ts": iso(solved_ms), "action": "ticket_resolved", **details}


def _details(action: str, order: Event, rng: random.Random) -> Event:
    if action == "ticket_opened":
        return {"ticket_id": f"sim-{order['event_id']}"}
    if action == "complaint":
        return {
            "text": rng.choice(("late", "broken", "wrong item", "rude on the phone")),
            "sentiment": -0.6,
        }
    if action == "csat":
        return {"score": rng.choices((1, 2, 3, 4, 5), (1, 1, 2, 5, 6))[0], "scale": 5}
    if action == "nps":
        return {"score": rng.randint(0, 10), "scale": 10}
    if action == "return" and order.get("amount"):
        share = rng.choice((0.25, 0.5, 1.0))
        refund = {"refund_amount": round(float(order["amount"]) * share, 2)}
        return refund | ({"currency": order["currency"]} if "currency" in order else {})
    return {}
