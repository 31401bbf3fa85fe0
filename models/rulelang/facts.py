"""What a rule asks about: one customer at one instant."""

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol


class Facts(Protocol):
    """What is known of one customer at an instant.

    Attributes:
        at_ms: the instant, epoch ms.
    """

    at_ms: int

    def get(self, path: str, key: str | None) -> Any:
        """A field's value, instants in epoch ms; None = unknown."""

    def moves_at(self, path: str, key: str | None) -> int:
        """The next later instant at which time alone changes the field, epoch ms; 0 = never."""

    def times(self, subject: str) -> Sequence[int]:
        """When the events that can be counted happened, ascending, epoch ms."""

    def today(self) -> date:
        """The calendar day of the instant, where the customer lives by it."""

    def start_of_day_ms(self, ahead: int) -> int:
        """First instant of the day so many days after today."""

    def later(self, at_ms: int) -> "Facts":
        """The same facts, looked at later."""
