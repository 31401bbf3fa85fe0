"""The slow, obvious answer: a customer's profile recomputed from all raw events at once.

`profilestream verify` and the tests hold the incremental profile against this one, so nothing here may
be shared with `models/`: every definition of DESIGN 5 is written a second time, as literally as the
words allow, with no state carried from one event to the next. It reads events that already passed the
input contract (DESIGN 4); it does not validate. Control events, `erase` among them, are ignored.

Parse lines with `json.loads(line, parse_float=Decimal)`: a float spoils amounts of more than 15 digits.
"""

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from decimal import ROUND_HALF_EVEN, Decimal
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

from streams import oracle_sections
from streams.oracle_sections import iso

Event = Mapping[str, Any]
Timed = tuple[int, Event]
Order = tuple[int, int | None]  # its instant and its amount in minor units, None for unknown

_DAY_MS = 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DECIMALS = dict.fromkeys(re.findall("...", "BIFCLPDJFGNFISKJPYKMFKRWPYGRWFUGXUYIVNDVUVXAFXOFXPF"), 0)
_DECIMALS |= dict.fromkeys(("BHD", "IQD", "JOD", "KWD", "LYD", "OMR", "TND"), 3)
_PASSIVE = frozenset({"campaign_received", "delivered"})  # things done to a customer, not by one
_SEGMENTS = {  # recency score -> segment by fm = 1..5
    5: ("new_customers", "potential_loyalists", "potential_loyalists", "loyal_customers", "champions"),
    4: ("promising", "promising", "potential_loyalists", "loyal_customers", "loyal_customers"),
    3: ("about_to_sleep", "need_attention", "need_attention", "loyal_customers", "loyal_customers"),
    2: ("hibernating", "about_to_sleep", "at_risk", "at_risk", "cannot_lose_them"),
    1: ("lost", "lost", "hibernating", "at_risk", "cannot_lose_them"),
}
_OTHER = "engagement.actions.other"
_STAGES = ("prospect", "lost", "dormant", "at_risk", "reactivated", "new", "active", "mature")
_WORDS = {  # vocabulary -> the names of those stages there; "" = such silence has no name
    "standard": ("prospect", "lost", "dormant", "at_risk", "reactivated", "new", "active", "active"),
    "purchase": ("prospect", "lapsed", "lapsed", "", "reactivated", "first_purchase", "repeat", "repeat"),
    "growth": ("acquisition", *["decline"] * 3, "reactivated", "activation", "growth", "maturity"),
}
# Sections whose fractions are shown with six decimals, or kept in millionths of a scale of ten.
_ROUNDED = {"engagement": 1e-6, "satisfaction": 1.1e-5}
# What says something by being in the document: one more than expected is a difference.
_SURPLUS = re.compile(
    r"(?s)rfm\.(first_order_at|last_order_at|recency_days|[rfm]|segment)"
    r"|tags\.(rfm_segment|active_30d|high_value)|engagement\.(?!dwell_mean).*|service\..*|satisfaction\..*"
)


@dataclass(frozen=True, slots=True)
class OracleSettings:
    """The numbers of one deployment; meanings and defaults as in the configuration table."""

    currency: str = "USD"
    zone: str = "UTC"
    active_days: int = 30
    at_risk_days: int = 90
    dormant_days: int = 180
    lost_days: int = 365
    lifecycle: str = "standard"
    mature_orders: int = 6
    recency_edges_days: tuple[int, ...] = (30, 90, 180, 365)
    frequency_edges: tuple[int, ...] = (2, 3, 6, 12)
    monetary_edges_minor: tuple[int, ...] = (2_500, 7_500, 20_000, 50_000)
    high_value_minor: int = 50_000


