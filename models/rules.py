"""The numbers the definitions depend on: one frozen table, handed into every step.

Changing a value changes what stored states mean for the future, never what they contain: states hold
aggregates, rules are applied to them at the instant of evaluation.
"""

from dataclasses import dataclass

from models.calendar import UTC_CALENDAR, Calendar

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and edges of one deployment.

    Attributes:
        calendar: turns instants into calendar days of the configured zone.
        currency: ISO 4217 code of the deployment; amounts in another one count as unknown.
        active_days: silence after which a customer stops being active.
        at_risk_days: days since the last order from which a customer is at risk.
        dormant_days: the same for dormant; also the gap that makes a return a reactivation.
        lost_days: the same for lost.
        lifecycle: vocabulary of the lifecycle: standard, purchase or growth.
        mature_orders: orders from which a customer is mature, where the vocabulary knows it.
        recency_edges_days: four ascending edges; fewer days than the first score 5, and so on down to 1.
        frequency_edges: four ascending edges; as many orders as the last edge or more score 5.
        monetary_edges_minor: the same for money, in minor units.
        high_value_minor: net spending from which a customer is of high value, in minor units.
    """

    calendar: Calendar = UTC_CALENDAR
    currency: str = "USD"
    active_days: int = 30
    at_risk_days: int = 90
    dormant_days: int = 180
    lost_days: int = 365
    lifecycle: str = "standard"
    mature_orders: int = 6
    recency_edges_days: tuple[int, int, int, int] = (30, 90, 180, 365)
    frequency_edges: tuple[int, int, int, int] = (2, 3, 6, 12)
    monetary_edges_minor: tuple[int, int, int, int] = (2_500, 7_500, 20_000, 50_000)
    high_value_minor: int = 50_000
