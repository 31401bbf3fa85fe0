"""The sections of the document, each a function of a view; empty where a section is absent."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models import journey
from models.calendar import iso
from models.days import WINDOWS
from models.rules import DAY_MS

if TYPE_CHECKING:
    from models.view import View

Section = dict[str, Any]
_ORDER_NAMES = tuple(f"{width}d" for width in WINDOWS)
NOTHING: Section = {}


def _rfm(view: "View") -> Section:
    state, now, orders = view.state, view.now, view.state.orders
    out: Section = {
        "frequency": now.orders,
        "monetary_minor": now.total_minor,
        "orders_without_amount": orders.unknown,
        "refunds_minor": now.total_minor - now.net_minor,
        "net_minor": now.net_minor,
        "currency": view.rules.currency,
    }
    if state.purchases.foreign is not None and (foreign := state.purchases.foreign.show()):
        out["foreign"] = foreign
    windows = zip(_ORDER_NAMES, orders.days.windows(view.day, WINDOWS), strict=True)
    out["windows"] = {name: {"orders": n, "monetary_minor": minor} for name, (n, minor) in windows}
    if now.orders:
        out["first_order_at"] = iso(orders.first_ms())
        out["last_order_at"] = iso(now.last_order_ms)
        out["recency_days"] = (now.at_ms - now.last_order_ms) / DAY_MS
        out["r"], out["f"], out["m"] = now.r, now.f, now.m
        out["segment"] = now.segment
    return out


def _engagement(view: "View") -> Section:
    engagement = view.state.engagement
    return engagement.show(view.day) if engagement is not None else NOTHING


def _journey(view: "View") -> Section:
    state = view.state
    return journey.show(view.now.journey, state.journey.last_ms if state.journey is not None else None)


def _preferences(view: "View") -> Section:
    state = view.state
    state.purchases.settle(view.rules)
    out = state.purchases.preferences(view.rules)
    if state.engagement is not None and (interests := state.engagement.interests()):
        out["interests"] = interests
    return out


def _habits(view: "View") -> Section:
    purchases = view.state.purchases
    return purchases.habits.show(purchases.orders, view.rules) if purchases.habits is not None else NOTHING


def _promotion(view: "View") -> Section:
    purchases = view.state.purchases
    if view.rules.price_edges:
        purchases.settle(view.rules)
    return purchases.spending()


def _service(view: "View") -> Section:
    service = view.state.service
    return service.show(view.at_ms, view.now.orders) if service is not None else NOTHING


def _satisfaction(view: "View") -> Section:
    satisfaction = view.state.satisfaction
    return satisfaction.show() if satisfaction is not None else NOTHING


def _health(view: "View") -> Section:
    return view.health.show() if view.health is not None else NOTHING


def _attributes(view: "View") -> Section:
    attributes = view.state.attributes
    return attributes.show() if attributes is not None else NOTHING


# What time alone does not change.
STILL = frozenset(("preferences", "habits", "promotion", "satisfaction", "attributes"))
OF: dict[str, Callable[["View"], Section]] = {
    "rfm": _rfm,
    "engagement": _engagement,
    "journey": _journey,
    "preferences": _preferences,
    "habits": _habits,
    "promotion": _promotion,
    "service": _service,
    "satisfaction": _satisfaction,
    "health": _health,
    "attributes": _attributes,
}
