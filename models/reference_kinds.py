"""What a row of the field reference is made of. Read `reference` next, the rows are in `reference_*`."""

from typing import NamedTuple

from models.aggregates import SEEN_DAYS, SEEN_MOST


class Kind(NamedTuple):
    """The JSON type of a field, and what bounds it.

    Attributes:
        json: string, integer, number, boolean, instant (text), tag (true, a name or a number), evidence (a
            list of lists) or any.
        least: smallest value, inclusive.
        most: largest value, inclusive.
        values: every value there is, where that is known; none = not closed.
        pattern: what text looks like.
    """

    json: str
    least: float | None = None
    most: float | None = None
    values: tuple[str | int, ...] = ()
    pattern: str = ""


class Field(NamedTuple):
    """One row: a field of the document.

    Attributes:
        path: dotted; `*` is a key that varies, `[]` an element of a list.
        kind: its JSON type.
        unit: of the value; "" where there is none.
        meaning: one sentence.
        absent: when it is not there though its section is; "" = never.
        exact: "exact", or how far it may be off.
        serves: numbers in `reference.CAPABILITIES`.
        keys: what `*` can be, where that is closed.
    """

    path: str
    kind: Kind
    unit: str
    meaning: str
    absent: str = ""
    exact: str = "exact"
    serves: tuple[int, ...] = ()
    keys: tuple[str, ...] = ()

    @property
    def parts(self) -> tuple[str, ...]:
        """The path, name by name."""
        return tuple(self.path.split("."))


def one_of(*values: str | int) -> Kind:
    """A closed vocabulary, all text or all integers."""
    return Kind("integer" if isinstance(values[0], int) else "string", values=tuple(dict.fromkeys(values)))


TEXT = Kind("string")
INSTANT = Kind("instant", pattern=r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}\.\d{3}Z$")
FLAG = Kind("boolean")
COUNT = Kind("integer", least=0)
AT_LEAST_ONE = Kind("integer", least=1)
MINOR = Kind("integer", least=0)
BALANCE = Kind("integer")
SCORE = Kind("integer", least=1, most=5)
RATIO = Kind("number", least=0, most=1)
AMOUNT = Kind("number", least=0)
ANY = Kind("any")

SEEN = f"exact; repeats are known for {SEEN_DAYS} days, at most {SEEN_MOST} of orders and service"
FOUR = "rounded to 4 decimals"
SIX = "rounded to 6 decimals"
DOUBLE = "exact but for the rounding of a double"
