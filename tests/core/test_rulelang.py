import re
from dataclasses import fields, is_dataclass
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from models.rulelang import Keyed, RuleError, Scope, Type, counts_of, fields_of, parse, unparse, walk
from models.rulelang.nodes import (
    DURATION,
    FLAG,
    INSTANT,
    NUMBER,
    TEXT,
    YEARDAY,
    And,
    Arith,
    Call,
    Compare,
    Const,
    Field,
    In,
    Kind,
    Node,
    Not,
    Or,
)
from models.rulelang.parser import MAX_DEPTH, MAX_LENGTH

HOUR_MS = 3_600_000
DAY_MS = 24 * HOUR_MS
SEGMENT = Type("text", frozenset({"champions", "loyal_customers", "at_risk", "lost"}))
STAGE = Type("text", frozenset({"active", "dormant", "lost"}))
SCOPE = Scope(
    fields={
        "rfm.frequency": NUMBER,
        "rfm.net_minor": NUMBER,
        "rfm.r": NUMBER,
        "rfm.currency": TEXT,
        "rfm.last_order_at": INSTANT,
        "rfm.segment": SEGMENT,
        "lifecycle.stage": STAGE,
        "engagement.last_click_at": INSTANT,
        "engagement.dwell": DURATION,
        "satisfaction.nps_last": NUMBER,
        "habits.payday.habit": FLAG,
    },
    maps={
        "preferences.channels": Keyed(NUMBER),
        "attributes": Keyed(TEXT, types={"birthday": YEARDAY, "age": NUMBER}),
        "journey.steps": Keyed(INSTANT, frozenset({"reach", "browse", "cart"})),
        "rfm.windows.*.orders": Keyed(NUMBER, frozenset({"7d", "30d"})),
    },
    counts={"orders": 256, "clicks": 64, "add_to_cart": 32},
)
FREQUENCY = Field(NUMBER, "rfm.frequency")
SCORE = Field(NUMBER, "rfm.r")
LAST_ORDER = Field(INSTANT, "rfm.last_order_at")
LAST_CLICK = Field(INSTANT, "engagement.last_click_at")
DWELL = Field(DURATION, "engagement.dwell")
HABIT = Field(FLAG, "habits.payday.habit")
STAGE_FIELD = Field(STAGE, "lifecycle.stage")
BROWSED = Field(INSTANT, "journey.steps", "browse")
BIRTHDAY = Field(YEARDAY, "attributes", "birthday")


def number(value: float) -> Const:
    return Const(NUMBER, value)


def duration(ms: int) -> Const:
    return Const(DURATION, ms)


def text(value: str) -> Const:
    return Const(TEXT, value)


def since(field: Field) -> Call:
    return Call("since", (field,))


def count(subject: str, ms: int) -> Call:
    return Call("count", (text(subject), duration(ms)))


