"""Health, 0 to 100: a weighted mean of named components, and the early-warning band below healthy.

Components are functions of what changes at known instants (scores, windows of calendar days, open
tickets), so health changes with events and wake-ups only. An unknown component has no weight.
"""

from typing import Any, Literal, NamedTuple

from models.rules import Rules
from models.satisfaction import Satisfaction
from models.service import Service

# Widths of the windows, in days, of orders and of clicks whose days make health change by time alone.
MOVED_BY = (90, 365), (30, 90)
COMPONENTS = ("recency", "frequency", "engagement", "satisfaction", "service")
Band = Literal["healthy", "sub_healthy", "unhealthy"]


class Health(NamedTuple):
    """Score 0..100, its band, and the known components, each 0..1."""

    score: float
    band: Band
    components: dict[str, float]

    def show(self) -> dict[str, Any]:
        """The section `health` of the document."""
        rounded = {name: round(value, 4) for name, value in self.components.items()}
        return {"score": round(self.score, 2), "band": self.band, "components": rounded}


def health(known: dict[str, float], rules: Rules) -> Health | None:
    """Health of the known components; None where there are none that weigh anything."""
    total = weighted = 0.0
    for name, weight in zip(COMPONENTS, rules.health_weights, strict=True):
        if name in known:
            total += weight
            weighted += weight * known[name]
    if not total:
        return None
    score = 100 * weighted / total
    low, high = rules.health_edges
    band: Band = "healthy" if score >= high else "sub_healthy" if score >= low else "unhealthy"
    return Health(score, band, known)


def components(
    r: int,
    orders: int,
    bought: tuple[int, int],
    clicks: tuple[int, int] | None,
    satisfaction: Satisfaction | None,
    service: Service | None,
) -> dict[str, float]:
    """The known components.

    Args:
        r: recency score 1..5, 0 = no order.
        orders: orders that count.
        bought: of them within 90 and 365 calendar days.
        clicks: clicks within 30 and 90 days; None = never one.
        satisfaction: what was said.
        service: tickets and contacts.
    """
    out: dict[str, float] = {}
    if r:
        out["recency"] = (r - 1) / 4
        # As often as the year's mean, or more, is full health.
        out["frequency"] = min(1.0, bought[0] * 4 / bought[1]) if bought[1] else 0.0
    if clicks is not None:
        out["engagement"] = min(1.0, clicks[0] * 3 / clicks[1]) if clicks[1] else 0.0
    if satisfaction is not None:
        said = [one.last for one in (satisfaction.csat, satisfaction.nps, satisfaction.sentiment) if one.n]
        if said:
            out["satisfaction"] = sum(said) / len(said)
    if service is not None and service.contacts:
        complaints = min(1.0, service.complaints / max(1, orders))
        burden = 0.4 * len(service.tickets.open()) + 0.1 * service.repeats() + 0.2 * complaints
        out["service"] = max(0.0, 1.0 - burden)
    return out
