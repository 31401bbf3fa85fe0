"""Makes `dashboards/*.json` out of `boards/*.yml`; with --check it only compares.

A board has rows, a row has panels, from left to right in 24 columns. Of a panel:
    title, says     what is seen; what it means and where to look next
    kind            lines (default), number, table, heat (of a histogram in seconds)
    unit            Grafana's name of it
    lines           legend -> PromQL; the legend `limit` is drawn as a limit: red and dashed
    query           PromQL of the other kinds
    width           in columns; 12 for lines, 3 for a number, otherwise all
    stacked         lines add up to a whole
    most, floor     ends of the axis; floor: null = as the values are
    colours         of a number: value -> colour from there on; the first one counts below it, too
    words           of a number: value -> [text, colour] to show instead
    hidden          of a table: columns that are not shown
`$at` in a query narrows what processes say of themselves to the chosen job and instance. What is true of the
whole deployment (recorded by `rules.yml`, told by the lag exporter) is not narrowed. Every panel asks the
data source of the variable `datasource`, so the files can be imported into a Grafana of your own (10.3 on).
"""

import json
import sys
from pathlib import Path
from typing import Any

import yaml

HERE = Path(__file__).resolve().parent
AT = 'job=~"$job", instance=~"$instance"'
SOURCE = {"type": "prometheus", "uid": "${datasource}"}
COLUMNS, SCHEMA_VERSION = 24, 39
SIZES = {"lines": (12, 8), "number": (3, 4), "table": (24, 7), "heat": (12, 8)}
FIELDS = {"title", "says", "kind", "unit", "lines", "query", "width", "stacked", "most", "floor", "colours",
          "words", "hidden"}  # fmt: skip
Json = dict[str, Any]


def files() -> dict[Path, str]:
    """Every dashboard's file, and what should be in it."""
    out = {}
    for path in sorted((HERE / "boards").glob("*.yml")):
        made = dashboard(yaml.safe_load(path.read_text(encoding="utf-8")))
        out[HERE / "dashboards" / f"{path.stem}.json"] = json.dumps(made, indent=1, ensure_ascii=False) + "\n"
    return out


def dashboard(board: Json) -> Json:
    """A board as Grafana wants it: alerts that fired are marked in every panel, its sisters are linked."""
    firing = {
        "name": "Alerts",
        "datasource": SOURCE,
        "enable": True,
        "iconColor": "red",
        "expr": 'ALERTS{service="profilestream", alertstate="firing"}',
        "titleFormat": "{{alertname}}",
        "textFormat": "{{topic}} {{partition}} {{instance}}",
        "step": "60s",
    }
    current = {"selected": True, "text": "Prometheus", "value": "profilestream-prometheus"}
    source = {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    sisters = {
        "type": "dashboards",
        "tags": ["profilestream"],
        "title": "profilestream",
        "icon": "external link",
    }
    instances = 'label_values(profilestream_build_info{job=~"$job"}, instance)'
    return {
        "uid": board["uid"],
        "title": board["title"],
        "description": board["says"],
        "tags": ["profilestream"],
        "schemaVersion": SCHEMA_VERSION,
        "version": 1,
        "editable": False,
        "graphTooltip": 1,
        "timezone": "browser",
        "refresh": "10s",
        "time": {"from": "now-1h", "to": "now"},
        "annotations": {"list": [firing]},
        "templating": {
            "list": [
                source | {"current": current},
                choice("job", "Job", "label_values(profilestream_build_info, job)"),
                choice("instance", "Instance", instances),
            ]
        },
        "links": [
            sisters | {"asDropdown": False, "includeVars": True, "keepTime": True, "targetBlank": False}
        ],
        "panels": placed(board["rows"]),
    }


def choice(name: str, label: str, query: str) -> Json:
    """A variable: values of a label, several or all."""
    return {
        "name": name,
        "label": label,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "StandardVariableQuery"},
        "refresh": 2,
        "sort": 1,
        "multi": True,
        "includeAll": True,
        "allValue": ".*",
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
    }


def placed(rows: list[Json]) -> list[Json]:
    """All panels, each with its number and its place, line by line."""
    out: list[Json] = []
    y = 0

    def add(body: Json, x: int, width: int, height: int) -> None:
        out.append({"id": len(out) + 1, "gridPos": {"h": height, "w": width, "x": x, "y": y}, **body})

    for row in rows:
        add({"type": "row", "title": row["title"], "collapsed": False, "panels": []}, 0, COLUMNS, 1)
        y, x, line = y + 1, 0, 0
        for one in row["panels"]:
            width, height = SIZES[one.get("kind", "lines")]
            width = one.get("width", width)
            if x + width > COLUMNS:
                y, x, line = y + line, 0, 0
            add(panel(one), x, width, height)
            x, line = x + width, max(line, height)
        y += line
    return out


