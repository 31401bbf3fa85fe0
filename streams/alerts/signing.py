"""Signed webhooks, in the form of the Standard Webhooks specification, so that its libraries verify them.

`webhook-signature: v1,<base64 of HMAC-SHA-256>` over `<webhook-id>.<webhook-timestamp>.<body>`. A receiver
checks the signature, refuses a time stamp that is too old, and drops an id that it has seen.
"""

import base64
import binascii
import hmac
from hashlib import sha256

ID, TIMESTAMP, SIGNATURE = "webhook-id", "webhook-timestamp", "webhook-signature"
_PREFIX = "whsec_"
LEAST_BYTES = 16


def key_of(secret: str) -> bytes:
    """The key in a secret: base64 behind `whsec_`, else its own characters.

    Raises:
        ValueError: it is no base64, or shorter than 16 bytes.
    """
    try:
        coded = secret.startswith(_PREFIX)
        key = base64.b64decode(secret.removeprefix(_PREFIX), validate=True) if coded else secret.encode()
    except binascii.Error:
        raise ValueError("the secret behind whsec_ is no base64") from None
    if len(key) < LEAST_BYTES:
        raise ValueError(f"a secret has at least {LEAST_BYTES} bytes")
    return key


def sign(key: bytes, message_id: str, at_s: int, body: bytes) -> dict[str, str]:
    """Headers of a message.

    Args:
        key: shared with the receiver.
        message_id: the same whenever the message is sent again.
        at_s: when it is sent, epoch seconds.
        body: as it goes out.
    """
    return {ID: message_id, TIMESTAMP: str(at_s), SIGNATURE: f"v1,{_mac(key, message_id, str(at_s), body)}"}


def verify(key: bytes, headers: dict[str, str], body: bytes, now_s: int, tolerance_s: int = 300) -> bool:
    """Whether a message is the sender's and fresh; headers by lower-case name."""
    message_id, at = headers.get(ID, ""), headers.get(TIMESTAMP, "")
    if not at.isascii() or not at.isdigit() or abs(now_s - int(at)) > tolerance_s:
        return False
    wanted = _mac(key, message_id, at, body)
    signatures = headers.get(SIGNATURE, "").split()
    return any(hmac.compare_digest(f"v1,{wanted}".encode(), one.encode()) for one in signatures)


def _mac(key: bytes, message_id: str, at: str, body: bytes) -> str:
    return base64.b64encode(hmac.new(key, f"{message_id}.{at}.".encode() + body, sha256).digest()).decode()
