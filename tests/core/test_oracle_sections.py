"""The oracle's sections on purchases, the journey and health against numbers worked out by hand."""

from decimal import Decimal
from typing import Any

import pytest
from builders import click, control, order, service
from oracle import OracleSettings, compare, event_time_ms, recompute

AT = "2017-12-31T12:00:00Z"
TODAY, NINETY_DAYS_AGO = "2017-12-31T01:00:00Z", "2017-10-02T01:00:00Z"


def of(*events: dict[str, Any], at: str = AT, **settings: Any) -> dict[str, Any]:
    return recompute(events, event_time_ms(at), settings=OracleSettings(**settings))["c"]


def at_home(hour_minute: str, day: str = "2017-12-31") -> str:
    return f"{day}T{hour_minute}:00.000Z"


# -- preferences -------------------------------------------------------------------------------------------


def test_an_order_of_ninety_days_ago_weighs_half() -> None:
    found = of(
        order("a", TODAY, 10, channel=" web ", payment="card", items=[{"brand": "Acme"}]),
        order(
            "b",
            NINETY_DAYS_AGO,
            5,
            channel="store",
            payment=[{"method": "cash"}, {"method": "card"}, {"method": " "}, {}],
        ),
        order("c", NINETY_DAYS_AGO, 1, channel=" "),
        click(TODAY, "search", category="tea"),
        click(NINETY_DAYS_AGO, "wink", category="fish"),
        click(NINETY_DAYS_AGO, "search", category=""),
    )["preferences"]
    assert found == {
        "channels": {"web": 0.6667, "store": 0.3333},
        "payments": {"card": 0.8333, "cash": 0.1667},  # 1 + 1/4 and 1/4 of 1 1/2
        "brands": {"Acme": 1.0},
        "interests": {"tea": 0.6667, "fish": 0.3333},
        "slices": {
            "web": {"orders": 1, "monetary_minor": 1000, "last_order_at": "2017-12-31T01:00:00.000Z"},
            "store": {"orders": 1, "monetary_minor": 500, "last_order_at": "2017-10-02T01:00:00.000Z"},
        },
        "online": {"orders": 1, "monetary_minor": 1000, "last_order_at": "2017-12-31T01:00:00.000Z"},
        "offline": {"orders": 1, "monetary_minor": 500, "last_order_at": "2017-10-02T01:00:00.000Z"},
    }


def test_categories_share_by_money_or_equally_where_there_is_none() -> None:
    paid = [
        {"category": "tea", "qty": 3, "price": "1.00"},
        {"category": " tea", "line_total": Decimal("1.00"), "price": 9},
        {"category": "coffee", "price": 1.0},
        {"price": 100},
    ]
    free = [{"category": "tea"}, {"category": "bread", "qty": 0, "price": 5}]
    found = of(order("a", TODAY, items=paid), order("b", TODAY, items=free))["preferences"]
    assert found == {"categories": {"tea": 0.65, "bread": 0.25, "coffee": 0.1}}


def test_beyond_six_categories_of_an_order_the_rest_is_other() -> None:
    items = [{"category": name, "price": 10} for name in "gfedcba"] + [{"category": "h", "price": 30}]
    found = of(order("a", TODAY, items=items))["preferences"]["categories"]
    assert found == {"h": 0.3, "other": 0.2} | dict.fromkeys("abcd", 0.1)


def test_what_is_said_of_an_order_last_does_not_matter_but_the_greatest() -> None:
    found = of(
        order("a", "2017-12-30T00:00:00Z", channel="web", payment="visa", items=[{"brand": "b"}], discount=2),
        order("a", "2017-12-30T01:00:00Z", channel="app", payment=[{"method": "cash"}, {"method": "visa"}]),
        order("a", "2017-12-30T02:00:00Z", items=[{"brand": "a"}, {"brand": "c"}], coupon_discount="0.50"),
        order("b", "2017-12-30T00:00:00Z", channel="zoo", discount=9),
        order("b", "2017-12-29T00:00:00Z", status="cancelled"),
        channels={"web": "www"},
    )
    assert found["preferences"]["channels"] == {"www": 1.0}
    assert found["preferences"]["payments"] == {"visa": 1.0}
    assert found["preferences"]["brands"] == {"b": 1.0}
    assert found["promotion"]["discount_minor"] == 200
    assert found["promotion"]["coupon_orders"] == 1


