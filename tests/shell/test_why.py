"""`profilestream explain`: why a tag is held, in sentences that say no more than the document."""

import unicodedata
from dataclasses import replace
from typing import Any
from zoneinfo import ZoneInfo

import orjson
import pytest
from builders import DAY, HOUR, RULES, T0, OneCustomer, click, control, document_at, fold, order, service
from click.testing import CliRunner

from models.calendar import iso
from models.rules import Rules
from models.tags import TAGS
from streams import exporter
from streams.cli import cli, why
from streams.screen import Times

MINUTE = 60_000
STAYS = "Time alone does not change it."
BERLIN = ZoneInfo("Europe/Berlin")


def doc_of(*events: dict[str, Any], at_ms: int, rules: Rules = RULES) -> dict[str, Any]:
    state, _ = fold(sorted(events, key=lambda event: event["ts"]), rules)
    doc: dict[str, Any] = orjson.loads(orjson.dumps(document_at(state, at_ms, rules)))
    return doc


def said(doc: dict[str, Any], tag: str, rules: Rules = RULES, **more: Any) -> str:
    """The sentence of one tag, behind who it is."""
    first, sentence = why.explain(doc, T0, rules, tag=tag, **more)
    assert "; times in " in first
    return sentence


def told(entry: dict[str, Any], tag: str = "big_basket", rules: Rules = RULES) -> str:
    return said({"tags": {tag: entry}, "rfm": {"currency": "USD"}}, tag, rules)


def not_held(doc: dict[str, Any], tag: str, **more: Any) -> str:
    (sentence,) = why.explain(doc, T0, RULES, tag=tag, **more)
    return sentence


# -- the six tags -----------------------------------------------------------------------------------------


def test_everything_held_in_the_order_of_the_document() -> None:
    doc = doc_of(order("a", T0, 700), click(T0 + DAY, "add_to_cart", sku="mug"), at_ms=T0 + DAY + HOUR)
    lines = why.explain(doc, T0 + DAY + 2 * HOUR, RULES)
    assert lines == [
        "c as of 2023-11-16 01:00, 1 hour ago; times in UTC",
        (
            "lifecycle new since 2023-11-15 00:00: 1 order, on 2023-11-15 00:00, less than 90 days of "
            "silence (lifecycle@1). Becomes at_risk on 2024-02-13 00:00:00.000 if nothing happens."
        ),
        (
            "rfm_segment potential_loyalists since 2023-11-15 00:00: scores from 1 to 5: recency 5, "
            "frequency 1, money 5 (rfm_segment@1). "
            "Changes on 2024-02-13 00:00:00.000 unless something happens before."
        ),
        (
            "active since 2023-11-15 00:00: last activity 2023-11-16 00:00, within 30 days (active_30d@1). "
            "Leaves on 2023-12-16 00:00:00.000 unless something happens before."
        ),
        (
            "high value since 2023-11-15 00:00: net spending 700.00 USD, at least 500.00 USD "
            "(high_value@1). Time alone does not change it."
        ),
        (
            "cart left behind since 2023-11-16 00:30: idle since 2023-11-16 00:00, for 30 minutes or more "
            "(cart_abandoned@1). Leaves on 2023-12-16 00:00:00.000 unless something happens before."
        ),
    ]
    assert [entry["tag"] for entry in why.entries(doc)] == list(doc["tags"])
    for number, tag in enumerate(doc["tags"], 1):
        assert why.explain(doc, T0 + DAY + 2 * HOUR, RULES, tag=tag) == [lines[0], lines[number]]


def test_looking_around_without_buying() -> None:
    doc = doc_of(click(T0 + 5), at_ms=T0 + 2 * DAY)
    assert said(doc, "browse_abandoned") == (
        "looked around without buying since 2023-11-16 00:00: idle since 2023-11-15 00:00, "
        "for 1 day or more (browse_abandoned@1). "
        "Leaves on 2023-12-15 00:00:00.005 unless something happens before."
    )


def test_every_tag_of_this_version_has_words_of_its_own() -> None:
    assert set(why._BECAUSE) == {tag.id for tag in TAGS}


# -- lifecycle --------------------------------------------------------------------------------------------

ORDERS = [order(f"o{n}", T0 + n * DAY, 10) for n in range(4)]
LAST = T0 + 3 * DAY


