"""What is remembered of one customer: aggregates, what was announced, and how far the input was applied.

The state is private to the product; the public face is `document`. Every aggregate is independent of
arrival order and of repeats; only `Held.since_ms`, `version` and `seq` depend on what was announced.
"""

from bisect import bisect_left

import msgspec

from models.attributes import Attributes
from models.calendar import Calendar
from models.catalogue.held import Held
from models.consent import Consent
from models.engagement import Engagement
from models.journey import Journey
from models.orders import Orders
from models.population.clusters import Membership
from models.purchases import Purchases
from models.rules import Rules
from models.satisfaction import Satisfaction
from models.service import Service

# Things that happen to a customer are not activity of the customer.
PASSIVE_ACTIONS = frozenset(("campaign_received", "delivered"))


class Seen(msgspec.Struct, array_like=True, gc=False):
    """Identities of events already counted, oldest first.

    Attributes:
        key: 64-bit identities of event ids.
        until_day: day (UTC) after which each may be forgotten, ascending.
    """

    key: list[int] = []
    until_day: list[int] = []

    def trim(self, today: int) -> None:
        """Forget those that may be forgotten on a day (UTC)."""
        if self.until_day and self.until_day[0] < today:
            drop = bisect_left(self.until_day, today)
            del self.key[:drop], self.until_day[:drop]


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
        seen: order and service events already counted; `engagement` has its own.
        revision: under which tags were judged last.
        scores: recency, frequency, monetary score as announced; 0 = none.
        membership: the cluster as announced; None = none.
        moved_by_model: whether another model, not the customer, made it that one.
        tags: tag id -> what was announced.
        left: the same of tags that were left not long ago, for corrections.
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
    purchases: Purchases = msgspec.field(default_factory=Purchases)
    engagement: Engagement | None = None
    journey: Journey | None = None
    service: Service | None = None
    satisfaction: Satisfaction | None = None
    attributes: Attributes | None = None
    consent: Consent | None = None
    revision: int = 0
    scores: tuple[int, int, int] = (0, 0, 0)
    membership: Membership | None = None
    moved_by_model: bool = False
    tags: dict[str, Held] = {}
    left: dict[str, Held] = {}

    @property
    def orders(self) -> Orders:
        """The ledger of orders."""
        return self.purchases.orders

    @property
    def withdrawn(self) -> bool:
        """Whether the customer must not be profiled."""
        return self.consent is not None and self.consent.withdrawn

    def local(self, rules: Rules) -> Calendar:
        """The customer's own calendar: that of the attribute `timezone`, else the deployment's."""
        zone = self.attributes.get("timezone") if self.attributes is not None else None
        return (rules.zones(zone) if isinstance(zone, str) else None) or rules.calendar

    def forget(self) -> None:
        """Drop everything that was counted; what was announced and applied stays known."""
        blank = State()
        self.first_seen_ms = self.last_seen_ms = self.last_active_ms = 0
        self.seen, self.purchases = blank.seen, blank.purchases
        self.engagement = self.journey = self.service = self.satisfaction = self.attributes = None
        self.scores, self.membership = (0, 0, 0), None
