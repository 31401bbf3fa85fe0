"""How rules read the fields of a profile: from the state where that is cheap, else from the section.

A field that is not named here is read from its section of the document and moves by events only; the test of
this file holds every field against the document, and every instant against looking at all later ones.
"""

from collections.abc import Callable
from datetime import datetime
from typing import Any

from models.days import WINDOWS, Days
from models.engagement import WINDOWS as CLICK_WINDOWS
from models.health import MOVED_BY
from models.journey import STEPS
from models.lifecycle import threshold_days
from models.rulelang import NEVER, Reader
from models.rulelang.nodes import Field
from models.rules import DAY_MS
from models.sections import OF, STILL
from models.standing import segment_until_ms
from models.view import View


def bind(field: Field) -> Reader:
    """The reader of a field."""
    path, key = field.path, field.key
    if key is None:
        name = path
    elif path in BY_KEY:
        return BY_KEY[path](key)
    else:
        name = path.replace("*", key) if "*" in path else ""
    if name in READERS:
        return READERS[name]
    section, *inner = path.split(".")
    inner = [key or "" if part == "*" else part for part in inner]
    if key is not None and "*" not in path:
        inner.append(key)
    moves = _health_moves if section == "health" else None
    return Reader(
        _from_section(section, inner, is_instant=field.type.kind == "instant"), moves, is_sure=False
    )


def _from_section(section: str, path: list[str], *, is_instant: bool) -> Callable[[View], Any]:
    assert section in OF

    is_still, first, rest = section in STILL, path[0], path[1:]

    def get(view: View) -> Any:
        found: Any = (view.still if is_still else view.moving).get(section)
        if found is None:
            found = view.section(section)
        found = found.get(first)
        if found is None:
            return None
        for name in rest:
            found = found.get(name)
            if found is None:
                return None
        return round(datetime.fromisoformat(found).timestamp() * 1000) if is_instant else found

    return get


def _attribute(name: str) -> Reader:
    def get(view: View) -> Any:
        attributes = view.state.attributes
        return attributes.get(name) if attributes is not None else None

    return Reader(get, is_typed=False)


def _window(days_of: Callable[[View], Days | None], width: int, *, money: bool = False) -> Reader:
    """What calendar days of a window add up to: time only takes away from it, a day at a midnight."""
    which = 1 if money else 0

    def get(view: View) -> int | None:
        days = days_of(view)
        return None if days is None else days.within(view.day, width)[which]

    def moves(view: View) -> int:
        days = days_of(view)
        day = None if days is None else days.next_change(view.day, (width,))
        return NEVER if day is None else view.rules.calendar.start_ms(day)

    def falls(view: View, below: float) -> int:
        days = days_of(view)
        day = None if days is None else days.falls(width, below, money=money)
        return NEVER if day is None else view.rules.calendar.start_ms(day)

    return Reader(get, moves, falls, is_sure=not money)


def _order_days(view: View) -> Days:
    return view.state.orders.days


def _click_days(view: View) -> Days | None:
    engagement = view.state.engagement
    return engagement.days if engagement is not None else None


def _health_moves(view: View) -> int:
    """Health is made of scores and windows."""
    found = [view.now.r_until_ms] if view.now.r_until_ms else []
    for days, widths in ((_order_days(view), MOVED_BY[0]), (_click_days(view), MOVED_BY[1])):
        day = days.next_change(view.day, widths) if days is not None else None
        if day is not None:
            found.append(view.rules.calendar.start_ms(day))
    return min(found, default=NEVER)


def _activity(view: View) -> float | None:
    engagement = view.state.engagement
    return round(engagement.activity(view.day), 6) if engagement is not None else None


def _activity_moves(view: View) -> int:
    return view.rules.calendar.start_ms(view.day + 1) if _activity(view) else NEVER


def _latest(action: str) -> Reader:
    def get(view: View) -> int | None:
        engagement = view.state.engagement
        return engagement.latest_ms.get(action) if engagement is not None else None

    return Reader(get)


def _slice(channel: str) -> Reader:
    def get(view: View) -> int | None:
        channels = view.state.purchases.channels
        one = channels.slices.get(channel) if channels is not None else None
        return one.n if one is not None else None

    return Reader(get)


def _side(view: View, *, is_offline: bool) -> int | None:
    channels, offline = view.state.purchases.channels, view.rules.offline_channels
    if channels is None:
        return None
    return sum([one.n for name, one in channels.slices.items() if (name in offline) == is_offline]) or None


