"""Service: contacts, complaints, returns, tickets, and how soon a customer has to come back."""

from bisect import insort
from itertools import pairwise
from typing import Any

import msgspec
from xxhash import xxh3_64_intdigest

from models.calendar import iso
from models.events import Service as ServiceEvent
from models.rules import DAY_MS, Rules
from models.tickets import Tickets

CONTACTS = frozenset(("ticket_opened", "complaint", "return", "refund", "csat", "nps", "feedback"))
RECENT = 64  # contact times, 9 bytes each
REPEAT_DAYS = 7  # a contact so soon after another is a repeated one


class Service(msgspec.Struct, array_like=True, gc=False):
    """The aggregate of service events.

    Attributes:
        contacts: how often the customer turned to us.
        complaints: of them complaints.
        returns: of them returns.
        refunds_minor: refunded amounts of returns and refunds, minor units.
        recent_ms: times of the latest `RECENT` contacts, ascending, epoch ms.
        tickets: what became of tickets.
    """

    contacts: int = 0
    complaints: int = 0
    returns: int = 0
    refunds_minor: int = 0
    recent_ms: list[int] = []
    tickets: Tickets = msgspec.field(default_factory=Tickets)

    def add(self, event: ServiceEvent, rules: Rules) -> None:
        """Count a service event."""
        action = event.action
        if action in CONTACTS:
            self.contacts += 1
            insort(self.recent_ms, event.ts_ms)
            del self.recent_ms[:-RECENT]
        if action == "complaint":
            self.complaints += 1
        elif action == "return":
            self.returns += 1
        if action in ("return", "refund") and event.refund_minor:
            # One in a currency without a rate cannot be set against anything.
            self.refunds_minor += rules.in_base(event.refund_minor, event.currency, event.ts_ms) or 0
        if event.ticket_id and action in ("ticket_opened", "ticket_resolved"):
            key = xxh3_64_intdigest(event.ticket_id.encode())
            if action == "ticket_opened":
                self.tickets.opened(key, event.ts_ms)
            else:
                self.tickets.resolved(key, event.ts_ms)

    def merged(self, other: "Service") -> "Service":
        """Of two parts of one customer's events."""
        return Service(
            self.contacts + other.contacts,
            self.complaints + other.complaints,
            self.returns + other.returns,
            self.refunds_minor + other.refunds_minor,
            sorted([*self.recent_ms, *other.recent_ms])[-RECENT:],
            self.tickets.merged(other.tickets),
        )

    def repeats(self) -> int:
        """Contacts among the latest `RECENT` that came within `REPEAT_DAYS` days of the one before."""
        times = self.recent_ms
        limit_ms = REPEAT_DAYS * DAY_MS
        return sum(late - early <= limit_ms for early, late in pairwise(times))

    def show(self, at_ms: int, orders: int) -> dict[str, Any]:
        """The section `service` of the document.

        Args:
            at_ms: instant of evaluation.
            orders: how many orders count, for the share that came back.
        """
        waiting = self.tickets.open()
        out: dict[str, Any] = {
            "contacts": self.contacts,
            "repeat_contacts": self.repeats(),
            "complaints": self.complaints,
            "returns": self.returns,
            "open_tickets": len(waiting),
        }
        if self.recent_ms:
            out["last_contact_at"] = iso(self.recent_ms[-1])
        if waiting:
            out["oldest_open_ticket_at"] = iso(waiting[0])
            out["oldest_open_ticket_days"] = (at_ms - waiting[0]) / DAY_MS
        closed, took_ms = self.tickets.closed()
        if closed:
            out["resolved_tickets"] = closed
            out["resolve_mean_hours"] = took_ms / closed / 3_600_000
        if orders:
            out["return_ratio"] = round(min(1.0, self.returns / orders), 4)
        return out