# -- habits ------------------------------------------------------------------------------------------------

FOUR = ("2017-12-01T23:00:00Z", "2017-12-02T05:00:00Z", "2017-12-15T11:00:00Z", "2017-12-25T11:00:00Z")


def bought(*times: str) -> list[dict[str, Any]]:
    return [order(f"o{n}", ts) for n, ts in enumerate(times)]


def test_habits_of_four_orders() -> None:
    assert of(*bought(*FOUR), holidays=("12-24..01-06", "2017-12-15..2017-12-16"))["habits"] == {
        "hours": {"5": 1, "11": 2, "23": 1},
        "weekdays": {"mon": 1, "fri": 2, "sat": 1},
        "month_days": {"1": 1, "2": 1, "15": 1, "25": 1},
        "usual_hour": 11,
        "usual_weekday": "fri",
        "usual_month_day": 1,
        "hour_concentration": 0.3536,  # -15, 75 and twice 165 degrees: the root of 2, of 4
        "weekday_concentration": 0.5271,  # (-1.0245, -1.8427) of 4
        "month_day_concentration": 0.3185,  # (1.1768, -0.4878) of 4
        "night_ratio": 0.5,
        "weekend_ratio": 0.25,
        "payday": {"orders": 3, "cycles": 1, "ratio": 0.75, "habit": False},
        "seasons": {"winter": 1.0},
        "holiday_ratio": 0.5,
        "gap_median_days": 10.0,  # of 0.25, 10 and 13.25
        "gap_spread_days": 6.5,
        "next_order_from": "2017-12-30T14:00:00.000Z",
        "next_order_until": "2018-01-06T02:00:00.000Z",
    }


def test_concentration_is_one_for_one_place_and_nothing_for_opposite_ones() -> None:
    same = of(*bought("2017-12-04T10:00:00Z", "2017-12-11T10:59:00Z", "2017-12-18T10:00:00Z"))["habits"]
    assert (same["hour_concentration"], same["weekday_concentration"]) == (1.0, 1.0)
    far = ("2017-12-04T00:00:00Z", "2017-12-04T06:00:00Z", "2017-12-04T12:00:00Z", "2017-12-04T18:00:00Z")
    assert of(*bought(*far))["habits"]["hour_concentration"] == 0.0


def test_fewer_than_three_orders_are_no_habit() -> None:
    two = bought(*FOUR[:2])
    assert "habits" not in of(*two, order("x", FOUR[2]), order("x", FOUR[3], status="cancelled"))


def zone_says(ts: str, value: Any) -> dict[str, Any]:
    return control(ts, attributes={"timezone": value, "name": "x"})


def test_habits_keep_the_clock_of_the_customer() -> None:
    berlin, nowhere = (
        zone_says("2017-01-02T00:00:00Z", "Europe/Berlin"),
        zone_says("2017-01-01T00:00:00Z", "Nowhere"),
    )
    here = of(*bought(*FOUR), berlin, nowhere)["habits"]
    assert here["hours"] == {"0": 1, "6": 1, "12": 2}
    assert here["night_ratio"] == 0.25
    assert here["weekdays"] == {"mon": 1, "fri": 1, "sat": 2}
    for value in ("Nowhere", None, 7):
        later = zone_says("2017-01-03T00:00:00Z", value)
        assert of(*bought(*FOUR), berlin, later)["habits"]["usual_hour"] == 11
    crowd = control("2017-02-01T00:00:00Z", attributes={f"a{n}": n for n in range(64)})
    assert of(*bought(*FOUR), berlin, crowd)["habits"]["usual_hour"] == 11
    alone = recompute([berlin], event_time_ms(AT), settings=OracleSettings())["c"]
    assert alone["attributes"] == {"name": "x", "timezone": "Europe/Berlin"}
    assert "first_seen_at" not in alone


