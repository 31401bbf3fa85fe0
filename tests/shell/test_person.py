"""`profilestream get` on a screen: words for somebody who has never seen a profile, and nothing but words."""

import io
import os
import subprocess
import sys
import unicodedata
from collections import defaultdict
from dataclasses import replace
from importlib.resources import files
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from builders import DAY, HOUR, RULES, T0, OneCustomer, click, control, document_at, fold, order, service
from click.testing import CliRunner
from rich.cells import cell_len
from rich.console import Console

from models.catalogue.load import load
from models.rules import Rules
from streams import exporter
from streams.cli import cli
from streams.cli.person import person
from streams.config import calendar_of
from streams.local.demo_card import card_lines
from streams.local.synthetic import synthetic
from streams.screen import LABEL, Times, bar, plain, row

MINUTE = 60_000
SATURDAY_14 = T0 + 3 * DAY + 14 * HOUR
LAST = SATURDAY_14 + 13 * 14 * DAY
RICH_RULES = replace(RULES, zones=calendar_of, price_edges={"tea": (100, 500, 900)})
SHIPPED = load(files("models.catalogue").joinpath("catalogue.toml").read_text(encoding="utf-8"))
ITEMS = [
    {"category": "tea", "qty": 2, "price": "9.50", "brand": "Borealis", "sku": "s1"},
    {"category": "coffee", "price": 12.25, "brand": "Acme"},
    {"category": "bread", "price": 3},
]


def doc_of(*events: dict[str, Any], at_ms: int, rules: Rules = RULES) -> dict[str, Any]:
    state, _ = fold(sorted(events, key=lambda event: event["ts"]), rules)
    doc: dict[str, Any] = orjson.loads(orjson.dumps(document_at(state, at_ms, rules)))
    return doc


def screen(doc: Any, now_ms: int, width: int = 100, **more: Any) -> str:
    console = Console(file=io.StringIO(), width=width, highlight=False, color_system=None)
    console.print(person(doc, now_ms, width, **more))
    text: str = console.file.getvalue()  # type: ignore[attr-defined]
    assert all(cell_len(line) <= width for line in text.splitlines())
    assert not [one for one in text if one != "\n" and not one.isprintable()]
    return text


def said(text: str, label: str) -> str:
    """What stands behind a label, its lines joined."""
    lines = iter(text.splitlines())
    for line in lines:
        if line[:LABEL].strip() == label:
            out = [line[LABEL:].strip()]
            for more in lines:
                if more[:LABEL].strip() or not more.strip():
                    break
                out.append(more.strip())
            return " ".join(out)
    raise AssertionError(f"nothing on {label}\n{text}")


def regular(**more: Any) -> list[dict[str, Any]]:
    """Fourteen orders, every second Saturday at 14; every third with a discount."""
    return [
        order(
            f"o{n}",
            SATURDAY_14 + n * 14 * DAY,
            48.0 if n % 3 == 0 else 40.0,
            channel="web" if n % 4 else "store",
            payment="card" if n % 3 else "cash",
            discount=5 if n % 3 == 0 else 0,
            coupon_discount=1 if n % 6 == 0 else 0,
            items=ITEMS,
            **more,
        )
        for n in range(14)
    ]


def everything() -> list[dict[str, Any]]:
    visit = LAST + 2 * DAY
    return [
        *regular(),
        order("f", LAST, 30, currency="GBP"),
        control(T0, attributes={"city": "Bonn", "newsletter": True, "timezone": "Europe/Berlin"}),
        control(T0, "consent", consent={"status": "given"}),
        click(visit, "product_view", category="shoes"),
        click(visit + 1, "add_to_cart", sku="green-tea", qty=2, price=9.5),
        click(visit + 2, "add_to_cart", sku="mug"),
        service(LAST - 29 * DAY, "ticket_opened", ticket_id="a"),
        service(LAST - 28 * DAY, "ticket_resolved", ticket_id="a"),
        service(LAST - 5 * DAY, "ticket_opened", ticket_id="b"),
        service(LAST - 29 * DAY, "complaint"),
        service(LAST - 4 * DAY, "return", refund_amount=12),
        service(LAST - 60 * DAY, "csat", score=5),
        service(LAST - 3 * DAY, "csat", score=4),
        service(LAST - 3 * DAY, "nps", score=9, sentiment=0.5),
    ]