CONSTRUCTS: list[tuple[str, Node, str]] = [
    (
        "rfm.frequency >= 3 and rfm.net_minor >= 50_000",
        And(
            (
                Compare(">=", FREQUENCY, number(3)),
                Compare(">=", Field(NUMBER, "rfm.net_minor"), number(50_000)),
            )
        ),
        "rfm.frequency >= 3 and rfm.net_minor >= 50000",
    ),
    (
        "since(rfm.last_order_at) >= 30d",
        Compare(">=", since(LAST_ORDER), duration(30 * DAY_MS)),
        "since(rfm.last_order_at) >= 30d",
    ),
    (
        "since(engagement.last_click_at) < 2h  # so\n and not (lifecycle.stage in {'lost',\n \"dormant\"})",
        And(
            (
                Compare("<", since(LAST_CLICK), duration(2 * HOUR_MS)),
                Not(In(STAGE_FIELD, (text("lost"), text("dormant")))),
            )
        ),
        'since(engagement.last_click_at) < 2h and not lifecycle.stage in {"lost", "dormant"}',
    ),
    (
        "count(orders, 30d) >= 2 and count(add_to_cart, 6h) >= 3",
        And(
            (
                Compare(">=", count("orders", 30 * DAY_MS), number(2)),
                Compare(">=", count("add_to_cart", 6 * HOUR_MS), number(3)),
            )
        ),
        "count(orders, 30d) >= 2 and count(add_to_cart, 6h) >= 3",
    ),
    (
        "preferences.channels['app'] >= 0.6",
        Compare(">=", Field(NUMBER, "preferences.channels", "app"), number(0.6)),
        'preferences.channels["app"] >= 0.6',
    ),
    (
        'rfm.windows["30d"].orders > 1',
        Compare(">", Field(NUMBER, "rfm.windows.*.orders", "30d"), number(1)),
        'rfm.windows["30d"].orders > 1',
    ),
    (
        "known(rfm.r) and rfm.r != -1.50",
        And((Call("known", (SCORE,)), Compare("!=", SCORE, number(-1.5)))),
        "known(rfm.r) and rfm.r != -1.5",
    ),
    (
        'journey.steps["browse"] > rfm.last_order_at and since(journey.steps["browse"]) >= 2h',
        And(
            (
                Compare(">", BROWSED, LAST_ORDER),
                Compare(">=", since(BROWSED), duration(2 * HOUR_MS)),
            )
        ),
        'journey.steps["browse"] > rfm.last_order_at and since(journey.steps["browse"]) >= 2h',
    ),
    (
        "1 <= rfm.r <= 2 and habits.payday.habit",
        And((Compare("<=", number(1), SCORE), Compare("<=", SCORE, number(2)), HABIT)),
        "1 <= rfm.r and rfm.r <= 2 and habits.payday.habit",
    ),
    (
        "not 1 < rfm.r < 3",
        Not(And((Compare("<", number(1), SCORE), Compare("<", SCORE, number(3))))),
        "not (1 < rfm.r and rfm.r < 3)",
    ),
    (
        'within(attributes["birthday"], 1w)',
        Call("within", (BIRTHDAY, duration(7 * DAY_MS))),
        'within(attributes["birthday"], 7d)',
    ),
    (
        'rfm.currency not in {"EUR", "CHF"}',
        In(Field(TEXT, "rfm.currency"), (text("EUR"), text("CHF")), negated=True),
        'rfm.currency not in {"EUR", "CHF"}',
    ),
    ("rfm.r in {1, -2}", In(SCORE, (number(1), number(-2))), "rfm.r in {1, -2}"),
    ("habits.payday.habit == true", Compare("==", HABIT, Const(FLAG, True)), "habits.payday.habit == true"),
    (
        r"attributes['it\'s'] == 'a\"b\\'",
        Compare("==", Field(TEXT, "attributes", "it's"), text('a"b\\')),
        r'attributes["it' + "'" + r's"] == "a\"b\\"',
    ),
    (
        "habits.payday.habit or rfm.r > 1 and not not habits.payday.habit",
        Or((HABIT, And((Compare(">", SCORE, number(1)), Not(Not(HABIT)))))),
        "habits.payday.habit or rfm.r > 1 and not not habits.payday.habit",
    ),
    (
        "((habits.payday.habit or rfm.r > 1)) and (habits.payday.habit and rfm.r < 5)",
        And((Or((HABIT, Compare(">", SCORE, number(1)))), HABIT, Compare("<", SCORE, number(5)))),
        "(habits.payday.habit or rfm.r > 1) and habits.payday.habit and rfm.r < 5",
    ),
    (
        "rfm.r - (rfm.r - 1) * 2 - 3 > 0",
        Compare(
            ">",
            Arith(
                NUMBER,
                "-",
                Arith(
                    NUMBER, "-", SCORE, Arith(NUMBER, "*", Arith(NUMBER, "-", SCORE, number(1)), number(2))
                ),
                number(3),
            ),
            number(0),
        ),
        "rfm.r - (rfm.r - 1) * 2 - 3 > 0",
    ),
    (
        "since(rfm.last_order_at) / 1d > rfm.r * engagement.dwell / 90s",
        Compare(
            ">",
            Arith(NUMBER, "/", since(LAST_ORDER), duration(DAY_MS)),
            Arith(NUMBER, "/", Arith(DURATION, "*", SCORE, DWELL), duration(90_000)),
        ),
        "since(rfm.last_order_at) / 1d > rfm.r * engagement.dwell / 1m30s",
    ),
    (
        "engagement.dwell + 1d12h < engagement.dwell / 2",
        Compare(
            "<",
            Arith(DURATION, "+", DWELL, duration(36 * HOUR_MS)),
            Arith(DURATION, "/", DWELL, number(2)),
        ),
        "engagement.dwell + 1d12h < engagement.dwell / 2",
    ),
    (
        "(rfm.r > 1) == (rfm.r < 4)",
        Compare("==", Compare(">", SCORE, number(1)), Compare("<", SCORE, number(4))),
        "(rfm.r > 1) == (rfm.r < 4)",
    ),
]


