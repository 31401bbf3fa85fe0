"""What changed minute by minute, as the recorder counted it; minutes that are over are read once."""

from collections import Counter, defaultdict
from typing import Any

import orjson

from streams import keys
from streams.console.known import wall_ms
from streams.console.notes import KEPT_MINUTES, MINUTE_MS

_OPEN = 3  # minutes that may still be written
DIRECTIONS = ("entered", "left", "changed", "corrected")
Counts = Counter[str]


class Minutes:
    """The counts of the latest 24 hours.

    Args:
        client: asyncio Redis client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._known: dict[int, Counts] = {}

    async def read(self) -> dict[int, Counts]:
        """Minute since 1970 -> counts by field, see `notes`; only minutes in which something changed."""
        now = wall_ms() // MINUTE_MS
        first = now - KEPT_MINUTES + 1
        self._known = {minute: counts for minute, counts in self._known.items() if minute >= first}
        wanted = [m for m in range(first, now + 1) if m > now - _OPEN or m not in self._known]
        pipe = self._client.pipeline(transaction=False)
        for minute in wanted:
            pipe.hgetall(keys.console(f"minute:{minute}"))
        for minute, found in zip(wanted, await pipe.execute(), strict=True):
            self._known[minute] = Counter({field.decode(): int(n) for field, n in found.items()})
        return {minute: counts for minute, counts in sorted(self._known.items()) if counts}


def span_s(minutes: dict[int, Counts]) -> int:
    """Seconds from the first minute in which something changed until now."""
    return (wall_ms() // MINUTE_MS - min(minutes) + 1) * 60 if minutes else 0


def totals(minutes: dict[int, Counts]) -> Counts:
    """All minutes together."""
    out: Counts = Counter()
    for counts in minutes.values():
        out.update(counts)
    return out


def by_direction(counts: Counts) -> dict[str, dict[str, int]]:
    """Tag -> direction -> changes."""
    out: defaultdict[str, dict[str, int]] = defaultdict(lambda: dict.fromkeys(DIRECTIONS, 0))
    for field, n in counts.items():
        kind, _, rest = field.partition(":")
        if kind == "d":
            way, _, tag = rest.partition(":")
            if way in DIRECTIONS:
                out[tag][way] += n
    return dict(out)


def by_value(counts: Counts) -> dict[tuple[str, Any], tuple[int, int]]:
    """(Tag, value) -> customers who took it on, and who gave it up; the value of numbers is None."""
    out: dict[tuple[str, Any], tuple[int, int]] = {}
    for field, n in counts.items():
        kind, _, rest = field.partition(":")
        if kind in ("+", "-"):
            tag, _, text = rest.partition(":")
            key = tag, orjson.loads(text)
            gained, lost = out.get(key, (0, 0))
            out[key] = (gained + n, lost) if kind == "+" else (gained, lost + n)
    return out


def flows(counts: Counts) -> list[dict[str, Any]]:
    """Moves between lifecycle stages, most frequent first; from or to None = no stage."""
    found = ((field.split(":")[1:], n) for field, n in counts.items() if field.startswith("s:"))
    rows = [{"from": old or None, "to": new or None, "customers": n} for (old, new), n in found]
    return sorted(rows, key=lambda row: (-row["customers"], row["from"] or "", row["to"] or ""))


def tag_times(minutes: dict[int, Counts]) -> dict[str, Any]:
    """Entries and exits of each tag by minute, without gaps."""
    if not minutes:
        return {"at_ms": [], "entered": {}, "left": {}}
    span = range(min(minutes), wall_ms() // MINUTE_MS + 1)
    by_minute = {minute: _moves(counts) for minute, counts in minutes.items()}
    tags = sorted({tag for moves in by_minute.values() for tag in moves})
    nothing: dict[str, tuple[int, int]] = {}
    out: dict[str, Any] = {"at_ms": [minute * MINUTE_MS for minute in span]}
    for place, name in enumerate(("entered", "left")):
        out[name] = {
            tag: [by_minute.get(minute, nothing).get(tag, (0, 0))[place] for minute in span] for tag in tags
        }
    return out


def _moves(counts: Counts) -> dict[str, tuple[int, int]]:
    """Tag -> entered, left, as announced."""
    return {tag: (ways["entered"], ways["left"]) for tag, ways in by_direction(counts).items()}
