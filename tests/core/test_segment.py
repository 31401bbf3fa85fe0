"""Messages as Segment's own documents show them, with the fields that its libraries add."""

from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.engagement import ACTIONS
from models.events import Click, Control, Event, EventError, Order, Service, parse
from models.segment import adapt

TS_MS = 1_449_720_511_905  # 2015-12-10T04:08:31.905Z
HEAD: dict[str, Any] = {
    "messageId": "022bb90c-bbac-11e4-8dfc-aa07a5b093db",
    "userId": "97980cfea0067",
    "anonymousId": "507f191e810c19729de860ea",
    "originalTimestamp": "2015-12-10T04:08:30.000Z",
    "timestamp": "2015-12-10T04:08:31.905Z",
    "sentAt": "2015-12-10T04:08:31.581Z",
    "receivedAt": "2015-12-10T04:08:31.909Z",
    "version": 2,
    "integrations": {"All": True},
}
PRODUCTS = [
    {"product_id": "507f1f77bcf86cd799439011", "sku": "45790-32", "name": "Monopoly: 3rd Edition",
     "price": 19, "quantity": 1, "category": "Games", "brand": "Hasbro"},
    {"product_id": 505, "name": "Uno Card Game", "price": 3.5, "quantity": 2, "category": "Games"},
]  # fmt: skip
ORDER = {
    "order_id": "50314b8e9bcf000000000000", "affiliation": "Google Store", "total": 27.5, "subtotal": 22.5,
    "revenue": 25.0, "shipping": 3, "tax": 2, "discount": 2.5, "coupon": "hasbros", "currency": "usd",
    "products": PRODUCTS,
}  # fmt: skip
PRODUCT = {"product_id": "507f", "sku": "G-32", "category": "Games", "price": 18.99, "quantity": 2}


def track(event: str, properties: object = None, **more: object) -> dict[str, Any]:
    return {**HEAD, "type": "track", "event": event, "properties": properties or {}, **more}


def adapted(message: dict[str, Any]) -> dict[str, Any]:
    found = adapt(message)
    assert found is not None
    kind, event = found
    assert event["type"] == kind
    return event


def parsed(message: dict[str, Any]) -> Event:
    event = adapted(message)
    return parse(event["type"], orjson.dumps(event), latest_ms=None)


def test_a_completed_order_is_an_order_with_its_total_and_its_products() -> None:
    order = parsed(track("Order Completed", ORDER, context={"channel": "browser"}))
    assert isinstance(order, Order)
    assert (order.event_id, order.customer_id, order.ts_ms) == (HEAD["messageId"], HEAD["userId"], TS_MS)
    assert (order.order_id, order.status, order.channel) == ("50314b8e9bcf000000000000", "placed", "web")
    assert (order.amount_minor, order.currency, order.discount_minor) == (2_750, "USD", 250)
    assert order.items is not None
    assert [(i.sku, i.category, i.qty, i.price) for i in order.items] == [
        ("45790-32", "Games", 1, 19),
        ("505", "Games", 2, 3.5),
    ]
    event = adapted(track("Order Completed", ORDER))
    assert event["coupon"] == "hasbros"
    assert [item.get("brand") for item in event["items"]] == ["Hasbro", None]


@pytest.mark.parametrize(
    ("amounts", "amount"),
    [
        ({"total": 0, "revenue": 5}, 0),
        ({"total": None, "revenue": 5, "value": 6}, 5),
        ({"value": 6}, 6),
        ({"subtotal": 7}, None),
    ],
)
def test_the_amount_is_the_total_else_the_revenue_else_the_value(amounts: Any, amount: Any) -> None:
    assert adapted(track("Order Completed", amounts)).get("amount") == amount


@pytest.mark.parametrize(
    ("event", "said", "status"),
    [
        ("Order Updated", None, "placed"),
        ("Order Updated", "PAID", "paid"),
        ("Order Updated", "cancelled", "cancelled"),
        ("Order Updated", "fulfilled", "placed"),
        ("Order Cancelled", "paid", "cancelled"),
        ("Order Canceled", None, "cancelled"),
        ("Completed Order", None, "placed"),
    ],
)
def test_every_word_on_an_order_has_a_status(event: str, said: str | None, status: str) -> None:
    order = parsed(track(event, {**ORDER, "status": said}))
    assert isinstance(order, Order)
    assert order.status == status