@pytest.mark.parametrize(("written", "node", "canonical"), CONSTRUCTS, ids=lambda part: str(part)[:40])
def test_a_construct_is_read_and_written_canonically(written: str, node: Node, canonical: str) -> None:
    assert parse(written, SCOPE) == node
    assert unparse(node) == canonical
    assert parse(canonical, SCOPE) == node
    for noise in ("\n\t", "  # and so on\r\n"):
        assert parse(noise + written + noise, SCOPE) == node


@pytest.mark.parametrize(
    ("written", "ms", "canonical"),
    [
        ("90s", 90_000, "1m30s"), ("30m", 1_800_000, "30m"), ("2h", 2 * HOUR_MS, "2h"),
        ("7d", 7 * DAY_MS, "7d"),
        ("4w", 28 * DAY_MS, "28d"), ("1w1d1h1m1s", 8 * DAY_MS + HOUR_MS + 61_000, "8d1h1m1s"),
        ("48h", 2 * DAY_MS, "2d"), ("3650d", 3_650 * DAY_MS, "3650d"), ("0d1s", 1_000, "1s"),
    ],
)  # fmt: skip
def test_durations(written: str, ms: int, canonical: str) -> None:
    node = parse(f"engagement.dwell >= {written}", SCOPE)
    assert node == Compare(">=", DWELL, duration(ms))
    assert unparse(node) == f"engagement.dwell >= {canonical}"


@pytest.mark.parametrize(
    ("written", "value", "canonical"),
    [
        ("0", 0, "0"), ("007", 7, "7"), ("1_000_000", 1_000_000, "1000000"), ("0.25", 0.25, "0.25"),
        ("5.0", 5.0, "5.0"),
        ("1_0.0_1", 10.01, "10.01"), ("0.00000001", 1e-8, "0.00000001"),
        ("1000000000000000", 10**15, "1000000000000000"),
        ("-3", -3, "-3"), ("- 3", -3, "-3"),
    ],
)  # fmt: skip
def test_numbers(written: str, value: float, canonical: str) -> None:
    node = parse(f"rfm.r > {written}", SCOPE)
    assert isinstance(node, Compare)
    assert isinstance(node.right, Const)
    assert (type(node.right.value), node.right.value) == (type(value), value)
    assert unparse(node) == f"rfm.r > {canonical}"


def test_every_expression_knows_where_it_begins() -> None:
    node = parse(" rfm.r > 1\n or not\n  known(rfm.segment) and (1 + rfm.r) * 2 > 3", SCOPE)
    assert [(type(one).__name__, one.line, one.column, depth) for one, depth in walk(node)] == [
        ("Or", 1, 2, 1), ("Compare", 1, 2, 2), ("Field", 1, 2, 3), ("Const", 1, 10, 3),
        ("And", 2, 5, 2), ("Not", 2, 5, 3), ("Call", 3, 3, 4), ("Field", 3, 9, 5),
        ("Compare", 3, 27, 3), ("Arith", 3, 27, 4), ("Arith", 3, 27, 5), ("Const", 3, 27, 6),
        ("Field", 3, 31, 6),
        ("Const", 3, 40, 5), ("Const", 3, 44, 4),
    ]  # fmt: skip


def test_what_a_rule_reads_and_counts() -> None:
    node = parse(
        "count(orders, 30d) > count(clicks, 1h) or known(rfm.r) or journey.steps['cart'] > rfm.last_order_at",
        SCOPE,
    )
    assert fields_of(node) == {"rfm.r", "journey.steps", "rfm.last_order_at"}
    assert counts_of(node) == {("orders", 30 * DAY_MS), ("clicks", HOUR_MS)}


@pytest.mark.parametrize(
    ("written", "kind"),
    [("rfm.r * 2", "number"), ("7", "number"), ("rfm.segment", "text"), ("'gold'", "text"),
     ("since(rfm.last_order_at)", "duration"), ("rfm.last_order_at", "instant")],
)  # fmt: skip
def test_a_value_of_another_kind_is_asked_for(written: str, kind: Kind) -> None:
    node = parse(written, SCOPE, expect=kind)
    assert node.type.kind == kind
    assert unparse(node) == written.replace("'", '"')


