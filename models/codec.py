"""State <-> bytes: one schema byte, then MessagePack.

The schema number changes whenever a stored field changes place or meaning; `decode` refuses what it
does not know rather than read it with a new meaning.
"""

import msgspec

from models.state import State

SCHEMA = 6
_PREFIX = bytes((SCHEMA,))
_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(State)


class CodecError(Exception):
    """Stored bytes cannot be read: another schema, or damage."""


def encode(state: State) -> bytes:
    """Bytes of a state."""
    return _PREFIX + _encoder.encode(state)


def decode(blob: bytes) -> State:
    """State of bytes written by `encode`.

    Raises:
        CodecError: the schema is not the one this version writes, or the bytes are damaged.
    """
    if blob[:1] != _PREFIX:
        found = blob[0] if blob else "nothing"
        raise CodecError(f"stored profile has schema {found}, this version reads {SCHEMA}")
    try:
        return _decoder.decode(memoryview(blob)[1:])
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise CodecError(f"stored profile is damaged: {error}") from None
