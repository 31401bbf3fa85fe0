"""`profilestream explain`: why a tag is held or not, in sentences that say no more than the profile."""

import re
import unicodedata
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import replace
from importlib.resources import files
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from builders import DAY, HOUR, RULES, T0, click, control, copy, fold, order, service, tags_of
from click.testing import CliRunner

from models import codec, document, step
from models.calendar import iso
from models.catalogue.load import load
from models.rules import Rules
from models.state import State
from models.view import View
from streams import exporter
from streams.cli import cli, terms, why
from streams.cli.because import instant_ms
from streams.config import calendar_of
from streams.local.synthetic import synthetic
from streams.screen import Times

MINUTE = 60_000
STAYS = "Time alone does not change it."
NEVER_COMES = "Time alone does not bring it."
BERLIN = ZoneInfo("Europe/Berlin")
CATALOGUE = load(files("models.catalogue").joinpath("catalogue.toml").read_text(encoding="utf-8"))
SHIPPED = Rules(catalogue=CATALOGUE, zones=calendar_of)
ORDERS = [order(f"o{n}", T0 + n * DAY, 10) for n in range(4)]
LAST = T0 + 3 * DAY


def at(events: Sequence[dict[str, Any]], at_ms: int, rules: Rules = SHIPPED) -> tuple[dict[str, Any], State]:
    """Document and state as the store has them at an instant."""
    state, _ = fold(sorted(events, key=lambda event: event["ts"]), rules)
    return seen(state, at_ms, rules)


def seen(state: State, at_ms: int, rules: Rules) -> tuple[dict[str, Any], State]:
    state = copy(state)
    step.on_wake(state, at_ms, rules)
    state.as_of_ms = max(at_ms, state.as_of_ms)
    shown = document.document(View(state, state.as_of_ms, rules), "c", 0)
    doc: dict[str, Any] = orjson.loads(orjson.dumps(shown))
    return doc, state


def said(events: Sequence[dict[str, Any]], at_ms: int, tag: str, rules: Rules = SHIPPED, **more: Any) -> str:
    """The sentence of one tag, whether it is held or not."""
    doc, state = at(events, at_ms, rules)
    lines = why.explain(doc, at_ms, rules, tag=tag, **{"state": state, **more})
    return lines[1] if tag in doc["tags"] else lines[0]


def told(entry: dict[str, Any], tag: str = "big_basket", rules: Rules = SHIPPED, **more: Any) -> str:
    """The sentence of an entry that stands in a document."""
    doc = {"tags": {tag: entry}, "rfm": {"currency": "USD"}}
    return why.explain(doc | more, T0, rules, tag=tag)[1]


# -- what is held -----------------------------------------------------------------------------------------


def test_everything_held_in_the_order_of_the_document() -> None:
    doc, state = at([order("a", T0, 700), click(T0 + DAY, "add_to_cart", sku="mug")], T0 + DAY + HOUR, RULES)
    lines = why.explain(doc, T0 + DAY + 2 * HOUR, RULES, state=state)
    assert lines == [
        "c as of 2023-11-16 01:00 UTC, 1 hour ago:",
        (
            "lifecycle new since 2023-11-15 00:00 UTC: 1 order; last order 2023-11-15 00:00; "
            "less than 90 days of silence (lifecycle@1), announced by orders/0@0. "
            "Becomes at risk on 2024-02-13 00:00:00 UTC unless there is an order before."
        ),
        (
            "rfm segment potential loyalists since 2023-11-15 00:00 UTC: recency score 5 of 5; "
            "frequency score 1 of 5; money score 5 of 5 (rfm_segment@1), announced by orders/0@0. "
            "Becomes need attention on 2024-02-13 00:00:00 UTC unless there is an order before."
        ),
        (
            "active 30d since 2023-11-15 00:00 UTC: last active 2023-11-16 00:00, less than 30 days ago "
            "(active_30d@1), announced by orders/0@0. "
            "Leaves on 2023-12-16 00:00:00 UTC unless there is any activity before."
        ),
        (
            "high value since 2023-11-15 00:00 UTC: net spending 700.00 USD, at least 500.00 USD "
            "(high_value@1), announced by orders/0@0. Time alone does not change it."
        ),
        (
            "cart abandoned since 2023-11-16 00:30 UTC: the cart is left behind (cart_abandoned@1), "
            "announced by time alone on 2023-11-16 00:30:00. "
            "Leaves on 2023-12-16 00:00:00 UTC unless there is a click or an order before."
        ),
    ]
    assert [entry["tag"] for entry in why.entries(doc)] == list(doc["tags"])
    for number, tag in enumerate(doc["tags"], 1):
        only = why.explain(doc, T0 + DAY + 2 * HOUR, RULES, tag=tag, state=state)
        assert only == [lines[0], lines[number], f"{tag.replace('_', ' ')} is a {_kind(RULES, tag)}."]


