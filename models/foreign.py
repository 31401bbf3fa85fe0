"""Amounts in currencies that have no rate: kept apart, never mixed with others."""

from typing import Any

import msgspec

CURRENCIES = 8


class Foreign(msgspec.Struct, array_like=True, gc=False):
    """The aggregate: currency -> [orders, amount in its own minor units]; at most `CURRENCIES`."""

    amounts: dict[str, list[int]] = {}

    def add(self, currency: str, n: int, minor: int) -> None:
        """Count an order's amount; n = -1 takes it out again."""
        if currency not in self.amounts and (n < 0 or len(self.amounts) >= CURRENCIES):
            return
        amount = self.amounts.setdefault(currency, [0, 0])
        amount[0] += n
        amount[1] += minor if n > 0 else -minor
        if amount[0] <= 0:
            del self.amounts[currency]

    def merged(self, other: "Foreign") -> "Foreign":
        """Of two parts of one customer's orders, before orders that both know are put right."""
        out = Foreign({currency: amount[:] for currency, amount in self.amounts.items()})
        for currency, (n, minor) in other.amounts.items():
            out.add(currency, n, minor)
        return out

    def show(self) -> dict[str, Any]:
        """`rfm.foreign` of the document; empty where there is none."""
        return {
            currency: {"orders": n, "amount_minor": minor}
            for currency, (n, minor) in sorted(self.amounts.items())
        }
