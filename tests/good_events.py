"""One record of each kind with every field of the contract, and arbitrary JSON to put in their place."""

from typing import Any

from hypothesis import strategies as st

TS_MS = 1_709_642_096_789
HEAD = {"event_id": "e-1", "customer_id": "c-1", "ts": TS_MS}
GOOD: dict[str, dict[str, Any]] = {
    "order": HEAD | {
        "type": "order", "order_id": "o-1", "amount": 12.34, "currency": "EUR", "status": "paid",
        "channel": "web", "payment": [{"method": "card", "amount": "12.34"}], "discount": "1.5",
        "coupon_discount": 0, "paid": 12,
        "items": [{"sku": "s", "category": "c", "qty": 0.5, "price": 2, "line_total": "1.00",
                   "brand": "b", "colour": "red"}],
    },
    "click": HEAD | {
        "type": "click", "action": "search", "sku": "s", "category": "c", "page": "/", "query": "咖啡",
        "channel": "app", "campaign_id": "k", "dwell_ms": 5, "qty": 2, "price": "3.50",
    },
    "service": HEAD | {
        "type": "service", "action": "refund", "ticket_id": "t", "score": 4, "scale": 5,
        "refund_amount": 9.99, "order_id": "o-1", "text": "so so", "sentiment": -0.5,
    },
    "control": HEAD | {
        "type": "control", "action": "attributes", "attributes": {"vip": True, "n": [1, {"a": None}]},
        "consent": {"email": False},
    },
}  # fmt: skip
FLOATS = st.floats(allow_nan=False, allow_infinity=False)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | FLOATS | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner, max_size=4),
    max_leaves=12,
)