NO_NUMBER = (
    "no number and no duration: durations are like 90s, 30m, 2h, 7d, 4w or 1d12h, numbers like 50_000 or 0.25"
)
ERRORS: list[tuple[str, int, str]] = [
    # syntax
    ("", 1, "the rule is empty"),
    ("rfm.r >", 8, "expected a value, found the end"),
    ("rfm.r > # one", 8, "expected a value, found the end"),
    ("rfm.r > 1 and", 14, "expected a condition, found the end"),
    ("rfm.r > 1 rfm.r", 11, "expected an operator or the end, found 'rfm.r'"),
    ("rfm.r > 1 AND rfm.r < 2", 11, "expected an operator or the end, found 'AND': write and"),
    ("(rfm.r > 1", 11, "expected ')', found the end"),
    ("rfm.r in {1, 2", 15, "expected ',' or '}', found the end"),
    ("rfm.r in {}", 11, "expected a number or duration or a text, found '}'"),
    ("rfm.r in {rfm.r}", 11, "expected a number or duration or a text, found 'rfm.r'"),
    ("rfm.r in 1", 10, "expected '{', found '1'"),
    ("rfm.r not 1", 11, "expected 'in', found '1'"),
    ("known()", 7, "expected a condition, found ')'"),
    ("count(orders 30d) > 1", 14, "expected an operator, ',' or ')', found '30d'"),
    ("attributes[age] > 1", 12, "expected a text, found 'age'"),
    ('attributes["age" > 1', 18, "expected ']', found '>'"),
    ("-rfm.r > 1", 2, "expected a number or duration, found 'rfm.r'"),
    ("rfm.r == not habits.payday.habit", 10, "expected a value, found 'not'"),
    ("rfm.r = 1", 7, "'=' has no meaning here: write == to compare"),
    ("rfm.r > 1 && rfm.r < 3", 11, "'&' has no meaning here: write and"),
    ("!habits.payday.habit", 1, "'!' has no meaning here: write not"),
    ("rfm.r > $5", 9,
     "'$' has no meaning here: amounts are plain numbers of minor units, shares go from 0 to 1"),
    ("rfm.segment == \u201clost\u201d", 16, "'\u201c' has no meaning here: write straight quotes"),
    ("rfm.r > 1;", 10, "';' has no meaning here"),
    ("rfm.segment == 'lost", 16, "the text has no closing quote in its line"),
    # literals
    ("rfm.r > 1.5h", 9, "'1.5h' is " + NO_NUMBER),
    ("rfm.r > 1__0", 9, "'1__0' is " + NO_NUMBER),
    ("rfm.r > 1000000000000001", 9, "numbers go up to 1_000_000_000_000_000"),
    ("rfm.r > " + "9" * 3_000, 9, "numbers go up to 1_000_000_000_000_000"),
    ("engagement.dwell > 12h1d", 20,
     "the units of a duration go from large to small, each once, as in 1d12h"),
    ("engagement.dwell > 1h1h", 20, "the units of a duration go from large to small, each once, as in 1d12h"),
    ("engagement.dwell > 0d", 20, "a duration is longer than 0"),
    ("engagement.dwell > -1d", 20, "a duration is longer than 0"),
    ("engagement.dwell > 3651d", 20, "durations go up to 3650d"),
    ("engagement.dwell > " + "9" * 3_000 + "s", 20, "durations go up to 3650d"),
    (r"rfm.currency == 'a\n'", 17, "a backslash stands only before a quote or a backslash"),
    # names
    ("rfm.freqency > 1", 1, "no field 'rfm.freqency'; did you mean 'rfm.frequency'?"),
    ("rfm.r > 1 or last_order_at > rfm.last_order_at", 14,
     "no field 'last_order_at'; did you mean 'rfm.last_order_at'?"),
    ("quite.another > 1", 1, "no field 'quite.another'"),
    ("x" * 3_000 + " > 1", 1, f"no field '{'x' * 40}...'"),
    ("rfm.r == null", 10, "no field 'null': ask known(...) whether a field is there"),
    ("habits.payday.habit == True", 24, "no field 'True': write true"),
    ("journey.steps.browse > rfm.last_order_at", 1,
     "no field 'journey.steps.browse': write journey.steps[\"browse\"]"),
    ("known(journey.steps)", 7, 'journey.steps needs a key, as in journey.steps["..."]'),
    ("known(rfm.windows)", 7, 'rfm.windows needs a key, as in rfm.windows["..."]'),
    ("rfm.r['x'] > 1", 1, "rfm.r takes no key"),
    ("rfm.windows['7d'].order > 1", 1,
     "no map 'rfm.windows.*.order'; did you mean 'rfm.windows[\"...\"].orders'?"),
    ("journey.step['cart'] > rfm.last_order_at", 1,
     "no map 'journey.step'; did you mean 'journey.steps[\"...\"]'?"),
    ("known(journey.steps['brows'])", 21, "'brows' is no key of journey.steps; did you mean 'browse'?"),
    ("known(journey.steps['x'])", 21,
     "'x' is no key of journey.steps; it is one of 'browse', 'cart', 'reach'"),
    ("sinc(rfm.last_order_at) > 1d", 1, "no function 'sinc'; did you mean 'since'?"),
    ("count(order, 1d) > 1", 7, "'order' cannot be counted; did you mean 'orders'?"),
    # arguments
    ("since(rfm.r) > 1d", 7, "since takes an instant, rfm.r is a number"),
    ("since(rfm.r > 1) > 1d", 7, "since takes a field, as in since(rfm.last_order_at)"),
    ("known(1)", 7, "known takes a field, as in known(rfm.segment)"),
    ("within(rfm.currency, 7d)", 8, "within takes a yearday, rfm.currency is a text"),
    ("known(rfm.r, 1d)", 1, "known takes 1 argument, as in known(rfm.segment)"),
    ("count(orders) > 1", 1, "count takes 2 arguments, as in count(orders, 30d)"),
    ("count('orders', 1d) > 1", 7, "count takes the name of what is counted, as in count(orders, 30d)"),
    ("count(orders, 30) > 1", 15, "the window of count is a duration that is written out: write 30d"),
    ("count(orders, engagement.dwell) > 1", 15,
     "the window of count is a duration that is written out: write 7d"),
    ("count(orders, 4000d) > 1", 15, "durations go up to 3650d"),
    ("within(attributes['birthday'], 36h)", 32, "the window of within is of whole days, at most 365d"),
    ("within(attributes['birthday'], 366d)", 32, "the window of within is of whole days, at most 365d"),
    # kinds
    ("since(rfm.last_order_at) >= 30", 29, "duration compared with number: write 30d"),
    ("30 <= since(rfm.last_order_at)", 1, "number compared with duration: write 30d"),
    ("since(rfm.last_order_at) >= 0.5", 29, "duration compared with number: write 30d"),
    ("rfm.last_order_at < 30d", 21, "instant compared with duration: write since(rfm.last_order_at)"),
    ("rfm.r == rfm.segment", 10, "number compared with text"),
    ("rfm.r in {1, '2'}", 14, "number compared with text"),
    ("habits.payday.habit == 1", 24, "flag compared with number"),
    ("rfm.segment > 'lost'", 13, "texts have no order: only == and != compare them"),
    ("habits.payday.habit < true", 21, "flags have no order: only == and != compare them"),
    ("attributes['birthday'] == attributes['birthday']", 24,
     "a yearday is not compared: ask within(..., 7d)"),
    ("habits.payday.habit in {true}", 1, "a flag is not looked up in a set"),
    ("rfm.last_order_at in {1}", 1, "an instant is not looked up in a set"),
    ("rfm.r in {1, 2, 1.0}", 17, "this stands in the set twice"),
    ("rfm.r + 1d > 1", 7, "number + duration has no meaning"),
    ("engagement.dwell + 5 > 1d", 18, "duration + number has no meaning: write 5d"),
    ("2 / engagement.dwell > 1", 3, "number / duration has no meaning"),
    ("rfm.segment + 'x' == 'lost'", 13, "text + text has no meaning"),
    ("rfm.last_order_at - engagement.last_click_at > 1d", 19, "instant - instant has no meaning"),
    ("rfm.r / 0 > 1", 9, "nothing is divided by 0"),
    ("rfm.r", 1, "number where a condition is expected: compare it with something"),
    ("rfm.r > 1 and rfm.segment", 15, "text where a condition is expected: compare it with something"),
    ("not rfm.r", 5, "number where a condition is expected: compare it with something"),
    # vocabulary
    ("rfm.segment == 'champion'", 16, "'champion' is no rfm.segment; did you mean 'champions'?"),
    ("'LOST' != lifecycle.stage", 1,
     "'LOST' is no lifecycle.stage; it is one of 'active', 'dormant', 'lost'"),
    ("rfm.segment in {'lost', 'atrisk'}", 25, "'atrisk' is no rfm.segment; did you mean 'at_risk'?"),
    # always the same
    ("true", 1, "a constant is no condition: it is always the same"),
    ("rfm.r > 1 or true", 14, "a constant is no condition: it is always the same"),
    ("not false", 5, "a constant is no condition: it is always the same"),
    ("rfm.r > 1 and 2 > 1", 15, "both sides are constant, so this is always true"),
    ("'a' == 'b'", 1, "both sides are constant, so this is always false"),
    ("1 in {1}", 1, "a constant is not looked up in a set: the answer is always the same"),
    ("engagement.dwell > 2 * 1d", 20, "both sides are constant: write the result"),
    ("count(add_to_cart, 1d) >= 33", 27, "at most 32 add_to_cart are remembered, so this is always false"),
    ("count(add_to_cart, 1d) > 32", 26, "at most 32 add_to_cart are remembered, so this is always false"),
    ("count(add_to_cart, 1d) == 33", 27, "at most 32 add_to_cart are remembered, so this is always false"),
    ("count(add_to_cart, 1d) <= 32", 27, "at most 32 add_to_cart are remembered, so this is always true"),
    ("257 <= count(orders, 1d)", 1, "at most 256 orders are remembered, so this is always false"),
    ("1 < count(add_to_cart, 1d) < 40", 30, "at most 32 add_to_cart are remembered, so this is always true"),
    ("count(add_to_cart, 1d) in {3, 40}", 31,
     "at most 32 add_to_cart are remembered, so this is always false"),
    ("count(orders, 1d) >= 0", 22, "a count is 0 or more, so this is always true"),
    ("count(orders, 1d) < -1", 21, "a count is 0 or more, so this is always false"),
]  # fmt: skip


