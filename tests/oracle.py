"""The oracle of DESIGN 5 for tests; it lives in `streams.oracle` because `verify` uses it too."""

from typing import Any

from builders import TAGS

from streams.config import Config
from streams.oracle import compare, event_time_ms, minor_units, recompute
from streams.oracle_settings import OracleSettings as _Settings

__all__ = ["SHIPPED", "OracleSettings", "compare", "event_time_ms", "minor_units", "recompute"]

SHIPPED = Config().tags().text  # what a worker has that is not told otherwise


def OracleSettings(**numbers: Any) -> _Settings:  # noqa: N802 - a class elsewhere
    """The settings that `builders.RULES` are."""
    return _Settings(**{"catalogue_text": TAGS, **numbers})
