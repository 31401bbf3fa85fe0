"""Promotion: does a customer buy when there is a discount, and more then.

Exact sums over orders that count; ratios are shown with 4 decimals.
"""

from typing import Any

import msgspec

from models.details import UNSAID
from models.orders import UNKNOWN, Effect, Orders

SHRINKAGE = 5  # orders of each sort at which half of the observed uplift is believed


class Promotion(msgspec.Struct, array_like=True, gc=False):
    """The aggregate; money in minor units.

    Attributes:
        known: orders that say whether there was a discount.
        promo: of them with one.
        coupon: of them with a coupon.
        discount_minor: their discounts, summed.
        priced_discount_minor: discounts of orders whose amount is known too.
        promo_n, promo_minor: orders with a discount and a known amount, and that amount.
        plain_n, plain_minor: the same for orders known to have none.
    """

    known: int = 0
    promo: int = 0
    coupon: int = 0
    discount_minor: int = 0
    priced_discount_minor: int = 0
    promo_n: int = 0
    promo_minor: int = 0
    plain_n: int = 0
    plain_minor: int = 0

    def count(self, effect: Effect) -> None:
        """An order comes to count, or ceases to."""
        sign, _, minor, said = effect
        if said is None:
            return
        if said.discount_minor != UNSAID:
            self.known += sign
            self.coupon += sign * said.coupon
            self.promo += sign * (said.discount_minor > 0)
            self.discount_minor += sign * said.discount_minor
            if minor != UNKNOWN:
                self._priced(sign, minor, said.discount_minor)

    def merged(self, other: "Promotion") -> "Promotion":
        """Of two parts of one customer's orders, before orders that both know are put right."""
        return Promotion(
            self.known + other.known,
            self.promo + other.promo,
            self.coupon + other.coupon,
            self.discount_minor + other.discount_minor,
            self.priced_discount_minor + other.priced_discount_minor,
            self.promo_n + other.promo_n,
            self.promo_minor + other.promo_minor,
            self.plain_n + other.plain_n,
            self.plain_minor + other.plain_minor,
        )

    def show(self, orders: Orders) -> dict[str, Any]:
        """The section `promotion` of the document; empty where nothing is known."""
        out: dict[str, Any] = {}
        if self.known:
            out["orders_known"] = self.known
            out["promo_orders"], out["coupon_orders"] = self.promo, self.coupon
            out["promo_ratio"] = round(self.promo / self.known, 4)
            out["discount_minor"] = self.discount_minor
        full_minor = self.priced_discount_minor + self.promo_minor + self.plain_minor
        if full_minor:
            out["discount_ratio"] = round(self.priced_discount_minor / full_minor, 4)
        if orders.n > orders.unknown + 1:  # of a single one it stands in `rfm`
            out["mean_order_minor"] = round(orders.total_minor / (orders.n - orders.unknown), 2)
        if self.promo_n and self.plain_minor:
            uplift = self.promo_minor / self.promo_n / (self.plain_minor / self.plain_n) - 1
            evidence = min(self.promo_n, self.plain_n)
            out["uplift_ratio"] = round(uplift * evidence / (evidence + SHRINKAGE), 4)
        return out

    def _priced(self, sign: int, minor: int, discount_minor: int) -> None:
        self.priced_discount_minor += sign * discount_minor
        if discount_minor:
            self.promo_n += sign
            self.promo_minor += sign * minor
        else:
            self.plain_n += sign
            self.plain_minor += sign * minor
