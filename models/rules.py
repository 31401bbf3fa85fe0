"""The numbers the definitions depend on: one frozen table, handed into every step.

Changing a value changes what stored states mean for the future, not what they contain: states hold
aggregates, rules are applied to them at the instant of evaluation. The exceptions say how an event is
counted, and hold for events from then on: calendar, rates, names, paydays, seasons and holidays.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import lru_cache

from models.calendar import UTC_CALENDAR, Calendar
from models.catalogue.catalogue import EMPTY, Catalogue
from models.normalise import Names, Rates
from models.population.population import Population
from models.seasons import Holidays

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Rules:
    """Thresholds and edges of one deployment.

    Attributes:
        calendar: turns instants into calendar days of the configured zone.
        currency: ISO 4217 code of the deployment; amounts in another one count as unknown.
        at_risk_days: days since the last order from which a customer is at risk.
        dormant_days: the same for dormant; also the gap that makes a return a reactivation.
        lost_days: the same for lost.
        lifecycle: vocabulary of the lifecycle: standard, purchase or growth.
        mature_orders: orders from which a customer is mature, where the vocabulary knows it.
        recency_edges_days: four ascending edges; fewer days than the first score 5, and so on down to 1.
        frequency_edges: four ascending edges; as many orders as the last edge or more score 5.
        monetary_edges_minor: the same for money, in minor units.
        tables: fingerprint of rates and aliases, shown in the document; "" where there are none.
        rates: other currencies in terms of the deployment's, by date.
        categories: aliases of categories.
        channels: aliases of channels.
        offline_channels: channels that are places; all others are online.
        zones: IANA name -> calendar, None where there is no such zone; for customers with their own clock.
        paydays: days of the month on which people are paid.
        southern: whether seasons are those of the southern half of the world.
        holidays: days on which people shop otherwise.
        price_edges: category -> ascending unit prices in minor units to which prices paid are compared.
        cart_abandoned_ms: rest after which a cart is abandoned.
        browse_abandoned_ms: the same for looking around without putting anything into it.
        health_weights: of the components recency, frequency, engagement, satisfaction, service.
        catalogue: the tags.
        population: what is known of all customers together; None = nothing yet, fixed edges serve instead.
        churn_rule: rhythm, the customer's own, or fixed days of silence.
        churn_days: of the fixed rule, also where the population is not known: silence that makes risk medium,
            and high.
        health_edges: scores from which health is sub-healthy and healthy.
    """

    calendar: Calendar = UTC_CALENDAR
    currency: str = "USD"
    at_risk_days: int = 90
    dormant_days: int = 180
    lost_days: int = 365
    lifecycle: str = "standard"
    mature_orders: int = 6
    recency_edges_days: tuple[int, int, int, int] = (30, 90, 180, 365)
    frequency_edges: tuple[int, int, int, int] = (2, 3, 6, 12)
    monetary_edges_minor: tuple[int, int, int, int] = (2_500, 7_500, 20_000, 50_000)
    tables: str = ""
    rates: Rates = field(default_factory=Rates)
    categories: Names = field(default_factory=Names)
    channels: Names = field(default_factory=Names)
    offline_channels: tuple[str, ...] = ("store",)
    zones: Callable[[str], Calendar | None] = field(default=lambda _: None)
    paydays: tuple[int, ...] = (1, 15)
    southern: bool = False
    holidays: Holidays = field(default_factory=Holidays)
    price_edges: Mapping[str, tuple[int, ...]] = field(default_factory=dict)
    cart_abandoned_ms: int = 30 * 60_000
    browse_abandoned_ms: int = DAY_MS
    health_weights: tuple[int, int, int, int, int] = (30, 25, 20, 15, 10)
    health_edges: tuple[int, int] = (40, 70)
    catalogue: Catalogue = EMPTY
    population: Population | None = None
    churn_rule: str = "rhythm"
    churn_days: tuple[int, int] = (90, 180)

    @property
    def recency_edges_ms(self) -> tuple[int, ...]:
        """`recency_edges_days` in ms."""
        return _in_ms(self.recency_edges_days)

    def in_base(self, minor: int, currency: str | None, at_ms: int) -> int | None:
        """Minor units of the deployment's currency; None where there is no rate for that day."""
        if currency is None or currency == self.currency:
            return minor
        return self.rates.to_base(minor, currency, at_ms)


@lru_cache(maxsize=64)
def _in_ms(days: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(one * DAY_MS for one in days)