@pytest.mark.parametrize(("written", "column", "message"), ERRORS, ids=lambda part: str(part)[:40])
def test_an_error_says_what_and_where(written: str, column: int, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(written, SCOPE)
    assert (caught.value.message, caught.value.line, caught.value.column) == (message, 1, column)
    if written:  # the same on a later line
        with pytest.raises(RuleError) as caught:
            parse("\n # first\n\t" + written, SCOPE)
        assert (caught.value.message, caught.value.line, caught.value.column) == (message, 3, column + 1)


@pytest.mark.parametrize(
    "edge",
    ["count(add_to_cart, 1d) >= 32", "count(add_to_cart, 1d) > 31", "count(orders, 1d) == 0",
     "count(orders, 1d) > 0",
     "count(add_to_cart, 1d) < 32", "count(orders, 1d) in {0, 256}", "count(orders, 3650d) > 0.5",
     "0 < count(orders, 1d)"],
)  # fmt: skip
def test_what_can_just_be_counted_is_a_threshold(edge: str) -> None:
    assert unparse(parse(edge, SCOPE)) == edge


@pytest.mark.parametrize(
    ("written", "expect", "message"),
    [
        ("rfm.r", "text", "the value is a number, expected is a text"),
        ("rfm.last_order_at", "number", "the value is an instant, expected is a number"),
    ],
)
def test_a_value_of_the_wrong_kind_is_refused(written: str, expect: Kind, message: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(written, SCOPE, expect=expect)
    assert caught.value.message == message


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        (
            "known(rfm.r) and\n  rfm.freqency > 1 # so",
            (
                "line 2, column 3: no field 'rfm.freqency'; did you mean 'rfm.frequency'?\n"
                "    rfm.freqency > 1 # so\n    ^"
            ),
        ),
        (
            "\t'\u5ba2\x1b' == rfm.r\r\n",
            "line 1, column 2: text compared with number\n  \t'\u5ba2\ufffd' == rfm.r\n  \t^",
        ),
        (
            "'\u5ba2' != rfm.currency and 1 > 2",
            "line 1, column 25: both sides are constant, so this is always false\n"
            "  '\u5ba2' != rfm.currency and 1 > 2\n" + " " * 27 + "^",
        ),
    ],
)
def test_an_error_shows_its_line_and_points_at_the_place(written: str, shown: str) -> None:
    with pytest.raises(RuleError) as caught:
        parse(written, SCOPE)
    assert str(caught.value) == shown
    assert isinstance(caught.value, ValueError)


