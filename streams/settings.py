"""Settings from a TOML file, `PROFILESTREAM_*` variables and the command line.

This is the only module that reads the environment. A variable wins over the file, the file over the
default; an unknown name in either is an error, because a misspelt setting that is silently ignored is
found in production. A table stands in a variable as JSON.
"""

import json
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import Field, fields
from pathlib import Path
from typing import Any, get_args

from models.lifecycle import VOCABULARIES
from streams.config import PREFIX, Config, ConfigError, instant_ms
from streams.decoding import Decoding


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
    config = Config(**{name: _convert(known[name], value) for name, value in values.items()})
    _check(config)
    return config


def _from_file(path: Path | None) -> dict[str, Any]:
    if path is None:
        return {}
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise ConfigError(f"configuration file {path} does not exist") from None
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise ConfigError(f"configuration file {path} cannot be read: {error}") from None


def _convert(setting: Field[Any], value: Any) -> Any:
    """Give a value the type of its default; text comes from the environment."""
    default = setting.default
    try:
        if not isinstance(default, bool | int | float | str | tuple):
            table = json.loads(value) if isinstance(value, str) else value
            if not isinstance(table, dict):
                raise ValueError
            return table
        if isinstance(default, bool):
            if isinstance(value, str):
                return {"true": True, "1": True, "false": False, "0": False}[value.lower()]
            if not isinstance(value, bool):
                raise ValueError
            return value
        if isinstance(default, tuple):
            parts = [part for part in value.split(",") if part] if isinstance(value, str) else list(value)
            return tuple(map(_text if get_args(setting.type)[0] is str else _whole, parts))
        if isinstance(default, str) and not isinstance(value, str):
            raise ValueError
        if isinstance(default, int):
            return _whole(value)
        if isinstance(value, bool):
            raise ValueError
        return type(default)(value)
    except (ValueError, TypeError, KeyError, OverflowError):
        like = repr(default) if isinstance(default, bool | int | float | str | tuple) else "a table"
        shown = "what it is" if setting.name in _SECRETS else repr(value)
        raise ConfigError(f"setting '{setting.name}' must be like {like}, not {shown}") from None


def _whole(value: Any) -> int:
    if isinstance(value, bool) or not isinstance(value, int | str):
        raise ValueError
    return int(value)


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError
    return value.strip()


_SECRETS = ("privacy_key", "console_token")
_CHOICES = {
    "clock": ("wall", "event"),
    "lifecycle": tuple(VOCABULARIES),
    "churn_rule": ("rhythm", "fixed"),
    "clusterer": ("kmeans", "clustream"),
    "log_format": ("text", "json"),
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
    "cart_abandoned_s",
    "browse_abandoned_s",
    "sweep_per_s",
    "clusters",
)
_NOT_NEGATIVE = (
    "fetch_wait_ms",
    "future_limit_s",
    "redis_replicas",
    "input_epoch",
    "trainer_seed",
    "history",
)
_SECONDS = (
    "session_timeout_s",
    "heartbeat_s",
    "commit_interval_s",
    "stall_s",
    "trainer_interval_s",
    "trainer_lease_s",
    "lag_slo_s",
)


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
    Decoding(config)
