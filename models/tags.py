"""Tags: the product's output language. Each is a row of one table; `compare` says what changed.

A tag's value is True (a flag that is held), a name (a category) or None (not held). It is a function of
the `Standing`; so is the instant until which it holds if nothing happens.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from models.calendar import iso
from models.lifecycle import VOCABULARIES
from models.rules import Rules
from models.standing import Standing, segment_until_ms
from models.state import Held

Value = bool | str | None
Because = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Tag:
    """One row: what it is called, when it holds, until when, and why.

    Attributes:
        id: public name.
        version: raised with every change of the rule's meaning.
        value: Standing -> value.
        until_ms: when the value changes if nothing happens, epoch ms; 0 = never.
        because: the values that decided, with their thresholds; times as ISO-8601.
        rule: reference as it stands in documents, id@version.
    """

    id: str
    version: int
    value: Callable[[Standing, Rules], Value]
    until_ms: Callable[[Standing, Rules], int]
    because: Callable[[Standing, Rules], Because]
    rule: str = ""

    def __post_init__(self) -> None:
        object.__setattr__(self, "rule", f"{self.id}@{self.version}")


def _time(name: str, at_ms: int) -> Because:
    return {name: iso(at_ms)} if at_ms else {}


def _lifecycle_because(now: Standing, rules: Rules) -> Because:
    """The threshold that was crossed last, or else the one that comes first."""
    out: Because = {"orders": now.orders, **_time("last_order_at", now.last_order_ms)}
    silence = VOCABULARIES[rules.lifecycle].silence
    threshold = next((name for name, stage in silence if stage == now.stage), silence[0][0])
    return out | {threshold: getattr(rules, threshold)}


TAGS = (
    Tag(
        "lifecycle",
        1,
        value=lambda now, _: now.stage,
        until_ms=lambda now, _: now.stage_until_ms,
        because=_lifecycle_because,
    ),
    Tag(
        "rfm_segment",
        1,
        value=lambda now, _: now.segment,
        until_ms=segment_until_ms,
        because=lambda now, _: {
            "r": now.r,
            "f": now.f,
            "m": now.m,
        },
    ),
    Tag(
        "active_30d",
        1,
        value=lambda now, _: True if now.active_until_ms else None,
        until_ms=lambda now, _: now.active_until_ms,
        because=lambda now, rules: {
            **_time("last_active_at", now.last_active_ms),
            "within_days": rules.active_days,
        },
    ),
    Tag(
        "high_value",
        1,
        value=lambda now, rules: True if now.net_minor >= rules.high_value_minor else None,
        until_ms=lambda *_: 0,
        because=lambda now, rules: {"net_minor": now.net_minor, "at_least_minor": rules.high_value_minor},
    ),
    Tag(
        "cart_abandoned",
        1,
        value=lambda now, _: True if now.journey.abandoned == "cart" else None,
        until_ms=lambda now, _: now.journey.until_ms if now.journey.cart else 0,
        because=lambda now, rules: {
            **_time("idle_since", now.journey.idle_ms),
            "after_s": rules.cart_abandoned_ms // 1000,
        },
    ),
    Tag(
        "browse_abandoned",
        1,
        value=lambda now, _: True if now.journey.abandoned == "browse" else None,
        until_ms=lambda now, _: 0 if now.journey.cart else now.journey.until_ms,
        because=lambda now, rules: {
            **_time("idle_since", now.journey.idle_ms),
            "after_s": rules.browse_abandoned_ms // 1000,
        },
    ),
)


def compare(held: dict[str, Held], now: Standing, rules: Rules) -> list[tuple[Tag, Value, Value]]:
    """Which tags differ from what was announced: (tag, announced value, value now)."""
    if now.withdrawn:
        return [(tag, held[tag.id].value, None) for tag in TAGS if tag.id in held]
    differences = []
    for tag in TAGS:
        announced = held.get(tag.id)
        old = announced.value if announced is not None else None
        new = tag.value(now, rules)
        if old != new:
            differences.append((tag, old, new))
    return differences
