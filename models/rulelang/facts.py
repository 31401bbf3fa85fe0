"""What a rule asks about: one customer at one instant, and how a field of it is read."""

from collections.abc import Callable, Sequence
from datetime import date
from typing import Any, NamedTuple, Protocol

from models.rulelang.nodes import Field

NEVER = 1 << 62  # in place of an instant


class Facts(Protocol):
    """What is known of one customer at an instant.

    Attributes:
        at_ms: the instant, epoch ms.
    """

    @property
    def at_ms(self) -> int:
        """See the class."""

    def times(self, subject: str) -> Sequence[int]:
        """When the events that can be counted happened, ascending, epoch ms; none after the instant."""

    def today(self) -> date:
        """The calendar day of the instant, where the customer lives by it."""

    def start_of_day_ms(self, ahead: int) -> int:
        """First instant of the day so many days after today."""

    def later(self, at_ms: int) -> "Facts":
        """The same facts, looked at later."""


class Reader(NamedTuple):
    """How one field is read from facts.

    Attributes:
        get: its value, instants in epoch ms; None = unknown.
        moves: the next later instant at which time alone changes it, `NEVER` where none does; None = it is
            moved by events only.
        falls: for a value that time only lowers: the instant from which it is below a number, `NEVER` where
            it does not come to that.
        is_sure: whether the value is sure to be another one when it moves.
        is_typed: whether every value is of the field's type; if not, another one counts as unknown.
    """

    get: Callable[[Any], Any]
    moves: Callable[[Any], int] | None = None
    falls: Callable[[Any, float], int] | None = None
    is_sure: bool = True
    is_typed: bool = True


Bind = Callable[[Field], Reader]