def test_length_and_depth_are_limited() -> None:
    rule = "known(rfm.r)"
    assert parse(rule + " " * (MAX_LENGTH - len(rule)), SCOPE) == parse(rule, SCOPE)
    with pytest.raises(RuleError, match="at most 4000 characters") as caught:
        parse("\n\n" + rule + " " * MAX_LENGTH, SCOPE)
    assert (caught.value.line, caught.value.column) == (3, MAX_LENGTH - 1)
    deepest = "not " * (MAX_DEPTH - 2) + rule  # the call and its field are the other two
    assert unparse(parse(deepest, SCOPE)) == deepest
    with pytest.raises(RuleError, match="nested more than 50 deep"):
        parse("not " + deepest, SCOPE)
    chained = "not " * (MAX_DEPTH - 3) + "1 < rfm.r < 2"  # its parentheses are not counted
    assert parse(unparse(parse(chained, SCOPE)), SCOPE) == parse(chained, SCOPE)
    assert parse("(" * 60 + rule + ")" * 60, SCOPE) == parse(rule, SCOPE)


@pytest.mark.parametrize(
    "hostile",
    [
        "(" * 4_000, "(" * 1_990 + "known(rfm.r)" + ")" * 1_990, "not " * 990 + "known(rfm.r)",
        "known(" * 600,
        "rfm.r+" * 660 + "rfm.r > 1", "rfm.r < " * 490 + "rfm.r", " and ".join(["known(rfm.r)"] * 230),
        "((rfm.r+1)*" * 300,
        "'" * 4_000, "\\" * 4_000, "'" + "\\'" * 1_999, "9" * 4_000, "9" * 3_999 + "d", "1d" * 2_000,
        "a." * 2_000,
        "a.a" * 1_300, "#" * 4_000, "\n" * 4_000, "known(rfm.r) #" + "x" * 3_000, "rfm.r in {" + "1," * 1_990,
        "rfm.r in {" + ",".join(map(str, range(900))) + "}", "0." + "0" * 3_900 + "1 < rfm.r", "{" * 4_000,
        "\x00", "\ud800",
        "rfm.r == '\ud800'", "attributes['\ud800'] == 1",
    ],
    ids=lambda text: ascii(text[:20]),
)  # fmt: skip
def test_hostile_texts_are_read_or_refused(hostile: str) -> None:
    read_or_refused(hostile)


