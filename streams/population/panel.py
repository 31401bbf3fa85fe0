"""The panel: raw state of a sample of customers, kept so that they can be looked at as of any later instant.

Everyone belongs to it while there are few; beyond `capacity` the share of all customers that belongs to it
shrinks, a tenth at a time. Who stays is decided by the id (`models/population/sample.py`), so the panel does
not depend on who came first, and a customer that was let go never comes back.
"""

from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from models.population.row import Row
from models.population.sample import EVERYONE, in_panel
from streams.population.fit import Floats

CAPACITY = 50_000
SHRINK = 0.9
Ints = NDArray[np.int64]


class Columns(NamedTuple):
    """The panel by column, one entry a customer; fields of `Row`."""

    first_ms: Ints
    second_ms: Ints
    last_ms: Ints
    orders: Ints
    occasions: Ints
    total_minor: Ints
    valued: Ints

    def __len__(self) -> int:
        """Customers, not columns."""
        return len(self.first_ms)


def repeats(columns: Columns, at_ms: int) -> tuple[Floats, Floats, Floats]:
    """x, t_x and T in days, the input of BG/NBD, at an instant."""
    day = 86_400_000.0
    x = (columns.occasions - 1).astype(np.float64)
    t_x = np.where(x > 0, columns.last_ms - columns.first_ms, 0) / day
    return x, t_x, (at_ms - columns.first_ms) / day


class Panel:
    """Rows of the customers in the sample.

    Args:
        capacity: most customers it holds.
        share: share of all customers it begins with, 0..1.
    """

    def __init__(self, capacity: int = CAPACITY, share: float = EVERYONE) -> None:
        self.capacity = capacity
        self.share = share
        self._rows: dict[str, Row] = {}

    def __len__(self) -> int:
        return len(self._rows)

    def take(self, customer_id: str, row: Row | None) -> None:
        """Remember the latest row of a customer; None forgets one that has no order any more."""
        if row is None:
            self._rows.pop(customer_id, None)
        elif in_panel(customer_id, self.share):
            self._rows[customer_id] = row
            while len(self._rows) > self.capacity:
                self._shrink()

    def _shrink(self) -> None:
        self.share *= SHRINK
        self._rows = {one: row for one, row in self._rows.items() if in_panel(one, self.share)}

    def columns(self) -> Columns:
        """Every row, ascending by customer id, so that what is fitted does not depend on who came first."""
        rows = [msgspec.structs.astuple(self._rows[one]) for one in sorted(self._rows)]
        table = np.array(rows, dtype=np.int64).reshape(-1, 7)
        return Columns(*(np.ascontiguousarray(table[:, i]) for i in range(7)))