@pytest.mark.parametrize(
    ("vocabulary", "days", "stage", "silence", "then"),
    [
        ("standard", 1, "active since 2023-11-16", "less than 90 days of silence",
         "Becomes at_risk on 2024-02-16 00:00:00.000 if nothing happens."),
        ("standard", 100, "at_risk since 2024-02-16", "90 days of silence make at_risk",
         "Becomes dormant on 2024-05-16 00:00:00.000 if nothing happens."),
        ("standard", 200, "dormant since 2024-05-16", "180 days of silence make dormant",
         "Becomes lost on 2024-11-17 00:00:00.000 if nothing happens."),
        ("standard", 400, "lost since 2024-11-17", "365 days of silence make lost", STAYS),
        ("purchase", 100, "repeat since 2023-11-16", "less than 180 days of silence",
         "Becomes lapsed on 2024-05-16 00:00:00.000 if nothing happens."),
        ("purchase", 200, "lapsed since 2024-05-16", "180 days of silence make lapsed", STAYS),
        ("growth", 1, "maturity since 2023-11-18", "less than 90 days of silence",
         "Becomes decline on 2024-02-16 00:00:00.000 if nothing happens."),
        ("growth", 100, "decline since 2024-02-16", "90 days of silence make decline", STAYS),
    ],
)  # fmt: skip
def test_stages_of_each_vocabulary(vocabulary: str, days: int, stage: str, silence: str, then: str) -> None:
    rules = replace(RULES, lifecycle=vocabulary, mature_orders=4)
    doc = doc_of(*ORDERS, at_ms=LAST + days * DAY, rules=rules)
    assert said(doc, "lifecycle", rules) == (
        f"lifecycle {stage} 00:00: 4 orders, the last on 2023-11-18 00:00, {silence} (lifecycle@1). {then}"
    )


@pytest.mark.parametrize(
    ("vocabulary", "nobody", "first"),
    [("standard", "prospect", "new"), ("purchase", "prospect", "first_purchase"),
     ("growth", "acquisition", "activation")],
)  # fmt: skip
def test_the_first_stages_of_each_vocabulary(vocabulary: str, nobody: str, first: str) -> None:
    rules = replace(RULES, lifecycle=vocabulary)
    doc = doc_of(click(T0), at_ms=T0, rules=rules)
    assert said(doc, "lifecycle", rules) == (
        f"lifecycle {nobody} since 2023-11-15 00:00: no order counts (lifecycle@1). {STAYS}"
    )
    doc = doc_of(order("a", T0, 1), at_ms=T0, rules=rules)
    assert said(doc, "lifecycle", rules).startswith(
        f"lifecycle {first} since 2023-11-15 00:00: 1 order, on 2023-11-15 00:00, less than "
    )


@pytest.mark.parametrize(
    ("vocabulary", "next_one", "days"),
    [("standard", "at_risk", 90), ("purchase", "lapsed", 180), ("growth", "decline", 90)],
)
def test_somebody_who_came_back(vocabulary: str, next_one: str, days: int) -> None:
    rules = replace(RULES, lifecycle=vocabulary)
    doc = doc_of(order("a", T0, 1), order("b", T0 + 200 * DAY, 1), at_ms=T0 + 200 * DAY, rules=rules)
    until = Times(T0).exact(iso(T0 + (200 + days) * DAY))
    assert said(doc, "lifecycle", rules) == (
        "lifecycle reactivated since 2024-06-02 00:00: 2 orders, the last on 2024-06-02 00:00 after a long "
        f"pause, less than {days} days of silence (lifecycle@1). Becomes {next_one} on {until} "
        "if nothing happens."
    )


def test_one_day_of_silence_makes() -> None:
    rules = replace(RULES, at_risk_days=1)
    doc = doc_of(*ORDERS, at_ms=LAST + DAY, rules=rules)
    assert "1 day of silence makes at_risk" in said(doc, "lifecycle", rules)


@pytest.mark.parametrize(
    "rules",
    [replace(RULES, dormant_days=181), replace(RULES, lifecycle="purchase"),
     replace(RULES, lifecycle="growth")],
)  # fmt: skip
def test_rules_that_are_not_those_of_the_document_name_no_next_stage(rules: Rules) -> None:
    doc = doc_of(*ORDERS, at_ms=LAST + 100 * DAY)
    assert said(doc, "lifecycle", rules).endswith(
        " Changes on 2024-05-16 00:00:00.000 unless something happens before."
    )


