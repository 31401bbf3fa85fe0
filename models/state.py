"""What is remembered of one customer: aggregates, what was announced, and how far the input was applied.

The state is private to the product; the public face is `document`. Every aggregate is independent of
arrival order and of repeats; only `Held.since_ms`, `version` and `seq` depend on what was announced.
"""

import msgspec

from models.days import Days
from models.orders import Orders

# Known click actions are counted by name, all others together, so that a state stays bounded.
_KNOWN = """
page_view product_view list_view search add_to_cart remove_from_cart checkout_start favourite
campaign_received campaign_click coupon_redeemed signup login
"""
ACTIONS = frozenset(_KNOWN.split())
OTHER_ACTION = "other"
# Things that happen to a customer are not activity of the customer.
PASSIVE_ACTIONS = frozenset(("campaign_received", "delivered"))


class Seen(msgspec.Struct, array_like=True, gc=False):
    """Identities of events already counted, oldest first.

    Attributes:
        key: 64-bit identities of event ids.
        until_day: day (UTC) after which each may be forgotten; empty where only the number limits.
    """

    key: list[int] = []
    until_day: list[int] = []


class Clicks(msgspec.Struct, array_like=True, gc=False):
    """Click aggregate: how many, when last, which actions, by day."""

    n: int = 0
    last_ms: int = 0
    actions: dict[str, int] = {}
    days: Days = msgspec.field(default_factory=Days)
    seen: list[int] = []


class Service(msgspec.Struct, array_like=True, gc=False):
    """Service aggregate; refunds in minor units."""

    contacts: int = 0
    complaints: int = 0
    returns: int = 0
    refunds_minor: int = 0
    last_contact_ms: int = 0


class Held(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A tag as announced: its value and since when it has it (event time)."""

    value: bool | str
    since_ms: int


class State(msgspec.Struct, array_like=True, gc=False):
    """The record of one customer.

    Attributes:
        version: number of stored writes.
        seq: number of tag changes announced so far; the next one has this number plus one.
        as_of_ms: instant of the latest evaluation; never goes back.
        wake_at_ms: next instant at which something changes with no event; 0 = never.
        first_seen_ms: earliest event; 0 = none.
        last_seen_ms: latest event.
        last_active_ms: latest event that is the customer's own doing.
        offsets: "topic/partition" -> last applied offset.
        seen: order and service events already counted.
        tags: tag id -> what was announced.
    """

    version: int = 0
    seq: int = 0
    as_of_ms: int = 0
    wake_at_ms: int = 0
    first_seen_ms: int = 0
    last_seen_ms: int = 0
    last_active_ms: int = 0
    offsets: dict[str, int] = {}
    seen: Seen = msgspec.field(default_factory=Seen)
    orders: Orders = msgspec.field(default_factory=Orders)
    clicks: Clicks | None = None
    service: Service | None = None
    tags: dict[str, Held] = {}
