"""What rules of the catalogue may speak of: the fields of the document, what can be counted, quantiles."""

from collections.abc import Mapping
from dataclasses import replace
from functools import cache

from models import sections
from models.catalogue.fields import POPULATION
from models.engagement import ACTIONS, OTHER_ACTION, RECENT, RECENT_MS
from models.orders import LEDGER
from models.reference import FIELDS
from models.reference_kinds import Field, Kind
from models.rulelang import Keyed, Scope, Type
from models.rulelang.nodes import NUMBER, TEXT
from models.service import RECENT as CONTACTS

_KINDS = {"string": "text", "integer": "number", "number": "number", "boolean": "flag", "instant": "instant"}
_HEAD = ("first_seen_at", "last_seen_at", "last_active_at", "lifecycle.stage")
_ATTRIBUTES = ("number", "text", "flag", "yearday")
# Fields that grow with every millisecond: a rule asks for the instant behind them.
HINTS = {
    "rfm.recency_days": "since(rfm.last_order_at)",
    "service.oldest_open_ticket_days": "since(service.oldest_open_ticket_at)",
    "churn.p_alive": "churn.risk",
    "value.expected_orders_365d": "churn.risk or rfm.f",
    "value.clv_365d_minor": "rfm.net_minor or rfm.m",
}


def scope(attributes: Mapping[str, str]) -> Scope:
    """The scope of a catalogue.

    Args:
        attributes: name -> number, text, flag or yearday, as the catalogue declares them.

    Raises:
        ValueError: with a sentence, one of them is of another type.
    """
    for name, kind in attributes.items():
        if kind not in _ATTRIBUTES:
            raise ValueError(f"attribute '{name}' must be of type {', '.join(_ATTRIBUTES)}, not '{kind}'")
    fields, maps = _of_document()
    types = {name: Type(kind) for name, kind in attributes.items()}  # type: ignore[arg-type]
    stated = {"attributes": Keyed(TEXT, frozenset(types), types)} if types else {}
    counts = {"orders": LEDGER, "contacts": CONTACTS, **dict.fromkeys(("clicks", *_actions()), RECENT)}
    spans = dict.fromkeys(("clicks", *_actions()), RECENT_MS)
    return Scope(fields, maps | stated, counts, spans, HINTS)


def stated(known: Scope) -> Scope:
    """What a reason may state: also what no rule may ask, because it changes all the time."""
    return replace(known, fields={**known.fields, **dict.fromkeys(HINTS, NUMBER)}, hints={})


def _actions() -> list[str]:
    return [*sorted(ACTIONS), OTHER_ACTION]


@cache
def _of_document() -> tuple[dict[str, Type], dict[str, Keyed]]:
    fields = dict.fromkeys(("lifecycle.threshold_days", *POPULATION), NUMBER)
    maps: dict[str, Keyed] = {}
    for field in FIELDS:
        is_known = field.path in _HEAD or (field.parts[0] in sections.OF and field.parts[0] != "attributes")
        if not is_known or field.path in HINTS or "[]" in field.path or field.kind.json not in _KINDS:
            continue
        if "*" not in field.path:
            fields[field.path] = _type(field.kind)
            continue
        path = field.path.removesuffix(".*")
        maps[path] = Keyed(_type(field.kind), frozenset(field.keys) if field.keys else None)
    return fields, maps


def _type(kind: Kind) -> Type:
    values = frozenset(str(value) for value in kind.values) if kind.values and kind.json == "string" else None
    return Type(_KINDS[kind.json], values)  # type: ignore[arg-type]


def documented(path: str) -> Field | None:
    """The row of the reference that a field of a rule stands for; None for what is no field."""
    return next((field for field in FIELDS if path in (field.path, field.path.removesuffix(".*"))), None)
