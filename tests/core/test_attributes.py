"""The laws of an aggregate for attributes and consent; attributes by hand."""

import random
from collections.abc import Callable
from typing import Any

import msgspec
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from models.attributes import KEPT, LEAST, MAX_BYTES, ROOM, Attributes
from models.consent import Consent
from models.payloads import MAX_NAME, MAX_VALUE_BYTES, canonical

T0 = 1_700_006_400_000
Write = tuple[int, Any]  # time, payload


def written(*writes: Write) -> Attributes:
    out = Attributes()
    for at_ms, payload in writes:
        out.add(at_ms, payload)
    return out


def said(*words: Write) -> Consent:
    out = Consent()
    for at_ms, status in words:
        out.add(at_ms, status)
    return out


def some_writes(rng: random.Random, n: int, names: int, largest: int, span: int) -> list[Write]:
    """Payloads of one to three names; sizes spread evenly over their magnitudes, many ties in time."""

    def value() -> Any:
        if rng.random() < 0.2:
            return rng.choice([None, True, 0, 0.5, ["a", {"b": None}]])
        return rng.choice("xyé") * int(2 ** rng.uniform(0, largest))

    return [
        (T0 + rng.randrange(span), {f"n{rng.randrange(names)}": value() for _ in range(rng.randint(1, 3))})
        for _ in range(n)
    ]


def some_words(rng: random.Random, n: int) -> list[Write]:
    span = rng.choice([5, 30, 10**6])
    share = rng.choice([0.05, 0.3, 0.5])
    return [(T0 + rng.randrange(span), "withdrawn" if rng.random() < share else "given") for _ in range(n)]


def writes_of(rng: random.Random, n: int) -> list[Write]:
    """From a handful of short values to far beyond every bound."""
    names, largest = rng.choice([(3, 9), (12, 9), (40, 9), (40, 4), (90, 3), (90, 7)])
    return some_writes(rng, n, names, largest, rng.choice([4, 200, 10**9]))


LAWS: dict[str, tuple[Callable[..., Any], Callable[[random.Random, int], list[Write]]]] = {
    "attributes": (written, writes_of),
    "consent": (said, some_words),
}
each = pytest.mark.parametrize(("fold", "draw"), LAWS.values(), ids=LAWS)
cases = given(st.integers(0, 2**32), st.integers(0, 120))


def copied(one: Any) -> Any:
    return msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=type(one))


