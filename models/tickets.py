"""Service tickets: which are open, how old, how long the closed ones took; exact in any order of arrival.

A ticket is everything said about one `ticket_id`: when it was first opened, last opened (it may be opened
again) and last resolved. It is open while the last opening is later than the last resolution. The
customer's latest `KEPT` tickets are remembered; older ones are sealed as they stand then.
"""

import msgspec

KEPT = 32  # tickets, about 30 bytes each


class Tickets(msgspec.Struct, array_like=True, gc=False):
    """The aggregate.

    Attributes:
        tickets: identity -> [first opened, last opened, last resolved], epoch ms, 0 = never.
        sealed: tickets no longer remembered that were opened.
        sealed_resolved: of them resolved.
        sealed_took_ms: their time from first opening to last resolution, summed.
    """

    tickets: dict[int, list[int]] = {}
    sealed: int = 0
    sealed_resolved: int = 0
    sealed_took_ms: int = 0

    def opened(self, key: int, at_ms: int) -> None:
        """A ticket was opened, for the first time or again."""
        self._join(key, at_ms, at_ms, 0)

    def resolved(self, key: int, at_ms: int) -> None:
        """A ticket was resolved, its opening known or not."""
        self._join(key, 0, 0, at_ms)

    def merged(self, other: "Tickets") -> "Tickets":
        """Of two parts of one customer's events."""
        out = Tickets(
            {key: ticket[:] for key, ticket in self.tickets.items()},
            self.sealed + other.sealed,
            self.sealed_resolved + other.sealed_resolved,
            self.sealed_took_ms + other.sealed_took_ms,
        )
        for key, (first, last, resolved) in other.tickets.items():
            out._join(key, first, last, resolved)
        return out

    def open(self) -> list[int]:
        """When each open ticket was first opened, epoch ms, earliest first."""
        return sorted(first for first, last, resolved in self.tickets.values() if last > resolved)

    def closed(self) -> tuple[int, int]:
        """How many were resolved, and their time from first opening to last resolution, summed, in ms."""
        n, took_ms = self.sealed_resolved, self.sealed_took_ms
        for first, last, resolved in self.tickets.values():
            if first and resolved >= last:
                n += 1
                took_ms += resolved - first
        return n, took_ms

    def _join(self, key: int, first: int, last: int, resolved: int) -> None:
        ticket = self.tickets.get(key)
        if ticket is None:
            self.tickets[key] = [first, last, resolved]
            if len(self.tickets) > KEPT:
                self._seal()
            return
        ticket[0] = min(first or ticket[0], ticket[0] or first)
        ticket[1] = max(last, ticket[1])
        ticket[2] = max(resolved, ticket[2])

    def _seal(self) -> None:
        """Forget the ticket of which was heard longest ago, a resolved one if there is any."""
        key = min(self.tickets, key=lambda k: (self._is_open(k), max(self.tickets[k]), k))
        first, last, resolved = self.tickets.pop(key)
        if first:
            self.sealed += 1
            if resolved >= last:
                self.sealed_resolved += 1
                self.sealed_took_ms += resolved - first

    def _is_open(self, key: int) -> bool:
        _, last, resolved = self.tickets[key]
        return last > resolved