def _step(name: str) -> Reader:
    i = STEPS.index(name)

    def get(view: View) -> int | None:
        journey = view.state.journey
        return (journey.last_ms[i] or None) if journey is not None else None

    return Reader(get)


def _edge(what: str, i: int) -> Reader:
    """An edge between two scores: of the population, else of the settings; of recency in days."""
    fixed, moving = EDGES[what]

    def get(view: View) -> float:
        population = view.rules.population
        if population is None or population.quintiles is None:
            edge: float = getattr(view.rules, fixed)[i]
            return edge
        edge = getattr(population.quintiles, moving).at[i]
        return edge / DAY_MS if what == "recency" else edge

    return Reader(get)


BY_KEY: dict[str, Callable[[str], Reader]] = {
    "attributes": _attribute,
    "engagement.latest": _latest,
    "journey.steps": _step,
    "preferences.slices.*.orders": _slice,
}
READERS: dict[str, Reader] = {
    "first_seen_at": Reader(lambda view: view.state.first_seen_ms or None),
    "last_seen_at": Reader(lambda view: view.state.last_seen_ms or None),
    "last_active_at": Reader(lambda view: view.state.last_active_ms or None),
    "rfm.frequency": Reader(lambda view: view.state.purchases.orders.n),
    "rfm.monetary_minor": Reader(lambda view: view.state.purchases.orders.total_minor),
    "rfm.net_minor": Reader(lambda view: view.now.net_minor),
    "rfm.first_order_at": Reader(lambda view: view.state.orders.first_ms() or None),
    "rfm.last_order_at": Reader(lambda view: view.now.last_order_ms or None),
    "rfm.r": Reader(lambda view: view.now.r or None, lambda view: view.now.r_until_ms or NEVER),
    "rfm.f": Reader(lambda view: view.now.f or None),
    "rfm.m": Reader(lambda view: view.now.m or None),
    "rfm.segment": Reader(
        lambda view: view.now.segment, lambda view: segment_until_ms(view.now, view.rules) or NEVER
    ),
    "lifecycle.stage": Reader(
        lambda view: view.now.stage or None, lambda view: view.now.stage_until_ms or NEVER
    ),
    "lifecycle.threshold_days": Reader(
        lambda view: threshold_days(view.now.stage, view.rules),
        lambda view: view.now.stage_until_ms or NEVER,
        is_sure=False,
    ),
    "journey.abandoned": Reader(
        lambda view: view.now.journey.abandoned or None, lambda view: view.now.journey.until_ms or NEVER
    ),
    "journey.cart.state": Reader(
        lambda view: view.now.journey.cart_state or None,
        lambda view: (view.now.journey.until_ms if view.now.journey.cart_state else 0) or NEVER,
    ),
    "journey.cart.idle_since": Reader(
        lambda view: view.now.journey.idle_ms if view.now.journey.cart is not None else None
    ),
    "churn.risk": Reader(
        lambda view: view.risk.level if view.risk is not None else None,
        lambda view: (view.risk.until_ms if view.risk is not None else 0) or NEVER,
    ),
    "health.band": Reader(
        lambda view: view.health.band if view.health is not None else None, _health_moves, is_sure=False
    ),
    "preferences.online.orders": Reader(lambda view: _side(view, is_offline=False)),
    "preferences.offline.orders": Reader(lambda view: _side(view, is_offline=True)),
    "engagement.activity": Reader(_activity, _activity_moves, is_sure=False),
}
for _width in WINDOWS:
    READERS[f"rfm.windows.{_width}d.orders"] = _window(_order_days, _width)
    READERS[f"rfm.windows.{_width}d.monetary_minor"] = _window(_order_days, _width, money=True)
for _width in CLICK_WINDOWS:
    READERS[f"engagement.windows.{_width}d.clicks"] = _window(_click_days, _width)
EDGES = {
    "recency": ("recency_edges_days", "recency_ms"),
    "frequency": ("frequency_edges", "frequency"),
    "monetary": ("monetary_edges_minor", "monetary_minor"),
}
POPULATION = {f"population.{what}_p{20 * (i + 1)}": (what, i) for what in EDGES for i in range(4)}
for _path, (_what, _i) in POPULATION.items():
    READERS[_path] = _edge(_what, _i)