@each
@cases
@settings(deadline=None)
def test_order_and_repeats_leave_no_trace(fold: Any, draw: Any, seed: int, n: int) -> None:
    rng = random.Random(seed)
    some = draw(rng, n)
    again = some + rng.sample(some, n // 3)
    rng.shuffle(again)
    assert fold(*again) == fold(*some)


@each
@cases
@settings(deadline=None)
def test_merging_is_folding_the_parts_together(fold: Any, draw: Any, seed: int, n: int) -> None:
    rng = random.Random(seed)
    some = draw(rng, n)
    parts: list[list[Write]] = [[], [], []]
    for one in some:
        rng.choice(parts).append(one)
    a, b, c = (fold(*part) for part in parts)
    before = [copied(one) for one in (a, b, c)]
    assert a.merged(b).merged(c) == a.merged(b.merged(c)) == c.merged(a).merged(b) == fold(*some)
    assert a.merged(fold()) == fold().merged(a) == a.merged(a) == a
    assert [a, b, c] == before  # what is merged is left alone
    later = a.merged(b)
    for at_ms, what in draw(rng, 20):
        later.add(at_ms, what)
    assert [a, b, c] == before  # and so it stays


@each
@cases
@settings(deadline=None)
def test_the_stored_form_is_the_aggregate(fold: Any, draw: Any, seed: int, n: int) -> None:
    rng = random.Random(seed)
    some = draw(rng, n)
    cut = rng.randrange(n + 1)
    stored = copied(fold(*some[:cut]))
    assert stored == fold(*some[:cut])
    for at_ms, what in some[cut:]:
        stored.add(at_ms, what)
    assert stored == fold(*some)


@cases
@settings(deadline=None)
def test_what_is_kept_follows_from_all_writes_at_once(seed: int, n: int) -> None:
    """The rule itself, from the whole log: no marks, no trimming."""
    log = [
        (at_ms, name, canonical(value))
        for at_ms, payload in writes_of(random.Random(seed), n)
        for name, value in payload.items()
    ]
    latest: dict[str, tuple[int, bytes]] = {}
    for at_ms, name, text in log:
        latest[name] = max(latest.get(name, (0, b"")), (at_ms, text))
    kept = {}
    for name, (at_ms, text) in latest.items():
        largest: dict[str, int] = {}  # of each name written later than this one
        for when, other, value in log:
            if (when, other) > (at_ms, name):
                size = len(other.encode()) + len(value)
                charge = next(c for c in (32, 64, 128, 256, 512, 1024, 2048) if c >= size)
                largest[other] = max(largest.get(other, 0), charge)
        if sum(largest.values()) <= ROOM and len(largest) < KEPT:
            kept[name] = text
    shown = {name: orjson.loads(text) for name, text in sorted(kept.items()) if text != b"null"}
    got = written(*((at_ms, {name: orjson.loads(text)}) for at_ms, name, text in log))
    assert list(got.show().items()) == list(shown.items())
    assert set(got.written) == set(kept)


def size(attributes: Attributes) -> int:
    return sum(len(name.encode()) + len(one.value) for name, one in attributes.written.items())


@pytest.mark.slow
@pytest.mark.parametrize("largest", [4, 7, 10])
def test_bounds_after_a_hundred_thousand_adds(seed: int, largest: int) -> None:
    rng = random.Random(seed)
    one, most, stored = Attributes(), 0, 0
    for at in range(100_000):
        name = f"{rng.randrange(200):0{rng.choice([3, 3, MAX_NAME])}}"
        text = "x" * int(2 ** rng.uniform(0, largest) - 2)
        one.add(T0 + at + rng.randrange(5_000), {name: text})
        if at % 500 == 0:
            most = max(most, size(one))
            stored = max(stored, len(msgspec.msgpack.encode(one)))
    assert most <= MAX_BYTES
    assert len(one.written) <= KEPT
    assert stored <= MAX_BYTES + 4_096


def test_marks_stay_few_when_values_shrink_as_if_to_fill_them() -> None:
    one = Attributes()
    for at in range(100_000):
        one.add(T0 + at, {f"n{at % 64}": "x" * (MAX_VALUE_BYTES - 2 - at // 64 % 1_000)})
    assert size(one) <= MAX_BYTES
    assert all(len(entry.marks) <= 7 for entry in one.written.values())
    assert len(msgspec.msgpack.encode(one)) <= MAX_BYTES + 4_096


def test_the_latest_write_wins_and_of_two_at_once_the_greater_text() -> None:
    one = written(
        (T0 + 2, {"plan": "gold"}), (T0 + 1, {"plan": "iron", "vip": True}), (T0 + 2, {"plan": "lead"})
    )
    assert one.show() == {"plan": "lead", "vip": True}
    assert (one.get("plan"), one.get("vip"), one.get("none")) == ("lead", True, None)


def test_a_deletion_stays_and_only_a_later_write_undoes_it() -> None:
    one = written((T0 + 5, {"plan": None}))
    one.add(T0 + 4, {"plan": "gold"})
    assert one.show() == {}
    assert one.get("plan") is None
    one.add(T0 + 6, {"plan": "iron"})
    assert one.show() == {"plan": "iron"}


def test_values_come_back_as_they_were_and_names_in_order() -> None:
    values = {
        "z": 2**64 - 1,
        "f": 1.0,
        "i": 1,
        "é": "咖啡\0",
        "a": {"b": [None, -0.5], "a": {}},
        "m": -(2**63),
    }
    shown = copied(written((T0, values))).show()
    assert orjson.dumps(shown) == orjson.dumps(values, option=orjson.OPT_SORT_KEYS)
    assert [type(shown["f"]), type(shown["i"])] == [float, int]


def test_sixty_four_short_names_stay_and_the_earliest_leaves_first() -> None:
    one = written(*((T0 + n, {f"attribute_{n:02}": f"value {n}"}) for n in range(70)))
    assert list(one.show()) == [f"attribute_{n:02}" for n in range(6, 70)]
    assert LEAST * KEPT <= ROOM


def test_long_values_leave_room_for_seven_and_a_short_one_brings_nothing_back() -> None:
    long = "x" * 900
    writes: list[Write] = [(T0 + n, {f"n{n}": long}) for n in range(9)]
    full = written(*writes)
    assert list(full.show()) == [f"n{n}" for n in range(2, 9)]
    shrunk: Write = (T0 + 99, dict.fromkeys((f"n{n}" for n in range(5, 9)), 1))
    assert list(written(*writes, shrunk).show()) == list(written(shrunk, *writes).show())
    assert list(written(*writes, shrunk).show()) == [f"n{n}" for n in range(2, 9)]
