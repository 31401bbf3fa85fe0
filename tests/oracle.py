"""The oracle of DESIGN 5 for tests; it lives in `streams.oracle` because `verify` uses it too."""

from streams.oracle import OracleSettings, compare, event_time_ms, minor_units, recompute

__all__ = ["OracleSettings", "compare", "event_time_ms", "minor_units", "recompute"]
