"""Contract of the topic `feedback`: what people and systems say of tags and alerts afterwards.

The common fields are those of every event (`type`, `event_id`, `customer_id`, `ts`); `kind` says what else:

- `alert_outcome`: `alert_id`, and `outcome`. `right` and `wrong` judge the alert; `retained` and `churned`
  say what became of the customer, of the hold-out arm too. `rule` counts where the alert is not known.
- `tag_right`, `tag_wrong`: `tag`.
- `recommendation_taken`: nothing more.
"""

import re
from typing import NamedTuple

import msgspec

from models.contract import END_TS_MS, MAX_BYTES, MAX_ID, MIN_TS_MS, EventError, epoch_ms

ALERT_OUTCOME, TAG_RIGHT, TAG_WRONG, TAKEN = "alert_outcome", "tag_right", "tag_wrong", "recommendation_taken"
OUTCOMES = ("right", "wrong", "retained", "churned")
KINDS = (ALERT_OUTCOME, TAG_RIGHT, TAG_WRONG, TAKEN)
_NAME = re.compile(r"[a-z][a-z0-9_-]{0,63}")


class Feedback(NamedTuple):
    """One event, checked; texts that its kind does not ask for are ""."""

    event_id: str
    customer_id: str
    ts_ms: int
    kind: str
    alert_id: str
    outcome: str
    rule: str
    tag: str


def parse(value: bytes | None) -> Feedback:
    """The event in a Kafka value.

    Raises:
        EventError: the record breaks the contract; nothing else is raised for any bytes.
    """
    if value is None:
        raise EventError("null_value")
    if len(value) > MAX_BYTES:
        raise EventError("too_large")
    try:
        said = msgspec.json.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise EventError("not_json") from None
    if not isinstance(said, dict):
        raise EventError("not_object")
    if said.get("type") != "feedback":
        raise EventError("type_mismatch", "type")
    kind = _one_of(said, "kind", KINDS)
    is_outcome, is_tag = kind == ALERT_OUTCOME, kind in (TAG_RIGHT, TAG_WRONG)
    return Feedback(
        _identity(said, "event_id"),
        _identity(said, "customer_id"),
        _instant(said),
        kind,
        _identity(said, "alert_id") if is_outcome else "",
        _one_of(said, "outcome", OUTCOMES) if is_outcome else "",
        _name(said, "rule") if is_outcome and said.get("rule") is not None else "",
        _name(said, "tag") if is_tag else "",
    )


def _text(said: dict[str, object], field: str) -> str:
    value = said.get(field)
    if value is None:
        raise EventError("missing_field", field)
    if not isinstance(value, str):
        raise EventError("wrong_type", field)
    return value


def _identity(said: dict[str, object], field: str) -> str:
    value = _text(said, field)
    if not value:
        raise EventError("empty", field)
    if len(value) > MAX_ID:
        raise EventError("too_long", field)
    if not value.isprintable():
        raise EventError("bad_characters", field)
    return value


def _name(said: dict[str, object], field: str) -> str:
    value = _text(said, field)
    if not _NAME.fullmatch(value):
        raise EventError("bad_characters", field)
    return value


def _one_of(said: dict[str, object], field: str, allowed: tuple[str, ...]) -> str:
    value = _text(said, field)
    if value not in allowed:
        raise EventError("out_of_range", field)
    return value


def _instant(said: dict[str, object]) -> int:
    ts = said.get("ts")
    if ts is None:
        raise EventError("missing_field", "ts")
    if isinstance(ts, bool) or not isinstance(ts, int | str):
        raise EventError("wrong_type", "ts")
    try:
        ts_ms = epoch_ms(ts)
    except ValueError:
        raise EventError("bad_timestamp", "ts") from None
    if not MIN_TS_MS <= ts_ms < END_TS_MS:
        raise EventError("out_of_range", "ts")
    return ts_ms