def full(at_ms: int = LAST + 3 * DAY) -> dict[str, Any]:
    return doc_of(*everything(), at_ms=at_ms, rules=RICH_RULES)


def test_who_it_is_and_how_fresh() -> None:
    doc = full()
    text = screen(doc, LAST + 3 * DAY + 4 * MINUTE)
    first = text.splitlines()[0]
    assert first.startswith(" c ")
    assert first.rstrip().endswith("as of 2024-05-21 14:00 UTC, 4 minutes ago")
    assert said(text, "about") == "city Bonn · newsletter yes · timezone Europe/Berlin"
    assert said(text, "customer") == (
        "since 2023-11-18 (6 months) · last seen 1 day ago · consent given 2023-11-15"
    )
    berlin = screen(doc, LAST + 3 * DAY, zone=ZoneInfo("Europe/Berlin"))
    assert "as of 2024-05-21 16:00 CEST, just now" in berlin


def test_standing() -> None:
    text = screen(full(), LAST + 12 * DAY)
    assert said(text, "stage") == "active · since 2023-12-02 · buys regularly"
    assert said(text, "segment") == "champions · bought lately, often and for much"
    assert said(text, "scores") == "lately ●●●●●  often ●●●●●  money ●●●●●"
    assert said(text, "orders") == (
        "15 orders · 588.00 USD net · 12.00 USD refunded · 1 order of unknown amount · "
        "of them 30.00 GBP in 1 order"
    )
    assert said(text, "of late") == "in 30 days 3 orders, 88.00 USD · in 365 days 15 orders, 600.00 USD"
    assert said(text, "last order") == "12 days ago (2024-05-18)"
    assert said(text, "health") == (
        "▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇── 89 of 100 · healthy · weakest: trouble with service, 19 %"
    )


def test_what_is_to_be_expected() -> None:
    doc = full()
    assert said(screen(doc, LAST + 3 * DAY), "churn") == "low risk · medium on 2024-08-16 without an order"
    doc["churn"] = {"p_alive": 0.914, "risk": "medium", "risk_changes_at": "2024-08-16T14:00:00.000Z"}
    doc["value"] = {"expected_orders_365d": 13.74, "clv_365d_minor": 54_321}
    doc["cluster"] = {"id": 2, "name": "sleeping_regulars", "since": "2024-05-16T14:00:00.000Z"}
    text = screen(doc, LAST + 3 * DAY)
    assert said(text, "churn") == (
        "medium risk · 91 % likely still a customer · high on 2024-08-16 without an order"
    )
    assert said(text, "in a year") == (
        "13.7 orders expected · worth 543.21 USD · like sleeping regulars since 2024-05-16"
    )
    doc["churn"] = {"risk": "high"}
    del doc["value"], doc["cluster"]
    text = screen(doc, LAST + 3 * DAY)
    assert said(text, "churn") == "high risk"
    assert "in a year" not in text


@pytest.mark.parametrize(("days", "word"), [(9, ""), (14, " · due now"), (17, " · overdue")])
def test_the_next_order_is_due_and_then_overdue(days: int, word: str) -> None:
    gaps = (10, 12, 16, 18)
    days_of = [sum(gaps[:n]) for n in range(5)]
    orders = [order(f"o{n}", T0 + day * DAY, 10) for n, day in enumerate(days_of)]
    text = screen(doc_of(*orders, at_ms=T0 + 57 * DAY), T0 + (56 + days) * DAY)
    assert said(text, "next order") == f"usually due between 2024-01-21 and 2024-01-26{word}"


