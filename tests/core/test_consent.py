"""Consent by hand; the laws of the aggregate stand in `test_attributes`."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from models.consent import KEPT, Consent

T0 = 1_700_006_400_000
WORDS = st.lists(st.tuples(st.integers(T0, T0 + 30), st.sampled_from(["given", "given", "withdrawn"])))


def said(*words: tuple[int, str]) -> Consent:
    out = Consent()
    for at_ms, status in words:
        out.add(at_ms, status)
    return out


def test_without_a_word_on_consent_everything_counts() -> None:
    one = Consent()
    assert (one.status, one.withdrawn, one.show(), one.allows(0)) == ("", False, {}, True)
    assert one.add(T0, "given")
    assert one.show() == {"status": "given", "at": "2023-11-15T00:00:00.000Z"}
    assert one.allows(T0 - 10**9)


def test_while_consent_is_withdrawn_nothing_counts() -> None:
    one = said((T0, "given"))
    assert one.add(T0 + 5, "withdrawn")
    assert one.show() == {"status": "withdrawn", "at": "2023-11-15T00:00:00.005Z"}
    assert one.withdrawn
    assert not any(map(one.allows, (T0 - 1, T0 + 1, T0 + 5, T0 + 6)))
    assert not one.add(T0 + 4, "given")
    assert not one.add(T0 + 3, "withdrawn")
    assert not one.add(T0 + 5, "given"), "the withdrawal wins ties"
    assert one.withdrawn


def test_consent_given_again_counts_from_then_on() -> None:
    one = said((T0 + 5, "withdrawn"))
    assert one.add(T0 + 9, "given")
    assert [one.allows(T0 + n) for n in (0, 5, 8, 9, 10)] == [False, False, False, True, True]
    assert one.add(T0 + 12, "given"), "a confirmation is what `show` says"
    assert (one.since_ms, one.at_ms) == (T0 + 9, T0 + 12), "but takes nothing away"
    assert one.add(T0 + 10, "withdrawn"), "a late withdrawal in between does"
    assert [one.allows(T0 + n) for n in (9, 11, 12)] == [False, False, True]


def test_consent_remembers_no_more_than_its_latest_words() -> None:
    one = said((T0, "withdrawn"))
    for n in range(1, 100_001):
        one.add(T0 + n, "given")
    assert one.given_ms == list(range(T0 + 100_001 - KEPT, T0 + 100_001))
    assert len(msgspec.msgpack.encode(one)) < 180


@given(WORDS)
def test_what_a_word_changed_is_what_add_says(words: list[tuple[int, str]]) -> None:
    one = Consent()
    for at_ms, status in words:
        before = (one.show(), one.since_ms)
        assert one.add(at_ms, status) == (before != (one.show(), one.since_ms))


@given(WORDS)
def test_consent_follows_from_all_words_at_once(words: list[tuple[int, str]]) -> None:
    one = said(*words)
    withdrawn = max((at_ms for at_ms, status in words if status == "withdrawn"), default=0)
    again = sorted({at_ms for at_ms, status in words if status == "given" and at_ms > withdrawn})[-KEPT:]
    for at_ms in range(T0 - 1, T0 + 32):
        assert one.allows(at_ms) == (not withdrawn or (bool(again) and at_ms >= again[0]))
