"""Records that must be refused, each of them, from a seed: for tests, soak runs and the dead-letter demo.

>>> list(hostile(1, 3)) == list(hostile(1, 3))
True
"""

import random
from collections.abc import Callable, Iterator

import orjson

KINDS = ("order", "click", "service", "control")
MEGABYTE = b'{"text":"' + b"x" * 1_000_000 + b'"}'
DEEP = {
    opening: opening * 10_000 + b"1" + closing * 10_000
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}"))
}
# Payloads that only the action of their name refuses.
BAD_FACTS = {
    "attributes": (
        None, dict.fromkeys(map(str, range(65))), {"": 1}, {"x" * 65: 1}, {"a\n": 1}, {"a": "x" * 1_023},
        {"scores.": {"value": 1, "model": "m"}}, {"scores.a": 1}, {"scores.a": {"value": 1}},
        {"scores.a": {"value": 1, "model": "m", "at": "now"}},
    ),
    "consent": (None, {}, {"status": None}, {"status": "Given"}, {"status": True}),
}  # fmt: skip
TS = (
    "2999-01-01T00:00:00Z", "1066-10-14T09:00:00Z", "0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-12:00",
    "2024-03-05T12:00:00", "2024-03-05", "2024-02-30T12:00:00Z", "2024-03-05T25:00:00Z", "", "now",
    "1700000000000", "2024-03-05T12:00:00Z\0", "2024-03-05X12:00:00Z", "2024-03-05T12:00:00.Z",
    " 2024-03-05T12:00:00Z", 0, -1, 1_700_000_000, 1.7e12, 2**62, True, [], {},
)  # fmt: skip
NOT_TEXT = (0, 1.5, True, [], {}, ["a"], {"a": 1})
BAD_ID = ("", "x" * 129, "é" * 500, *NOT_TEXT)
BAD_CUSTOMER = (*BAD_ID, "a\0b", "a\nb", "\x1b[31m", "\x7f", "\u202e", "\u2028", "\ufeff", "\t")
BAD_AMOUNT = (
    -0.01, -1, -1e300, 1e300, 1e16, "-1", "-0", "1e3", "1,50", "NaN", "Infinity", "", " 1", "0x10", "١",
    "1\n", "9" * 41, "9" * 30, True, [], {},
)  # fmt: skip
NOT_NUMBER = ("5", "", True, [], {}, 1e300, -1e300, 10**13)
BAD = {
    "order": {
        "order_id": BAD_ID, "amount": BAD_AMOUNT, "discount": BAD_AMOUNT, "coupon_discount": BAD_AMOUNT,
        "paid": BAD_AMOUNT, "currency": ("", "usd", "US", "USDT", "US1", "ÜSD", "USD\n", 840, []),
        "status": ("", "Placed", "shipped", "placed\0", 1, []), "channel": NOT_TEXT,
        "payment": (1, True, {}, [1], ["card"], [{"method": 1}], [{"amount": -1}], [None]),
        "items": ({}, "sku", 1, [1], [None], [[]], ["sku"], [{"sku": 1}], [{"qty": -1}], [{"qty": "1"}],
                  [{"qty": 1e10}], [{"price": -1}], [{"price": 1e8}], [{"line_total": "x"}], [{"brand": 1}],
                  [{}, {"category": []}]),
    },
    "click": {
        "action": BAD_ID, "dwell_ms": NOT_NUMBER, "qty": (*NOT_NUMBER, -1, 1e10),
        "price": (-1, 1e8, "-1", "1e3", "x", True, [], {}),
        **dict.fromkeys(("sku", "category", "page", "query", "channel", "campaign_id"), NOT_TEXT),
    },
    "service": {
        "action": BAD_ID, "refund_amount": BAD_AMOUNT, "score": NOT_NUMBER, "scale": NOT_NUMBER,
        "sentiment": NOT_NUMBER, **dict.fromkeys(("ticket_id", "order_id", "text"), NOT_TEXT),
    },
    "control": {"action": BAD_ID, **dict.fromkeys(("attributes", "consent"), ("", 1, True, [], [{}], "{}"))},
}  # fmt: skip
# Spliced into a good record as text, because no serialiser would write them.
RAW = (
    b"NaN", b"Infinity", b"-Infinity", b"undefined", b"'a'", b"01", b"1.", b".5", b"+1", b"0x1f", b"tru", b"",
    b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\ud800\\u0041"', b'"\xed\xa0\x80"', b'"\xff"', b'"\xc0\xaf"',
    b'"\x00"', b'"\x1f"', b'"\\x41"', b'"open', b"[1,]", b'{"a":1,}', b"{1:2}", b"1 // note", b"/**/1",
)  # fmt: skip
HUGE = (b"9" * 400, b"-" + b"9" * 400, b"9" * 5_000, b"1e400", b"-1e400")
WHOLE = (
    None,
    b"",
    b" ",
    b"null",
    b"true",
    b"1",
    b'"order"',
    b"[]",
    b"{}",
    b"\x00",
    b"\xef\xbb\xbf{}",
    b"[[[[",
    b"{}{}",
)


