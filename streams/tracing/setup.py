"""Tracing as configured, or none; OpenTelemetry is imported here and only where it is wanted."""

from urllib.parse import urlsplit, urlunsplit

from streams.config import Config, ConfigError
from streams.tracing.contract import Tracing

PATH = "/v1/traces"  # of OTLP over HTTP, where the setting names none


def endpoint(url: str) -> str:
    """Where spans are posted to.

    Raises:
        ConfigError: it is no URL of a collector.
    """
    try:
        parts = urlsplit(url)
        usable = parts.scheme in ("http", "https") and parts.hostname and parts.port != 0
    except ValueError:
        usable = False
    if not usable:  # not shown: it may hold a password
        raise ConfigError("trace_endpoint must be a URL like http://127.0.0.1:4318")
    return url if parts.path.strip("/") else urlunsplit(parts._replace(path=PATH))


def tracing(config: Config, role: str, name: str) -> Tracing | None:
    """Spans for the configured collector; None where none is.

    Args:
        config: says where to.
        role: of the process.
        name: of the process, unique.

    Raises:
        ConfigError: the setting cannot be used, or OpenTelemetry is not installed.
    """
    if not config.trace_endpoint:
        return None
    url = endpoint(config.trace_endpoint)
    try:
        from streams.tracing import collector
    except ImportError:
        raise ConfigError(
            "trace_endpoint needs OpenTelemetry, which is not installed: pip install 'profilestream[tracing]'"
        ) from None
    return collector.connect(url, role, name)