@pytest.mark.parametrize("vocabulary", ["standard", "purchase", "growth"])
def test_the_stage_that_was_named_is_the_one_that_comes(vocabulary: str) -> None:
    rules = replace(RULES, lifecycle=vocabulary)
    state, _ = fold(ORDERS, rules)
    doc, changes = document_at(state, LAST, rules), 0
    while until := doc["tags"]["lifecycle"].get("until"):
        sentence = said(doc, "lifecycle", rules)
        doc, changes = document_at(state, why._ms(until) or 0, rules), changes + 1
        assert f" Becomes {doc['lifecycle']['stage']} on " in sentence
    assert changes == {"standard": 3, "purchase": 1, "growth": 1}[vocabulary]


# -- tags and rules that are not known here ---------------------------------------------------------------


def test_a_tag_of_somebody_s_own_is_told_from_its_because() -> None:
    entry = {
        "value": True,
        "since": "2026-10-02T08:00:00.000Z",
        "rule": "big_basket@3",
        "because": {
            "net_minor": 61_000,
            "at_least_minor": 50_000,
            "last_order_at": "2026-10-02T08:00:01.500Z",
            "within_days": 30,
            "after_s": 5_400,
            "orders": 4,
            "channel": "web",
            "is_member": True,
            "_s": 3,
        },
        "until": "2026-12-21T01:14:05.250Z",
    }
    assert told(entry) == (
        "big basket since 2026-10-02 08:00: net 610.00 USD, at least 500.00 USD, "
        "last order at 2026-10-02 08:00, within 30 days, after 90 minutes, orders 4, channel web, "
        "is member yes, s 3 (big_basket@3). "
        "Leaves on 2026-12-21 01:14:05.250 unless something happens before."
    )
    assert told(entry | {"value": "very_large"}).startswith("big basket very_large since ")
    assert told(entry | {"value": "very_large"}).endswith(
        " Changes on 2026-12-21 01:14:05.250 unless something happens before."
    )
    assert told({"value": "yes", "until": "soon"}) == (
        "big basket yes. Changes on an unknown instant unless something happens before."
    )


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0, "0 seconds"), (1, "1 second"), (90, "90 seconds"), (60, "1 minute"), (3_600, "1 hour"),
     (5_400, "90 minutes"), (86_400, "1 day"), (129_600, "36 hours"), (0.5, "0.5 seconds"),
     (-60, "-1 minutes")],
)  # fmt: skip
def test_durations(seconds: float, expected: str) -> None:
    assert told({"value": True, "because": {"rest_s": seconds}}) == f"big basket: rest {expected}. {STAYS}"


def test_money_is_that_of_the_document() -> None:
    doc = doc_of(order("a", T0, 50_000, currency="JPY"), at_ms=T0, rules=replace(RULES, currency="JPY"))
    assert "net spending 50,000 JPY, at least 50,000 JPY" in said(doc, "high_value")


def test_a_later_version_of_a_rule_is_not_told_in_the_words_of_this_one() -> None:
    doc = doc_of(*ORDERS, at_ms=LAST + 100 * DAY)
    doc["tags"]["lifecycle"]["rule"] = "lifecycle@2"
    assert said(doc, "lifecycle") == (
        "lifecycle at_risk since 2024-02-16 00:00: orders 4, last order at 2023-11-18 00:00, at risk 90 days "
        "(lifecycle@2). Changes on 2024-05-16 00:00:00.000 unless something happens before."
    )


def test_a_fact_that_is_missing_leaves_the_others() -> None:
    entry = {"value": True, "rule": "active_30d@1", "because": {"within_days": 30}}
    assert told(entry, "active_30d") == f"active: within 30 days (active_30d@1). {STAYS}"
    three = {"orders": 2, "last_order_at": iso(T0), "at_risk_days": 90, "dormant_days": 180}
    entry = {"value": "at_risk", "rule": "lifecycle@1", "because": three}
    assert "orders 2, last order at 2023-11-15 00:00, at risk 90 days" in told(entry, "lifecycle")
    assert told({"value": True}) == f"big basket. {STAYS}"


def test_so_many_facts_are_counted() -> None:
    sentence = told({"value": True, "because": {f"n{n}": n for n in range(40)}})
    assert sentence.startswith("big basket: n0 0, n1 1, ")
    assert sentence.endswith(f", n11 11, 28 more. {STAYS}")


# -- what is not held --------------------------------------------------------------------------------------


