"""Configuration: one frozen table of all settings, and the part of it that the core needs.

`streams.settings` reads it from a TOML file and the environment.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.calendar import Calendar
from models.catalogue.catalogue import Catalogue
from models.catalogue.load import CatalogueError, load
from models.normalise import Names, Rates, version
from models.rules import Rules
from models.seasons import Holidays

PREFIX = "PROFILESTREAM_"


class ConfigError(Exception):
    """A setting is unknown, malformed or contradicts another; the message is one sentence."""


def _setting(default: Any, unit: str, meaning: str) -> Any:
    told = {"unit": unit, "meaning": meaning}
    if isinstance(default, dict):
        return field(default_factory=dict, metadata=told)
    return field(default=default, metadata=told)


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """All settings; `unit` and `meaning` of each stand in its metadata and in the README table."""

    brokers: str = _setting("127.0.0.1:9092", "host:port,...", "Kafka bootstrap servers")
    redis_url: str = _setting("redis://127.0.0.1:6379/0", "URL", "Redis or Valkey; rediss:// for TLS")
    group: str = _setting("profilestream", "name", "Kafka consumer group of the workers")
    instance_id: str = _setting(
        "", "name", "static group membership: a restart within the session time-out moves nothing"
    )
    partitions: int = _setting(12, "count", "partitions of every input topic, used when topics are created")
    replication: int = _setting(1, "count", "replication factor, used when topics are created")
    buckets: int = _setting(64, "count", "Redis buckets; fixed for the life of a deployment")
    clock: str = _setting("wall", "wall|event", "what 'now' is: the clock, or the progress of the events")
    clock_until: str = _setting("", "ISO-8601", "event clock: where it stands once everything is applied")
    zone: str = _setting("UTC", "IANA zone", "whose midnights separate calendar days")
    currency: str = _setting("USD", "ISO 4217", "currency of the deployment")
    future_limit_s: int = _setting(300, "seconds", "wall clock: how far ahead an event time may lie")
    session_timeout_s: float = _setting(20.0, "seconds", "Kafka group session time-out")
    heartbeat_s: float = _setting(3.0, "seconds", "Kafka group heartbeat")
    fetch_wait_ms: int = _setting(
        20, "ms", "longest wait of a fetch for data; partitions with data wait behind idle ones"
    )
    poll_records: int = _setting(4000, "records", "most records taken in one poll")
    redis_replicas: int = _setting(
        0, "count", "replicas that must have a write on disk before it counts as durable"
    )
    commit_interval_s: float = _setting(1.0, "seconds", "watermark, durability barrier and Kafka commit")
    cache_profiles: int = _setting(200_000, "profiles", "write-through cache of the worker")
    relay_durable: bool = _setting(True, "bool", "publish a tag change only once Redis has it on disk")
    outbox_limit: int = _setting(200_000, "entries", "waiting tag changes from which consumption pauses")
    producer_idempotent: bool = _setting(
        True, "bool", "idempotent producer; false only where the broker has none"
    )
    log_level: str = _setting("info", "debug|info|warning|error", "least severe log line that is written")
    log_format: str = _setting("text", "text|json", "form of log lines")
    metrics: str = _setting(
        "", "host:port", "where /metrics, /healthz and /readyz answer; empty = nowhere, port 0 = any free one"
    )
    trace_endpoint: str = _setting(
        "", "URL", "OpenTelemetry collector (OTLP over HTTP) that gets a span a batch; empty = no tracing"
    )
    lag_slo_s: float = _setting(
        5.0, "seconds", "age of the oldest event not yet applied from which profiles count as stale"
    )
    history: int = _setting(32, "changes", "tag changes kept with each profile; 0 = none")
    console: str = _setting("127.0.0.1:8080", "host:port", "where the console answers")
    console_token: str = _setting(
        "", "secret", "what the console asks for; needed beyond loopback, better in the environment"
    )
    prometheus_url: str = _setting(
        "", "URL", "Prometheus that the console reads its charts' past from; empty = what it kept itself"
    )
    on_data_loss: str = _setting(
        "rebuild", "rebuild|refuse", "when Redis lost its data while Kafka has commits"
    )
    dead_letter_payload: bool = _setting(False, "bool", "put the rejected payload into the dead letter")
    stall_s: float = _setting(
        60.0, "seconds", "watchdog: lag without progress while Redis is healthy ends the process"
    )
    input_epoch: int = _setting(
        0, "number", "raise it when the input topics were re-created and offsets restart"
    )
    catalogue: str = _setting(
        "", "file", "tags that a new deployment starts with; empty = those shipped with the product"
    )
    sweep_per_s: int = _setting(
        5_000, "customers/s", "most that a worker judges anew after a change of the catalogue"
    )
    trainer_interval_s: float = _setting(
        3600.0, "seconds", "trainer: from one population snapshot to the next"
    )
    trainer_lease_s: float = _setting(
        30.0, "seconds", "trainer: silence after which a stand-by takes over from the active one"
    )
    trainer_seed: int = _setting(0, "number", "trainer: of every random draw")
    clusters: int = _setting(6, "count", "trainer: clusters of customers that are alike")
    clusterer: str = _setting("kmeans", "kmeans|clustream", "trainer: river's algorithm that finds them")
    lifecycle: str = _setting("standard", "standard|purchase|growth", "vocabulary of the lifecycle stages")
    mature_orders: int = _setting(6, "orders", "lifecycle 'growth': orders from which a customer is mature")
    recency_edges_days: tuple[int, ...] = _setting((30, 90, 180, 365), "days", "edges of the R score")
    frequency_edges: tuple[int, ...] = _setting((2, 3, 6, 12), "orders", "edges of the F score")
    monetary_edges_minor: tuple[int, ...] = _setting(
        (2500, 7500, 20000, 50000), "minor units", "edges of the M score"
    )
    churn_rule: str = _setting(
        "rhythm", "rhythm|fixed", "risk of churn: by the customer's own rhythm once it is known, or by days"
    )
    churn_days: tuple[int, ...] = _setting(
        (90, 180), "days", "fixed rule: silence that makes risk medium, high"
    )
    cart_abandoned_s: int = _setting(1800, "seconds", "rest after which a filled cart is abandoned")
    browse_abandoned_s: int = _setting(86_400, "seconds", "the same for looking around without filling one")
    health_weights: tuple[int, ...] = _setting(
        (30, 25, 20, 15, 10), "weights", "of recency, frequency, engagement, satisfaction, service in health"
    )
    health_edges: tuple[int, ...] = _setting((40, 70), "score", "health from here is sub-healthy, healthy")
    offline_channels: tuple[str, ...] = _setting(("store",), "names", "channels that are places")
    paydays: tuple[int, ...] = _setting((1, 15), "days of month", "when people are paid")
    holidays: tuple[str, ...] = _setting((), "MM-DD or first..last", "days on which people shop otherwise")
    southern: bool = _setting(False, "bool", "seasons of the southern half of the world")
    rates: Mapping[str, Any] = _setting({}, "table", "currency -> {date: rate to the deployment's currency}")
    categories: Mapping[str, str] = _setting({}, "table", "alias of a category -> its name")
    channels: Mapping[str, str] = _setting({}, "table", "alias of a channel -> its name")
    price_edges: Mapping[str, Any] = _setting(
        {}, "table", "category -> ascending unit prices in minor units, for the price percentile"
    )
    privacy: Mapping[str, str] = _setting(
        {}, "table", "attribute (or *) -> keep, drop, mask or hmac, before it is stored"
    )
    privacy_key: str = _setting("", "secret", "key of hmac, at least 16 bytes; better in the environment")
    sources: Mapping[str, Any] = _setting(
        {}, "table", "foreign field names, see deploy/examples/sources.toml"
    )

    def rules(self) -> Rules:
        """The part that the core needs.

        Raises:
            ConfigError: a zone, list or table cannot be used.
        """
        r, f, m = (
            _ascending(name, getattr(self, name), 4)
            for name in ("recency_edges_days", "frequency_edges", "monetary_edges_minor")
        )
        medium_days, high_days = _ascending("churn_days", self.churn_days, 2)
        low, high = _ascending("health_edges", self.health_edges, 2)
        if len(self.health_weights) != 5 or min(self.health_weights) < 0 or not sum(self.health_weights):
            raise ConfigError("health_weights must be five numbers, none negative, not all zero")
        if not all(1 <= day <= 31 for day in self.paydays):
            raise ConfigError("paydays must be days of the month, 1 to 31")
        calendar = Calendar() if self.zone == "UTC" else calendar_of(self.zone)
        if calendar is None:
            raise ConfigError(f"zone '{self.zone}' is not a known IANA time zone")
        try:
            rates = Rates(self.rates, self.currency)
            categories, channels = Names(self.categories), Names(self.channels)
            has_tables = bool(self.rates or self.categories or self.channels)
            return Rules(
                calendar=calendar,
                currency=self.currency,
                lifecycle=self.lifecycle,
                mature_orders=self.mature_orders,
                recency_edges_days=(r[0], r[1], r[2], r[3]),
                frequency_edges=(f[0], f[1], f[2], f[3]),
                monetary_edges_minor=(m[0], m[1], m[2], m[3]),
                tables=version(rates, categories=categories, channels=channels) if has_tables else "",
                rates=rates,
                categories=categories,
                channels=channels,
                offline_channels=self.offline_channels,
                zones=calendar_of,
                paydays=self.paydays,
                southern=self.southern,
                holidays=Holidays(self.holidays),
                price_edges={name: _edges(name, edges) for name, edges in self.price_edges.items()},
                cart_abandoned_ms=self.cart_abandoned_s * 1000,
                browse_abandoned_ms=self.browse_abandoned_s * 1000,
                health_weights=self.health_weights,
                health_edges=(low, high),
                catalogue=self.tags(),
                churn_rule=self.churn_rule,
                churn_days=(medium_days, high_days),
            )
        except (ValueError, AttributeError) as error:
            raise ConfigError(f"a table of names, rates or days cannot be used: {error}") from None

    def tags(self) -> Catalogue:
        """The catalogue that a new deployment starts with.

        Raises:
            ConfigError: the file cannot be read or used.
        """
        return _loaded(_text_of(self.catalogue))


def _text_of(path: str) -> str:
    try:
        if path:
            return Path(path).read_text(encoding="utf-8")
        return files("models.catalogue").joinpath("catalogue.toml").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"catalogue {path} cannot be read: {type(error).__name__}") from None


@lru_cache(maxsize=8)
def _loaded(text: str) -> Catalogue:
    try:
        return load(text)
    except CatalogueError as error:
        raise ConfigError(f"the catalogue cannot be used:\n{error}") from None


@lru_cache(maxsize=1024)
def calendar_of(zone: str) -> Calendar | None:
    """The calendar of an IANA zone, the same object each time; None where there is no such zone."""
    try:
        return Calendar(ZoneInfo(zone))
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _ascending(name: str, numbers: tuple[int, ...], count: int) -> tuple[int, ...]:
    if len(numbers) != count or list(numbers) != sorted(set(numbers)):
        words = {2: "two", 4: "four"}
        raise ConfigError(f"{name} must be {words[count]} ascending whole numbers, not {list(numbers)}")
    return numbers


def _edges(category: str, edges: Any) -> tuple[int, ...]:
    whole = isinstance(edges, list | tuple) and all(type(edge) is int for edge in edges)
    if not whole or not edges or list(edges) != sorted(set(edges)):
        raise ConfigError(f"price_edges of '{category}' must be ascending whole numbers")
    return tuple(edges)


def instant_ms(text: str) -> int:
    """Epoch ms of an ISO-8601 text with offset.

    Raises:
        ConfigError: it is none.
    """
    try:
        at = datetime.fromisoformat(text)
        if at.tzinfo is not None:
            return round(at.timestamp() * 1000)
    except (ValueError, OverflowError):
        pass
    raise ConfigError(f"'{text}' is not an ISO-8601 instant with an offset, like 2017-10-01T00:00:00Z")
