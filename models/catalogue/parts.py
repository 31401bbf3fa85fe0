"""Parts of a profile, a bit each: a rule that speaks of one that is not there need not be asked."""

ORDERS, CLICKS, JOURNEY, SERVICE, ANSWERS, ATTRIBUTES, HABITS, PROMOTION, CHANNELS = (
    1 << i for i in range(9)
)
# What the path of a field, or "count.<subject>", begins with -> parts of the state without which the field is
# unknown for good. A part that was there once never goes away.
PARTS = {
    **dict.fromkeys((f"rfm.{name}" for name in ("first_order_at", "last_order_at", "r", "f", "m", "segment")),
                    ORDERS),
    "promotion": ORDERS,
    "churn": ORDERS,
    "value": ORDERS,
    "cluster": ORDERS,
    **dict.fromkeys(
        (f"promotion.{name}" for name in ("orders_known", "promo_orders", "coupon_orders", "promo_ratio")),
        ORDERS | PROMOTION,
    ),
    "habits": ORDERS | HABITS,
    **dict.fromkeys((f"preferences.{name}" for name in ("slices", "online", "offline")), ORDERS | CHANNELS),
    "engagement": CLICKS | JOURNEY,
    "journey": JOURNEY,
    "service": SERVICE | JOURNEY,
    "satisfaction": SERVICE | JOURNEY | ANSWERS,
    "scores": ATTRIBUTES,
    "attributes": ATTRIBUTES,
    "count": CLICKS | JOURNEY,
    "count.orders": ORDERS,
    "count.contacts": SERVICE | JOURNEY,
}  # fmt: skip


def parts(path: str) -> int:
    """The parts of a path: of the longest beginning of it that is known."""
    while path:
        if path in PARTS:
            return PARTS[path]
        path = path.rpartition(".")[0]
    return 0