def _kind(rules: Rules, tag: str) -> str:
    return rules.catalogue.by_id[tag].about.kind


def test_labels_and_what_a_tag_is_for() -> None:
    doc, state = at([click(T0 + 250)], T0 + HOUR)
    assert why.explain(doc, T0 + HOUR, SHIPPED, tag="active_30d", state=state) == [
        "c as of 2023-11-15 01:00 UTC, just now:",
        (
            "Active since 2023-11-15 00:00 UTC: last active 2023-11-15 00:00, less than 30 days ago "
            "(active_30d@1), announced by clicks/0@0. "
            "Leaves on 2023-12-15 00:00:00.250 UTC unless there is any activity before."
        ),
        "Active is a flag of crm: Who did anything at all within 30 days.",
    ]
    for lang, label in (("zh", "活跃"), ("xx", "Active")):
        lines = why.explain(doc, T0, SHIPPED, tag="active_30d", lang=lang)
        assert lines[1].startswith(f"{label} since 2023-11-15 00:00 UTC: ")
        assert lines[2].startswith(f"{label} is a flag of crm: ")
    (line, _) = why.explain(doc, T0, SHIPPED, tag="dormant", lang="zh")
    assert line == "c does not hold 沉睡."


@pytest.mark.parametrize(
    ("tag", "events", "after_ms", "expected"),
    [
        ("loyal", ORDERS, HOUR, """
          Loyal repurchaser since 2023-11-18 00:00 UTC: 4 orders in 365 days, at least 4 (at least
          3 to stay); last order 2023-11-18 00:00, less than 90 days ago (less than 120 days ago
          to stay) (loyal@1), announced by orders/0@3. Leaves on 2024-03-17 00:00:00 UTC unless
          there is an order before."""),
        ("churn_risk", ORDERS, 91 * DAY, """
          Churn risk medium since 2024-02-16 00:00 UTC: 4 orders; last order 2023-11-18 00:00
          (churn_risk@1), announced by time alone on 2024-02-16 00:00:00. Becomes high on
          2024-05-16 00:00:00 UTC unless there is an order before."""),
        ("churn_risk", ORDERS, HOUR, """
          Churn risk low since 2023-11-15 00:00 UTC: 4 orders; last order 2023-11-18 00:00
          (churn_risk@1), announced by orders/0@0. Becomes medium on 2024-02-16 00:00:00 UTC
          unless there is an order before."""),
        ("monthly_spend", [order("a", T0, 200)], HOUR, """
          Average monthly spend 50.00 USD since 2023-11-15 00:00 UTC: spending in 90 days divided
          by 3 is 66.67 USD; spending in 90 days 200.00 USD, more than 0.00 USD (monthly_spend@1),
          announced by orders/0@0. Leaves on 2024-02-13 00:00:00 UTC unless there is an order
          before."""),
        ("new_customer", [order("a", T0, 200)], HOUR, """
          New customer since 2023-11-15 00:00 UTC: first order 2023-11-15 00:00, less than 30 days
          ago (new_customer@1), announced by orders/0@0. Leaves on 2023-12-15 00:00:00 UTC unless
          something happens before."""),
        ("high_intent", [click(T0 + n, "add_to_cart", sku="s") for n in range(2)], MINUTE, """
          High intent since 2023-11-15 00:00 UTC: no order counts; 2 additions to the cart within
          6 hours, at least 2 (high_intent@1), announced by clicks/0@1. Leaves on 2023-11-15
          06:00:00 UTC unless there is an order or a click before."""),
        ("viewed_not_bought", [order("a", T0 - DAY), click(T0, "product_view")], 3 * HOUR, """
          Viewed, not bought since 2023-11-15 02:00 UTC: last product view 2023-11-15 00:00, 2
          hours or more ago and less than 7 days ago; last order 2023-11-14 00:00, before
          2023-11-15 00:00 (viewed_not_bought@1), announced by time alone on 2023-11-15 02:00:00.
          Leaves on 2023-11-22 00:00:00 UTC unless there is a click or an order before."""),
        ("service_unhappy", [service(T0, "csat", score=1)], HOUR, """
          Unhappy with service since 2023-11-15 00:00 UTC: last contact with service 2023-11-15
          00:00, less than 90 days ago; latest satisfaction (CSAT) 20 %, at most 40 %
          (service_unhappy@1), announced by service/0@0. Leaves on 2024-02-13 00:00:00 UTC unless
          there is a service event or an answer before."""),
        ("promoter", [service(T0, "nps", score=9)], HOUR, """
          Promoter since 2023-11-15 00:00 UTC: latest recommendation (NPS) 9 of 10, at least 9
          (promoter@1), announced by service/0@0. Time alone does not change it."""),
        ("birthday_soon", [click(T0), control(T0, attributes={"birthday": "1990-11-20"})], HOUR, """
          Birthday soon since 2023-11-15 00:00 UTC: birthday 1990-11-20 comes within 7 days
          (birthday_soon@1), announced by control/0@0. Leaves on 2023-11-21 00:00:00 UTC unless
          there is a new attribute before."""),
        ("omnichannel", [order(name, T0, 1, channel=name) for name in ("app", "store")], HOUR, """
          Omnichannel since 2023-11-15 00:00 UTC: orders online as a share of orders is 50 %, at
          least 20 %; orders offline as a share of orders is 50 %, at least 20 % (omnichannel@1),
          announced by orders/0@1. Time alone does not change it."""),
        ("browse_abandoned", [click(T0 + 5)], 2 * DAY, """
          Browse abandoned since 2023-11-16 00:00 UTC: abandoned a visit (browse_abandoned@1),
          announced by time alone on 2023-11-16 00:00:00.005. Leaves on 2023-12-15 00:00:00.005
          UTC unless there is a click or an order before."""),
    ],
)  # fmt: skip
def test_shipped_tags_in_words(tag: str, events: list[dict[str, Any]], after_ms: int, expected: str) -> None:
    at_ms = max(event["ts"] for event in events) + after_ms
    assert said(events, at_ms, tag) == " ".join(expected.split())


