"""Where a profile and the oracle's answer differ, within the error that each field states."""

import math
import re
from collections.abc import Iterable, Mapping
from typing import Any

_OTHER = "engagement.actions.other"
# Fractions are shown with two, four or six decimals, or kept in millionths of a scale of ten; gaps in full.
_ROUNDED = {"engagement": 1e-6, "satisfaction": 1.1e-5}
_ROUNDED |= dict.fromkeys(("preferences", "habits", "promotion", "health"), 1.1e-4)
_ROUNDED |= {"churn.p_alive": 1.1e-6, "habits.gap_median_days": 0.0, "habits.gap_spread_days": 0.0}
_ROUNDED |= {"value.expected_orders_365d": 5.1e-5, "value.clv_365d_minor": 0.51}
_ROUNDED |= {"promotion.mean_order_minor": 0.011, "health.score": 0.011, "service.return_ratio": 1.1e-4}
# What says something by being in the document: one more than expected is a difference.
_SURPLUS = re.compile(
    r"(?s)rfm\.(first_order_at|last_order_at|recency_days|[rfm]|segment|foreign\..*)"
    r"|engagement\.(?!dwell_mean).*|last_active_at"
    r"|(service|satisfaction|preferences|habits|promotion|journey|health|churn|value|cluster|scores|attributes|consent)\..*"
)


def compare(expected: Mapping[str, Any], document: Mapping[str, Any]) -> list[str]:
    """Differences between an oracle entry and a public profile document, in the oracle's fields only.

    Where the document counts actions as `other`, the expected ones that it does not name are taken together.

    Args:
        expected: one entry of `recompute`.
        document: the profile document; its tags are objects with a `value`.

    Returns:
        One line a difference, `dotted path: expected != actual`; empty when they agree.
    """
    tags = {name: tag["value"] for name, tag in document.get("tags", {}).items()}
    wanted, found = dict(_leaves(expected, "")), dict(_leaves({**document, "tags": tags}, ""))
    if _OTHER in found:
        unnamed = [path for path in wanted if path.startswith("engagement.actions.") and path not in found]
        wanted[_OTHER] = wanted.get(_OTHER, 0) + sum(wanted.pop(path) for path in unnamed)
    paths = dict.fromkeys([*wanted, *filter(_SURPLUS.fullmatch, found)])
    wanted = {path: value for path, value in wanted.items() if value is not None}  # a tag that is not held
    return [
        f"{path}: {wanted.get(path, 'absent')!r} != {found.get(path, 'absent')!r}"
        for path in paths
        if not _same(wanted.get(path), found.get(path), _tolerance(path))
    ]


def _leaves(value: Any, path: str) -> Iterable[tuple[str, Any]]:
    if not isinstance(value, Mapping):
        return [(path, value)]
    return [leaf for k, v in value.items() for leaf in _leaves(v, f"{path}.{k}" if path else str(k))]


def _tolerance(path: str) -> float:
    return _ROUNDED.get(path, _ROUNDED.get(path.partition(".")[0], 0.0))


def _same(wanted: Any, found: Any, abs_tol: float) -> bool:
    if isinstance(wanted, float) and isinstance(found, int | float):
        return math.isclose(wanted, found, rel_tol=1e-9, abs_tol=abs_tol)
    return bool(wanted == found) and isinstance(wanted, bool) == isinstance(found, bool)
