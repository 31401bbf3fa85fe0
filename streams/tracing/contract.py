"""What processor and relay ask of tracing where there is one."""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Protocol

from streams.intake import Ready
from streams.metrics.counts import Spent
from streams.store.contract import Entry
from streams.tracing.context import Traceparent


class Tracing(Protocol):
    """Spans of this process. Nothing here waits for a collector, or raises because of one."""

    def batch(
        self, name: str, spent: Spent, customers: int, ready: Ready | None = None
    ) -> AbstractContextManager[Traceparent]:
        """A span of work on customers, begun with `spent`, and at its end one of each phase in there.

        Args:
            name: of the span.
            spent: where the time went, and what came of it; read at the end.
            customers: how many.
            ready: the records behind it, where there are any.
        """

    def publishing(self, entries: Sequence[Entry]) -> AbstractContextManager[None]:
        """A span of a round of the relay."""

    async def stop(self) -> None:
        """Hand over what is left, with a patience of two seconds."""