@pytest.mark.parametrize(
    ("vocabulary", "days", "stage", "silence", "then"),
    [
        (
            "standard",
            1,
            "active since 2023-11-16",
            "less than 90 days of silence",
            "Becomes at risk on 2024-02-16 00:00:00 UTC unless there is an order before.",
        ),
        (
            "standard",
            100,
            "at risk since 2024-02-16",
            "90 days of silence make at risk",
            "Becomes dormant on 2024-05-16 00:00:00 UTC unless there is an order before.",
        ),
        ("standard", 400, "lost since 2024-11-17", "365 days of silence make lost", STAYS),
        (
            "purchase",
            100,
            "repeat since 2023-11-16",
            "less than 180 days of silence",
            "Becomes lapsed on 2024-05-16 00:00:00 UTC unless there is an order before.",
        ),
        ("growth", 100, "decline since 2024-02-16", "90 days of silence make decline", STAYS),
    ],
)
def test_stages_of_each_vocabulary(vocabulary: str, days: int, stage: str, silence: str, then: str) -> None:
    rules = replace(SHIPPED, lifecycle=vocabulary, mature_orders=4)
    sentence = said(ORDERS, LAST + days * DAY, "lifecycle", rules)
    assert sentence.startswith(
        f"Lifecycle stage {stage} 00:00 UTC: 4 orders; last order 2023-11-18 00:00; {silence} ("
    )
    assert sentence.endswith(f". {then}")