def test_a_withdrawn_consent_leaves_only_itself_and_a_new_one_begins_anew() -> None:
    no = control("2017-10-01T00:00:00Z", "consent", consent={"status": "withdrawn"})
    yes = control("2017-11-01T00:00:00Z", "consent", consent={"status": "given"})
    before, between, after = (order(f"o{month}", f"2017-{month}-15T00:00:00Z", 5) for month in ("09", 10, 11))
    withdrawn = {"status": "withdrawn", "at": "2017-10-01T00:00:00.000Z"}
    assert of(before, no, between) == {"consent": withdrawn, "tags": {}}
    again = of(before, no, between, yes, after)
    assert (again["consent"]["status"], again["rfm"]["frequency"]) == ("given", 1)


@pytest.mark.parametrize(
    ("times", "paydays", "payday"),
    [
        (["2017-10-03", "2017-11-03", "2017-02-28"], (31,), (3, 3, 1.0, True)),
        (["2017-10-04", "2017-11-04", "2017-02-27"], (31,), (0, 0, 0.0, False)),
        (["2017-10-31", "2017-11-01", "2017-11-30"], (31,), (3, 2, 1.0, False)),
        (["2017-10-01", "2017-11-01", "2017-12-01", "2017-12-31"], (1, 8, 15, 22), (3, 3, 0.75, False)),
        (["2017-10-01", "2017-11-01", "2017-12-01", "2017-12-25"], (1, 8, 15, 22), (4, 3, 1.0, True)),
        (["2017-12-02", "2017-12-03", "2017-12-04"], (1, 30), (3, 2, 1.0, False)),  # November's 30th, too
    ],
)
def test_paydays(times: list[str], paydays: tuple[int, ...], payday: tuple[Any, ...]) -> None:
    found = of(*bought(*(f"{day}T00:00:00Z" for day in times)), paydays=paydays)["habits"]["payday"]
    assert (found["orders"], found["cycles"], found["ratio"], found["habit"]) == payday


def test_southern_seasons_are_half_a_year_off() -> None:
    times = ("2017-03-01T00:00:00Z", "2017-02-28T00:00:00Z", "2017-08-31T00:00:00Z", "2017-07-01T00:00:00Z")
    assert of(*bought(*times))["habits"]["seasons"] == {"winter": 0.25, "spring": 0.25, "summer": 0.5}
    southern = of(*bought(*times), southern=True)["habits"]["seasons"]
    assert southern == {"summer": 0.25, "autumn": 0.25, "winter": 0.5}


def test_the_rhythm_is_that_of_the_latest_seventeen_orders_and_foretells_nothing_of_ties() -> None:
    old, rest = "2017-01-01T00:00:00Z", [f"2017-12-{day:02}T00:00:00Z" for day in range(1, 18)]
    found = of(*bought(old, *rest))["habits"]
    assert (found["gap_median_days"], found["gap_spread_days"]) == (1.0, 0.0)
    assert found["next_order_from"] == found["next_order_until"] == "2017-12-18T00:00:00.000Z"
    tied = of(*bought(*["2017-12-01T00:00:00Z"] * 5))["habits"]
    assert "next_order_from" not in tied
    assert tied["gap_median_days"] == 0.0


def test_the_next_order_is_foretold_in_whole_milliseconds() -> None:
    gaps = (0, 1, 2, 5)  # q1 0.75, q3 2.75
    times = [sum(gaps[: n + 1]) + event_time_ms("2017-12-01T00:00:00Z") for n in range(-1, 4)]
    found = of(*(order(f"o{n}", ts) for n, ts in enumerate(times)))["habits"]
    assert found["next_order_from"] == "2017-12-01T00:00:00.008Z"
    assert found["next_order_until"] == "2017-12-01T00:00:00.010Z"


# -- promotion ---------------------------------------------------------------------------------------------


def test_promotion_of_four_orders() -> None:
    found = of(
        order("a", TODAY, 80, discount=20),
        order("b", TODAY, 100, discount=0),
        order("c", TODAY, 50),
        order("d", TODAY, coupon_discount="5"),
    )["promotion"]
    assert found == {
        "orders_known": 3,
        "promo_orders": 2,
        "coupon_orders": 1,
        "discount_minor": 2500,
        "promo_ratio": 0.6667,
        "discount_ratio": 0.1,  # 20 of 20 + 80 + 100
        "mean_order_minor": 7666.67,
        "uplift_ratio": -0.0333,  # (80 / 100 - 1) * 1 / 6
    }


