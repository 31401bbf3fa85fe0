"""All that decided about a tag, in one breath."""

from typing import Literal

from streams.cli.because import Page, Said, said
from streams.cli.part import Part

MOST = 12  # facts of one tag
# Of several bounds on one side of a fact: each is told, the tightest, or that and the one that is to stay.
Bounds = Literal["all", "tightest", "to stay"]


def told(page: Page, items: list[Part], bounds: Bounds = "all") -> str:
    """What decided; "" where there is nothing to tell."""
    is_known = [item.value("value") != "unknown" for item in items]
    merged: dict[str, list[Said]] = {}
    for item, known in zip(items[:MOST], is_known, strict=False):
        if not known and "op" not in item and any(is_known):
            continue  # looked at, and there was nothing to see
        one = said(page, item)
        if one.fact:
            merged.setdefault(one.fact, []).append(one)
    out = [", ".join(filter(None, (fact, _compared(found, bounds)))) for fact, found in merged.items()]
    return "; ".join([*out, f"{len(items) - MOST} more"] if len(items) > MOST else out)


def _compared(found: list[Said], bounds: Bounds) -> str:
    """How one fact compares."""
    sides: dict[str, list[Said]] = {}
    for one in found:
        is_side = bounds != "all" and one.bound is not None and one.bound[0][:1] in ("<", ">")
        side = one.bound[0][0] if is_side and one.bound is not None else one.comparison
        sides.setdefault(side, []).append(one)
    out = []
    for side, several in sides.items():
        several.sort(key=lambda one: one.bound[1] if one.bound is not None else 0, reverse=side == ">")
        tightest, loosest = several[0].comparison, several[-1].comparison
        stays = bounds == "to stay" and loosest != tightest
        out.append(f"{tightest} ({loosest} to stay)" if stays else tightest)
    return " and ".join(filter(None, out))
