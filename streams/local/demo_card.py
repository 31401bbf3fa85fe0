"""One customer and everyone, for the demo's screen. Pure: documents and counts in, lines out."""

from collections.abc import Sequence
from typing import Any

from rich.text import Text

from streams.local.demo_watch import Watch
from streams.screen import STAGE_STYLE, bar, dots, holds, money, rule


def card_lines(doc: dict[str, Any] | None, width: int) -> list[Text]:
    """A customer in three lines."""
    if doc is None:
        return [Text(" (nobody yet)", "dim"), Text(), Text()]
    rfm, stage = doc["rfm"], doc["lifecycle"]["stage"]
    first = Text.assemble(" ", (doc["customer_id"], "bold"), "  ", (stage, STAGE_STYLE.get(stage, "bold")))
    first.append(f" since {doc['lifecycle'].get('since', '')[:10]}", "dim")
    if "segment" in rfm:
        first.append("   ").append(rfm["segment"], "bold")
        first.append(f"  r{rfm['r']} f{rfm['f']} m{rfm['m']}", "dim")
    second = Text.assemble(" ", *_facts(doc), style="")
    third = Text.assemble((" tags  ", "dim"), " · ".join(_tag_words(doc)))
    for line in (first, second, third):
        line.no_wrap = True
        line.truncate(width, overflow="ellipsis")
    return [first, second, third]


def side_lines(watch: Watch, width: int, height: int) -> list[Text]:
    """Right of the changes: a customer in full, and everyone by stage and segment."""
    out = [rule("one customer", width), *_card(watch.card, width), Text(), rule("everyone by stage", width)]
    stages = STAGE_STYLE if watch.stages.keys() <= STAGE_STYLE.keys() else sorted(watch.stages)
    out += [
        _count_line(s, watch.stages[s], watch.profiles, width, STAGE_STYLE.get(s, "white")) for s in stages
    ]
    out += [Text(), rule("everyone by segment", width)]
    out += [_count_line(name, n, watch.profiles, width, "blue") for name, n in watch.segments.most_common()]
    return out[:height]


def _card(doc: dict[str, Any] | None, width: int) -> list[Text]:
    if doc is None:
        return [Text(" (nobody yet)", "dim")] + [Text()] * 8
    rfm, stage = doc["rfm"], doc["lifecycle"]["stage"]
    since = doc["lifecycle"].get("since", "")[:10]
    rows: list[tuple[str, Text]] = [
        ("customer", Text(doc["customer_id"], "bold")),
        ("stage", Text.assemble((stage, STAGE_STYLE.get(stage, "bold")), (f"  since {since}", "dim"))),
        ("segment", Text(rfm.get("segment", "-"), "bold")),
        ("scores", Text.assemble(*(part for name in "rfm" for part in dots(name, rfm.get(name, 0))))),
        ("orders", Text(f"{rfm['frequency']:,}, {money(rfm['net_minor'], rfm['currency'])} net")),
        ("last", Text(rfm.get("last_order_at", "-")[:16].replace("T", " "))),
        ("clicks", Text(f"{doc.get('engagement', {}).get('clicks', 0):,}")),
        ("service", Text(f"{doc.get('service', {}).get('contacts', 0):,} contacts")),
        (
            "tags",
            Text(", ".join(_tag_words(doc, but=("lifecycle", "rfm_segment"))) or "-"),
        ),
    ]
    lines = [Text.assemble((f" {name:<9}", "dim"), value, no_wrap=True) for name, value in rows]
    for line in lines:
        line.truncate(width, overflow="ellipsis")
    return lines


def _facts(doc: dict[str, Any]) -> Sequence[str]:
    rfm = doc["rfm"]
    facts = [f"{rfm['frequency']:,} orders", f"{money(rfm['net_minor'], rfm['currency'])} net"]
    if "last_order_at" in rfm:
        facts.append(f"last {rfm['last_order_at'][:10]}")
    facts.append(f"{doc.get('engagement', {}).get('clicks', 0):,} clicks")
    facts.append(f"{doc.get('service', {}).get('contacts', 0):,} service contacts")
    return [" · ".join(facts)]


def _tag_words(doc: dict[str, Any], but: Sequence[str] = ()) -> list[str]:
    """What is held, by the names that the stream of changes beside it shows."""
    return [holds(name, tag["value"]) for name, tag in doc["tags"].items() if name not in but]


def _count_line(name: str, count: int, whole: int, width: int, style: str) -> Text:
    cells = width - 29
    return Text.assemble(
        f" {name:<20}", (bar(count, whole, cells).ljust(cells), style), f" {count:>6,}", no_wrap=True
    )