def test_the_cart_and_what_was_abandoned() -> None:
    doc = full()
    text = screen(doc, LAST + 3 * DAY)
    assert said(text, "now") == "filling a cart · 23 hours ago"
    assert said(text, "cart") == (
        "3 pieces, 19.00 USD · left behind · since 2024-05-20 14:00 · touched 23 hours ago"
    )
    assert said(text, "in it") == "2 × green-tea at 9.50 USD · 1 × mug"
    assert "left behind" not in said(screen(full(LAST + 2 * DAY + MINUTE), LAST + 3 * DAY), "cart")
    browsed = doc_of(click(T0), at_ms=T0 + 2 * DAY)
    assert said(screen(browsed, T0 + 2 * DAY), "now") == (
        "looking around · 2 days ago · left with nothing in the cart"
    )
    many = [click(T0 + n, "add_to_cart", sku=f"s{n}", price=1200) for n in range(12)]
    text = screen(doc_of(*many, at_ms=T0 + MINUTE), T0)
    assert said(text, "cart").startswith("12 pieces, 14,400.00 USD · being filled")
    assert "more" in said(text, "in it")


def test_likes() -> None:
    text = screen(full(), LAST + 3 * DAY)
    assert said(text, "buys").startswith("tea ▇▇▇▇▇▇ 55 %  coffee ▇▇▇▇ 36 %  bread ▇ 9 %")
    assert said(text, "brands") == "Acme ▇▇▇▇▇ 50 %  Borealis ▇▇▇▇▇ 50 %"
    assert said(text, "buys in").startswith("web ▇▇▇▇▇▇▇▇ 7")
    assert said(text, "pays with").startswith("card ")
    assert said(text, "looks at") == "shoes ▇▇▇▇▇▇▇▇▇▇ 100 %"
    assert said(text, "where") == "online: 10 orders, 424.00 USD · in the shop: 4 orders, 176.00 USD"


def test_habits_and_prices_are_sentences() -> None:
    text = screen(full(), LAST + 3 * DAY)
    assert said(text, "habits") == (
        "usually buys on Saturdays around 15:00 (their own clock); about every 14 days; "
        "100 % of orders at weekends"
    )
    assert said(text, "prices") == (
        "42.86 USD an order; every third order with a discount; buys 10 % more then; "
        "3 orders with a coupon; saved 28.00 USD (4 %); buys dear goods"
    )


def test_hours_are_the_customer_s_own_where_the_zone_is_one() -> None:
    nowhere = control(LAST, attributes={"timezone": "Middle/Earth"})
    doc = doc_of(*everything(), nowhere, at_ms=LAST + 3 * DAY, rules=RICH_RULES)
    assert said(screen(doc, LAST), "habits").startswith("usually buys on Saturdays around 14:00; ")


@pytest.mark.parametrize(
    ("promo", "expected"),
    [([0, 0, 0], "never with a discount"), ([1, 2, 1], "every order with a discount"),
     ([1, 0], "every second order with a discount"), ([1, 1, 1, 1, 0], "4 of 5 orders with a discount")],
)  # fmt: skip
def test_how_often_there_is_a_discount(promo: list[float], expected: str) -> None:
    events = [order(f"o{n}", T0 + n * DAY, 10, discount=off) for n, off in enumerate(promo)]
    assert expected in said(screen(doc_of(*events, at_ms=T0 + 9 * DAY), T0), "prices")