def test_what_is_not_held_and_why_where_the_document_says_it() -> None:
    silent = doc_of(click(T0), at_ms=T0 + 40 * DAY)
    for tag, expected in (
        ("active_30d", "c is not active_30d: last seen 2023-11-15 01:00 Europe/Berlin, 30 days or more ago."),
        ("high_value", "c is not high_value: net spending 0.00 USD, less than 500.00 USD."),
        ("rfm_segment", "c does not hold rfm_segment: no order counts."),
        ("cart_abandoned", "c does not hold cart_abandoned: nothing is in the cart."),
        ("browse_abandoned", "c does not hold browse_abandoned."),
    ):
        assert not_held(silent, tag, zone=BERLIN) == expected
    full = click(T0, "add_to_cart", sku="mug")
    assert not_held(doc_of(full, at_ms=T0 + 1), "cart_abandoned") == (
        "c does not hold cart_abandoned: the cart is still being filled, "
        "untouched since 2023-11-15 00:00 UTC."
    )
    assert not_held(doc_of(full, at_ms=T0 + 30 * DAY), "cart_abandoned") == (
        "c does not hold cart_abandoned: the cart is given up, untouched since 2023-11-15 00:00 UTC."
    )


def test_what_was_seen_lately_need_not_be_activity_and_then_nothing_is_said() -> None:
    passive = service(T0 + 39 * DAY, "delivered")
    doc = doc_of(order("a", T0, 1), passive, at_ms=T0 + 40 * DAY)
    assert not_held(doc, "active_30d") == "c does not hold active_30d."
    doc = doc_of(click(T0), at_ms=T0 + 30 * DAY)
    assert not_held(doc, "active_30d").endswith(" 30 days or more ago.")
    doc["as_of"] = iso(T0 + 30 * DAY - 1)
    assert not_held(doc, "active_30d") == "c does not hold active_30d."


def test_next_to_nothing() -> None:
    assert why.explain({"tags": {}}, T0, RULES) == ["the customer holds no tag."]
    assert why.explain({}, T0, RULES, tag="active_30d") == ["the customer does not hold active_30d."]
    for tag in why.known({}):
        assert not_held({"customer_id": "c-1"}, tag) == f"c-1 does not hold {tag}."


def test_withdrawn_consent_is_one_sentence() -> None:
    doc = doc_of(*ORDERS, control(LAST, "consent", consent={"status": "withdrawn"}), at_ms=LAST)
    expected = "c has withdrawn consent on 2023-11-18 00:00 UTC: nothing is kept, and no tag is held."
    assert why.explain(doc, T0, RULES) == [expected]
    assert why.explain(doc, T0, RULES, tag="active_30d") == [expected]
    assert why.entries(doc) == []


# -- instants ---------------------------------------------------------------------------------------------


def test_times_are_the_deployment_s_and_its_zone_is_named_once() -> None:
    doc = doc_of(order("a", T0 + 123, 700), at_ms=T0 + HOUR)
    lines = why.explain(doc, T0 + HOUR, RULES, BERLIN)
    assert lines[0] == "c as of 2023-11-15 02:00, just now; times in Europe/Berlin"
    assert "Becomes at_risk on 2024-02-13 01:00:00.123 if" in lines[1]
    assert "\n".join(lines).count("Europe/Berlin") == 1


def test_a_time_that_clocks_show_twice_has_its_offset() -> None:
    times = Times(T0, BERLIN)
    assert times.exact("2026-10-25T00:30:00.007Z") == "2026-10-25 02:30:00.007 +0200"
    assert times.exact("2026-10-25T01:30:00.007Z") == "2026-10-25 02:30:00.007 +0100"
    assert times.exact("2026-10-25T02:30:00.007Z") == "2026-10-25 03:30:00.007"
    assert times.exact("never") == ""


# -- text of a document is only text ------------------------------------------------------------------------

HOSTILE = ("\x1b[31mred\x1b[0m", "[red]x[/red]", "a\nb\r\tc\x00\x07\x9b2J",
           "\u202egnp.exe\u202c\u2066\u200b\u2028", "e" + "\u0301" * 500, "\ud800", "亚" * 500,
           "", "_minor", "_s")  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_text_is_only_text(text: str) -> None:
    def poisoned(value: Any) -> Any:
        if isinstance(value, dict):
            return {name: poisoned(one) for name, one in value.items()} | {text: text, f"{text}_minor": 1}
        return text if isinstance(value, str) else value

    doc = doc_of(order("a", T0, 700), at_ms=T0)
    odd = {"value": text, "since": text, "rule": text, "because": {text: text}, "until": text}
    for one in (poisoned(doc), doc | {"customer_id": text, "tags": doc["tags"] | {text: odd}}):
        for tag in (None, text, "cart_abandoned"):
            lines = why.explain(one, T0, RULES, tag=tag)
            out = "".join(lines)
            assert not [char for char in out if unicodedata.category(char) in ("Cc", "Cf", "Cs", "Zl", "Zp")]
            assert max(map(len, lines)) < (why._MOST + 4) * 160  # each name and each text is cut