def outcome(written: str) -> Node | RuleError:
    """What comes of it; nothing but these two may come."""
    try:
        return parse(written, SCOPE)
    except RuleError as error:
        return error


def read_or_refused(written: str) -> None:
    """A text parses and comes back the same, or the error says a place inside it."""
    found = outcome(written)
    if isinstance(found, RuleError):
        lines = written.split("\n")
        assert 1 <= found.line <= len(lines)
        assert 1 <= found.column <= len(lines[found.line - 1]) + 1
        assert found.source == lines[found.line - 1]
        assert found.message
        assert "\n" not in found.message
        assert str(found).count("\n") == 2
        return
    canonical = unparse(found)
    if len(canonical) <= MAX_LENGTH:
        assert parse(canonical, SCOPE) == found


PIECES = re.findall(r"\w+|\s+|\W", " ".join(written for written, _, _ in CONSTRUCTS))


@given(st.text(max_size=200))
@example("rfm.r >\x85 1")
@example("rfm.r > \u0661")
def test_any_text_is_read_or_refused(written: str) -> None:
    read_or_refused(written)


@given(st.lists(st.sampled_from(PIECES), max_size=40))
def test_any_words_of_the_language_are_read_or_refused(pieces: list[str]) -> None:
    read_or_refused(" ".join(pieces))


@given(st.data())
@settings(max_examples=200)
def test_a_mutated_rule_is_read_or_refused(data: st.DataObject) -> None:
    written = data.draw(st.sampled_from([written for written, _, _ in CONSTRUCTS]))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(written)))
        end = data.draw(st.integers(start, min(len(written), start + 8)))
        new = data.draw(st.one_of(st.just(""), st.sampled_from(PIECES), st.text(max_size=3)))
        written = written[:start] + new + written[end:]
    read_or_refused(written)