def test_a_payday_shopper_without_a_fixed_day_or_hour() -> None:
    on_paydays = [order(f"o{n}", T0 + n * 61 * DAY // 4 + n * 5 * HOUR, 10) for n in range(10)]
    habits = said(screen(doc_of(*on_paydays, at_ms=T0 + 200 * DAY), T0 + 200 * DAY), "habits")
    assert "payday shopper" in habits
    assert "about every 15 days" in habits


def test_service_and_satisfaction() -> None:
    text = screen(full(), LAST + 3 * DAY)
    assert said(text, "service") == (
        "1 open ticket, for 8 days · 1 complaint · 1 return · 7 contacts · last contact 6 days ago · "
        "4 within a week of the one before … 1 more"
    )
    assert said(text, "says") == (
        "satisfied to 80 % (CSAT), 90 % on average of 2 answers, falling · "
        "would recommend us: 9 of 10 (NPS) · sounds friendly"
    )


def test_tags_by_their_names_where_nothing_is_known_of_them() -> None:
    assert said(screen(full(), LAST + 3 * DAY), "tags") == (
        "lifecycle active until 2024-08-16 · rfm segment champions until 2024-06-17 · "
        "active 30d until 2024-06-19 · high value · cart abandoned until 2024-06-19"
    )


def test_tags_by_their_labels_and_until_when() -> None:
    doc = doc_of(*everything(), at_ms=LAST + 3 * DAY, rules=replace(RICH_RULES, catalogue=SHIPPED))
    assert len(doc["tags"]) == 17
    assert said(screen(doc, LAST + 3 * DAY, catalogue=SHIPPED), "tags") == (
        "Lifecycle stage active until 2024-08-16 · RFM segment champions until 2024-06-17 · "
        "Active until 2024-06-19 · Churn risk low until 2024-08-16 · High value · VIP · "
        "Loyal repurchaser until 2024-09-15 · High ticket … 9 more"
    )
    numbers = {"monthly_spend": {"value": 1_234_567.5}, "vip": {"value": True}, "odd": {"value": [1]}}
    assert said(screen({"tags": numbers}, T0), "tags") == "monthly spend 1,234,567.5 · vip · odd [1]"


def test_the_card_of_the_demo_names_any_tag() -> None:
    doc = doc_of(*everything(), at_ms=LAST + 3 * DAY, rules=replace(RICH_RULES, catalogue=SHIPPED))
    assert card_lines(doc, 130)[2].plain == (
        " tags  lifecycle active · rfm_segment champions · active_30d · churn_risk low · high_value · vip · "
        "loyal · high_ticket · monthly_…"
    )
    doc["tags"] = {"lifecycle": {"value": "new"}, "monthly_spend": {"value": 15_000}}
    assert card_lines(doc, 130)[2].plain == " tags  lifecycle new · monthly_spend 15,000"


def test_health_in_words_of_its_band() -> None:
    for score, band, words in (
        (75, "healthy", "healthy"),
        (50.4, "sub_healthy", "sub-healthy 亚健康"),
        (0, "unhealthy", "unhealthy"),
    ):
        doc = {"health": {"score": score, "band": band, "components": {"recency": 1.0, "engagement": 0.3333}}}
        assert said(screen(doc, T0), "health").endswith(
            f" {score:.0f} of 100 · {words} · weakest: visits, 33 %"
        )
    assert "weakest" not in screen({"health": {"score": 100, "components": {"recency": 1.0}}}, T0)


def test_somebody_who_has_not_bought() -> None:
    text = screen(doc_of(click(T0), at_ms=T0 + HOUR), T0 + HOUR)
    assert said(text, "stage").startswith("prospect")
    assert said(text, "customer") == "has not bought yet · known since 2023-11-15 · last seen 1 hour ago"
    for label in ("segment", "scores", "last order", "habits", "service", "about"):
        with pytest.raises(AssertionError):
            said(text, label)


@pytest.mark.parametrize("doc", [{}, {"customer_id": "c", "tags": {}}, {"rfm": {}, "lifecycle": {}}])
def test_next_to_nothing(doc: dict[str, Any]) -> None:
    assert len(screen(doc, T0).splitlines()) <= 3


def test_withdrawn_consent_is_one_sentence() -> None:
    doc = doc_of(*everything(), control(LAST + 3 * DAY, "consent", consent={"status": "withdrawn"}),
                 at_ms=LAST + 3 * DAY)  # fmt: skip
    lines = screen(doc, LAST + 3 * DAY, width=80).splitlines()
    assert lines[1:] == [" Consent withdrawn on 2024-05-21 14:00: nothing about this customer is kept."]
    assert lines[0].startswith(" c ")


@pytest.mark.parametrize("width", [80, 100, 140])
def test_all_of_it_fits_one_screen(width: int) -> None:
    doc = full()
    doc["attributes"] = {f"name_{n}": "many words " * 9 for n in range(64)}
    doc["rfm"]["foreign"] = {f"XX{n}": {"orders": 9, "amount_minor": 10**9} for n in "ABCDEFGH"}
    doc["journey"]["cart"]["lines"] = [{"sku": "s" * 64, "qty": 2.25, "price_minor": 10**12}] * 10
    doc["tags"] |= {f"tag_{n}": {"value": "x" * 64, "until": "2024-08-16T14:00:00.000Z"} for n in range(9)}
    doc["preferences"] |= {
        name: {f"{n}" * 64: 0.2 for n in range(5)}
        for name in ("categories", "brands", "channels", "payments", "interests")
    }
    doc["habits"] |= {
        "payday": {"habit": True},
        "night_ratio": 1,
        "holiday_ratio": 1,
        "seasons": {"winter": 1},
    }
    doc["churn"] = {"p_alive": 0.91, "risk": "medium", "risk_changes_at": "2024-08-16T14:00:00.000Z"}
    doc["value"] = {"expected_orders_365d": 13.7, "clv_365d_minor": 10**9}
    doc["cluster"] = {"id": 1, "name": "c" * 64, "since": "2024-05-16T14:00:00.000Z", "cause": "model"}
    lines = screen(doc, LAST + 90 * DAY, width).splitlines()
    assert len(lines) <= (40 if width >= 100 else 43)
    assert len(lines) >= 38  # or else this test is not about everything


HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "[red]x[/red]",
    "[/]",
    "a\nb\r\tc\x00\x07\x9b2J",
    "\u202egnp.exe\u202c\u2066\u200b\u200d\ufeff\u2028",
    "e" + "\u0301" * 500,
    "\ud800",
    "亚" * 500,
    ":smile:",
)


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one) for name, one in value.items()} | {text: text}
        if isinstance(value, list):
            return [poisoned(one) for one in value]
        return text if isinstance(value, str) else value

    for width in (80, 100, 140):
        out = screen(poisoned(full()), LAST, width)
        assert not [one for one in out if one != "\n" and unicodedata.category(one) in ("Cc", "Cf", "Cs")]
    if text.startswith(("[", ":")):
        assert text in out