def test_a_refund_is_a_service_event_with_its_amount() -> None:
    refund = parsed(track("Order Refunded", {"order_id": 5031, "total": 30, "currency": "EUR"}))
    assert isinstance(refund, Service)
    assert (refund.action, refund.order_id, refund.refund_minor) == ("refund", "5031", 3_000)
    assert refund.currency == "EUR"
    bare = parsed(track("Order Refunded", {"order_id": "5031"}))
    assert isinstance(bare, Service)
    assert bare.refund_minor is None


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("Products Searched", "search"),
        ("Product List Viewed", "list_view"),
        ("Product Viewed", "product_view"),
        ("product_viewed", "product_view"),
        ("productViewed", "product_view"),
        ("  product   viewed ", "product_view"),
        ("Viewed Product", "product_view"),
        ("Product Added", "add_to_cart"),
        ("Wishlist Product Added to Cart", "add_to_cart"),
        ("Product Removed", "remove_from_cart"),
        ("Product Added to Wishlist", "favourite"),
        ("Checkout Started", "checkout_start"),
        ("Checkout Step Viewed", "checkout_start"),
        ("Payment Info Entered", "checkout_start"),
        ("Coupon Applied", "coupon_redeemed"),
        ("Promotion Clicked", "campaign_click"),
        ("Email Link Clicked", "campaign_click"),
        ("Promotion Viewed", "campaign_received"),
        ("Email Delivered", "campaign_received"),
        ("Signed Up", "signup"),
        ("Signed In", "login"),
    ],
)
def test_a_known_track_is_a_click_with_the_contract_s_action(event: str, action: str) -> None:
    click = parsed(track(event, PRODUCT))
    assert isinstance(click, Click)
    assert click.action == action
    assert action in ACTIONS
    assert (click.sku, click.category) == ("G-32", "Games")


def test_a_cart_click_carries_price_and_quantity() -> None:
    event = adapted(track("Product Added", {**PRODUCT, "currency": "eur"}))
    assert (event["price"], event["qty"], event["currency"]) == (18.99, 2, "EUR")


@pytest.mark.parametrize(
    ("event", "action"),
    [
        ("Cart Viewed", "cart_viewed"),
        ("Live-Chat: Message Sent!", "live_chat_message_sent"),
        ("加入会员", "加入会员"),
        ("İ" * 100, "i̇" * 64),  # longer in small letters than in capitals
        ("x" * 5_000, "x" * 128),
    ],
)
def test_any_other_track_is_a_click_named_in_snake_case(event: str, action: str) -> None:
    click = parsed(track(event))
    assert isinstance(click, Click)
    assert click.action == action


def test_campaigns_are_named_by_id_else_by_name() -> None:
    assert adapted(track("Promotion Clicked", {"promotion_id": "promo_1"}))["campaign_id"] == "promo_1"
    email = {"email_id": "18vzF7u3z", "campaign_id": 123, "campaign_name": "New Customer Discount"}
    assert adapted(track("Email Link Clicked", email))["campaign_id"] == "123"
    utm = {"campaign": {"name": "TPS", "source": "Newsletter"}}
    assert adapted(track("Product Viewed", PRODUCT, context=utm))["campaign_id"] == "TPS"


def test_a_search_has_its_query_where_it_is_text() -> None:
    assert adapted(track("Products Searched", {"query": "blue roses"}))["query"] == "blue roses"
    assert "query" not in adapted(track("Products Searched", {"query": {"colour": "blue"}}))


def test_pages_and_screens_are_page_views() -> None:
    page = {"title": "Welcome | Initech", "url": "http://www.example.com/", "path": "/"}
    home = parsed({**HEAD, "type": "page", "name": "Home", "category": "Shop", "properties": page})
    assert isinstance(home, Click)
    assert (home.action, home.page, home.category, home.channel) == ("page_view", "Home", "Shop", "web")
    assert adapted({**HEAD, "type": "page", "properties": page})["page"] == "/"
    nameless = {**HEAD, "type": "page", "name": "", "context": {"page": {"path": "/academy/"}}}
    assert adapted(nameless)["page"] == "/academy/"
    screen = adapted({**HEAD, "type": "screen", "name": "Cart"})
    assert (screen["action"], screen["page"], screen["channel"]) == ("page_view", "Cart", "app")