TEXTS = st.text(st.characters(exclude_characters="\n", exclude_categories=["Cs"]), max_size=12).map(text)
NUMBERS = st.one_of(
    st.integers(-(10**15), 10**15), st.floats(-1e15, 1e15, allow_nan=False, allow_infinity=False)
).map(number)
DURATIONS = st.integers(1, 3_650 * 86_400).map(lambda s: duration(s * 1_000))
COMPARISONS = st.sampled_from(["==", "!=", "<", "<=", ">", ">="])
COUNTS = st.builds(count, st.sampled_from(sorted(SCOPE.counts)), DURATIONS.map(lambda node: node.value))
CHANNELS = TEXTS.map(lambda node: Field(NUMBER, "preferences.channels", str(node.value)))
INSTANTS = st.sampled_from([LAST_ORDER, LAST_CLICK, BROWSED])


def sums(leaves: st.SearchStrategy[Node], others: st.SearchStrategy[Node]) -> st.SearchStrategy[Node]:
    """Arithmetic of one type that never has two constants."""
    kinds = st.sampled_from(["+", "-"])
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.builds(lambda op, x, y: Arith(x.type, op, x, y), kinds, inner, st.one_of(inner, others)),
            st.builds(lambda op, x, y: Arith(y.type, op, x, y), kinds, others, inner),
            st.builds(
                lambda x, y: Arith(x.type, "*", x, y), inner, NUMBERS.filter(lambda one: one.value != 0)
            ),
            st.builds(lambda x, y: Arith(x.type, "/", x, y), inner, st.just(SCORE)),
        ),
        max_leaves=5,
    )


NUMERIC = sums(st.one_of(st.just(SCORE), CHANNELS), NUMBERS)
TEMPORAL = sums(st.one_of(st.just(DWELL), INSTANTS.map(since)), DURATIONS)


def sets(item: Node, options: st.SearchStrategy[Const]) -> st.SearchStrategy[Node]:
    listed = st.lists(options, min_size=1, max_size=4, unique_by=lambda one: one.value).map(tuple)
    return st.builds(In, st.just(item), listed, st.booleans())


CONDITIONS: st.SearchStrategy[Node] = st.one_of(
    st.just(HABIT),
    st.builds(Compare, COMPARISONS, NUMERIC, st.one_of(NUMERIC, NUMBERS)),
    st.builds(Compare, COMPARISONS, TEMPORAL, st.one_of(TEMPORAL, DURATIONS)),
    st.builds(Compare, COMPARISONS, DURATIONS, TEMPORAL),
    st.builds(Compare, COMPARISONS, INSTANTS, INSTANTS),
    st.builds(Compare, st.just(">="), COUNTS, st.integers(1, 32).map(number)),
    st.builds(Compare, COMPARISONS, COUNTS, NUMERIC),
    st.builds(Compare, st.sampled_from(["==", "!="]), st.just(Field(TEXT, "rfm.currency")), TEXTS),
    sets(STAGE_FIELD, st.sampled_from(sorted(STAGE.values or ())).map(text)),
    sets(SCORE, NUMBERS),
    sets(Field(TEXT, "attributes", 'a"\\'), TEXTS),
    sets(DWELL, DURATIONS),
    st.sampled_from([Call("known", (field,)) for field in (BROWSED, BIRTHDAY, STAGE_FIELD, SCORE)]),
    st.integers(1, 365).map(lambda days: Call("within", (BIRTHDAY, duration(days * DAY_MS)))),
)


def joined(kind: type[And] | type[Or], parts: list[Node]) -> Node:
    flat: list[Node] = []
    for part in parts:
        flat.extend(part.operands if isinstance(part, kind) else [part])
    return kind(tuple(flat))


RULES = st.recursive(
    CONDITIONS,
    lambda inner: st.one_of(
        st.builds(Not, inner),
        st.builds(joined, st.sampled_from([And, Or]), st.lists(inner, min_size=2, max_size=3)),
        st.builds(Compare, st.sampled_from(["==", "!="]), inner, inner),
    ),
    max_leaves=8,
)


def bare(value: Any) -> Any:
    """A node as nested tuples: another look at equality, with the types of values."""
    if is_dataclass(value):
        return (type(value), *(bare(getattr(value, one.name)) for one in fields(value) if one.compare))
    return tuple(map(bare, value)) if isinstance(value, tuple) else (type(value), value)


@given(RULES)
@settings(max_examples=300)
def test_what_is_written_is_read_back_the_same(node: Node) -> None:
    written = unparse(node)
    if len(written) > MAX_LENGTH:
        return
    again = parse(written, SCOPE)
    assert again == node
    assert bare(again) == bare(node)
    assert unparse(again) == written
    assert all(one.line == 1 and 1 <= one.column <= len(written) for one, _ in walk(again))