def good(kind: str, draw: random.Random) -> dict[str, object]:
    """Fields of a record that is accepted."""
    n = draw.randrange(1 << 30)
    fields: dict[str, object] = {
        "event_id": f"e{n}", "type": kind, "customer_id": f"c{n % 9973}", "ts": 1_700_000_000_000 + n,
    }  # fmt: skip
    if kind == "order":
        return fields | {"order_id": f"o{n}", "amount": n % 50_000 / 100, "currency": "USD"}
    return fields | {"action": "custom"}


def _wrong_value(kind: str, draw: random.Random) -> bytes:
    wrong = {
        "event_id": BAD_ID,
        "customer_id": BAD_CUSTOMER,
        "ts": TS,
        "type": (*NOT_TEXT, "", "Order", "orders"),
    }
    wrong |= BAD[kind]
    field = draw.choice(tuple(wrong))
    return orjson.dumps(good(kind, draw) | {field: draw.choice(wrong[field])})


def _wrong_facts(_: str, draw: random.Random) -> bytes:
    action = draw.choice(tuple(BAD_FACTS))
    return orjson.dumps(good("control", draw) | {"action": action, action: draw.choice(BAD_FACTS[action])})


def _missing_field(kind: str, draw: random.Random) -> bytes:
    fields = good(kind, draw)
    name = draw.choice(("event_id", "type", "customer_id", "ts", "order_id" if kind == "order" else "action"))
    if draw.random() < 0.5:
        del fields[name]
    else:
        fields[name] = None
    return orjson.dumps(fields)


def _wrong_topic(kind: str, draw: random.Random) -> bytes:
    return orjson.dumps(good(draw.choice([other for other in KINDS if other != kind]), draw))


def _unwritable(kind: str, draw: random.Random) -> bytes:
    name = draw.choice((b"x", b"event_id", b"customer_id", b"ts", b"channel"))
    return orjson.dumps(good(kind, draw))[:-1] + b',"%b":%b}' % (name, draw.choice(RAW))


def _huge_number(kind: str, draw: random.Random) -> bytes:
    name = draw.choice(
        (b"ts", b"event_id", {"order": b"amount", "click": b"dwell_ms"}.get(kind, b"customer_id"))
    )
    return orjson.dumps(good(kind, draw))[:-1] + b',"%b":%b}' % (name, draw.choice(HUGE))


def _truncated(kind: str, draw: random.Random) -> bytes:
    value = orjson.dumps(good(kind, draw))
    return value[: draw.randrange(len(value))]


def _noise(_: str, draw: random.Random) -> bytes:
    return b"\xfe" + draw.randbytes(draw.randrange(200))  # 0xFE begins no JSON and stands in no UTF-8


def _flipped(kind: str, draw: random.Random) -> bytes:
    value = bytearray(orjson.dumps(good(kind, draw)))
    value[draw.randrange(len(value))] = draw.choice(b"\x00\x01\x1f\x80\xbf\xc0\xf8\xff")
    return bytes(value)


def _repeated(kind: str, draw: random.Random) -> bytes:
    return b'{"event_id":%b,' % draw.choice((b"5", b'""', b"[]")) + orjson.dumps(good(kind, draw))[1:]


def _deep(kind: str, draw: random.Random) -> bytes:
    inner = draw.choice((DEEP[b"["], DEEP[b'{"a":'], b"[" * 10_000))
    return (
        inner
        if draw.random() < 0.2
        else orjson.dumps(good(kind, draw))[:-1] + b',"attributes":' + inner + b"}"
    )


def _whole(_: str, draw: random.Random) -> bytes | None:
    return draw.choice(WHOLE)


def _large(_: str, __: random.Random) -> bytes:
    return MEGABYTE


MAKERS: dict[Callable[[str, random.Random], bytes | None], float] = {
    _wrong_value: 37, _wrong_facts: 3, _missing_field: 10, _wrong_topic: 8, _unwritable: 10, _huge_number: 5,
    _truncated: 8, _noise: 6, _flipped: 6, _repeated: 2, _whole: 4, _deep: 0.5, _large: 0.2,
}  # fmt: skip


def hostile(seed: int, n: int) -> Iterator[tuple[str, bytes | None]]:
    """`n` pairs of kind and value, the same for the same seed; megabytes are one shared object."""
    draw = random.Random(seed)
    makers, weights = tuple(MAKERS), tuple(MAKERS.values())
    for _ in range(n):
        kind = draw.choice(KINDS)
        yield kind, draw.choices(makers, weights)[0](kind, draw)
