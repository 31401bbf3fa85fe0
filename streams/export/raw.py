"""State columns for those who train models: the sequences behind the aggregates, within their bounds.

They are private to a version of the product, unlike all other columns: a newer one may have others.
"""

from typing import Any, NamedTuple

from models.calendar import iso
from models.engagement import RECENT
from models.orders import CANCELLED, LEDGER, UNKNOWN
from models.service import RECENT as CONTACTS
from models.state import State


class RawColumn(NamedTuple):
    """A column out of the state: name, type as in `columns`, unit, meaning."""

    name: str
    type: str
    unit: str
    meaning: str


COLUMNS = (
    RawColumn("raw_order_at", "instants", "", f"The latest {LEDGER} orders that count, ascending."),
    RawColumn("raw_order_minor", "integers", "minor units", "Their amounts; null where unknown."),
    RawColumn("raw_order_day", "integers", "days since 1970-01-01", "Days with orders, of the latest 365."),
    RawColumn("raw_order_day_n", "integers", "count", "Orders on each of these days."),
    RawColumn("raw_order_day_minor", "integers", "minor units", "Money of each of these days."),
    RawColumn("raw_click_at", "instants", "", f"The latest {RECENT} clicks of 48 hours, ascending."),
    RawColumn("raw_click_day", "integers", "days since 1970-01-01", "Days with clicks, of the latest 90."),
    RawColumn("raw_click_day_n", "integers", "count", "Clicks on each of these days."),
    RawColumn("raw_contact_at", "instants", "", f"The latest {CONTACTS} contacts with service, ascending."),
    RawColumn("raw_changes", "integer", "count", "Tag changes announced so far."),
)  # fmt: skip


def values(state: State) -> dict[str, Any]:
    """The state columns of a customer, instants as ISO-8601 text; empty lists where nothing is known."""
    if state.withdrawn:
        return {}
    orders, engagement, service = state.orders, state.engagement, state.service
    counting = [
        (at_ms, minor) for at_ms, minor in zip(orders.at_ms, orders.minor, strict=True) if minor != CANCELLED
    ]
    return {
        "raw_order_at": [iso(at_ms) for at_ms, _ in counting],
        "raw_order_minor": [None if minor == UNKNOWN else minor for _, minor in counting],
        "raw_order_day": list(orders.days.day),
        "raw_order_day_n": list(orders.days.n),
        "raw_order_day_minor": list(orders.days.minor),
        "raw_click_at": [iso(ms) for ms in engagement.times(None)] if engagement is not None else [],
        "raw_click_day": list(engagement.days.day) if engagement is not None else [],
        "raw_click_day_n": list(engagement.days.n) if engagement is not None else [],
        "raw_contact_at": [iso(ms) for ms in service.recent_ms] if service is not None else [],
        "raw_changes": state.seq,
    }
