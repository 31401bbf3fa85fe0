"""The oracle's sections on the way to an order, the cart among it, and on how well things stand.

As `oracle`: nothing shared with `models/`, no state carried along, definitions written out as literally
as the words allow.
"""

from collections.abc import Iterator, Mapping
from fractions import Fraction
from statistics import fmean
from typing import Any, NamedTuple

from streams.oracle_orders import Timed, minor_units, text, thousandths
from streams.oracle_sections import iso
from streams.oracle_settings import OracleSettings

_DAY_MS = 86_400_000
_MONTH_MS = 30 * _DAY_MS
_MOVES, _LINES = 32, 10
_FUNNEL = {
    "reach": ("campaign_received", "campaign_click", "signup", "login"),
    "browse": ("page_view", "product_view", "list_view", "search", "favourite"),
    "cart": ("add_to_cart",),
    "checkout": ("checkout_start",),
}
_AFTER_SALE = (
    *("delivered", "return", "refund", "complaint", "csat", "nps", "feedback"),
    *("ticket_opened", "ticket_resolved"),
)


class _Move(NamedTuple):
    """One change of a cart; moves are played in the order of these fields.

    A removal without a quantity takes away more than there can be; -1 is a price that was not said.
    """

    ts_ms: int
    sku: str
    signed: float
    price_minor: int
    is_add: bool


def journey(
    order_times_ms: list[int],
    clicks: list[Timed],
    services: list[Timed],
    at_ms: int,
    settings: OracleSettings,
) -> dict[str, Any]:
    """How far the customer has come since the last order, and what lies in the cart."""
    last_ms = max(order_times_ms, default=None)
    latest = {
        name: max(times)
        for name, actions in _FUNNEL.items()
        if (times := [ts_ms for ts_ms, event in clicks if event["action"] in actions])
    }
    ahead = [name for name in latest if last_ms is None or latest[name] > last_ms]
    if last_ms is not None:
        latest["order"] = last_ms
    after = [ts_ms for ts_ms, event in services if event["action"] in _AFTER_SALE]
    if after:
        latest["after_sale"] = max(after)
    if not latest:
        return {}
    if ahead:
        step = ahead[-1]
    elif after and (last_ms is None or max(after) >= last_ms):
        step = "after_sale"
    else:
        step = "order"
    out: dict[str, Any] = {
        "step": step,
    }
    if step != "order":
        out["since"] = iso(latest[step])
    steps = {name: iso(ts_ms) for name, ts_ms in latest.items() if name != "order"}
    if steps:
        out["steps"] = steps
    cart = _cart(clicks, last_ms, at_ms, settings)
    if cart:
        out["cart"] = cart
    abandoned = _abandoned(step, at_ms - latest[step], cart, settings)
    if abandoned:
        out["abandoned"] = abandoned
    return {"journey": out}


def _abandoned(step: str, idle_ms: int, cart: Mapping[str, Any], settings: OracleSettings) -> str:
    if cart.get("state") == "abandoned":
        return "cart"
    is_idle = settings.browse_abandoned_s * 1_000 <= idle_ms < _MONTH_MS
    return "browse" if step == "browse" and is_idle else ""


def _cart(clicks: list[Timed], last_ms: int | None, at_ms: int, settings: OracleSettings) -> dict[str, Any]:
    moves = _counting(sorted(_moves(clicks, settings.currency)), last_ms)
    lines: dict[str, tuple[int, int]] = {}  # sku -> thousandths, price
    since_ms = 0
    for move in moves:
        was_empty = not lines
        qty, price = lines.pop(move.sku, (0, -1))
        if move.is_add and move.price_minor >= 0:
            price = move.price_minor
        if qty + move.signed > 0:
            lines[move.sku] = (qty + int(move.signed), price)
        if was_empty and lines:
            since_ms = move.ts_ms
    if not lines:
        return {}
    checkouts = [ts_ms for ts_ms, event in clicks if event["action"] == "checkout_start"]
    idle_ms = max([moves[-1].ts_ms, *(ts_ms for ts_ms in checkouts if last_ms is None or ts_ms > last_ms)])
    return {
        "lines": [_line(sku, *lines[sku]) for sku in sorted(lines)[:_LINES]],
        "qty": sum(qty for qty, _ in lines.values()) / 1_000,
        "value_minor": sum(round(Fraction(qty * price, 1_000)) for qty, price in lines.values() if price > 0),
        "since": iso(since_ms),
        "updated_at": iso(moves[-1].ts_ms),
        "idle_since": iso(idle_ms),
        "state": _cart_state(at_ms - idle_ms, settings),
    }


