"""Configuration: one frozen table, from a TOML file and `PROFILESTREAM_*` variables.

This is the only module that reads the environment. A variable wins over the file, the file over the
default; an unknown name in either is an error, because a misspelt setting that is silently ignored is
found in production.
"""

import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from models.calendar import Calendar
from models.lifecycle import VOCABULARIES
from models.rules import Rules

PREFIX = "PROFILESTREAM_"


class ConfigError(Exception):
    """A setting is unknown, malformed or contradicts another; the message is one sentence."""


def _setting(default: Any, unit: str, meaning: str) -> Any:
    return field(default=default, metadata={"unit": unit, "meaning": meaning})


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
    lifecycle: str = _setting("standard", "standard|purchase|growth", "vocabulary of the lifecycle stages")
    mature_orders: int = _setting(6, "orders", "lifecycle 'growth': orders from which a customer is mature")
    recency_edges_days: tuple[int, ...] = _setting((30, 90, 180, 365), "days", "edges of the R score")
    frequency_edges: tuple[int, ...] = _setting((2, 3, 6, 12), "orders", "edges of the F score")
    monetary_edges_minor: tuple[int, ...] = _setting(
        (2500, 7500, 20000, 50000), "minor units", "edges of the M score"
    )
    high_value_minor: int = _setting(50_000, "minor units", "net spending that makes a customer high value")

    def rules(self) -> Rules:
        """The part that the core needs.

        Raises:
            ConfigError: the zone is unknown or a list of edges is not four ascending numbers.
        """
        for name in ("recency_edges_days", "frequency_edges", "monetary_edges_minor"):
            edges = getattr(self, name)
            if len(edges) != 4 or list(edges) != sorted(set(edges)):
                raise ConfigError(f"{name} must be four ascending whole numbers, not {list(edges)}")
        try:
            zone = None if self.zone == "UTC" else ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError, OSError):
            raise ConfigError(f"zone '{self.zone}' is not a known IANA time zone") from None
        r, f, m = self.recency_edges_days, self.frequency_edges, self.monetary_edges_minor
        return Rules(
            calendar=Calendar(zone),
            currency=self.currency,
            lifecycle=self.lifecycle,
            mature_orders=self.mature_orders,
            recency_edges_days=(r[0], r[1], r[2], r[3]),
            frequency_edges=(f[0], f[1], f[2], f[3]),
            monetary_edges_minor=(m[0], m[1], m[2], m[3]),
            high_value_minor=self.high_value_minor,
        )


def load(
    path: Path | None = None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, Any] | None = None,
) -> Config:
    """Read the file, the environment and the command line's overrides, in rising precedence.

    Args:
        path: TOML file with the names of `Config` at its top level, or None.
        environ: variables to read instead of the process's own.
        overrides: values that win over everything; None values are ignored.

    Raises:
        ConfigError: with one sentence that names the setting.
    """
    known = {f.name: f for f in fields(Config)}
    values: dict[str, Any] = {}
    for name, value in _from_file(path).items():
        if name not in known:
            raise ConfigError(f"unknown setting '{name}' in {path}; known: {', '.join(sorted(known))}")
        values[name] = value
    for variable, text in (os.environ if environ is None else environ).items():
        if variable.startswith(PREFIX):
            name = variable.removeprefix(PREFIX).lower()
            if name not in known:
                raise ConfigError(
                    f"unknown variable {variable}; known: {PREFIX}{{{', '.join(known).upper()}}}"
                )
            values[name] = text
    values.update({name: value for name, value in (overrides or {}).items() if value is not None})
    config = Config(**{name: _convert(name, value, known[name].default) for name, value in values.items()})
    _check(config)
    return config


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


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from None


def _convert(name: str, value: Any, default: Any) -> Any:
    """Give a value the type of its default; text comes from the environment."""
    try:
        if isinstance(default, bool):
            if isinstance(value, str):
                return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            if not isinstance(value, bool):
                raise ValueError
            return value
        if isinstance(default, tuple):
            parts = value.split(",") if isinstance(value, str) else list(value)
            return tuple(_whole(part) for part in parts)
        if isinstance(default, str) and not isinstance(value, str):
            raise ValueError
        if isinstance(default, int):
            return _whole(value)
        if isinstance(value, bool):
            raise ValueError
        return type(default)(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        raise ConfigError(f"setting '{name}' must be like {default!r}, not {value!r}") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError
    return int(value)


_CHOICES = {
    "clock": ("wall", "event"),
    "lifecycle": tuple(VOCABULARIES),
    "log_level": ("debug", "info", "warning", "error"),
    "on_data_loss": ("rebuild", "refuse"),
}
_AT_LEAST_ONE = (
    "partitions",
    "replication",
    "buckets",
    "poll_records",
    "mature_orders",
    "cache_profiles",
    "outbox_limit",
)
_NOT_NEGATIVE = ("fetch_wait_ms", "future_limit_s", "redis_replicas", "input_epoch")
_SECONDS = ("session_timeout_s", "heartbeat_s", "commit_interval_s", "stall_s")


def _check(config: Config) -> None:
    for name, allowed in _CHOICES.items():
        if getattr(config, name) not in allowed:
            raise ConfigError(f"{name} must be {' or '.join(allowed)}, not '{getattr(config, name)}'")
    for name in _AT_LEAST_ONE:
        if getattr(config, name) < 1:
            raise ConfigError(f"{name} must be at least 1")
    for name in _NOT_NEGATIVE:
        if getattr(config, name) < 0:
            raise ConfigError(f"{name} must not be negative")
    for name in _SECONDS:
        if not 0 < getattr(config, name) < 1e6:
            raise ConfigError(f"{name} must be a positive number of seconds below a million")
    if not re.fullmatch("[A-Z]{3}", config.currency):
        raise ConfigError(f"currency must be three capital letters, not '{config.currency}'")
    if not config.brokers.strip():
        raise ConfigError("brokers must name at least one host:port")
    if config.clock_until:
        instant_ms(config.clock_until)
    config.rules()
