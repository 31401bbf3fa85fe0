"""A stream of orders, clicks and service events out of nothing but a seed: hostile, for tests and smoke runs.

Every event carries `"source": "simulated"`; all draws come from `random.Random` seeded with text, so a
result depends on the arguments alone.
"""

import random
from collections import Counter
from collections.abc import Iterator
from operator import itemgetter
from typing import Any

from models.calendar import DAY_MS, iso

Event = dict[str, Any]

_MINUTE_MS = 60_000
_ODD_CLICKS = (
    *("page_view", "product_view", "search", "add_to_cart", "add_to_cart", "add_to_cart"),
    *("remove_from_cart", "checkout_start", "campaign_received", "login", "hover_3d"),
)
_ODD_SERVICE = (
    *("ticket_opened", "ticket_opened", "ticket_resolved", "complaint", "return", "refund"),
    *("csat", "nps", "feedback", "delivered", "wave"),
)
_SKUS = ("", " s1", *(f"s{n}" for n in range(1, 14)))
_CHANNELS = ("web", "Web", "app", "store", " store ", "marketplace", " ", "")
_METHODS = ("card", " card", "cash", "voucher", "invoice", "wallet", "", " ")
_BRANDS = ("Acme", "acme", "Borealis ", "Borealis", "Cirrus", "Dune", "Élan", "竹", "")
_CATEGORIES = (
    *("tea", " tea", "coffee", "bread", "fruit", "fish", "toys", "shoes", "garden", "books"),
    *("茶", "other", "x" * 70, ""),
)


def synthetic(seed: int, customers: int, events: int, start_ms: int, end_ms: int) -> Iterator[Event]:
    """A stream of orders, clicks and service events that has every oddity the contract allows.

    A few customers have a lot, many little; some fall silent early. Orders have several status events,
    amounts and details that differ or are absent, other currencies, cancelled after or before; refunds
    have no order; carts are filled and emptied by halves and without prices; event ids recur across kinds,
    order ids across customers, instants across events; times are written in three ways; some events come
    again within 30 days, word for word. There are fewer names of each sort than a profile keeps.

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
        times = [at_ms + rng.choice((0, 1000, 40 * _MINUTE_MS)) * n for n in range(_visit_length(rng))]
        return [(ms, {"type": kind, **_odd_click(rng)}) for ms in times]
    action = rng.choice(_ODD_SERVICE)
    if action in ("return", "refund"):  # no order needed, and now and then more than was spent
        return [(at_ms, {"type": kind, "action": action, **_money("refund_amount", rng)})]
    return [(at_ms, {"type": kind, "action": action, **_odd_details(action, rng)})]


def _visit_length(rng: random.Random) -> int:
    """Few clicks; now and then more than a cart remembers."""
    return rng.randint(1, 5) if rng.random() < 0.985 else 60


def _odd_click(rng: random.Random) -> Event:
    action = rng.choice(_ODD_CLICKS)
    event: Event = {"action": action}
    if rng.random() < 0.5:
        event["dwell_ms"] = rng.choice((0, 1_500, 2_499.9, 10**9, -1))
    if action in ("add_to_cart", "remove_from_cart", "checkout_start"):
        event |= _given("sku", rng.choice(_SKUS), 0.95, rng)
        event |= _given("qty", rng.choice((0, 0.5, 3)), 0.5, rng)
        event |= _given("price", rng.choice((12.5, "7.99", 0.125, 0, 249)), 0.5, rng)
    return event | _given("category", rng.choice(_CATEGORIES), 0.4, rng)


def _given(name: str, value: Any, share: float, rng: random.Random) -> Event:
    """A field that is there in a share of all cases."""
    return {name: value} if rng.random() < share else {}


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
    status = {} if rng.random() < 0.5 else {"status": "placed"}
    yield at_ms, {**_money("amount", rng), **status, **_order_details(rng)}
    if rng.random() < 0.4:
        later_ms = rng.choice((0, 1, rng.randint(0, 2 * DAY_MS)))
        money = _money("amount", rng) if rng.random() < 0.5 else {}
        yield at_ms + later_ms, {"status": "paid", **money, **_order_details(rng)}
    if rng.random() < 0.12:  # taken back, or known to be taken back before it is placed
        yield at_ms + rng.randint(-2 * DAY_MS, 4 * DAY_MS), {"status": "cancelled"}


def _order_details(rng: random.Random) -> Event:
    """What else an event may say of an order; two events of one order need not agree."""
    if rng.random() < 0.3:
        return {}
    methods = rng.choices(_METHODS, k=rng.randint(0, 3))
    listed = [{"method": method} for method in methods]
    payment: Any = rng.choice((methods[0] if methods else "", listed, [{}]))
    off = rng.choices((0, 0.5, 5, "12.345"), (3, 1, 3, 1), k=2)
    return {
        **_given("channel", rng.choice(_CHANNELS), 0.7, rng),
        **_given("payment", payment, 0.6, rng),
        **_given("items", _order_items(rng), 0.7, rng),
        **_given("discount", off[0], 0.4, rng),
        **_given("coupon_discount", off[1], 0.25, rng),
    }


def _order_items(rng: random.Random) -> list[Event]:
    names = rng.sample(_CATEGORIES, rng.choices((0, 1, 2, 3, 9), (1, 6, 4, 2, 1))[0])
    prices = [round(rng.uniform(0.5, 150), rng.choice((0, 2, 3))) for _ in range(3)]
    return [
        {
            **_given("category", name, 0.95, rng),
            **_given("sku", rng.choice(_SKUS), 0.5, rng),
            **_given("brand", rng.choice(_BRANDS), 0.5, rng),
            **_given("qty", rng.choice((0, 0.5, 1, 2.25, 3)), 0.6, rng),
            **_given("price", rng.choice((*prices, "3.335")), 0.7, rng),
            **_given("line_total", rng.choice((*prices, 0)), 0.3, rng),
        }
        for name in (*names, *names[:1])  # the first one in two lines
    ]


def _money(name: str, rng: random.Random) -> Event:
    """An amount to the cent, half a cent, whole, zero or unknown; its currency left out, ours or another."""
    cents = int(10 ** rng.uniform(2, 5))
    amounts = (None, 0, cents // 100, (cents * 10 + 5) / 1000, cents / 100)
    amount = rng.choices(amounts, (12, 3, 15, 20, 50))[0]
    if amount is None:
        return {}
    currency = rng.choices((None, "USD", "EUR", "JPY"), (60, 30, 6, 4))[0]
    return {name: amount} | ({"currency": currency} if currency else {})
