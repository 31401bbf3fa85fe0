import random
from contextlib import suppress

import msgspec
import pytest
from builders import DAY, T0, click, fold, order, service

from models.codec import SCHEMA, CodecError, decode, encode
from models.money import MAX_MINOR
from models.state import State

RICH, _ = fold([
    order("a", T0, 12.5), order("b", T0 + DAY), order("a", T0 + 5, status="cancelled"),
    click(T0 + 2 * DAY, "search"), click(T0 + 3 * DAY, "hover"),
    service(T0 + 4 * DAY, "return", refund_amount=3),
])  # fmt: skip


def test_a_state_comes_back_equal_and_its_bytes_are_stable() -> None:
    for state in (State(), RICH):
        blob = encode(state)
        assert decode(blob) == state
        assert encode(decode(blob)) == blob


def test_integers_of_64_bits_come_back() -> None:
    state = State(seq=2**63 - 1, offsets={"orders/0": 2**63 - 1})
    state.seen.key.append(2**64 - 1)
    state.orders.days.add(-5, 1)
    assert decode(encode(state)) == state


def test_a_decoded_state_shares_nothing_with_another() -> None:
    one, other = decode(encode(State())), decode(encode(State()))
    one.offsets["orders/0"] = 1
    one.seen.key.append(7)
    one.orders.key.append(7)
    assert other == State()


@pytest.mark.parametrize("schema", [0, SCHEMA - 1, SCHEMA + 1, 255])
def test_another_schema_is_refused_whatever_follows(schema: int) -> None:
    with pytest.raises(CodecError, match=f"schema {schema}, this version reads {SCHEMA}"):
        decode(bytes((schema,)) + encode(RICH)[1:])


def test_nothing_is_refused_as_nothing() -> None:
    with pytest.raises(CodecError, match="schema nothing"):
        decode(b"")


def test_every_truncation_is_refused() -> None:
    blob = encode(RICH)
    for length in range(len(blob)):
        with pytest.raises(CodecError):
            decode(blob[:length])


def test_bytes_after_the_end_are_refused() -> None:
    with pytest.raises(CodecError, match="damaged"):
        decode(encode(RICH) + b"\x00")


def test_a_value_of_the_wrong_type_is_refused() -> None:
    for wrong in (["x"], [None], {}, 5, [0, 0, 0, 0, 0, 0, 0, []]):
        with pytest.raises(CodecError, match="damaged"):
            decode(bytes((SCHEMA,)) + msgspec.msgpack.encode(wrong))


def test_text_that_is_not_utf_8_is_refused() -> None:
    blob = encode(State(offsets={"orders/0": 1}))
    with pytest.raises(CodecError, match="damaged"):
        decode(blob.replace(b"orders/0", b"orders\xff0"))


def test_damage_raises_nothing_but_a_codec_error(seed: int) -> None:
    rng, blob = random.Random(seed), encode(RICH)
    for _ in range(20_000):
        damaged = bytearray(blob)
        for _ in range(rng.randint(1, 3)):
            damaged[rng.randrange(len(blob))] = rng.randrange(256)
        with suppress(CodecError):
            assert isinstance(decode(bytes(damaged)), State)  # damage may also look like another state


def test_the_largest_totals_that_the_input_contract_allows_can_be_stored() -> None:
    state = State()
    state.orders.total_minor = MAX_MINOR * 9_000_000  # orders of one customer
    encode(state)
