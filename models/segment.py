"""Segment messages as events of the input contract: track, page, screen and identify calls.

The names are those of Segment's ecommerce (version 2, and the names of version 1 that it aliases), email,
mobile and B2B specs. Whatever a message lacks is lacking in the event too: the contract says what is wrong.
No clock, no I/O. Used by `streams.sources`.
"""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

from models.contract import MAX_ID, STATUSES

Table = Mapping[str, Any]

ANONYMOUS: Final = "anon:"  # before an anonymousId, so that it cannot be taken for a customer's id
_CALLS: Final = frozenset(("track", "page", "screen", "identify"))
_NOTHING: Final[Table] = {}
# Event names by their snake case: capitals, blanks and underscores are no difference.
_ORDERS: Final = {
    "order_completed": "placed",
    "completed_order": "placed",
    "order_updated": "placed",
    "order_cancelled": "cancelled",
    "order_canceled": "cancelled",
}
_REFUND: Final = "order_refunded"
_CLICKS: Final = {
    "products_searched": "search",
    "product_list_viewed": "list_view",
    "viewed_product_category": "list_view",
    "product_viewed": "product_view",
    "viewed_product": "product_view",
    "product_added": "add_to_cart",
    "added_product": "add_to_cart",
    "wishlist_product_added_to_cart": "add_to_cart",
    "product_removed": "remove_from_cart",
    "removed_product": "remove_from_cart",
    "product_added_to_wishlist": "favourite",
    "checkout_started": "checkout_start",
    "checkout_step_viewed": "checkout_start",
    "payment_info_entered": "checkout_start",
    "coupon_applied": "coupon_redeemed",
    "promotion_viewed": "campaign_received",
    "email_delivered": "campaign_received",
    "push_notification_received": "campaign_received",
    "promotion_clicked": "campaign_click",
    "email_link_clicked": "campaign_click",
    "push_notification_tapped": "campaign_click",
    "signed_up": "signup",
    "signed_in": "login",
}
# `channel` is what Segment's own libraries write; `device.type` is for those that do not.
_CHANNELS: Final = {"browser": "web", "client": "web", "mobile": "app", "server": "server"}
_DEVICES: Final = {
    **dict.fromkeys(("ios", "android", "mobile", "tablet"), "app"),
    **dict.fromkeys(("browser", "desktop"), "web"),
}


def adapt(message: dict[str, Any]) -> tuple[str, dict[str, Any]] | None:
    """The event that a Segment message tells of.

    >>> adapt({"type": "track", "event": "Signed Up", "userId": "u-1", "messageId": "m-1"})
    ('click', {'type': 'click', 'event_id': 'm-1', 'customer_id': 'u-1', 'action': 'signup'})

    Returns:
        Its kind (order, click, service or control) and the event, amounts in currency units; None where
        it is not a Segment message.
    """
    call = message.get("type")
    if not isinstance(call, str) or call not in _CALLS:
        return None
    properties = _table(message, "properties")
    name = message.get("event")
    event = _snake(name[: 2 * MAX_ID]) if isinstance(name, str) else None
    found: dict[str, Any]
    if call == "identify":
        traits = message.get("traits") or _table(message, "context").get("traits")
        kind, found = "control", {"action": "attributes", "attributes": traits}
    elif call != "track":
        kind, found = "click", _view(message, properties)
    elif event in _ORDERS:
        kind, found = "order", _order(message, properties, _ORDERS[event])
    elif event == _REFUND:
        kind, found = "service", _refund(properties)
    else:
        kind, found = "click", _click(message, properties, event)
    every = {"type": kind, **_head(message), **found}
    return kind, {field: value for field, value in every.items() if value is not None}


def as_text(value: object) -> object:
    """An identifier as text: many systems write theirs as a number; anything else as it is."""
    return str(value) if type(value) is int else value


def _head(message: Table) -> dict[str, object]:
    customer_id, anonymous_id = as_text(message.get("userId")), as_text(message.get("anonymousId"))
    if customer_id in (None, "") and isinstance(anonymous_id, str) and anonymous_id:
        customer_id = ANONYMOUS + anonymous_id
    return {
        "event_id": as_text(message.get("messageId")),
        "customer_id": customer_id,
        # `timestamp` is corrected for a wrong clock of the device, the second is not.
        "ts": _first(message, "timestamp", "originalTimestamp", "receivedAt", "sentAt"),
    }


