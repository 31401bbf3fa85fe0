"""The oracle's sections on what is bought, when and at what price, each from all orders at once.

As `oracle`: nothing shared with `models/`, no state carried along, definitions written out as literally
as the words allow.
"""

from cmath import exp, pi
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from fractions import Fraction
from functools import cache
from itertools import pairwise
from math import floor, fsum
from typing import Any
from zoneinfo import available_timezones

from streams.oracle_orders import Purchase, Timed, exact, text
from streams.oracle_sections import iso, local
from streams.oracle_settings import OracleSettings

_DAY_MS = 86_400_000
_WEEKDAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_SEASONS = ("winter", "spring", "summer", "autumn")  # of the northern half, from December on


def preferences(
    orders: list[Purchase], latest: list[Purchase], clicks: list[Timed], settings: OracleSettings
) -> dict[str, Any]:
    """Shares of names in the latest orders and clicks, newer ones weighing more; sums by channel."""
    bought = [(_weight(one.at_ms, settings.zone), one) for one in latest]
    named = [(ts_ms, text(event.get("category"), settings.categories)) for ts_ms, event in clicks]
    looks = sorted((_day(ts_ms, settings.zone), name) for ts_ms, name in named if name)[-32:]
    out: dict[str, Any] = {
        "channels": _shares((one.channel, weight) for weight, one in bought),
        "payments": _shares(
            (name, weight / len(one.payments)) for weight, one in bought for name in one.payments
        ),
        "categories": _shares(
            (name, weight * part) for weight, one in bought for name, part in _parts(one).items()
        ),
        "brands": _shares((name, weight / len(one.brands)) for weight, one in bought for name in one.brands),
        "interests": _shares((name, 2.0 ** (day / 90)) for day, name in looks),
        "slices": {
            channel: _slice([one for one in orders if one.channel == channel])
            for channel in {one.channel for one in orders} - {""}
        },
        "online": _slice([o for o in orders if o.channel and o.channel not in settings.offline_channels]),
        "offline": _slice([o for o in orders if o.channel and o.channel in settings.offline_channels]),
    }
    shown = {name: value for name, value in out.items() if value}
    return {"preferences": shown} if shown else {}


def _day(ts_ms: int, zone: str) -> int:
    return (local(ts_ms, zone).date() - date(1970, 1, 1)).days


def _weight(ts_ms: int, zone: str) -> float:
    return float(2.0 ** (_day(ts_ms, zone) / 90))


def _parts(order: Purchase) -> dict[str, float]:
    spent = sum(minor for _, minor in order.categories.values())
    equal = 1 / max(1, len(order.categories))
    return {name: minor / spent if spent else equal for name, (_, minor) in order.categories.items()}


def _shares(votes: Iterable[tuple[str, float]]) -> dict[str, float]:
    weights: dict[str, list[float]] = defaultdict(list)
    for name, weight in votes:
        if name and weight:
            weights[name].append(weight)
    total = fsum(weight for some in weights.values() for weight in some)
    shares = {name: round(fsum(some) / total, 4) for name, some in weights.items()}
    real = sorted(shares.keys() - {"other"}, key=lambda name: (-shares[name], name))[:5]
    return {name: shares[name] for name in [*real, *(shares.keys() & {"other"})]}


def _slice(orders: list[Purchase]) -> dict[str, Any]:
    if not orders:
        return {}
    return {
        "orders": len(orders),
        "monetary_minor": sum(one.minor or 0 for one in orders),
        "last_order_at": iso(max(one.at_ms for one in orders)),
    }


def home_zone(known: Mapping[str, Any], settings: OracleSettings) -> str:
    """The customer's zone where the attribute `timezone` names one, else the deployment's."""
    zone = known.get("timezone")
    return zone if isinstance(zone, str) and zone in _zones() else settings.zone


@cache
def _zones() -> frozenset[str]:
    return frozenset(available_timezones())