def _cart_state(idle_ms: int, settings: OracleSettings) -> str:
    if idle_ms >= _MONTH_MS:
        return "expired"
    return "abandoned" if idle_ms >= settings.cart_abandoned_s * 1_000 else "open"


def _moves(clicks: list[Timed], currency: str) -> Iterator[_Move]:
    for ts_ms, event in clicks:
        action, sku = event["action"], text(event.get("sku"))
        qty, price = event.get("qty"), event.get("price")
        if not sku or action not in ("add_to_cart", "remove_from_cart"):
            continue
        price_minor = -1 if price is None else minor_units(price, currency)
        if action == "add_to_cart":
            signed: float = thousandths(qty)
        else:
            signed = float("-inf") if qty is None else -thousandths(qty)
        yield _Move(ts_ms, sku, signed, price_minor, action == "add_to_cart")


def _counting(moves: list[_Move], last_ms: int | None) -> list[_Move]:
    return [
        move
        for move in moves[-_MOVES:]
        if (last_ms is None or move.ts_ms > last_ms) and move.ts_ms > moves[-1].ts_ms - _MONTH_MS
    ]


def _line(sku: str, qty: int, price_minor: int) -> dict[str, Any]:
    price = {"price_minor": price_minor} if price_minor >= 0 else {}
    return {"sku": sku, "qty": qty / 1_000, **price}


def health(profile: Mapping[str, Any], settings: OracleSettings) -> dict[str, Any]:
    """The weighted mean of what is known to be well, out of the profile's other sections."""
    found = {
        "recency": _recency(profile["rfm"]),
        "frequency": _frequency(profile["rfm"]),
        "engagement": _engagement(profile.get("engagement", {})),
        "satisfaction": _satisfaction(profile.get("satisfaction", {})),
        "service": _service(profile.get("service", {}), profile["rfm"]["frequency"]),
    }
    weights = dict(zip(found, settings.health_weights, strict=True))
    known = {name: value for name, value in found.items() if value is not None}
    total = sum(weights[name] for name in known)
    if not total:
        return {}
    score = 100 * sum(weights[name] * value for name, value in known.items()) / total
    low, high = settings.health_edges
    return {
        "health": {
            "score": round(score, 2),
            "band": "healthy" if score >= high else "sub_healthy" if score >= low else "unhealthy",
            "components": {name: round(value, 4) for name, value in known.items()},
        }
    }


def _recency(rfm: Mapping[str, Any]) -> float | None:
    return (rfm["r"] - 1) / 4 if "r" in rfm else None


def _frequency(rfm: Mapping[str, Any]) -> float | None:
    if not rfm["frequency"]:
        return None
    quarter, year = (rfm["windows"][name]["orders"] for name in ("90d", "365d"))
    return min(1.0, quarter * 4 / year) if year else 0.0


def _engagement(engagement: Mapping[str, Any]) -> float | None:
    if not engagement:
        return None
    month, quarter = (engagement["windows"][name]["clicks"] for name in ("30d", "90d"))
    return min(1.0, month * 3 / quarter) if quarter else 0.0


def _satisfaction(said: Mapping[str, Any]) -> float | None:
    known = []
    if "csat_last" in said:
        known.append(said["csat_last"])
    if "nps_last" in said:
        known.append(said["nps_last"] / 10)
    if "sentiment_last" in said:
        known.append((said["sentiment_last"] + 1) / 2)
    return float(fmean(known)) if known else None


def _service(service: Mapping[str, Any], orders: int) -> float | None:
    if not service.get("contacts"):
        return None
    share = min(1.0, service["complaints"] / max(1, orders))
    return float(max(0.0, 1 - 0.4 * service["open_tickets"] - 0.1 * service["repeat_contacts"] - 0.2 * share))
