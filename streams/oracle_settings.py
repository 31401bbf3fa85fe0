"""The numbers of one deployment, as the oracle is told them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class OracleSettings:
    """Meanings and defaults as in the configuration table.

    Attributes:
        price_edges: category -> ascending unit prices in minor units.
        channels: alias -> name of a channel; `categories` likewise.
        catalogue_text: the tags, TOML.
        churn_rule: rhythm or fixed.
        population: the snapshot in force, as JSON has it; None = none.
        announced: of one customer, what only its past decides: `scores` (r, f, m) and `cluster`, as the
            profile says it.
        rates: currency -> ISO date -> worth of one unit in the deployment's currency from that day on.
    """

    currency: str = "USD"
    zone: str = "UTC"
    at_risk_days: int = 90
    dormant_days: int = 180
    lost_days: int = 365
    lifecycle: str = "standard"
    mature_orders: int = 6
    recency_edges_days: tuple[int, ...] = (30, 90, 180, 365)
    frequency_edges: tuple[int, ...] = (2, 3, 6, 12)
    monetary_edges_minor: tuple[int, ...] = (2_500, 7_500, 20_000, 50_000)
    churn_days: tuple[int, ...] = (90, 180)
    offline_channels: tuple[str, ...] = ("store",)
    paydays: tuple[int, ...] = (1, 15)
    southern: bool = False
    holidays: tuple[str, ...] = ()
    price_edges: Mapping[str, Sequence[Any]] = field(default_factory=dict)
    cart_abandoned_s: int = 1_800
    browse_abandoned_s: int = 86_400
    health_weights: tuple[float, ...] = (30, 25, 20, 15, 10)
    health_edges: tuple[float, ...] = (40, 70)
    channels: Mapping[str, str] = field(default_factory=dict)
    categories: Mapping[str, str] = field(default_factory=dict)
    rates: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    catalogue_text: str = ""
    churn_rule: str = "rhythm"
    population: Mapping[str, Any] | None = None
    announced: Mapping[str, Any] = field(default_factory=dict)