def test_identify_sets_the_attributes() -> None:
    traits = {"plan": "premium", "logins": 5, "address": {"city": "Utrecht"}}
    control = parsed({**HEAD, "type": "identify", "traits": traits})
    assert isinstance(control, Control)
    assert (control.action, control.attributes) == ("attributes", traits)
    inside = adapted({**HEAD, "type": "identify", "context": {"traits": {"plan": "free"}}})
    assert inside["attributes"] == {"plan": "free"}


@pytest.mark.parametrize(
    ("more", "channel"),
    [
        ({"channel": "browser"}, "web"),
        ({"channel": "mobile"}, "app"),
        ({"channel": "server"}, "server"),
        ({"channel": "kiosk"}, "kiosk"),
        ({"channel": "server", "context": {"channel": "mobile"}}, "server"),
        ({"context": {"channel": "mobile"}}, "app"),
        ({"context": {"device": {"type": "ios"}, "page": {"path": "/"}}}, "app"),
        ({"context": {"page": {"path": "/"}}}, "web"),
        ({"context": {"device": {"type": "fridge"}}}, None),
        ({}, None),
    ],
)
def test_the_channel_is_told_by_the_message(more: dict[str, Any], channel: str | None) -> None:
    assert adapted(track("Product Viewed", PRODUCT, **more)).get("channel") == channel


def test_the_customer_is_the_user_else_the_anonymous_visitor() -> None:
    def customer(**ids: object) -> object:
        return adapted({**track("Signed Up"), **ids}).get("customer_id")

    assert customer() == "97980cfea0067"
    assert customer(userId=17) == "17"
    assert customer(userId=None) == customer(userId="") == "anon:507f191e810c19729de860ea"
    assert customer(userId=None, anonymousId=None) is None
    assert customer(userId=None, anonymousId="") is None


def test_the_time_is_the_corrected_one_where_there_is_one() -> None:
    message = track("Signed Up")
    for name in ("timestamp", "originalTimestamp", "receivedAt", "sentAt"):
        assert adapted(message)["ts"] == HEAD[name]
        del message[name]
    assert "ts" not in adapted(message)


@pytest.mark.parametrize(
    ("message", "field"),
    [
        ({"type": "track"}, "event_id"),
        ({**HEAD, "type": "track"}, "action"),
        ({**HEAD, "type": "page", "userId": None, "anonymousId": None}, "customer_id"),
        (track("Order Completed", {"total": 5}), "order_id"),
    ],
)
def test_what_a_message_lacks_is_named_by_the_contract(message: dict[str, Any], field: str) -> None:
    with pytest.raises(EventError) as caught:
        parsed(message)
    assert (caught.value.reason, caught.value.field) == ("missing_field", field)


def test_broken_products_are_refused_and_not_lost() -> None:
    with pytest.raises(EventError) as caught:
        parsed(track("Order Completed", {**ORDER, "products": [None]}))
    assert (caught.value.reason, caught.value.field) == ("wrong_type", "items")


@pytest.mark.parametrize(
    "call", ["order", "click", "service", "control", "alias", "group", "", None, 1, [], {}]
)
def test_anything_else_is_no_segment_message(call: object) -> None:
    assert adapt({**HEAD, "type": call}) is None
    assert adapt({}) is None


def test_the_message_is_left_as_it_was() -> None:
    message = track("Order Completed", ORDER)
    before = orjson.dumps(message)
    adapt(message)
    assert orjson.dumps(message) == before


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)
NAMES = st.sampled_from(["Order Completed", "Order Refunded", "Product Added", "Signed Up"]) | ANY
INNER = st.sampled_from(
    ("sku", "products", "total", "status", "currency", "query", "page", "campaign", "device", "traits")
)


@given(
    st.fixed_dictionaries(
        {"type": st.sampled_from(["track", "page", "screen", "identify"])},
        optional={
            "event": NAMES,
            "channel": ANY,
            "properties": st.dictionaries(INNER, ANY) | ANY,
            "context": st.dictionaries(INNER, ANY) | ANY,
            "traits": ANY,
            "userId": ANY,
            "anonymousId": ANY,
            "timestamp": ANY,
            "name": ANY,
        },
    )
)
def test_a_message_of_any_content_is_adapted_without_an_error(message: dict[str, Any]) -> None:
    assert all(value is not None for value in adapted(message).values())
