"""Whatever is rejected, its dead letter fits into a batch."""

import orjson
import pytest

from streams.lane import DeadLetter
from streams.publisher import MAX_BATCH, letter


@pytest.mark.parametrize("byte", [b"\x00", b"\xff", b'"', b"\\", b"a"])
def test_a_dead_letter_with_its_payload_fits_into_an_empty_batch(byte: bytes) -> None:
    said = DeadLetter("orders", 3, 1 << 60, "too_large", "amount", byte * 300_000)
    shown = letter(said, with_payload=True)
    assert shown["payload_bytes"] == 300_000
    assert shown["payload"]
    assert len(orjson.dumps(shown)) < MAX_BATCH * 0.9
    assert "payload" not in letter(said, with_payload=False)
