"""One tag: what it means, who holds it, how it moves, and how often it was right."""

import asyncio
from collections.abc import Mapping
from typing import Any

from models.catalogue.catalogue import Catalogue
from models.catalogue.tag import About, Tag
from streams import books, exporter, feedback, statistics
from streams.cli.terms import span
from streams.config import Config
from streams.console.known import wall_ms
from streams.console.minutes import DIRECTIONS, Counts, by_direction, span_s, totals
from streams.console.notes import MINUTE_MS
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
    catalogue: Catalogue,
    tag_id: str,
    tally: Tally | None,
    minutes: Mapping[int, Counts],
    precision: float | None,
) -> dict[str, Any]:
    """As `/api/tags/{tag}` has it.

    Args:
        catalogue: in force; it has the tag.
        tag_id: which.
        tally: the latest survey; None = none is made yet.
        minutes: what changed, by minute.
        precision: of what people said of it.
    """
    tag, found = catalogue.by_id[tag_id], dict(minutes)
    ways = by_direction(totals(found)).get(tag_id, dict.fromkeys(DIRECTIONS, 0))
    holders = tally.holders(tag_id) if tally is not None else None
    moves, days = sum(ways.values()), span_s(found) / 86_400
    profiles = tally.profiles if tally is not None else 0
    out = about(tag)
    del out["values"], out["sets"], out["purpose"], out["owner"]
    return {
        **out,
        "words": words(tag.about),
        "customers": holders,
        "members_over_time": _over_time(tag_id, holders, found),
        **ways,
        "flip_rate_per_customer_day": round(moves / profiles / days, 6) if profiles and days else None,
        "precision": precision,
        "span_s": span_s(found),
    }


def _over_time(tag_id: str, holders: int | None, minutes: dict[int, Counts]) -> dict[str, list[int]]:
    """Holders at the end of each minute: those of now, and backwards who came and went since."""
    if holders is None or not minutes:
        return {"at_ms": [], "customers": []}
    last = wall_ms() // MINUTE_MS
    at, then, n = [], [], holders
    for minute in range(last, min(minutes) - 2, -1):
        at.append((minute + 1) * MINUTE_MS)
        then.append(max(0, n))
        n -= minutes.get(minute, Counts()).get(f"n:{tag_id}", 0)
    return {"at_ms": at[::-1], "customers": then[::-1]}


async def precision(config: Config, tag_id: str) -> float | None:
    """Right of all that people said of a tag, 0..1; None where nobody said anything."""
    return await asyncio.to_thread(_precision, config, tag_id)


def _precision(config: Config, tag_id: str) -> float | None:
    client = exporter.connect(config.redis_url)
    try:
        said = statistics.said(books.counted(client).get(feedback.NAME, {}))
    finally:
        client.close()
    found: float | None = said["tags"].get(tag_id, {}).get("precision")
    return found