def test_nothing_known_is_no_promotion() -> None:
    assert "promotion" not in of(order("a", TODAY, channel="web"))
    free = of(order("a", TODAY, 0, discount=0))["promotion"]
    assert not {"discount_ratio", "uplift_ratio", "price_percentile"} & set(free)


def test_prices_stand_among_the_edges_of_their_category_weighted_by_money() -> None:
    items = [
        {"category": "tea", "qty": 4, "line_total": 10},
        {"category": "COFFEE", "price": 30},
        {"category": "bread", "price": 500},
    ]
    edges = {"tea": (100, 250, 251, 400), "coffee": (1000,), "fish": (1,)}
    found = of(order("a", TODAY, items=items, discount=0), price_edges=edges, categories={"COFFEE": "coffee"})
    assert found["promotion"]["price_percentile"] == 0.875  # (10 * 2/4 + 30 * 1/1) / 40


def test_prices_speak_where_neither_an_amount_nor_a_discount_was_said() -> None:
    found = of(order("a", TODAY, items=[{"category": "tea", "price": 3}]), price_edges={"tea": (100, 400)})
    assert found["promotion"] == {"price_percentile": 0.5}


def test_rates_are_those_of_the_day_and_what_has_none_is_told_apart() -> None:
    rates = {"EUR": {"2017-12-01": Decimal("1.105"), "2017-12-30": 2}, "JPY": {"2017-12-30": "0.01"}}
    found = of(
        order("a", "2017-12-29T23:59:59Z", "0.10", currency="EUR", discount=1),
        order("b", "2017-12-30T00:00:00Z", 10, currency="EUR"),
        order("c", "2017-12-29T00:00:00Z", 250, currency="JPY", discount=50),
        order("d", "2017-12-29T00:00:00Z", 1, currency="GBP"),
        order("d", "2017-12-28T00:00:00Z", 3, currency="GBP"),
        order("e", "2017-12-28T00:00:00Z", 3, currency="GBP"),
        order("f", "2017-11-28T00:00:00Z", 3, currency="GBP"),
        order("f", "2017-11-27T00:00:00Z", 4),
        service("2017-12-30T00:00:00Z", "refund", refund_amount=100, currency="JPY"),
        service("2017-12-30T00:00:00Z", "refund", refund_amount=100, currency="GBP"),
        rates=rates,
    )
    rfm = found["rfm"]
    assert (rfm["monetary_minor"], rfm["orders_without_amount"]) == (11 + 2000 + 400, 3)
    assert rfm["refunds_minor"] == 100
    assert rfm["foreign"] == {
        "JPY": {"orders": 1, "amount_minor": 250},
        "GBP": {"orders": 2, "amount_minor": 600},
    }
    assert (found["promotion"]["orders_known"], found["promotion"]["discount_minor"]) == (1, 110)


# -- journey -----------------------------------------------------------------------------------------------


def test_the_step_is_the_furthest_since_the_last_order() -> None:
    login, view = click("2017-12-30T10:00:00Z", "login"), click("2017-12-29T10:00:00Z", "page_view")
    bill, csat = order("a", "2017-12-30T09:00:00Z", 1), service("2017-12-30T11:00:00Z", "csat", score=5)
    journey = of(login, view, bill, csat)["journey"]
    assert (journey["step"], journey["since"]) == ("reach", at_home("10:00", "2017-12-30"))
    assert journey["steps"] == {
        "reach": at_home("10:00", "2017-12-30"),
        "browse": at_home("10:00", "2017-12-29"),
        "after_sale": at_home("11:00", "2017-12-30"),
    }
    assert of(view, bill, csat)["journey"]["step"] == "after_sale"
    assert of(csat)["journey"]["step"] == "after_sale"
    assert of(view, login, csat)["journey"]["step"] == "browse"
    assert of(view, bill)["journey"]["step"] == "order"
    assert of(bill, service("2017-12-30T09:00:00Z", "delivered"))["journey"]["step"] == "after_sale"
    assert of(bill, click("2017-12-30T09:00:00Z", "checkout_start"))["journey"]["step"] == "order"
    assert "journey" not in of(click(TODAY, "wink"), service(TODAY, "wave"))


