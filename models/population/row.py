"""What a worker tells the trainer of a customer: raw state, from which everything can be computed later.

Never features: recency would be zero at every order, because that is when it is told.
"""

import msgspec

from models.population.churn import Rhythm


class Row(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """What the panel remembers of a customer with at least one order that counts.

    Attributes:
        first_ms: time of the first order.
        second_ms: of the first order on a later calendar day, 0 = none or not known.
        last_ms: of the last order.
        orders: orders that count.
        occasions: calendar days with such an order.
        total_minor: their known amounts.
        valued: calendar days with an order of known amount.
    """

    first_ms: int
    second_ms: int
    last_ms: int
    orders: int
    occasions: int
    total_minor: int
    valued: int

    def rhythm(self) -> Rhythm:
        """What the churn model wants to know."""
        return Rhythm(self.occasions, self.first_ms, self.last_ms)