def habits(orders: list[Purchase], zone: str, settings: OracleSettings) -> dict[str, Any]:
    """Hours, days and seasons of buying, paydays, holidays and the rhythm; `zone` is the customer's."""
    if len(orders) < 3:
        return {}
    n = len(orders)
    times = [local(one.at_ms, zone) for one in orders]
    days = [time.date() for time in times]
    months = [(day.month + (6 if settings.southern else 0)) % 12 for day in days]
    seasons = Counter(_SEASONS[month // 3] for month in months)
    out: dict[str, Any] = {
        **_cycle("hour", "hours", [time.hour for time in times], [str(hour) for hour in range(24)]),
        **_cycle("weekday", "weekdays", [day.weekday() for day in days], list(_WEEKDAYS)),
        **_cycle("month_day", "month_days", [day.day - 1 for day in days], [str(d) for d in range(1, 32)]),
        "night_ratio": round(sum(time.hour >= 22 or time.hour < 6 for time in times) / n, 4),
        "weekend_ratio": round(sum(day.weekday() >= 5 for day in days) / n, 4),
        "payday": _payday(days, settings.paydays),
        "seasons": {name: round(count / n, 4) for name, count in seasons.items()},
        **_rhythm(sorted(one.at_ms for one in orders)[-17:]),
    }
    for name in ("usual_hour", "usual_month_day"):
        out[name] = int(out[name])
    if settings.holidays:
        out["holiday_ratio"] = round(sum(_is_holiday(day, settings.holidays) for day in days) / n, 4)
    return {"habits": out}


def _cycle(one: str, many: str, places: list[int], names: list[str]) -> dict[str, Any]:
    """Counts on a circle of names, the fullest of them, and how far all lean to one side."""
    counts = Counter(places)
    fullest = min(counts, key=lambda place: (-counts[place], place))
    lean = sum(exp(2j * pi * place / len(names)) for place in places)
    return {
        many: {names[place]: count for place, count in counts.items()},
        f"usual_{one}": names[fullest],
        f"{one}_concentration": round(abs(lean) / len(places), 4),
    }


def _payday(days: list[date], paydays: tuple[int, ...]) -> dict[str, Any]:
    recent = [
        [day - timedelta(days=back) for back in range(4) if _is_payday(day - timedelta(days=back), paydays)]
        for day in days
    ]
    orders = sum(bool(some) for some in recent)
    months = {(payday.year, payday.month) for some in recent for payday in some}
    cycles = min(24, len(months))
    chance = min(1.0, 4 * len(paydays) / 30.4375)
    return {
        "orders": orders,
        "cycles": cycles,
        "ratio": round(orders / len(days), 4),
        "habit": cycles >= 3 and orders / len(days) >= min(2 * chance, 0.9),
    }


def _is_payday(day: date, paydays: tuple[int, ...]) -> bool:
    is_last = (day + timedelta(days=1)).month != day.month
    return day.day in paydays or (is_last and max(paydays, default=0) > day.day)


def _is_holiday(day: date, holidays: tuple[str, ...]) -> bool:
    for holiday in holidays:
        first, _, last = holiday.partition("..")
        last = last or first
        today = day.isoformat()[-len(first) :]
        if first <= today <= last or (last < first and (today >= first or today <= last)):
            return True
    return False


def _rhythm(times: list[int]) -> dict[str, Any]:
    gaps = sorted(later - earlier for earlier, later in pairwise(times))
    q1, median, q3 = (_quantile(gaps, Fraction(part, 4)) for part in (1, 2, 3))
    out: dict[str, Any] = {
        "gap_median_days": float(median / _DAY_MS),
        "gap_spread_days": float((q3 - q1) / _DAY_MS),
    }
    if len(gaps) >= 3 and q3 > 0:
        out["next_order_from"] = iso(times[-1] + floor(q1))
        out["next_order_until"] = iso(times[-1] + floor(q3))
    return out


def _quantile(ranked: list[int], part: Fraction) -> Fraction:
    place = part * (len(ranked) - 1)
    low = floor(place)
    high = min(low + 1, len(ranked) - 1)
    return ranked[low] + (place - low) * (ranked[high] - ranked[low])


def promotion(orders: list[Purchase], latest: list[Purchase], settings: OracleSettings) -> dict[str, Any]:
    """Discounts, coupons, what they do to the size of an order, and how dear the goods are."""
    told = [one for one in orders if one.discount_minor is not None]
    paid = [one.minor for one in orders if one.minor is not None]
    out: dict[str, Any] = {}
    if told:
        out["orders_known"] = len(told)
        out["promo_orders"] = sum(bool(one.discount_minor) for one in told)
        out["coupon_orders"] = sum(one.coupon for one in told)
        out["discount_minor"] = sum(one.discount_minor or 0 for one in told)
        out["promo_ratio"] = round(out["promo_orders"] / len(told), 4)
    both = [(one.discount_minor or 0, one.minor) for one in told if one.minor is not None]
    saved, spent = sum(minor for minor, _ in both), sum(minor for _, minor in both)
    if saved + spent:
        out["discount_ratio"] = round(saved / (saved + spent), 4)
    if len(paid) > 1:
        out["mean_order_minor"] = round(sum(paid) / len(paid), 2)
    out |= _uplift(both) | _price_percentile(latest, settings)
    return {"promotion": out} if out else {}


def _uplift(both: list[tuple[int, int]]) -> dict[str, float]:
    promo = [minor for discount, minor in both if discount > 0]
    plain = [minor for discount, minor in both if discount == 0]
    if not promo or not sum(plain):
        return {}
    k = min(len(promo), len(plain))
    more = (sum(promo) / len(promo)) / (sum(plain) / len(plain)) - 1
    return {"uplift_ratio": round(more * k / (k + 5), 4)}


def _price_percentile(orders: list[Purchase], settings: OracleSettings) -> dict[str, float]:
    found: list[tuple[int, Fraction]] = []
    for name, edges in settings.price_edges.items():
        bought = [one.categories[name] for one in orders if all(one.categories.get(name, (0, 0)))]
        units, minor = sum(units for units, _ in bought), sum(minor for _, minor in bought)
        if edges and minor > 0 and units > 0:
            price = Fraction(minor * 1_000, units)
            found.append((minor, Fraction(sum(exact(edge) <= price for edge in edges), len(edges))))
    if not found:
        return {}
    ratio = sum(minor * part for minor, part in found) / sum(minor for minor, _ in found)
    return {"price_percentile": round(float(ratio), 4)}