def test_a_cart_is_played_move_by_move() -> None:
    day = "2017-12-31T10:0"
    found = of(
        click(f"{day}0:00Z", "add_to_cart", sku="gone", qty=2),
        click(f"{day}1:00Z", "remove_from_cart", sku="gone"),
        click(f"{day}2:00Z", "add_to_cart", sku="b", qty=0.5, price="9.99"),
        click(f"{day}3:00Z", "add_to_cart", sku=" a "),
        click(f"{day}3:30Z", "add_to_cart", sku="b", price="3.33"),
        click(f"{day}4:00Z", "add_to_cart", sku="b", qty=1),
        click(f"{day}4:30Z", "remove_from_cart", sku="b", qty=1),
        click(f"{day}4:40Z", "add_to_cart", sku=""),
        click(f"{day}5:00Z", "remove_from_cart", sku="never", qty=3),
    )["journey"]
    assert found["cart"] == {
        "lines": [{"sku": "a", "qty": 1.0}, {"sku": "b", "qty": 1.5, "price_minor": 333}],
        "qty": 2.5,
        "value_minor": 500,  # 499.5, to the even one
        "since": at_home("10:02"),
        "updated_at": at_home("10:05"),
        "idle_since": at_home("10:05"),
        "state": "abandoned",
    }
    assert found["abandoned"] == "cart"


@pytest.mark.parametrize(
    ("at", "state", "abandoned"),
    [
        ("2017-12-01T10:29:59.999Z", "open", None),
        ("2017-12-01T10:30:00Z", "abandoned", "cart"),
        ("2017-12-31T09:59:59.999Z", "abandoned", "cart"),
        ("2017-12-31T10:00:00Z", "expired", None),
    ],
)
def test_a_cart_is_open_then_abandoned_then_expired(at: str, state: str, abandoned: str | None) -> None:
    add = click("2017-12-01T09:00:00Z", "add_to_cart", sku="a")
    found = of(add, click("2017-12-01T10:00:00Z", "checkout_start"), at=at)
    assert found["journey"]["cart"]["state"] == state
    assert found["journey"].get("abandoned") == abandoned
    assert found["tags"].get("cart_abandoned") == (True if abandoned else None)


def test_only_moves_after_the_order_of_thirty_days_and_the_latest_thirty_two_count() -> None:
    add = click("2017-12-01T00:00:00Z", "add_to_cart", sku="a")
    assert "cart" not in of(add, order("o", "2017-12-01T00:00:00Z"))["journey"]
    assert "cart" in of(add, order("o", "2017-11-30T23:59:59Z"))["journey"]
    late = click("2017-12-31T00:00:00Z", "add_to_cart", sku="b")
    assert [line["sku"] for line in of(add, late)["journey"]["cart"]["lines"]] == ["b"]
    tied = [click("2017-12-31T00:00:00Z", "add_to_cart", sku=f"s{n:02}") for n in range(33)]
    cart = of(*tied)["journey"]["cart"]
    assert cart["qty"] == 32.0
    assert [line["sku"] for line in cart["lines"]] == [f"s{n:02}" for n in range(1, 11)]
    both = [
        click("2017-12-31T00:00:00Z", "add_to_cart", sku="a"),
        click("2017-12-31T00:00:00Z", "remove_from_cart", sku="a"),
    ]
    assert of(*both)["journey"]["cart"]["qty"] == 1.0  # at one instant what is taken out comes first


@pytest.mark.parametrize(
    ("at", "abandoned"),
    [
        ("2017-12-01T23:59:59.999Z", None),
        ("2017-12-02T00:00:00Z", "browse"),
        ("2017-12-30T23:59:59.999Z", "browse"),
        ("2017-12-31T00:00:00Z", None),
    ],
)
def test_looking_around_is_abandoned_after_a_day_for_a_month(at: str, abandoned: str | None) -> None:
    found = of(click("2017-12-01T00:00:00Z", "search"), at=at)
    assert found["journey"].get("abandoned") == abandoned
    assert found["tags"].get("browse_abandoned") == (True if abandoned else None)
    empty = click("2017-12-01T00:00:00Z", "add_to_cart")  # the step is the cart, and nothing lies in it
    assert "abandoned" not in of(click("2017-12-01T00:00:00Z", "search"), empty, at=at)["journey"]


