"""What the payload of a control record must look like, and the one spelling of a value that is compared.

Both halves of the contract ask here, `events` to refuse and `checks` to say why, so they cannot differ.
The two actions that carry facts are named after their payload: `attributes` needs `attributes`.
"""

from typing import Any, Final

import orjson

from models.contract import END_TS_MS, MAX_NUMBER, MIN_TS_MS, EventError, epoch_ms

MAX_NAMES: Final = 64
MAX_NAME: Final = 64
MAX_VALUE_BYTES: Final = 1024
SCORES: Final = "scores."  # what the names of attributes begin with that are the output of a model elsewhere
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
        if name.startswith(SCORES) and value is not None and not is_score(name, value):
            raise EventError("bad_score", "attributes")


def is_score(name: str, value: object) -> bool:
    """Whether an attribute is a score: `scores.<name>` with `{"value": number, "model": text}`.

    It may say `at`, when the model computed it, as a contract timestamp; what else it says is passed over.

    >>> is_score("scores.churn", {"value": 0.7, "model": "gbm-3", "at": "2026-11-25T00:00:00Z"})
    True
    >>> is_score("scores.churn", 0.7)
    False
    """
    if not name.startswith(SCORES) or name == SCORES or not isinstance(value, dict):
        return False
    number, model, at = value.get("value"), value.get("model"), value.get("at")
    if isinstance(number, bool) or not isinstance(number, int | float) or abs(number) > MAX_NUMBER:
        return False
    if not isinstance(model, str) or not 0 < len(model) <= MAX_NAME or not model.isprintable():
        return False
    return at is None or (type(at) in (int, str) and _is_instant(at))


def _is_instant(at: int | str) -> bool:
    try:
        return MIN_TS_MS <= epoch_ms(at) < END_TS_MS
    except ValueError:
        return False


def _check_consent(payload: dict[str, Any] | None) -> None:
    if payload is None:
        raise EventError("missing_field", "consent")
    status = payload.get("status")
    if status is None:
        raise EventError("missing_field", "consent.status")
    if status not in CONSENTS:
        raise EventError("bad_consent", "consent.status")
