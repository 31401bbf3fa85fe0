"""The whole of the customers: the survey, what moved lately, and where clusters lie."""

from typing import Any

from models.population.snapshot import Clusters
from models.rules import Rules
from streams.console import moves as counted
from streams.console.moves import Counts, Moves
from streams.console.projection import plane
from streams.console.survey import Tally


def page(tally: Tally, day: Moves, chart: Moves, rules: Rules) -> dict[str, Any]:
    """As `/api/segments` has it.

    Args:
        tally: the latest survey.
        day: what changed lately.
        chart: the same in the steps to be drawn.
        rules: in force.
    """
    totals = day.totals()
    return {
        **tally.public(),
        "flows": counted.flows(totals),
        "tags": _tags(tally, totals),
        "tag_times": counted.tag_times(chart),
        "clusters": _clusters(tally, rules),
        "span_s": day.span_s,
    }


def _tags(tally: Tally, totals: Counts) -> list[dict[str, Any]]:
    """Each value that is held, or was within the span; numbers have none."""
    moved = counted.by_value(totals)
    held = {(tag, value): n for tag, values in tally.tags.items() for value, n in values.items()}
    out = []
    for tag, value in sorted({*held, *moved}, key=lambda key: (key[0], str(key[1]))):
        gained, lost = moved.get((tag, value), (0, 0))
        customers = tally.scaled(held.get((tag, value), 0))
        out.append({"id": tag, "value": value, "customers": customers, "entered": gained, "left": lost})
    return out


def _clusters(tally: Tally, rules: Rules) -> list[dict[str, Any]]:
    clusters = _known(rules)
    if clusters is None:
        return []
    points = plane(clusters.centres, clusters.weights)
    return [
        {
            "id": cluster,
            "name": name,
            "customers": tally.scaled(tally.clusters[cluster]),
            "x": round(x, 4),
            "y": round(y, 4),
            "profile": {feature: round(z, 4) for feature, z in zip(clusters.features, centre, strict=True)},
        }
        for cluster, name, centre, (x, y) in zip(
            clusters.ids, clusters.names, clusters.centres, points, strict=True
        )
    ]


def _known(rules: Rules) -> Clusters | None:
    return rules.population.snapshot.clusters if rules.population is not None else None