# -- health ------------------------------------------------------------------------------------------------


def test_health_of_all_five_components() -> None:
    found = of(
        order("a", "2017-11-15T00:00:00Z", 1),  # r = 4
        order("b", "2017-03-15T00:00:00Z", 1),
        order("c", "2017-02-15T00:00:00Z", 1),
        order("d", "2017-02-14T00:00:00Z", 1),
        order("e", "2017-02-13T00:00:00Z", 1),
        click(TODAY, "search"),
        *(click("2017-11-01T00:00:00Z", "search") for _ in range(3)),
        service("2017-12-01T00:00:00Z", "csat", score=4, scale=5),
        service("2017-12-20T00:00:00Z", "complaint", sentiment=Decimal("-0.6")),
        service("2017-12-21T00:00:00Z", "ticket_opened", ticket_id="t"),
    )["health"]
    assert found["components"] == {
        "recency": 0.75,
        "frequency": 0.8,  # 1 * 4 of 5
        "engagement": 0.75,  # 1 * 3 of 4
        "satisfaction": 0.5,  # 0.8 and 0.2
        "service": 0.46,  # 1 - 0.4 - 0.1 - 0.2 / 5
    }
    assert found["score"] == 69.6  # 22.5 + 20 + 15 + 7.5 + 4.6
    assert found["band"] == "sub_healthy"


def test_health_of_what_is_known_and_its_edges() -> None:
    old = of(order("a", "2016-01-01T00:00:00Z", 1), click("2017-01-01T00:00:00Z", "wink"))["health"]
    assert old == {
        "score": 0.0,
        "band": "unhealthy",
        "components": {"recency": 0.0, "frequency": 0.0, "engagement": 0.0},
    }
    assert "health" not in of(service(TODAY, "delivered"))
    said = service(TODAY, "feedback", sentiment=0)  # 0.5 and 1: (7.5 + 10) of 25
    assert of(said)["health"]["score"] == 70.0
    assert of(said)["health"]["band"] == "healthy"
    assert of(said, health_edges=(40, 70.01))["health"]["band"] == "sub_healthy"
    assert of(said, health_weights=(0, 0, 0, 1, 0))["health"]["score"] == 50.0


# -- comparing ---------------------------------------------------------------------------------------------


def test_compare_grants_rounding_and_finds_what_should_not_be_there() -> None:
    more = [order("m", TODAY, 10, channel="web", discount=0), order("n", TODAY, 5)]
    expected = of(*bought(*FOUR), *more)
    tags = {name: {"value": value} for name, value in expected["tags"].items() if value}
    document = {**expected, "tags": tags}
    habits, promotion = expected["habits"], expected["promotion"]
    near = {**habits, "night_ratio": habits["night_ratio"] + 1e-4}
    assert compare(expected, {**document, "habits": near}) == []
    assert compare(expected, {**document, "habits": {**habits, "gap_median_days": 1.0}}) != []
    far = {**habits, "weekend_ratio": habits["weekend_ratio"] + 2e-4}
    assert len(compare(expected, {**document, "habits": far})) == 1
    cent = {**promotion, "mean_order_minor": promotion["mean_order_minor"] + 0.01}
    assert compare(expected, {**document, "promotion": cent}) == []
    more = {
        **document,
        "journey": {**expected["journey"], "abandoned": "cart"},
        "tags": {**tags, "cart_abandoned": {"value": True}},
        "rfm": {**expected["rfm"], "foreign": {"EUR": {"orders": 1}}},
    }
    assert compare(expected, more) == [
        "tags.cart_abandoned: 'absent' != True",
        "rfm.foreign.EUR.orders: 'absent' != 1",
        "journey.abandoned: 'absent' != 'cart'",
    ]
