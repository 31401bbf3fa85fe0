import hashlib
import hmac
import traceback

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models.privacy import Policy, masked

KEY = b"sixteen bytes ok"
# Long enough not to be what a mask shows, of letters that are neither hexadecimal digits nor in "hmac".
SECRETS = st.text(alphabet="gjknpqrsxyzé咖 ", min_size=3, max_size=40)
VALUES = st.recursive(
    SECRETS,
    lambda inner: (
        st.lists(inner, min_size=1, max_size=3) | st.dictionaries(SECRETS, inner, min_size=1, max_size=3)
    ),
    max_leaves=8,
)


def texts(value: object) -> list[str]:
    """Every text within a value, names included."""
    if isinstance(value, dict):
        return [text for name, inner in value.items() for text in (name, *texts(inner))]
    if isinstance(value, list):
        return [text for inner in value for text in texts(inner)]
    return [str(value)]


def test_each_mode_by_hand() -> None:
    policy = Policy({"pin": "drop", "phone": "mask", "mail": "hmac"}, KEY)
    expected = hmac.new(KEY, b'mail\0"a@b.example"', hashlib.sha256).hexdigest()[:32]
    facts = {"pin": 1234, "phone": "+49 170 1234567", "mail": "a@b.example", "city": "Bonn"}
    assert policy.apply(facts) == {"phone": "****67", "mail": f"hmac:{expected}", "city": "Bonn"}
    assert facts["pin"] == 1234, "what is given is left alone"


@pytest.mark.parametrize(
    ("value", "expected"),
    [("123456", "****56"), ("x" * 500 + "yz", "****yz"), ("12345", "****"), ("", "****"), (123456, "****"),
     (True, "****"), (["abcdef"], "****"), ({"abcdef": "abcdef"}, "****")],
)  # fmt: skip
def test_a_mask_tells_neither_length_nor_kind(value: object, expected: str) -> None:
    assert Policy({"a": "mask"}).apply({"a": value}) == {"a": expected}
    assert masked(masked(value)) == expected, "masking twice is masking once"


def test_a_hash_tells_equal_from_different_for_one_name_and_one_key() -> None:
    policy = Policy({"*": "hmac"}, KEY)

    def one(name: str, value: object, policy: Policy = policy) -> object:
        return policy.apply({name: value})[name]

    assert one("a", {"x": 1, "y": 2}) == one("a", {"y": 2, "x": 1})
    others = [
        one("a", "v"),
        one("b", "v"),
        one("a", 1),
        one("a", "1"),
        one("a", "v", Policy({"*": "hmac"}, KEY * 2)),
    ]
    assert len(set(others)) == len(others)
    assert all(len(str(other)) == 37 for other in others)


def test_the_star_is_for_all_that_are_not_listed() -> None:
    facts = {"a": "abcdefg", "b": "abcdefg", "c": "abcdefg"}
    assert Policy({"*": "drop", "b": "mask"}).apply(facts) == {"b": "****fg"}
    assert Policy({}).apply(facts) == facts
    assert Policy({"*": "mask"}).apply({"*": "abcdefg"}) == {"*": "****fg"}


def test_a_deletion_stays_one_unless_its_name_is_dropped() -> None:
    policy = Policy({"a": "mask", "b": "hmac", "c": "drop"}, KEY)
    assert policy.apply(dict.fromkeys("abcd")) == {"a": None, "b": None, "d": None}


@given(st.dictionaries(SECRETS, VALUES, max_size=4), st.sampled_from(["drop", "mask", "hmac"]))
def test_the_plain_value_never_occurs_in_the_output(facts: dict[str, object], mode: str) -> None:
    out = Policy({"*": mode}, KEY).apply(facts)
    assert set(out) == (set() if mode == "drop" else set(facts))
    assert all(isinstance(value, str) for value in out.values())
    shown = "\n".join(map(str, out.values()))
    for value in facts.values():
        assert not [text for text in texts(value) if text in shown]


@pytest.mark.parametrize(
    ("table", "key"),
    [({"mail": "sha1-of-hunter2"}, KEY), ({"mail": ""}, KEY), ({"*": "show"}, b""),
     ({"mail": "hmac"}, b"hunter2"), ({"*": "hmac"}, b"")],
)  # fmt: skip
def test_a_wrong_policy_is_refused_in_one_sentence_without_a_secret(
    table: dict[str, str], key: bytes
) -> None:
    with pytest.raises(ValueError, match=r"^The privacy mode [^.]*\.$") as caught:
        Policy(table, key)
    told = "".join(traceback.format_exception_only(caught.value))
    assert "hunter2" not in told
    assert not key or key.decode() not in told


def test_a_policy_without_hashes_needs_no_key_and_shows_none() -> None:
    assert Policy({"a": "drop", "b": "mask"}).apply({"a": 1, "b": 2}) == {"b": "****"}
    assert "sixteen" not in repr(Policy({"a": "hmac"}, KEY))


def test_a_name_can_be_exempted_from_the_rule_for_all_others() -> None:
    policy = Policy({"*": "drop", "timezone": "keep"})
    assert policy.apply({"timezone": "Asia/Tokyo", "email": "a@b.c"}) == {"timezone": "Asia/Tokyo"}
