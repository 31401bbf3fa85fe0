"""What the payload of a control record must look like, and the one spelling of a value that is compared.

Both halves of the contract ask here, `events` to refuse and `checks` to say why, so they cannot differ.
The two actions that carry facts are named after their payload: `attributes` needs `attributes`.
"""

from typing import Any, Final

import orjson

from models.contract import EventError

MAX_NAMES: Final = 64
MAX_NAME: Final = 64
MAX_VALUE_BYTES: Final = 1024
CONSENTS: Final = ("given", "withdrawn")


def canonical(value: object) -> bytes:
    """JSON of a value as UTF-8: no spaces, names sorted. 1 and 1.0 stay two values.

    >>> canonical({"b": 1.0, "a": None})
    b'{"a":null,"b":1.0}'

    Raises:
        TypeError: the value is not one that JSON can say, or an integer beyond 64 bits.
    """
    return orjson.dumps(value, option=orjson.OPT_SORT_KEYS)


def check(action: str, field: str, payload: dict[str, Any] | None) -> None:
    """Check a payload that can be written again against what its action asks of it.

    Raises:
        EventError: it breaks a rule. The field never goes below the payload's own name for attributes:
            what a producer calls them may be personal.
    """
    if action != field:
        return  # an action of another name says nothing about this payload
    if field == "attributes":
        _check_attributes(payload)
    elif field == "consent":
        _check_consent(payload)


def _check_attributes(payload: dict[str, Any] | None) -> None:
    if payload is None:
        raise EventError("missing_field", "attributes")
    if len(payload) > MAX_NAMES:
        raise EventError("too_many", "attributes")
    for name, value in payload.items():
        if not name:
            raise EventError("empty", "attributes")
        if len(name) > MAX_NAME or len(canonical(value)) > MAX_VALUE_BYTES:
            raise EventError("too_long", "attributes")
        if not name.isprintable():
            raise EventError("bad_characters", "attributes")


def _check_consent(payload: dict[str, Any] | None) -> None:
    if payload is None:
        raise EventError("missing_field", "consent")
    status = payload.get("status")
    if status is None:
        raise EventError("missing_field", "consent.status")
    if status not in CONSENTS:
        raise EventError("bad_consent", "consent.status")
