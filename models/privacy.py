"""What of a customer's attributes may be kept or shown, and in which disguise.

A policy says for a name: `keep` it, `drop` it, `mask` the value, or replace it by a keyed hash (`hmac`) that
still tells equal from different. Names that are not listed follow `*`, and without `*` are kept. The
hash takes the name in, so that equal values of two names cannot be matched.
"""

import hmac
from collections.abc import Mapping
from typing import Any

from models.payloads import canonical

MODES = ("keep", "drop", "mask", "hmac")
MIN_KEY_BYTES = 16
HASH_DIGITS = 32
STARS = "****"
_SHOWN = 2
_LEAST_SHOWN = 6  # shorter text would be given away by what is shown


class Policy:
    """Rules by attribute name, checked once and then applied to any number of customers.

    >>> Policy({"card": "mask", "pin": "drop"}).apply({"card": "4111-2222", "pin": 1234, "city": "Bonn"})
    {'card': '****22', 'city': 'Bonn'}
    """

    __slots__ = ("_key", "_modes", "_rest")

    def __init__(self, table: Mapping[str, str], key: bytes = b"") -> None:
        """Check the rules.

        Args:
            table: attribute name or "*" -> keep, drop, mask or hmac.
            key: secret of the hashes, at least 16 bytes where a rule is hmac.

        Raises:
            ValueError: a mode is unknown, or the key is too short; the sentence names no secret.
        """
        for name, mode in table.items():
            if mode not in MODES:
                raise ValueError(f"The privacy mode of attribute {name!r} is not keep, drop, mask or hmac.")
        if "hmac" in table.values() and len(key) < MIN_KEY_BYTES:
            raise ValueError(f"The privacy mode hmac needs a key of at least {MIN_KEY_BYTES} bytes.")
        self._modes = dict(table)
        self._rest = self._modes.pop("*", "keep")
        self._key = key

    def apply(self, attributes: Mapping[str, Any]) -> dict[str, Any]:
        """The attributes as they may be seen; None, which deletes, stays None unless its name is dropped.

        Args:
            attributes: name -> JSON value.
        """
        out = {}
        for name, value in attributes.items():
            mode = self._modes.get(name, self._rest)
            if mode == "drop":
                continue
            out[name] = value if mode == "keep" or value is None else self._disguised(mode, name, value)
        return out

    def _disguised(self, mode: str, name: str, value: object) -> str:
        if mode == "mask":
            return masked(value)
        message = name.encode() + b"\0" + canonical(value)
        return "hmac:" + hmac.digest(self._key, message, "sha256").hex()[:HASH_DIGITS]


def masked(value: object) -> str:
    """Four stars, and after them the last two characters of text of at least six.

    >>> masked("+49 170 1234567"), masked("short"), masked(4711)
    ('****67', '****', '****')
    """
    return STARS + value[-_SHOWN:] if isinstance(value, str) and len(value) >= _LEAST_SHOWN else STARS
