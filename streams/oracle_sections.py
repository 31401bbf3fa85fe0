"""The oracle's sections on clicks and service, each recomputed from a customer's raw events.

As `oracle`: nothing shared with `models/`, no state carried along, definitions written out as literally
as the words allow.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any
from zoneinfo import ZoneInfo

Timed = tuple[int, Mapping[str, Any]]
InWindow = Callable[[int, int], bool]  # instant, days -> whether it lies in the window that ends at T
Age = Callable[[int], int]  # instant -> how many calendar days before T's

CONTACTS = frozenset({"ticket_opened", "complaint", "return", "refund", "csat", "nps", "feedback"})
_WORDS = """
page_view product_view list_view search add_to_cart remove_from_cart checkout_start favourite
campaign_received campaign_click coupon_redeemed signup login
"""
ACTIONS = frozenset(_WORDS.split())
_MINUTE_MS, _HOUR_MS, _DAY_MS = 60_000, 3_600_000, 86_400_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def iso(ts_ms: int) -> str:
    """ISO-8601 text, UTC with milliseconds."""
    text = (_EPOCH + timedelta(milliseconds=ts_ms)).isoformat(timespec="milliseconds")
    return text.replace("+00:00", "Z")


def local(ts_ms: int, zone: str) -> datetime:
    """The instant on the clocks of a zone."""
    return (_EPOCH + timedelta(milliseconds=ts_ms)).astimezone(ZoneInfo(zone))


def engagement(clicks: list[Timed], age: Age) -> dict[str, Any]:
    """Clicks, sessions, pages, dwell and decayed activity."""
    if not clicks:
        return {}
    times = sorted(ts_ms for ts_ms, _ in clicks)
    gaps = [later - earlier for earlier, later in pairwise(times)]
    told = [event["dwell_ms"] for _, event in clicks if event.get("dwell_ms") is not None]
    dwelt = [ms for ms in told if ms >= 0]
    ages = [days for ts_ms in times if 0 <= (days := age(ts_ms)) < 90]
    dwell = {"dwell_ms": sum(min(int(ms), 6 * _HOUR_MS) for ms in dwelt)} if dwelt else {}
    return {
        "engagement": {
            "clicks": len(times),
            "sessions": 1 + sum(gap > 30 * _MINUTE_MS for gap in gaps),
            "pages": sum(e["action"] in ("page_view", "product_view", "list_view") for _, e in clicks),
            "activity": float(sum(2.0 ** (-days / 14) for days in ages)),
            "last_click_at": iso(times[-1]),
            "windows": {
                f"{width}d": {"clicks": sum(0 <= age(ts_ms) < width for ts_ms in times)}
                for width in (7, 30, 90)
            },
            "latest": {
                name: iso(max(ts_ms for ts_ms, event in clicks if named(event) == name))
                for name in {named(event) for _, event in clicks}
            },
            "actions": dict(Counter(event["action"] for _, event in clicks)),
            **dwell,
        }
    }


def named(event: Mapping[str, Any]) -> str:
    """A click's action, `other` where it is not one of the contract."""
    return event["action"] if event["action"] in ACTIONS else "other"


def service(events: list[Timed], at_ms: int, orders: int) -> dict[str, Any]:
    """Contacts, complaints, returns and tickets."""
    if not events:
        return {}
    actions = Counter(event.get("action") for _, event in events)
    contacts = sorted(ts_ms for ts_ms, event in events if event.get("action") in CONTACTS)
    out: dict[str, Any] = {
        "contacts": len(contacts),
        "complaints": actions["complaint"],
        "returns": actions["return"],
        "repeat_contacts": sum(later - earlier <= 7 * _DAY_MS for earlier, later in pairwise(contacts[-64:])),
    }
    if contacts:
        out["last_contact_at"] = iso(contacts[-1])
    if orders:
        out["return_ratio"] = float(min(1, actions["return"] / orders))
    opened: dict[str, list[int]] = defaultdict(list)
    resolved: dict[str, list[int]] = defaultdict(list)
    for ts_ms, event in events:
        if event.get("ticket_id"):
            {"ticket_opened": opened, "ticket_resolved": resolved}.get(event["action"], defaultdict(list))[
                event["ticket_id"]
            ].append(ts_ms)
    waiting = [min(times) for t, times in opened.items() if max(times) > max(resolved[t], default=0)]
    took = [max(resolved[t]) - min(times) for t, times in opened.items()
            if resolved[t] and max(resolved[t]) >= max(times)]  # fmt: skip
    out["open_tickets"] = len(waiting)
    if waiting:
        out["oldest_open_ticket_at"] = iso(min(waiting))
        out["oldest_open_ticket_days"] = (at_ms - min(waiting)) / _DAY_MS
    if took:
        out |= {"resolved_tickets": len(took), "resolve_mean_hours": sum(took) / len(took) / _HOUR_MS}
    return {"service": out}


def satisfaction(events: list[Timed]) -> dict[str, Any]:
    """CSAT as a share of its scale, NPS of ten, sentiment from -1 to 1."""
    out: dict[str, Any] = {}
    for name, usual, show in (("csat", 5, 1.0), ("nps", 10, 10.0)):
        answers = sorted(
            (ts_ms, float(event["score"]) / float(event.get("scale") or usual) * show)
            for ts_ms, event in events
            if event["action"] == name
            and event.get("score") is not None
            and event.get("scale") != 0
            and 0 <= event["score"] <= (event.get("scale") or usual)
        )
        out |= _answers(name, [float(value) for _, value in answers])
    said = sorted(
        (ts_ms, float(event["sentiment"]))
        for ts_ms, event in events
        if event.get("sentiment") is not None and -1 <= event["sentiment"] <= 1
    )
    out |= _answers("sentiment", [float(value) for _, value in said])
    return {"satisfaction": out} if out else {}


def _answers(name: str, values: list[float]) -> dict[str, Any]:
    if not values:
        return {}
    out = {f"{name}_n": len(values), f"{name}_mean": sum(values) / len(values), f"{name}_last": values[-1]}
    before = values[-8:-1]
    if before:
        out[f"{name}_trend"] = values[-1] - sum(before) / len(before)
    return out


def attributes(controls: list[Timed]) -> dict[str, Any]:
    """What was said last under each name; null takes a name back."""
    writes = sorted(
        (ts_ms, _canonical(value), name)
        for ts_ms, event in controls
        if event["action"] == "attributes"
        for name, value in (event.get("attributes") or {}).items()
    )
    last = {name: (ts_ms, value) for ts_ms, value, name in writes}
    kept = sorted(last, key=lambda name: (last[name][0], name))[-64:]
    known = {name: json.loads(last[name][1]) for name in kept}
    known = {name: value for name, value in known.items() if value is not None}
    scores = {
        name[7:]: {"value": value["value"], "model": value["model"], "at": _computed(value, last[name][0])}
        for name, value in known.items()
        if name[:7] == "scores." and isinstance(value, dict)
    }
    known = {name: value for name, value in known.items() if name[:7] != "scores." or name[7:] not in scores}
    return {name: found for name, found in (("attributes", known), ("scores", scores)) if found}


def _computed(score: dict[str, Any], said_ms: int) -> str:
    at = score.get("at")
    if isinstance(at, str):
        at = (datetime.fromisoformat(at) - _EPOCH) // timedelta(milliseconds=1)
    return iso(said_ms if at is None else min(said_ms, at))


def _canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, default=float)
