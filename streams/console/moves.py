"""What changed, as the recorder counted it: in steps of ten seconds for a while, of a minute for a day.

Steps that are over are read once; where the recorder wrote one late (it was behind), all are read again.
"""

from collections import Counter, defaultdict
from collections.abc import Mapping
from typing import Any, NamedTuple

import orjson

from streams import keys
from streams.console.known import wall_ms

FINE, COARSE = 10, 60  # seconds
KEPT = {FINE: 120, COARSE: 24 * 60}  # steps
LATE = "late"  # field beside the offsets: how often a step was written late
OPEN_MS = 150_000  # steps that ended within so long may still be written
DIRECTIONS = ("entered", "left", "changed", "corrected")
Counts = Counter[str]


def steps_of(at_ms: int, now_ms: int) -> list[tuple[int, int]]:
    """(Seconds, number) of the steps of an instant that are kept at all."""
    found = ((every_s, at_ms // (every_s * 1000)) for every_s in KEPT)
    return [(every_s, n) for every_s, n in found if n > now_ms // (every_s * 1000) - KEPT[every_s]]


def is_late(every_s: int, n: int, now_ms: int) -> bool:
    """Whether readers may believe a step to be over."""
    return (n + 1) * every_s * 1000 < now_ms - OPEN_MS


class Moves(NamedTuple):
    """What changed lately.

    Attributes:
        every_s: length of a step.
        first: number of the first one in which something changed.
        steps: number of a step -> counts by field, see `notes`; those in which nothing changed are not there.
        now_ms: when that was read.
    """

    every_s: int
    first: int
    steps: Mapping[int, Counts]
    now_ms: int

    @property
    def span_s(self) -> int:
        """Seconds from the first change until now."""
        return max(1, (self.now_ms - self.first * self.every_s * 1000) // 1000) if self.steps else 0

    def numbers(self) -> range:
        """Every step from the first change until now."""
        last = self.now_ms // (self.every_s * 1000)
        return range(self.first, last + 1) if self.steps else range(0)

    def totals(self) -> Counts:
        """All steps together."""
        out: Counts = Counter()
        for counts in self.steps.values():
            out.update(counts)
        return out


class MovesReader:
    """Reads them.

    Args:
        client: asyncio Redis client.
    """

    def __init__(self, client: Any) -> None:
        self._client = client
        self._known: dict[int, dict[int, Counts]] = {every_s: {} for every_s in KEPT}
        self._late: bytes | None = None

    async def day(self) -> Moves:
        """The latest 24 hours; what the client raises goes to the caller."""
        return await self._read(COARSE)

    async def chart(self) -> Moves:
        """The same in fine steps, where it began not longer ago than these are kept."""
        day = await self.day()
        is_young = day.span_s < (KEPT[FINE] - 1) * FINE - COARSE
        return await self._read(FINE) if day.steps and is_young else day

    async def _read(self, every_s: int) -> Moves:
        now_ms = wall_ms()
        last = now_ms // (every_s * 1000)
        first = last - KEPT[every_s] + 1
        late = await self._client.hget(keys.console("at"), LATE)
        if late != self._late:
            self._late = late
            self._known = {every: {} for every in KEPT}
        before = self._known[every_s]
        known = {n: counts for n, counts in before.items() if n >= first and is_late(every_s, n, now_ms)}
        wanted = [n for n in range(first, last + 1) if n not in known]
        pipe = self._client.pipeline(transaction=False)
        for n in wanted:
            pipe.hgetall(keys.console(f"moves:{every_s}:{n}"))
        for n, found in zip(wanted, await pipe.execute(), strict=True):
            known[n] = Counter({field.decode(): int(count) for field, count in found.items()})
        self._known[every_s] = known
        steps = {n: counts for n, counts in sorted(known.items()) if counts}
        return Moves(every_s, min(steps, default=last), steps, now_ms)


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


def tag_times(moves: Moves) -> dict[str, Any]:
    """Entries and exits of each tag by step, as announced, without gaps."""
    ways = {n: by_direction(counts) for n, counts in moves.steps.items()}
    tags = sorted({tag for found in ways.values() for tag in found})
    nothing: dict[str, dict[str, int]] = {}

    def row(tag: str, way: str) -> list[int]:
        return [ways.get(n, nothing).get(tag, {}).get(way, 0) for n in moves.numbers()]

    return {
        "at_ms": [n * moves.every_s * 1000 for n in moves.numbers()],
        **{way: {tag: row(tag, way) for tag in tags} for way in ("entered", "left")},
    }


def holders_over_time(moves: Moves, tag: str, holders: int) -> dict[str, list[int]]:
    """Holders at the end of each step: those of now, less who came since, and who went."""
    at_ms, then, n = [], [], holders
    for step in reversed(moves.numbers()):
        at_ms.append(min(moves.now_ms, (step + 1) * moves.every_s * 1000))
        then.append(max(0, n))
        n -= moves.steps.get(step, Counts()).get(f"n:{tag}", 0)
    if at_ms:
        at_ms.append(moves.first * moves.every_s * 1000)
        then.append(max(0, n))
    return {"at_ms": at_ms[::-1], "customers": then[::-1]}
