"""What is taken down of tag changes and dead letters: rows for the feed, and counts by step. Pure.

Counts of a step are fields of one hash, so that adding to them is all a recorder does:

    d:<direction>:<tag>     changes by direction
    n:<tag>                 holders gained less lost
    +:<tag>:<value>         customers who took on a value; `-` = who gave it up
    s:<old>:<new>           moves between lifecycle stages, "" = none
"""

from collections import Counter, OrderedDict
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from models.changes import direction
from models.contract import REASONS
from streams.cli.because import instant_ms

STAGE = "lifecycle"  # the tag whose values are the stages
OTHER = "…"  # in place of values beyond `MOST_VALUES` of a tag
MOST_VALUES = 64
LONGEST_VALUE = 64
MOST_REASON = 2_048  # bytes of what decided; a longer one is left out of the feed
REMEMBERED = 20_000  # changes by which a repeated one is known
Row = dict[str, Any]


class Change(NamedTuple):
    """A tag change as the pages have it, and what it counts as."""

    row: Row
    counts: list[str]


def value_text(value: Any) -> str:
    """A value as part of a field's name; numbers are all alike.

    >>> value_text(True), value_text("at_risk"), value_text(12.5)
    ('true', '"at_risk"', 'null')
    """
    if isinstance(value, bool):
        return "true" if value else "false"
    return orjson.dumps(value[:LONGEST_VALUE]).decode() if isinstance(value, str) else "null"


class Notes:
    """Reads records; knows which changes it has read lately, and which values it has met."""

    def __init__(self) -> None:
        self._seen: OrderedDict[str, None] = OrderedDict()
        self._values: dict[str, set[str]] = {}

    def change(self, value: bytes | None) -> Change | None:
        """A record of `tag-changes`; None for one that was read before or is none."""
        try:
            event = orjson.loads(value or b"")
            data, change_id = event["data"], event["id"]
            at_ms, known_ms = instant_ms(data["effective_at"]), instant_ms(data["known_at"])
            if change_id in self._seen or at_ms is None or known_ms is None:
                return None
            because = data["reason"]
            row = {
                "id": change_id,
                "seq": data["seq"],
                "customer_id": data["customer_id"],
                "tag": data["tag"],
                "old": data["old"],
                "new": data["new"],
                "direction": direction(event["type"]),
                "at_ms": at_ms,
                "known_ms": known_ms,
                "because": because if len(orjson.dumps(because)) <= MOST_REASON else None,
                "cause": data["cause"],
                "rule": f"{data['rule']}@{data['rule_version']}",
            }
        except (ValueError, LookupError, TypeError, AttributeError):
            return None
        self._seen[change_id] = None
        if len(self._seen) > REMEMBERED:
            self._seen.popitem(last=False)
        return Change(row, self._counts(row))

    def _counts(self, row: Mapping[str, Any]) -> list[str]:
        tag, old, new = row["tag"], row["old"], row["new"]
        out = [f"d:{row['direction']}:{tag}"]
        if old is not None:
            out.append(f"-:{tag}:{self._value(tag, old)}")
        if new is not None:
            out.append(f"+:{tag}:{self._value(tag, new)}")
        if tag == STAGE:
            out.append(f"s:{old or ''}:{new or ''}")
        return out

    def _value(self, tag: str, value: Any) -> str:
        text, met = value_text(value), self._values.setdefault(tag, set())
        if text not in met:
            if len(met) >= MOST_VALUES:
                return orjson.dumps(OTHER).decode()
            met.add(text)
        return text


def letter(value: bytes | None) -> Row | None:
    """A record of `dead-letter` without its payload; None for one that is none.

    A reason that is no code of ours is counted under "other": labels stay few.
    """
    try:
        said = orjson.loads(value or b"")
        names = ("topic", "partition", "offset", "field", "payload_bytes", "payload_sha256")
        row = {name: said.get(name) for name in names}
        reason = said["reason"]
        return {**row, "reason": reason if reason in REASONS else "other"}
    except (ValueError, LookupError, TypeError, AttributeError):
        return None


def net(changes: Counter[str]) -> Counter[str]:
    """The `n:` fields that follow from `+:` and `-:`: one who changes a value stays a holder."""
    out: Counter[str] = Counter()
    for field, count in changes.items():
        kind, _, rest = field.partition(":")
        if kind in "+-":
            out[f"n:{rest.partition(':')[0]}"] += count if kind == "+" else -count
    return Counter({field: count for field, count in out.items() if count})
