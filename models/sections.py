"""The sections of the document, each a function of a view; empty where a section is absent."""

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from models import journey
from models.calendar import iso
from models.days import WINDOWS
from models.payloads import is_score
from models.population.churn import p_alive
from models.population.value import clv_minor, expected_orders, expected_spend_minor
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


def _churn(view: "View") -> Section:
    risk, population = view.risk, view.rules.population
    if risk is None:
        return NOTHING
    out: Section = {}
    if population is not None and population.churn is not None:
        out["p_alive"] = round(p_alive(view.rhythm(), view.at_ms, population.churn), 6)
    out["risk"] = risk.level
    if risk.until_ms:
        out["risk_changes_at"] = iso(risk.until_ms)
    return out


def _value(view: "View") -> Section:
    """What a customer is expected to bring in a year."""
    population, orders = view.rules.population, view.state.orders
    if not orders.n or population is None or population.churn is None:
        return NOTHING
    rhythm = view.rhythm()
    out: Section = {"expected_orders_365d": round(expected_orders(rhythm, view.at_ms, population.churn), 4)}
    if population.value is not None and orders.valued:
        spend_minor = expected_spend_minor(orders.valued, orders.total_minor, population.value)
        out["clv_365d_minor"] = round(clv_minor(rhythm, spend_minor, view.at_ms, population.churn))
    return out


def _cluster(view: "View") -> Section:
    held, population = view.state.membership, view.rules.population
    if held is None or population is None or population.assigner is None:
        return NOTHING
    return {
        "id": held.cluster,
        "name": population.assigner.names.get(held.cluster, "gone"),
        "model_version": held.version,
        "since": iso(held.since_ms),
        "cause": "model" if view.state.moved_by_model else "behaviour",
    }


def _attributes(view: "View") -> Section:
    attributes = view.state.attributes
    if attributes is None:
        return NOTHING
    return {name: value for name, value in attributes.show().items() if not is_score(name, value)}


def _scores(view: "View") -> Section:
    attributes = view.state.attributes
    return attributes.scores() if attributes is not None else NOTHING


# What time alone does not change.
STILL = frozenset(("preferences", "habits", "promotion", "satisfaction", "scores", "attributes"))
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
    "churn": _churn,
    "value": _value,
    "cluster": _cluster,
    "scores": _scores,
    "attributes": _attributes,
}