def test_nobody_has_bought_and_one_day_makes() -> None:
    assert said([click(T0)], T0, "lifecycle") == (
        "Lifecycle stage prospect since 2023-11-15 00:00 UTC: 0 orders (lifecycle@1), "
        f"announced by clicks/0@0. {STAYS}"
    )
    assert "; 1 day of silence makes at risk (" in said(
        ORDERS, LAST + DAY, "lifecycle", replace(SHIPPED, at_risk_days=1)
    )


@pytest.mark.parametrize("tag", ["lifecycle", "rfm_segment", "churn_risk", "monthly_spend"])
def test_the_value_that_is_named_is_the_one_that_comes(tag: str) -> None:
    events = [order(f"o{n}", T0 + n * 9 * DAY, 80) for n in range(7)]
    doc, state = at(events, T0 + 54 * DAY)
    changes = 0
    while until := doc["tags"].get(tag, {}).get("until"):
        sentence = why.explain(doc, T0, SHIPPED, tag=tag, state=state)[1]
        instant = Times(T0).exact(until)
        doc, state = seen(state, _ms(until), SHIPPED)
        changes += 1
        if tag in doc["tags"]:
            value = doc["tags"][tag]["value"]
            shown = f"{value / 100:.2f} USD" if tag == "monthly_spend" else value.replace("_", " ")
            assert f". Becomes {shown} on {instant} UTC unless there is an order before." in sentence
        else:
            assert f". Leaves on {instant} UTC unless " in sentence
    assert changes >= 2


def _ms(text: str) -> int:
    found = instant_ms(text)
    assert found is not None
    return found


def test_without_the_state_or_under_other_settings_no_value_is_promised() -> None:
    doc, state = at(ORDERS, LAST + 100 * DAY)
    for rules, known in ((SHIPPED, None), (replace(SHIPPED, dormant_days=181), state)):
        line = why.explain(doc, T0, rules, tag="lifecycle", state=known)[1]
        assert line.endswith(" Changes on 2024-05-16 00:00:00 UTC unless there is an order before.")


LIMITED = """
[tags.eager]
label = { en = "Eager" }
enter = "count(product_view, 2d) >= 2"
ttl = "1d"
[tags.calm]
enter = "count(product_view, 1h) >= 1"
dwell = "3d"
"""


def test_how_long_a_tag_is_held_at_most_and_at_least() -> None:
    rules, events = tags_of(LIMITED), [click(T0 + n, "product_view") for n in range(2)]
    assert said(events, T0 + HOUR // 2, "eager", rules).endswith(
        " Leaves on 2023-11-16 00:00:00.001 UTC at the latest: it is held for 1 day at most."
    )
    assert said(events, T0 + HOUR // 2, "calm", rules).endswith(
        " Leaves on 2023-11-18 00:00:00 UTC, after the 3 days that it is held at least, "
        "unless there is a click before."
    )
    assert said(events, T0 + 30 * HOUR, "eager", rules) == (
        "c does not hold Eager, left on 2023-11-16 00:00 UTC: 2 product views within 2 days, at least 2 "
        "(eager@1). Its time of 1 day is over; it comes back only after this has ceased to be so."
    )


def test_what_announced_it() -> None:
    entry = {"value": True}
    for cause, expected in (
        ({"topic": "clicks", "partition": 3, "offset": 1842}, "big basket, announced by clicks/3@1842."),
        ({"timer": iso(T0 + 1)}, "big basket, announced by time alone on 2023-11-15 00:00:00.001."),
        ({"catalogue": 7}, "big basket, announced by revision 7 of the catalogue."),
        ({"topic": "clicks"}, "big basket, announced by clicks."),
        ({}, "big basket."),
        (None, "big basket."),
    ):
        assert told(entry | {"cause": cause}) == f"{expected} {STAYS}"


