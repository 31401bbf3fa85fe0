"""The cart, played back from what was put in and taken out since the last order.

The customer's latest `KEPT` moves of the last `KEPT_DAYS` days (counted back from the newest) are
remembered and played in the order of their times, so late and repeated arrivals end in the same cart. An
order empties it; if that order is cancelled, what lay in it lies in it again.
"""

from bisect import insort
from typing import Any, NamedTuple

import msgspec

from models.calendar import DAY_MS, iso
from models.details import thousandths
from models.events import Click
from models.money import MAX_MINOR, SCALES, scaled
from models.rules import Rules

KEPT = 32  # moves, about 25 bytes each
KEPT_DAYS = 30
SHOWN = 10  # lines
_ALL = -(10**15)  # taken out without a quantity: the whole line
_NO_PRICE = -1
Move = tuple[int, str, int, int]  # epoch ms, sku, thousandths of a unit (negative: out), unit price


class Cart(NamedTuple):
    """What lies in a cart; instants in epoch ms.

    Attributes:
        lines: sku -> [thousandths of a unit, unit price in minor units or -1].
        since_ms: when something lay in it for the first time after it was empty.
        moved_ms: last move.
    """

    lines: dict[str, list[int]]
    since_ms: int
    moved_ms: int

    def show(self) -> dict[str, Any]:
        """Lines, quantity, value and times, as the document has them."""
        lines, value = [], 0
        for sku, (milli, price) in sorted(self.lines.items()):
            line: dict[str, Any] = {"sku": sku, "qty": milli / 1000}
            if price != _NO_PRICE:
                line["price_minor"] = price
                value += min(_rounded(price * milli), MAX_MINOR)
            lines.append(line)
        return {
            "lines": lines[:SHOWN],
            "qty": sum(milli for milli, _ in self.lines.values()) / 1000,
            "value_minor": value,
            "since": iso(self.since_ms),
            "updated_at": iso(self.moved_ms),
        }


class Moves(msgspec.Struct, array_like=True, gc=False):
    """The aggregate: moves, ascending."""

    moves: list[Move] = []

    def add(self, event: Click, rules: Rules) -> None:
        """Take in a click that puts something into the cart or takes it out."""
        if not event.sku or not (sku := event.sku.strip()[:64]):
            return
        milli, price = thousandths(event.qty), _NO_PRICE
        if event.action == "remove_from_cart":
            milli = _ALL if event.qty is None else -milli
        elif event.price is not None:
            price = scaled(event.price, SCALES[rules.currency])
        insort(self.moves, (event.ts_ms, sku, milli, price))
        self._trim()

    def merged(self, other: "Moves") -> "Moves":
        """Of two parts of one customer's clicks."""
        out = Moves(sorted([*self.moves, *other.moves]))
        if out.moves:
            out._trim()
        return out

    def since(self, after_ms: int) -> Cart | None:
        """The cart of the moves after an instant; None where it is empty."""
        lines: dict[str, list[int]] = {}
        since_ms = moved_ms = 0
        for at_ms, sku, milli, price in self.moves:
            if at_ms <= after_ms:
                continue
            moved_ms = at_ms
            was_empty = not lines
            line = lines.setdefault(sku, [0, _NO_PRICE])
            line[0] += milli
            if price != _NO_PRICE:
                line[1] = price
            if line[0] <= 0:
                del lines[sku]
            elif was_empty:
                since_ms = at_ms
        return Cart(lines, since_ms, moved_ms) if lines else None

    def _trim(self) -> None:
        moves = self.moves
        oldest_ms = moves[-1][0] - KEPT_DAYS * DAY_MS
        drop = max(0, len(moves) - KEPT)
        while moves[drop][0] <= oldest_ms:
            drop += 1
        del moves[:drop]


def _rounded(thousandths_of_minor: int) -> int:
    whole, rest = divmod(thousandths_of_minor, 1000)
    return whole + (rest > 500 or (rest == 500 and whole % 2))
