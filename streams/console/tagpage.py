"""One tag: what it means, who holds it, how it moves, and how often it was right."""

import asyncio
from typing import Any

from models.catalogue.tag import About, Tag
from streams import books, feedback, statistics
from streams.cli.terms import span
from streams.config import Config
from streams.console.known import blocking
from streams.console.moves import DIRECTIONS, Moves, by_direction, holders_over_time
from streams.console.survey import Tally

_KINDS_ZH = {"flag": "标记", "category": "类别", "number": "数值"}


def about(tag: Tag) -> dict[str, Any]:
    """A tag as `/api/meta` has it."""
    said = tag.about
    return {
        "id": said.id,
        "label": {
            "en": said.label.get("en", said.id),
            "zh": said.label.get("zh", said.label.get("en", said.id)),
        },
        "kind": said.kind,
        "values": list(said.values),
        "sets": said.members,
        "definition": said.text,
        "purpose": said.purpose,
        "owner": said.owner,
        "version": said.version,
    }


def words(said: About) -> dict[str, str]:
    """What it is, in a sentence or two."""
    owner = f" of {said.owner}" if said.owner else ""
    en = f"A {said.kind}{owner}: {said.purpose}" if said.purpose else f"A {said.kind}{owner}."
    zh = f"{_KINDS_ZH[said.kind]}标签" + (f"，负责方：{said.owner}" if said.owner else "")
    if said.dwell_ms:
        en += f" It stays for {span(said.dwell_ms)} at least."
        zh += f"；至少保持 {_span_zh(said.dwell_ms)}"
    if said.ttl_ms:
        en += f" It stays for {span(said.ttl_ms)} at most."
        zh += f"；最多保持 {_span_zh(said.ttl_ms)}"
    return {"en": en, "zh": zh + "。"}


def _span_zh(ms: int) -> str:
    for one_ms, name in ((86_400_000, "天"), (3_600_000, "小时"), (60_000, "分钟")):
        if ms % one_ms == 0:
            return f"{ms // one_ms} {name}"
    return f"{ms / 1000:g} 秒"


def page(
    tag: Tag, tally: Tally | None, day: Moves, chart: Moves, *, precision: float | None, is_wall: bool
) -> dict[str, Any]:
    """As `/api/tags/{tag}` has it.

    Args:
        tag: which.
        tally: the latest survey; None = none is made yet.
        day: what changed lately.
        chart: the same in the steps to be drawn.
        precision: of what people said of it.
        is_wall: whether "now" is the clock: a replay of years within a minute has no rate a day.
    """
    ways = by_direction(day.totals()).get(tag.id, dict.fromkeys(DIRECTIONS, 0))
    holders = tally.holders(tag.id) if tally is not None else None
    nobody: dict[str, list[int]] = {"at_ms": [], "customers": []}
    return {
        **{name: value for name, value in about(tag).items() if name not in ("values", "sets")},
        "words": words(tag.about),
        "customers": holders,
        "members_over_time": nobody if holders is None else holders_over_time(chart, tag.id, holders),
        **ways,
        "flip_rate_per_customer_day": _flip_rate(sum(ways.values()), tally, day) if is_wall else None,
        "precision": precision,
        "span_s": day.span_s,
    }


def _flip_rate(moves: int, tally: Tally | None, day: Moves) -> float | None:
    """Changes of a tag, a customer of the deployment and day."""
    if tally is None or not tally.profiles or not day.span_s:
        return None
    return round(moves / tally.profiles / (day.span_s / 86_400), 6)


async def precision(config: Config, tag_id: str) -> float | None:
    """Right of all that people said of a tag, 0..1; None where nobody said anything."""
    return await asyncio.to_thread(_precision, config, tag_id)


def _precision(config: Config, tag_id: str) -> float | None:
    client = blocking(config)
    try:
        said = statistics.said(books.counted(client).get(feedback.NAME, {}))
    finally:
        client.close()
    found: float | None = said["tags"].get(tag_id, {}).get("precision")
    return found
