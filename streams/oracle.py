"""The slow, obvious answer: a customer's profile recomputed from all raw events at once.

`profilestream verify` and the tests hold the incremental profile against this one, so nothing here may
be shared with `models/`: every definition of DESIGN 5 is written a second time, as literally as the
words allow, with no state carried from one event to the next. It reads events that already passed the
input contract (DESIGN 4); it does not validate. Of control events attributes and consent are looked at;
all else in them, `erase` too, is ignored.

Parse lines with `json.loads(line, parse_float=Decimal)`: a float spoils amounts of more than 15 digits.
"""

from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

from streams import oracle_journey, oracle_population, oracle_purchases, oracle_sections, oracle_tags
from streams.oracle_compare import compare
from streams.oracle_orders import Event, Purchase, Timed, minor_units, money, purchases, recent
from streams.oracle_sections import iso, local
from streams.oracle_settings import OracleSettings

__all__ = ["OracleSettings", "compare", "event_time_ms", "minor_units", "recompute"]

_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_PASSIVE = frozenset({"campaign_received", "delivered"})  # things done to a customer, not by one
_SEGMENTS = {  # recency score -> segment by fm = 1..5
    5: ("new_customers", "potential_loyalists", "potential_loyalists", "loyal_customers", "champions"),
    4: ("promising", "promising", "potential_loyalists", "loyal_customers", "loyal_customers"),
    3: ("about_to_sleep", "need_attention", "need_attention", "loyal_customers", "loyal_customers"),
    2: ("hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose_them"),
    1: ("lost", "lost", "hibernating", "at_risk", "cannot_lose_them"),
}
_STAGES = ("prospect", "lost", "dormant", "at_risk", "reactivated", "new", "active", "mature")
_WORDS = {  # vocabulary -> the names of those stages there; "" = such silence has no name
    "standard": ("prospect", "lost", "dormant", "at_risk", "reactivated", "new", "active", "active"),
    "purchase": ("prospect", "lapsed", "lapsed", "", "reactivated", "first_purchase", "repeat", "repeat"),
    "growth": ("acquisition", *["decline"] * 3, "reactivated", "activation", "growth", "maturity"),
}


def recompute(events: Iterable[Event], at_ms: int, *, settings: OracleSettings) -> dict[str, dict[str, Any]]:
    """Profiles of all customers that something is known of at an instant.

    Args:
        events: valid events in stream order; of a repeated `event_id` the first copy counts.
        at_ms: the instant T, epoch ms; later events do not exist.
        settings: currency, zone and thresholds.

    Returns:
        Customer id -> the fields of the public document that this oracle knows.
    """
    seen: set[tuple[str, str, str]] = set()
    customers: dict[str, dict[str, list[Timed]]] = {}
    for event in events:
        kind, customer = event["type"], event["customer_id"]
        identity = (customer, kind, event["event_id"])
        ts_ms = event_time_ms(event["ts"])
        if ts_ms > at_ms or identity in seen:
            continue
        seen.add(identity)
        kinds = customers.setdefault(customer, {"order": [], "click": [], "service": [], "control": []})
        kinds[kind].append((ts_ms, event))
    profiles = {cid: _permitted(kinds, at_ms, settings) for cid, kinds in customers.items()}
    return {cid: profile for cid, profile in profiles.items() if profile}


def event_time_ms(ts: str | int) -> int:
    """Epoch ms of an event's `ts`: epoch ms already, or ISO-8601 with offset (finer parts are cut off).

    >>> event_time_ms("1970-01-01T01:00:01.5+01:00")
    1500
    """
    return ts if isinstance(ts, int) else (datetime.fromisoformat(ts) - _EPOCH) // timedelta(milliseconds=1)