def _order(message: Table, properties: Table, status: str) -> dict[str, object]:
    """`status` is overruled by a property of that name where it holds a word of the contract."""
    said = properties.get("status")
    if status == "placed" and isinstance(said, str) and said.lower() in STATUSES:
        status = said.lower()
    products = properties.get("products")
    return {
        "order_id": as_text(properties.get("order_id")),
        "status": status,
        "amount": _amount(properties),
        "currency": _currency(properties),
        "discount": properties.get("discount"),
        "coupon": as_text(properties.get("coupon")),
        "payment": properties.get("payment_method"),
        "channel": _channel(message),
        "items": [_item(product) for product in products] if isinstance(products, list) else products,
    }


def _refund(properties: Table) -> dict[str, object]:
    """The spec names `order_id` alone and shows `total` in its example."""
    return {
        "action": "refund",
        "order_id": as_text(properties.get("order_id")),
        "refund_amount": _amount(properties),
        "currency": _currency(properties),
    }


def _item(product: object) -> object:
    if not isinstance(product, dict):
        return product  # the contract refuses it
    item = {**_product(product), "brand": as_text(product.get("brand"))}
    return {field: value for field, value in item.items() if value is not None}


def _product(properties: Table) -> dict[str, object]:
    return {
        "sku": as_text(_first(properties, "sku", "product_id")),
        "category": as_text(properties.get("category")),
        "qty": properties.get("quantity"),
        "price": properties.get("price"),
    }


def _click(message: Table, properties: Table, event: str | None) -> dict[str, object]:
    query = properties.get("query")
    campaign = _table(message, "context", "campaign")
    return {
        "action": event and _CLICKS.get(event, event[:MAX_ID]),
        **_product(properties),
        "currency": _currency(properties),
        "coupon": as_text(_first(properties, "coupon", "coupon_id", "coupon_name")),
        "query": query if isinstance(query, str) else None,  # the spec allows an object
        "campaign_id": as_text(
            _first(properties, "campaign_id", "promotion_id", "campaign_name") or campaign.get("name")
        ),
        "page": _table(message, "context", "page").get("path"),
        "channel": _channel(message),
    }


def _view(message: Table, properties: Table) -> dict[str, object]:
    page = _first(message, "name") or _first(properties, "name", "path", "url", "title")
    return {
        "action": "page_view",
        "page": page or _table(message, "context", "page").get("path"),
        "category": _first(message, "category") or properties.get("category"),
        "campaign_id": as_text(_table(message, "context", "campaign").get("name")),
        "channel": _channel(message),
    }


def _channel(message: Table) -> object:
    """Where it happened: web, app or server where that can be told, else the sender's own word or nothing.

    In this order: `channel`, `context.channel`, `context.device.type`, a screen or a page.
    """
    context = _table(message, "context")
    said = as_text(_first(message, "channel") or context.get("channel"))
    if said is not None:
        return _CHANNELS.get(said.lower(), said) if isinstance(said, str) else said
    device = _table(context, "device").get("type")
    if isinstance(device, str) and device.lower() in _DEVICES:
        return _DEVICES[device.lower()]
    if message["type"] == "screen":
        return "app"
    return "web" if message["type"] == "page" or _table(context, "page") else None


def _amount(properties: Table) -> object:
    return _first(properties, "total", "revenue", "value")


def _currency(properties: Table) -> object:
    currency = properties.get("currency")
    return currency.upper() if isinstance(currency, str) else currency  # the spec's examples have "usd"


def _first(table: Table, *names: str) -> Any:
    """The first value that is there; 0 is, null is not."""
    for name in names:
        value = table.get(name)
        if value is not None:
            return value
    return None


def _table(table: Table, *path: str) -> Table:
    for name in path:
        inner = table.get(name)
        if not isinstance(inner, dict):
            return _NOTHING
        table = inner
    return table


@lru_cache(maxsize=4_096)
def _snake(name: str) -> str:
    """`Product Added`, `productAdded` and `product_added` are one name."""
    parted = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)
    return re.sub(r"[\W_]+", "_", parted).strip("_").lower()