def recompute(events: Iterable[Event], at_ms: int, *, settings: OracleSettings) -> dict[str, dict[str, Any]]:
    """Profiles of all customers that had an order, click or service event by an instant.

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
        if kind == "control" or ts_ms > at_ms or identity in seen:
            continue
        seen.add(identity)
        customers.setdefault(customer, {"order": [], "click": [], "service": []})[kind].append((ts_ms, event))
    return {customer: _profile(kinds, at_ms, settings) for customer, kinds in customers.items()}


def event_time_ms(ts: str | int) -> int:
    """Epoch ms of an event's `ts`: epoch ms already, or ISO-8601 with offset (finer parts are cut off).

    >>> event_time_ms("1970-01-01T01:00:01.5+01:00")
    1500
    """
    return ts if isinstance(ts, int) else (datetime.fromisoformat(ts) - _EPOCH) // timedelta(milliseconds=1)


def minor_units(amount: Any, currency: str) -> int:
    """Whole minor units of an amount, the decimal as it was written, half to even.

    >>> minor_units(10.125, "USD"), minor_units(10.135, "USD"), minor_units("7.5", "JPY")
    (1012, 1014, 8)
    """
    scaled = Decimal(str(amount)).scaleb(_DECIMALS.get(currency, 2))
    return int(scaled.quantize(Decimal(1), rounding=ROUND_HALF_EVEN))


def _profile(kinds: dict[str, list[Timed]], at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    orders = _live_orders(kinds["order"], settings.currency)
    returned = [event for _, event in kinds["service"] if event.get("action") in ("return", "refund")]
    refunds_minor = sum(_money(event, "refund_amount", settings.currency) or 0 for event in returned)
    rfm = _rfm(orders, refunds_minor, at_ms, settings)
    stage = _stage(sorted(ts_ms for ts_ms, _ in orders), at_ms, settings)
    timed = kinds["order"] + kinds["click"] + kinds["service"]
    own = [ts_ms for ts_ms, event in timed if event["type"] == "order" or event.get("action") not in _PASSIVE]
    tags = {
        "lifecycle": stage,
        "rfm_segment": rfm.get("segment"),
        "active_30d": any(at_ms - ts_ms < settings.active_days * _DAY_MS for ts_ms in own),
        "high_value": rfm["net_minor"] >= settings.high_value_minor,
    }
    return {
        "first_seen_at": iso(min(ts_ms for ts_ms, _ in timed)),
        "last_seen_at": iso(max(ts_ms for ts_ms, _ in timed)),
        "rfm": rfm,
        "lifecycle": {"stage": stage},
        "tags": {name: value for name, value in tags.items() if value},
        **oracle_sections.engagement(kinds["click"], lambda ts_ms: _age(ts_ms, at_ms, settings.zone)),
        **oracle_sections.service(kinds["service"], at_ms, len(orders)),
        **oracle_sections.satisfaction(kinds["service"]),
    }


def _live_orders(events: list[Timed], currency: str) -> list[Order]:
    by_id: dict[str, list[Timed]] = defaultdict(list)
    for ts_ms, event in events:
        by_id[event["order_id"]].append((ts_ms, event))
    orders: list[Order] = []
    for copies in by_id.values():
        if not any(event.get("status") == "cancelled" for _, event in copies):
            rows = [(ts_ms, _money(event, "amount", currency)) for ts_ms, event in copies]
            known = [(ts_ms, minor) for ts_ms, minor in rows if minor is not None]
            orders.append((min(ts_ms for ts_ms, _ in copies), max(known)[1] if known else None))
    return orders


def _money(event: Event, name: str, currency: str) -> int | None:
    known = event.get(name) is not None and event.get("currency") in (None, currency)
    return minor_units(event[name], currency) if known else None


def _rfm(orders: list[Order], refunds_minor: int, at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    monetary_minor = sum(minor or 0 for _, minor in orders)
    rfm: dict[str, Any] = {
        "frequency": len(orders),
        "monetary_minor": monetary_minor,
        "orders_without_amount": sum(minor is None for _, minor in orders),
        "refunds_minor": refunds_minor,
        "net_minor": monetary_minor - refunds_minor,
        "currency": settings.currency,
        "windows": {},
    }
    for days in (7, 30, 90, 365):
        inside = [minor or 0 for ts_ms, minor in orders if _in_window(ts_ms, days, at_ms, settings.zone)]
        rfm["windows"][f"{days}d"] = {"orders": len(inside), "monetary_minor": sum(inside)}
    if orders:
        first_ms, last_ms = min(ts_ms for ts_ms, _ in orders), max(ts_ms for ts_ms, _ in orders)
        rfm |= {"first_order_at": iso(first_ms), "last_order_at": iso(last_ms)}
        rfm["recency_days"] = (recency_ms := at_ms - last_ms) / _DAY_MS
        r = 5 - sum(recency_ms >= days * _DAY_MS for days in settings.recency_edges_days)
        f = 1 + sum(len(orders) >= edge for edge in settings.frequency_edges)
        m = 1 + sum(monetary_minor >= edge for edge in settings.monetary_edges_minor)
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


def _in_window(ts_ms: int, days: int, at_ms: int, zone: str) -> bool:
    return 0 <= _age(ts_ms, at_ms, zone) < days


def _age(ts_ms: int, at_ms: int, zone: str) -> int:
    local = [(_EPOCH + timedelta(milliseconds=ms)).astimezone(ZoneInfo(zone)) for ms in (ts_ms, at_ms)]
    return local[1].toordinal() - local[0].toordinal()


def compare(expected: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Differences between an oracle entry and a public profile document, in the oracle's fields only.

    Where the document counts actions as `other`, the expected ones that it does not name are taken together.

    Args:
        expected: one entry of `recompute`.
        document: the profile document; its tags are objects with a `value`.

    Returns:
        One line a difference, `dotted path: expected != actual`; empty when they agree.
    """
    tags = {name: tag["value"] for name, tag in document.get("tags", {}).items()}
    wanted, found = dict(_leaves(expected, "")), dict(_leaves({**document, "tags": tags}, ""))
    if _OTHER in found:
        unnamed = [path for path in wanted if path.startswith("engagement.actions.") and path not in found]
        wanted[_OTHER] = wanted.get(_OTHER, 0) + sum(wanted.pop(path) for path in unnamed)
    paths = dict.fromkeys([*wanted, *filter(_SURPLUS.fullmatch, found)])
    return [
        f"{path}: {wanted.get(path, 'absent')!r} != {found.get(path, 'absent')!r}"
        for path in paths
        if not _same(wanted.get(path), found.get(path), _ROUNDED.get(path.partition(".")[0], 0.0))
    ]


def _leaves(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(path, value)]
    return [leaf for k, v in value.items() for leaf in _leaves(v, f"{path}.{k}" if path else str(k))]


def _same(wanted: Any, found: Any, abs_tol: float) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=1e-9, abs_tol=abs_tol)
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)
