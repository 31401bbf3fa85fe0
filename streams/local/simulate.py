"""Seeded invention: what the real data sets lack, and hostile streams for tests.

Every event carries `"source": "simulated"`: nothing made here may be taken for an observation. All draws
come from `random.Random` seeded with text, so a result depends on the arguments alone, not on the
process, and the events around one order do not change when other orders join.
"""

import random
from collections import Counter
from collections.abc import Iterable, Iterator
from operator import itemgetter
from typing import Any

from models.calendar import DAY_MS, iso
from streams.oracle import event_time_ms

Event = dict[str, Any]

_MINUTE_MS = 60_000
_STEPS = ("page_view", "list_view", "search", "product_view", "product_view", "add_to_cart", "favourite")
_PAGES = ("home", "offers", "stores", "account")
_ODD_CLICKS = ("page_view", "product_view", "search", "add_to_cart", "campaign_received", "login", "hover_3d")
_ODD_SERVICE = (
    *("ticket_opened", "ticket_opened", "ticket_resolved", "complaint", "return", "refund"),
    *("csat", "nps", "feedback", "delivered", "wave"),
)
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


def synthetic(seed: int, customers: int, events: int, start_ms: int, end_ms: int) -> Iterator[Event]:
    """A stream of orders, clicks and service events that has every oddity the contract allows.

    A few customers have a lot, many little; some fall silent early. Orders have several status events,
    amounts that differ or are absent, other currencies, cancelled after or before; refunds have no order;
    event ids recur across kinds, order ids across customers, instants across events; times are written in
    three ways; some events come again within 30 days, word for word.

    Args:
        seed: any number.
        customers: how many ids to draw from, `c0` and up.
        events: how many events to yield, repeats included.
        start_ms: earliest event time.
        end_ms: latest event time.

    Yields:
        Events sorted by time; a repeat follows its original somewhere.
    """
    rng = random.Random(f"synthetic {seed}")
    repeats = events // 25
    made: list[tuple[int, Event]] = []
    incidents, numbers = Counter[int](), Counter[tuple[str, str]]()
    while len(made) < events - repeats:
        customer = int(customers * rng.random() ** 3)
        incidents[customer] += 1
        share = rng.random() ** (1 + customer // 4 % 2) * (1 - (customer % 4) ** 2 / 12)
        story = _incident(rng, start_ms + int((end_ms - start_ms) * share), f"o{incidents[customer]}")
        for at_ms, event in story:
            ts_ms = min(max(at_ms, start_ms), end_ms)
            made.append((ts_ms, {"customer_id": f"c{customer}", "ts": _written(ts_ms, rng), **event}))
    del made[max(events - repeats, 0) :]
    for _, event in made:
        numbers[owner := (event["customer_id"], event["type"])] += 1
        event |= {"event_id": f"{owner[0]}-{numbers[owner]}", "source": "simulated"}
    for ts_ms, event in [rng.choice(made) for _ in range(repeats)]:
        made.append((min(ts_ms + rng.randint(0, 30 * DAY_MS), end_ms), event))
    yield from (event for _, event in sorted(made, key=itemgetter(0)))


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


def _written(ts_ms: int, rng: random.Random) -> str | int:
    """One instant in any of the forms the contract allows."""
    return rng.choice((ts_ms, iso(ts_ms), iso(ts_ms + 19_800_000).replace("Z", "+05:30")))


def _incident(rng: random.Random, at_ms: int, order_id: str) -> list[tuple[int, Event]]:
    if rng.random() < 0.2:
        at_ms -= at_ms % DAY_MS  # midnight: ties, and the edge of a window
    kind = rng.choices(("order", "click", "service"), (5, 3, 2))[0]
    if kind == "order":
        return [(ms, {"type": kind, "order_id": order_id, **body}) for ms, body in _order_story(rng, at_ms)]
    if kind == "click":
        times = [at_ms + rng.choice((0, 1000, 40 * _MINUTE_MS)) * n for n in range(rng.randint(1, 5))]
        dwell = rng.choice(({}, {"dwell_ms": rng.choice((0, 1_500, 2_499.9, 10**9, -1))}))
        return [(ms, {"type": kind, "action": rng.choice(_ODD_CLICKS), **dwell}) for ms in times]
    action = rng.choice(_ODD_SERVICE)
    if action in ("return", "refund"):  # no order needed, and now and then more than was spent
        return [(at_ms, {"type": kind, "action": action, **_money("refund_amount", rng)})]
    return [(at_ms, {"type": kind, "action": action, **_odd_details(action, rng)})]


def _odd_details(action: str, rng: random.Random) -> Event:
    """Tickets that are opened and resolved again and again; answers beside their scale."""
    if action.startswith("ticket"):
        return {"ticket_id": f"t{rng.randrange(4)}"} if rng.random() < 0.9 else {}
    score = {"score": rng.choice((0, 1, 3.5, 4, 7, 10, 11)), "scale": rng.choice((5, 10, 7))}
    if rng.random() < 0.3:
        del score["scale"]
    sentiment = {"sentiment": rng.choice((-1, -0.6, 0, 0.25, 1, 1.5))} if rng.random() < 0.4 else {}
    return (score if action in ("csat", "nps") else {}) | sentiment


def _order_story(rng: random.Random, at_ms: int) -> Iterator[tuple[int, Event]]:
    yield at_ms, _money("amount", rng) | ({} if rng.random() < 0.5 else {"status": "placed"})
    if rng.random() < 0.4:
        later_ms = rng.choice((0, 1, rng.randint(0, 2 * DAY_MS)))
        yield at_ms + later_ms, {"status": "paid", **(_money("amount", rng) if rng.random() < 0.5 else {})}
    if rng.random() < 0.12:  # taken back, or known to be taken back before it is placed
        yield at_ms + rng.randint(-2 * DAY_MS, 4 * DAY_MS), {"status": "cancelled"}


def _money(name: str, rng: random.Random) -> Event:
    """An amount to the cent, half a cent, whole, zero or unknown; its currency left out, ours or another."""
    cents = int(10 ** rng.uniform(2, 5))
    amounts = (None, 0, cents // 100, (cents * 10 + 5) / 1000, cents / 100)
    amount = rng.choices(amounts, (12, 3, 15, 20, 50))[0]
    if amount is None:
        return {}
    currency = rng.choices((None, "USD", "EUR", "JPY"), (60, 30, 6, 4))[0]
    return {name: amount} | ({"currency": currency} if currency else {})