@pytest.mark.parametrize("odd", [None, True, -1, 1e300, 10**400, "x", [], [1], {}, {"x": None}, "9999-12-31"])
def test_a_field_of_another_kind_breaks_nothing(odd: Any) -> None:
    doc = full()
    for name, section in doc.items():
        screen(doc | {name: odd, f"new_{name}": odd}, LAST)
        if isinstance(section, dict):
            for inner in section:
                screen(doc | {name: {**section, inner: odd, "unheard_of": odd}}, LAST)
    screen(doc | {"journey": doc["journey"] | {"cart": {"lines": [odd], "state": odd}}}, LAST)


def test_other_vocabularies_and_names_unknown_here() -> None:
    text = screen({"lifecycle": {"stage": "first_purchase"}, "rfm": {"segment": "night_owls"},
                   "tags": {"likes_tea": {"value": True}, "size": {"value": "very_large"}}}, T0)  # fmt: skip
    assert said(text, "stage") == "first purchase · one order so far"
    assert said(text, "segment") == "night owls"
    assert said(text, "tags") == "likes tea · size very large"


def test_documents_of_synthetic_customers(seed: int) -> None:
    customers = defaultdict(list)
    for event in synthetic(seed, customers=60, events=1_500, start_ms=T0, end_ms=T0 + 400 * DAY):
        customers[event["customer_id"]].append(event)
    for number, events in enumerate(customers.values()):
        state, _ = fold(events, RICH_RULES)
        at_ms = state.as_of_ms + number * DAY
        doc = orjson.loads(orjson.dumps(document_at(state, at_ms, RICH_RULES)))
        for width in (80, 100, 140):
            lines = screen(doc, at_ms + number * HOUR, width).splitlines()
            assert len(lines) <= (40 if width >= 100 else 41)