@pytest.mark.parametrize("odd", [None, True, -1, 1e300, 10**400, "x", [], [1], {}, {"x": None}, "9999-12-31",
                                 "9999-12-31T23:59:59.999Z", "0001-01-01T00:00:00.000Z"])  # fmt: skip
def test_a_field_of_another_kind_breaks_nothing(odd: Any) -> None:
    doc = doc_of(order("a", T0, 700), click(T0 + 1, "add_to_cart", sku="mug"), at_ms=T0 + HOUR)
    for name, entry in doc["tags"].items():
        for fact in entry:
            told(entry | {fact: odd}, name)
            for zone in (BERLIN, ZoneInfo("Pacific/Auckland"), ZoneInfo("America/Los_Angeles")):
                why.explain({"tags": {name: entry | {fact: odd}}}, T0, RULES, zone)
        for fact in entry["because"]:
            told(
                entry | {"because": {**entry["because"], fact: odd, f"{fact}_s": odd, f"{fact}_minor": odd}},
                name,
            )
    for section in ("customer_id", "as_of", "last_seen_at", "rfm", "journey", "consent", "tags"):
        for tag in (None, *why.known(doc)):
            why.explain(doc | {section: odd}, T0, RULES, tag=tag)
            why.explain({"customer_id": "c", "tags": {"x": odd}, section: odd}, T0, RULES, BERLIN, tag)


# -- the command -------------------------------------------------------------------------------------------


@pytest.fixture
def stored(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    doc = doc_of(*ORDERS, at_ms=LAST + 100 * DAY)
    monkeypatch.setattr(exporter, "connect", lambda *_: OneCustomer(orjson.dumps(doc)))
    return doc


def test_the_command_says_it_in_the_zone_of_the_deployment(
    stored: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PROFILESTREAM_ZONE", "Europe/Berlin")
    done = CliRunner().invoke(cli, ["explain", "c"])
    assert done.exit_code == 0, done.output
    lines = done.output.splitlines()
    assert len(lines) == 1 + len(stored["tags"])
    assert lines[0].endswith("ago; times in Europe/Berlin")
    assert "Becomes dormant on 2024-05-16 02:00:00.000 if" in lines[1]
    done = CliRunner().invoke(cli, ["explain", "c", "rfm_segment"])
    assert done.output.splitlines() == [lines[0], lines[2]]


def test_a_tag_that_is_not_held_is_no_error(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "c", "active_30d"])
    assert (done.exit_code, done.output) == (
        0,
        "c is not active_30d: last seen 2023-11-18 00:00 UTC, 30 days or more ago.\n",
    )


def test_json_is_what_the_document_says(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "c", "--json"])
    assert orjson.loads(done.stdout_bytes) == [{"tag": tag, **entry} for tag, entry in stored["tags"].items()]
    done = CliRunner().invoke(cli, ["explain", "c", "lifecycle", "--json"])
    assert orjson.loads(done.stdout_bytes) == [{"tag": "lifecycle", **stored["tags"]["lifecycle"]}]
    done = CliRunner().invoke(cli, ["explain", "c", "active_30d", "--json"])
    assert (done.exit_code, done.output) == (0, "[]\n")


def test_a_tag_that_only_the_document_knows(monkeypatch: pytest.MonkeyPatch) -> None:
    doc = orjson.dumps({"customer_id": "c", "tags": {"likes_tea": {"value": True}}})
    monkeypatch.setattr(exporter, "connect", lambda *_: OneCustomer(doc))
    done = CliRunner().invoke(cli, ["explain", "c", "likes_tea"])
    assert (done.exit_code, done.output) == (0, f"c; times in UTC\nlikes tea. {STAYS}\n")
    done = CliRunner().invoke(cli, ["explain", "c", "likes_te"])
    assert (done.exit_code, done.output.rstrip().endswith("browse_abandoned, likes_tea")) == (1, True)


def test_a_tag_unknown(stored: dict[str, Any]) -> None:
    for more in ([], ["--json"]):
        done = CliRunner().invoke(cli, ["explain", "c", "activ\x1b", *more])
        assert done.exit_code == 1
        assert "tag 'activ' is not known; there are lifecycle, rfm_segment, active_30d," in done.output


def test_somebody_unknown(stored: dict[str, Any]) -> None:
    done = CliRunner().invoke(cli, ["explain", "d"])
    assert done.exit_code == 1
    assert "customer 'd' is not known" in done.output