# -- what is not held --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        ("active_30d", """
          Active, left on 2023-12-15 00:00 UTC: last active 2023-11-15 00:00, 30 days or more ago
          (active_30d@1). Time alone does not bring it."""),
        ("dormant", """
          Dormant: last active 2023-11-15 00:00, less than 90 days ago (dormant@1). Would be
          entered on 2024-02-13 00:00:00 UTC if nothing happens."""),
        ("high_value", """
          High value: net spending 0.00 USD, less than 500.00 USD (high_value@1). Time alone does
          not bring it."""),
        ("vip", "VIP: 0 orders, fewer than 6 (vip@1). Time alone does not bring it."),
        ("rfm_segment", "RFM segment: no order counts (rfm_segment@1). Time alone does not bring it."),
        ("cart_abandoned", """
          Cart abandoned: the cart is empty (cart_abandoned@1). Time alone does not bring it."""),
        ("night_shopper", """
          Night shopper: fewer than 3 orders count (night_shopper@1). Time alone does not bring
          it."""),
        ("open_complaint", """
          Open complaint: there was no service event (open_complaint@1). Time alone does not bring
          it."""),
        ("promoter", "Promoter: there was no NPS answer (promoter@1). Time alone does not bring it."),
        ("viewed_not_bought", """
          Viewed, not bought: no product view so far (viewed_not_bought@1). Time alone does not
          bring it."""),
        ("birthday_soon", """
          Birthday soon: attribute birthday is not stated (birthday_soon@1). Time alone does not
          bring it."""),
        ("channel_first", """
          Channel first: 0 orders, fewer than 2 (channel_first@1). Time alone does not bring it."""),
    ],
)  # fmt: skip
def test_why_not_and_when_it_would_be(tag: str, expected: str) -> None:
    assert said([click(T0)], T0 + 40 * DAY, tag) == f"c does not hold {' '.join(expected.split())}"


def test_the_instant_at_which_it_would_be_entered_is_the_one_at_which_it_is() -> None:
    state, _ = fold([click(T0 + 7, "add_to_cart", sku="s"), order("a", T0 - DAY, 9)], SHIPPED)
    for tag in ("cart_abandoned", "dormant", "sub_healthy"):
        doc, now = seen(state, T0 + MINUTE, SHIPPED)
        line = why.explain(doc, T0, SHIPPED, tag=tag, state=now)[0]
        instant = re.search(r"Would be entered on (.{19,23}) UTC if nothing happens\.$", line)
        assert instant, line
        ms = _ms(instant[1].replace(" ", "T") + "Z")
        assert [tag in seen(state, at_ms, SHIPPED)[0]["tags"] for at_ms in (ms - 1, ms)] == [False, True]


def test_a_category_that_would_come_and_a_rule_that_was_not_applied_yet() -> None:
    rules = tags_of('[tags.rest]\nkind = "category"\n[tags.rest.cases]\nlong = "since(last_active_at) >= 9d"')
    assert said([click(T0)], T0, "rest", rules) == (
        "c does not hold rest: last active 2023-11-15 00:00, less than 9 days ago (rest@1). "
        "Would become long on 2023-11-24 00:00:00 UTC if nothing happens."
    )
    doc, state = at([click(T0)], T0, RULES)
    line = why.explain(
        doc, T0, tags_of('[tags.seen]\nenter = "known(last_active_at)"'), tag="seen", state=state
    )[0]
    assert line == (
        "c does not hold seen: last active 2023-11-15 00:00 (seen@1). "
        "By this rule it would be held: it has not been judged by it yet."
    )


def test_next_to_nothing() -> None:
    assert why.explain({"tags": {}}, T0, SHIPPED) == ["the customer holds no tag."]
    assert why.explain({}, T0, RULES, tag="high_value")[0] == "the customer does not hold high value."
    assert why.explain({}, T0, SHIPPED, tag="vip", state=State())[0] == "the customer does not hold VIP."
    assert why.known({"tags": {"likes_tea": {}}}, RULES.catalogue) == [*RULES.catalogue.by_id, "likes_tea"]


def test_withdrawn_consent_is_one_sentence() -> None:
    doc, state = at([*ORDERS, control(LAST, "consent", consent={"status": "withdrawn"})], LAST)
    expected = "c has withdrawn consent on 2023-11-18 00:00 UTC: nothing is kept, and no tag is held."
    for tag in (None, "active_30d"):
        assert why.explain(doc, T0, SHIPPED, tag=tag, state=state) == [expected]
    assert why.entries(doc) == []


# -- a tag that is not of the catalogue --------------------------------------------------------------------


def test_a_tag_that_only_the_document_knows_is_told_from_its_entry() -> None:
    entry = {
        "value": True,
        "since": "2026-10-02T08:00:00.000Z",
        "rule": "big_basket@3",
        "because": [
            ["rfm.net_minor", 61_000, ">=", 50_000],
            ["since(rfm.last_order_at)", "2026-10-02T08:00:01.500Z", "<", "30d"],
        ],
        "cause": {"topic": "orders", "partition": 0, "offset": 7},
        "until": "2026-11-01T08:00:01.500Z",
    }
    expected = (
        "big basket since 2026-10-02 08:00 UTC: net spending 610.00 USD, at least 500.00 USD; "
        "last order 2026-10-02 08:00, less than 30 days ago (big_basket@3), announced by orders/0@7. "
        "Leaves on 2026-11-01 08:00:01.500 UTC unless there is an order or a refund before."
    )
    assert told(entry) == expected
    assert told(entry | {"value": "very_large"}) == expected.replace(
        "big basket", "big basket very large", 1
    ).replace("Leaves", "Changes")
    assert told(entry | {"value": 12_500}).startswith("big basket 12,500 since ")
    assert told({"value": "yes", "until": "soon"}) == (
        "big basket yes. Changes on an unknown instant unless something happens before."
    )


def test_money_is_that_of_the_document() -> None:
    rules = replace(SHIPPED, currency="JPY")
    sentence = said([order("a", T0, 50_000, currency="JPY")], T0, "high_value", rules)
    assert "net spending 50,000 JPY, at least 50,000 JPY" in sentence


def test_a_time_that_clocks_show_twice_has_its_offset() -> None:
    times = Times(T0, BERLIN)
    assert times.exact("2026-10-25T00:30:00.007Z") == "2026-10-25 02:30:00.007 +0200"
    assert times.exact("2026-10-25T01:30:00Z") == "2026-10-25 02:30:00 +0100"
    assert times.exact("2026-10-25T02:30:00.007Z") == "2026-10-25 03:30:00.007"
    assert times.exact("never") == ""


# -- text of a document is only text ------------------------------------------------------------------------

HOSTILE = (
    "\x1b[31mred\x1b[0m",
    "[red]x[/red]",
    "a\nb\r\tc\x00\x07\x9b2J",
    "\u202egnp.exe\u202c\u2066\u200b\u2028",
    "e" + "\u0301" * 500,
    "\ud800",
    "亚" * 500,
    "",
    "{}",
    "{0.x}",
    "(" * 5_000,
    'attributes["\x1b[2J"]',
    "rfm.frequency",
)


def rich() -> tuple[dict[str, Any], State]:
    return at(
        [*ORDERS, click(LAST + 1, "add_to_cart", sku="mug"), service(LAST, "nps", score=9)], LAST + HOUR
    )


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one) for name, one in value.items()} | {text: text}
        if isinstance(value, list):
            return [*map(poisoned, value), text]
        return text if isinstance(value, str) else value

    doc, state = rich()
    items = [[text, text, op, text] for op in ("<", "==", "in", "within", "known", "unknown", text)]
    items += [
        [fact, text, op, text]
        for fact in ("lifecycle.stage", "since(last_active_at)", "rfm.r")
        for op in ("==", "<")
    ]
    odd = {
        "value": text,
        "since": text,
        "rule": text,
        "because": items,
        "until": text,
        "cause": {"topic": text},
    }
    for one in (poisoned(doc), doc | {"customer_id": text, "tags": doc["tags"] | {text: odd, "vip": odd}}):
        for tag in (None, text, "cart_abandoned", "vip"):
            lines = why.explain(one, T0, SHIPPED, tag=tag, state=state)
            out = "".join(lines)
            assert not [char for char in out if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
            assert max(map(len, lines)) < 16 * 260  # each name and each text is cut


@pytest.mark.parametrize(
    "odd",
    [
        None,
        True,
        -1,
        1e300,
        10**400,
        "x",
        [],
        [1],
        [[]],
        [[1, 2, 3]],
        {},
        {"x": None},
        "9999-12-31",
        "9999-12-31T23:59:59.999Z",
        "0001-01-01T00:00:00.000Z",
    ],
)
def test_a_field_of_another_kind_breaks_nothing(odd: Any) -> None:
    doc, state = rich()
    for name, entry in doc["tags"].items():
        for fact in entry:
            for zone in (BERLIN, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/Los_Angeles")):
                changed = doc["tags"] | {name: entry | {fact: odd}}
                why.explain(doc | {"tags": changed}, T0, SHIPPED, zone, name, state=state)
        for i, item in enumerate(entry["because"]):
            for k in range(4):
                evil = [*item, None, None, None][:4]
                evil[k] = odd
                changed_items = [*entry["because"][:i], evil]
                told(entry | {"because": changed_items}, name)
    for section in ("customer_id", "as_of", "rfm", "journey", "consent", "tags", "lifecycle"):
        for tag in (None, "vip", "lifecycle"):
            why.explain(doc | {section: odd}, T0, SHIPPED, tag=tag, state=state)


# -- every shipped tag --------------------------------------------------------------------------------------

_RAW = re.compile(r"[\[\]{}_\"]|\b(None|null|True|False|unknown|since\(|count\()")

_SENTENCE = re.compile(r".+: .+, announced by .+\. .+\.|c does not hold .+: .+\. .+\.")


def test_every_shipped_tag_of_simulated_customers_is_a_sentence(seed: int) -> None:
    rules = replace(SHIPPED, price_edges={"tea": (100, 500, 900)})
    customers = defaultdict(list)
    for event in synthetic(seed, customers=60, events=1_500, start_ms=T0, end_ms=T0 + 400 * DAY):
        customers[event["customer_id"]].append(event)
    held = set()
    for number, events in enumerate(customers.values()):
        state, _ = fold(events, rules)
        for after_ms in (0, 3 * HOUR, number * DAY):
            doc, now = seen(state, state.as_of_ms + after_ms, rules)
            for tag in CATALOGUE.by_id:
                lines = why.explain(doc, now.as_of_ms, rules, tag=tag, state=now)
                is_held = tag in doc["tags"]
                assert len(lines) == (3 if is_held else 2)
                sentence = lines[1 if is_held else 0].replace(f" ({tag}@1)", "")
                assert not _RAW.search(sentence), sentence
                assert _SENTENCE.fullmatch(sentence), sentence
                if is_held:
                    held.add(tag)
                    assert "Changes on" not in sentence  # what follows is known
                    assert sentence.startswith(CATALOGUE.by_id[tag].about.label["en"])
    assert len(held) >= 25


def test_every_fact_of_the_shipped_rules_is_understood() -> None:
    state, _ = fold([click(T0)], SHIPPED)
    view = View(state, T0, SHIPPED)
    for tag in CATALOGUE.tags:
        for fact, *_ in tag.because(view, None):
            assert terms.term(fact) is not None, fact


# -- the command -------------------------------------------------------------------------------------------


class Client:
    """A client that knows one customer."""

    def __init__(self, doc: bytes, private: bytes | None) -> None:
        self._found = [doc, private]

    def hgetall(self, key: str) -> dict[bytes, bytes]:
        assert key == "ps:catalogue"
        return {}  # nothing was put into force

    def hmget(self, key: str, *fields: str) -> list[bytes | None]:
        assert fields == ("doc", "st")
        return list(self._found) if key.endswith(":c") else [None, None]


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    doc, state = at(ORDERS, LAST + 100 * DAY)
    client = Client(orjson.dumps(doc), codec.encode(state))
    monkeypatch.setattr(exporter, "connect", lambda *_: client)
    return doc


def test_the_command_says_it_in_the_zone_of_the_deployment(
    stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILESTREAM_ZONE", "Europe/Berlin")
    done = CliRunner().invoke(cli, ["explain", "c"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 1 + len(stored["tags"])
    assert re.fullmatch(r"c as of 2024-02-26 01:00 Europe/Berlin, .+ ago:", lines[0])
    assert "Becomes dormant on 2024-05-16 02:00:00 Europe/Berlin unless" in lines[1]
    done = CliRunner().invoke(cli, ["explain", "c", "rfm_segment"])
    head, line = done.output.splitlines()[:2]
    assert head.rpartition(", ")[0] == lines[0].rpartition(", ")[0]  # how long ago it was goes on
    assert line == lines[2]
    done = CliRunner().invoke(cli, ["explain", "c", "rfm_segment", "--lang", "zh"])
    assert done.output.splitlines()[1].startswith("RFM 分群 ")


def test_a_tag_that_is_not_held_is_no_error(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "c", "active_30d"])
    assert (done.exit_code, done.output.splitlines()) == (
        0,
        [
            (
                "c does not hold Active: last active 2023-11-18 00:00, "
                f"30 days or more ago (active_30d@1). {NEVER_COMES}"
            ),
            "Active is a flag of crm: Who did anything at all within 30 days.",
        ],
    )


@pytest.mark.parametrize("private", [None, b"", b"\x00old", b"\x05damaged"])
def test_a_state_that_cannot_be_read_costs_only_what_it_would_say(
    private: bytes | None, stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exporter, "connect", lambda *_: Client(orjson.dumps(stored), private))
    done = CliRunner().invoke(cli, ["explain", "c", "active_30d"])
    assert (done.exit_code, done.output.splitlines()[0]) == (0, "c does not hold Active.")
    done = CliRunner().invoke(cli, ["explain", "c", "lifecycle"])
    assert "Changes on 2024-05-16 00:00:00 UTC unless there is an order before." in done.output


def test_json_is_what_the_document_says(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "c", "--json"])
    assert orjson.loads(done.stdout_bytes) == [{"tag": tag, **entry} for tag, entry in stored["tags"].items()]
    done = CliRunner().invoke(cli, ["explain", "c", "lifecycle", "--json"])
    assert orjson.loads(done.stdout_bytes) == [{"tag": "lifecycle", **stored["tags"]["lifecycle"]}]
    done = CliRunner().invoke(cli, ["explain", "c", "active_30d", "--json"])
    assert (done.exit_code, done.output) == (0, "[]\n")


def test_a_tag_that_is_in_no_catalogue(monkeypatch: pytest.MonkeyPatch) -> None:
    doc = orjson.dumps({"customer_id": "c", "tags": {"likes_tea": {"value": True}}})
    monkeypatch.setattr(exporter, "connect", lambda *_: Client(doc, None))
    done = CliRunner().invoke(cli, ["explain", "c", "likes_tea"])
    assert (done.exit_code, done.output) == (0, f"c:\nlikes tea. {STAYS}\n")
    done = CliRunner().invoke(cli, ["explain", "c", "likes_te"])
    assert (done.exit_code, done.output.rstrip().endswith("birthday_soon, likes_tea")) == (1, True)


def test_a_tag_unknown(stored: dict[str, Any]) -> None:
    for more in ([], ["--json"]):
        done = CliRunner().invoke(cli, ["explain", "c", "activ\x1b", *more])
        assert done.exit_code == 1
        assert "tag 'activ' is not known; there are lifecycle, rfm_segment, new_customer," in done.output


def test_somebody_unknown(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "d"])
    assert done.exit_code == 1
    assert "customer 'd' is not known" in done.output