# -- parts of it -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ms", "expected"),
    [(0, "just now"), (59_999, "just now"), (MINUTE, "1 minute ago"), (90 * MINUTE, "1 hour ago"),
     (DAY - 1, "23 hours ago"), (DAY, "1 day ago"), (60 * DAY, "60 days ago"), (61 * DAY, "2 months ago"),
     (700 * DAY, "22 months ago"), (800 * DAY, "2 years ago"), (-30_000, "just now"),
     (-3 * HOUR, "in 3 hours")],
)  # fmt: skip
def test_how_long_ago(ms: int, expected: str) -> None:
    assert Times(T0 + ms).ago("2023-11-15T00:00:00.000Z") == expected
    assert Times(T0 + ms).ago("2023-11-15T00:00:00") == expected


def test_a_row_counts_what_finds_no_room() -> None:
    def lines(*pieces: str, width: int, most: int = 1) -> list[str]:
        return [line.plain for line in row("x", pieces, width, most)]

    assert lines(width=40) == lines("", width=40) == []
    assert lines("aaaa", "", "bbbb", width=40) == [" x          aaaa · bbbb"]
    assert lines(*["aaaaaa"] * 5, width=32) == [" x          aaaaaa … 4 more"]
    assert lines(*["aaaaaa"] * 5, width=32, most=2) == [
        " x          aaaaaa · aaaaaa ·", "            aaaaaa … 2 more"
    ]  # fmt: skip
    assert lines("a" * 50, width=32) == [" x          " + "a" * 18 + "…"]


def test_parts_of_a_whole() -> None:
    assert (bar(0, 1, 10), bar(0.01, 1, 10), bar(1, 1, 10), bar(1, 0, 10)) == ("", "▇", "▇" * 10, "")
    assert plain("x" * 100, 5) == "xxxx…"
    assert plain("\u3000 a\u00a0b\u2028c ") == "a b c"


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> bytes:
    doc = orjson.dumps(full())
    monkeypatch.setattr(exporter, "connect", lambda *_: OneCustomer(doc))
    return doc


def test_without_a_terminal_it_is_plain_text(stored: bytes) -> None:
    done = CliRunner().invoke(cli, ["get", "c"])
    assert done.exit_code == 0, done.output
    assert "\x1b" not in done.output
    assert said(done.output, "orders").startswith("15 orders")
    assert len(done.output.splitlines()) <= 40
    assert max(map(cell_len, done.output.splitlines())) == 100


def test_json_is_the_document_unchanged(stored: bytes) -> None:
    done = CliRunner().invoke(cli, ["get", "c", "--json"])
    assert done.stdout_bytes == stored + b"\n"


def test_somebody_unknown(stored: bytes) -> None:
    done = CliRunner().invoke(cli, ["get", "d"])
    assert done.exit_code == 1
    assert "customer 'd' is not known" in done.output


def test_an_output_without_unicode_shows_what_it_can(tmp_path: Path) -> None:
    path = tmp_path / "doc.json"
    path.write_bytes(orjson.dumps(full()))
    program = (
        "import sys, pathlib; from streams import exporter; from streams.cli import main\n"
        "doc = pathlib.Path(sys.argv.pop()).read_bytes()\n"
        "exporter.connect = lambda *_: type('C', (), {'hget': lambda *_: doc, 'hgetall': lambda *_: {}})()\n"
        "main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, "get", "c", str(path)],
        env={**os.environ, "PYTHONIOENCODING": "ascii", "PYTHONPATH": os.pathsep.join(sys.path)},
        capture_output=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert b"15 orders" in done.stdout
    assert b"\x1b" not in done.stdout