def _permitted(kinds: dict[str, list[Timed]], at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    """The profile, as far as the customer consents."""
    words = [
        (ts_ms, event["consent"]["status"])
        for ts_ms, event in kinds["control"]
        if event["action"] == "consent"
    ]
    if not words:
        return _profile(kinds, at_ms, settings) if _speaks(kinds) else {}
    ts_ms, status = max(words)  # at one instant "withdrawn" comes after "given"
    said = {"consent": {"status": status, "at": iso(ts_ms)}}
    if status == "withdrawn":
        return said | {"tags": {}}
    withdrawn_ms = max((ts_ms for ts_ms, word in words if word == "withdrawn"), default=None)
    if withdrawn_ms is not None:  # all begins anew with the consent after that
        again_ms = min(ts_ms for ts_ms, _ in words if ts_ms > withdrawn_ms)
        kinds = {kind: [one for one in some if one[0] >= again_ms] for kind, some in kinds.items()}
    return said | _profile(kinds, at_ms, settings)


def _speaks(kinds: dict[str, list[Timed]]) -> list[Timed]:
    """Events that make a customer known: control events of unknown actions do not."""
    told = [timed for timed in kinds["control"] if timed[1]["action"] == "attributes"]
    return kinds["order"] + kinds["click"] + kinds["service"] + told


def _profile(kinds: dict[str, list[Timed]], at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    clicks, services = kinds["click"], kinds["service"]
    orders, latest = purchases(kinds["order"], settings), recent(kinds["order"], settings)
    times_ms = sorted(one.at_ms for one in orders)
    returned = [timed for timed in services if timed[1].get("action") in ("return", "refund")]
    refunds_minor = sum(money(event, "refund_amount", ts_ms, settings) or 0 for ts_ms, event in returned)
    timed = kinds["order"] + clicks + services
    told = oracle_sections.attributes(kinds["control"])
    zone = oracle_purchases.home_zone(told.get("attributes", {}), settings)
    instants = [ts_ms for ts_ms, _ in timed]
    seen = {"first_seen_at": iso(min(instants)), "last_seen_at": iso(max(instants))} if instants else {}
    out: dict[str, Any] = {
        **seen,
        **told,
        "rfm": _rfm(orders, refunds_minor, at_ms, settings),
        "lifecycle": {"stage": _stage(times_ms, at_ms, settings)},
        **oracle_sections.engagement(clicks, lambda ts_ms: _age(ts_ms, at_ms, settings.zone)),
        **oracle_sections.service(services, at_ms, len(orders)),
        **oracle_sections.satisfaction(services),
        **oracle_purchases.preferences(orders, latest, clicks, settings),
        **oracle_purchases.habits(orders, zone, settings),
        **oracle_purchases.promotion(orders, latest, settings),
        **oracle_journey.journey(times_ms, clicks, services, at_ms, settings),
    }
    out |= oracle_journey.health(out, settings)
    own = [ts_ms for ts_ms, event in timed if event["type"] == "order" or event.get("action") not in _PASSIVE]
    if own:
        out["last_active_at"] = iso(max(own))
    if times_ms:
        out["churn"] = _churn(times_ms, at_ms, settings)
        out |= _value(orders, times_ms, at_ms, settings)
        if "cluster" in settings.announced:
            out["cluster"] = settings.announced["cluster"]
    stage = {"threshold_days": _threshold_days(out["lifecycle"]["stage"], settings)}
    asked = oracle_tags.Asked(
        {**out, "lifecycle": out["lifecycle"] | stage},
        _counted(times_ms, clicks, services),
        at_ms,
        local(at_ms, zone),
        settings,
    )
    return {**out, "tags": oracle_tags.tags(asked)}


def _churn(times_ms: list[int], at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    """By the customer's rhythm where the population is known, else by days of silence."""
    days = [local(one, settings.zone).toordinal() for one in times_ms]
    found = oracle_population.churn(days, times_ms, at_ms, settings)
    if found and settings.churn_rule == "rhythm":
        return found
    alive = {name: p for name, p in found.items() if name == "p_alive"}
    medium_ms, high_ms = (times_ms[-1] + days * _DAY_MS for days in settings.churn_days)
    if at_ms >= high_ms:
        return {**alive, "risk": "high"}
    if at_ms >= medium_ms:
        return {**alive, "risk": "medium", "risk_changes_at": iso(high_ms)}
    return {**alive, "risk": "low", "risk_changes_at": iso(medium_ms)}


def _value(
    orders: list[Purchase], times_ms: list[int], at_ms: int, settings: OracleSettings
) -> dict[str, Any]:
    days = [local(one, settings.zone).toordinal() for one in times_ms]
    valued = {local(one.at_ms, settings.zone).toordinal() for one in orders if one.minor is not None}
    total_minor = sum(one.minor or 0 for one in orders)
    found = oracle_population.value(days, times_ms, len(valued), total_minor, at_ms, settings)
    return {"value": found} if found else {}


def _counted(orders_ms: list[int], clicks: list[Timed], services: list[Timed]) -> dict[str, list[int]]:
    """When what a rule can count happened; unknown actions count as `other`."""
    out = {"orders": orders_ms, "clicks": [ts_ms for ts_ms, _ in clicks]}
    out["contacts"] = [ts_ms for ts_ms, event in services if event["action"] in oracle_sections.CONTACTS]
    for action in (*oracle_sections.ACTIONS, "other"):
        out[action] = []
    for ts_ms, event in clicks:
        out[oracle_sections.named(event)].append(ts_ms)
    return out


def _threshold_days(stage: str, settings: OracleSettings) -> int:
    """The threshold that made a stage, or the first that ends it."""
    words = dict(zip(_STAGES, _WORDS[settings.lifecycle], strict=True))
    silent = [name for name in ("at_risk", "dormant", "lost") if words[name]]
    made = [name for name in silent if words[name] == stage]
    days: int = getattr(settings, f"{(made or silent)[0]}_days")
    return days


def _rfm(orders: list[Purchase], refunds_minor: int, at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    monetary_minor = sum(one.minor or 0 for one in orders)
    rfm: dict[str, Any] = {
        "frequency": len(orders),
        "monetary_minor": monetary_minor,
        "orders_without_amount": sum(one.minor is None for one in orders),
        "refunds_minor": refunds_minor,
        "net_minor": monetary_minor - refunds_minor,
        "currency": settings.currency,
        "windows": {},
    }
    for days in (7, 30, 90, 365):
        inside = [one.minor or 0 for one in orders if 0 <= _age(one.at_ms, at_ms, settings.zone) < days]
        rfm["windows"][f"{days}d"] = {"orders": len(inside), "monetary_minor": sum(inside)}
    abroad = [one.foreign for one in orders if one.foreign is not None]
    if abroad:
        rfm["foreign"] = {
            currency: {"orders": len(minors), "amount_minor": sum(minors)}
            for currency in {currency for currency, _ in abroad}
            if (minors := [minor for other, minor in abroad if other == currency])
        }
    if orders:
        first_ms, last_ms = min(one.at_ms for one in orders), max(one.at_ms for one in orders)
        rfm |= {"first_order_at": iso(first_ms), "last_order_at": iso(last_ms)}
        rfm["recency_days"] = (recency_ms := at_ms - last_ms) / _DAY_MS
        r, f, m = oracle_population.scores(recency_ms, len(orders), monetary_minor, settings)
        rfm |= {"r": r, "f": f, "m": m, "segment": _SEGMENTS[r][(f + m + 1) // 2 - 1]}
    return rfm


def _stage(order_times_ms: list[int], at_ms: int, settings: OracleSettings) -> str:
    words = dict(zip(_STAGES, _WORDS[settings.lifecycle], strict=True))
    if not order_times_ms:
        return words["prospect"]
    silence_ms = at_ms - order_times_ms[-1]
    for stage in ("lost", "dormant", "at_risk"):
        if silence_ms >= getattr(settings, f"{stage}_days") * _DAY_MS and words[stage]:
            return words[stage]
    gaps_ms = [late - early for early, late in pairwise(order_times_ms)]
    if gaps_ms and gaps_ms[-1] >= settings.dormant_days * _DAY_MS:
        return words["reactivated"]
    if not gaps_ms:
        return words["new"]
    return words["mature" if len(order_times_ms) >= settings.mature_orders else "active"]


def _age(ts_ms: int, at_ms: int, zone: str) -> int:
    return local(at_ms, zone).toordinal() - local(ts_ms, zone).toordinal()