def panel(one: Json) -> Json:
    """A panel without its place.

    Raises:
        ValueError: it has a field that is not known.
    """
    if unknown := one.keys() - FIELDS:
        raise ValueError(f"panel '{one['title']}': unknown {', '.join(sorted(unknown))}")
    kind = one.get("kind", "lines")
    targets = [target(n, legend, expr) for n, (legend, expr) in enumerate(queries(one, kind))]
    how = {"lines": as_lines, "number": as_number, "table": as_table, "heat": as_heat}[kind](one, targets)
    return {
        "title": one["title"],
        "description": one["says"],
        "datasource": SOURCE,
        "targets": targets,
        **how,
    }


def queries(one: Json, kind: str) -> list[tuple[str, str]]:
    """Legend and expression of each query of a panel."""
    return (
        list(one["lines"].items())
        if kind == "lines"
        else [("{{le}}" if kind == "heat" else "", one["query"])]
    )


def target(n: int, legend: str, expr: str) -> Json:
    """A query over the time that is shown."""
    return {
        "refId": chr(ord("A") + n),
        "datasource": SOURCE,
        "editorMode": "code",
        "expr": expr.replace("$at", AT),
        "legendFormat": legend,
        "instant": False,
        "range": True,
        "format": "time_series",
    }


def as_lines(one: Json, targets: list[Json]) -> Json:
    """Figures over time."""
    stacked, wide = one.get("stacked", False), one.get("width", 12) >= 12
    custom = {"lineWidth": 1, "fillOpacity": 40 if stacked else 8, "showPoints": "never", "spanNulls": False}
    custom["stacking"] = {"mode": "normal" if stacked else "none", "group": "A"}
    ends = {"min": one.get("floor", 0), "max": one.get("most")}
    defaults = {"unit": one["unit"], "color": {"mode": "palette-classic"}, "custom": custom}
    defaults |= {name: value for name, value in ends.items() if value is not None}
    legend = {"showLegend": True, "displayMode": "table" if wide else "list"}
    legend |= {"placement": "right" if wide else "bottom", "calcs": ["lastNotNull", "max"] if wide else []}
    drawn = {
        "color": {"mode": "fixed", "fixedColor": "red"},
        "custom.lineStyle": {"fill": "dash", "dash": [10, 10]},
        "custom.fillOpacity": 0,
    }
    limit = {"matcher": {"id": "byName", "options": "limit"}}
    limit["properties"] = [{"id": name, "value": value} for name, value in drawn.items()]
    overrides = [limit] if any(query["legendFormat"] == "limit" for query in targets) else []
    return {
        "type": "timeseries",
        "fieldConfig": {"defaults": defaults, "overrides": overrides},
        "options": {"legend": legend, "tooltip": {"mode": "multi", "sort": "desc"}},
    }


def as_number(one: Json, _: list[Json]) -> Json:
    """The latest figure, coloured by its value."""
    colours, words = one.get("colours", {0: "green"}), one.get("words")
    steps = [
        {"color": colour, "value": value if n else None} for n, (value, colour) in enumerate(colours.items())
    ]
    defaults: Json = {"unit": one["unit"], "noValue": "no data", "color": {"mode": "thresholds"}}
    defaults["thresholds"] = {"mode": "absolute", "steps": steps}
    if words:
        shown = {str(value): {"text": text, "color": colour} for value, (text, colour) in words.items()}
        defaults["mappings"] = [{"type": "value", "options": shown}]
    options = {
        "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
        "colorMode": "background",
        "graphMode": "none" if words else "area",
        "justifyMode": "center",
        "textMode": "value",
        "orientation": "auto",
    }
    return {"type": "stat", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def as_table(one: Json, targets: list[Json]) -> Json:
    """What there is now."""
    targets[0] |= {"instant": True, "range": False, "format": "table"}
    hidden = {"excludeByName": dict.fromkeys(one.get("hidden", ()), True)}
    return {
        "type": "table",
        "fieldConfig": {"defaults": {"custom": {"align": "auto"}}, "overrides": []},
        "options": {"showHeader": True},
        "transformations": [{"id": "organize", "options": hidden}],
    }


def as_heat(_: Json, targets: list[Json]) -> Json:
    """Where the values of a histogram in seconds lie, over time; the query gives its buckets by `le`."""
    targets[0]["format"] = "heatmap"
    options = {
        "calculate": False,
        "cellGap": 1,
        "color": {"mode": "scheme", "scheme": "Spectral", "reverse": True, "steps": 64},
        "yAxis": {"unit": "s"},
        "tooltip": {"mode": "single", "yHistogram": False},
        "legend": {"show": True},
    }
    defaults = {"custom": {"scaleDistribution": {"type": "linear"}}}
    return {"type": "heatmap", "fieldConfig": {"defaults": defaults, "overrides": []}, "options": options}


def main() -> None:
    """Write, or name what differs and exit with 1."""
    made = files()
    if "--check" not in sys.argv[1:]:
        for path, text in made.items():
            path.write_text(text, encoding="utf-8")
        return
    apart = [path.name for path, text in made.items() if not path.exists() or path.read_text("utf-8") != text]
    sys.exit(f"build.py makes another {', '.join(apart)}" if apart else 0)


if __name__ == "__main__":
    main()
