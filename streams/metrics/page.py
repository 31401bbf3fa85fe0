"""`METRICS.md`: the reference page of all metrics, made of their declarations."""

from streams.metrics.declared import HISTOGRAM, METRICS, PREFIX, ROLES, TITLES, Metric

_HEAD = """# Metrics

Generated from `streams/metrics/declared.py` (`profilestream metrics`); do not edit.

Each process answers `/metrics` at the address in its setting `metrics`, beside `/healthz` and `/readyz`. All
of them also leave the same text in Redis, so `profilestream metrics --live` shows every live process from one
place. Every process has `process_*` too: memory, CPU and open files. No label holds a customer id. Counters
begin at 0 with the process.
"""
_COLUMNS = "| metric | kind | unit | labels | meaning |\n|---|---|---|---|---|"


def page() -> str:
    """The whole page, Markdown."""
    titles = {"": "Every process", **{role: TITLES[role] for role in ROLES}}
    parts = [_HEAD]
    for role, title in titles.items():
        rows = [_row(metric) for metric in METRICS if metric.role == role]
        if rows:
            parts.append("\n".join([f"## {title}", "", _COLUMNS, *rows, ""]))
    return "\n".join(parts)


def _row(metric: Metric) -> str:
    labels = ", ".join(f"`{label}`" for label in metric.labels)
    said = metric.help
    if metric.kind == HISTOGRAM:
        said += f" Buckets: {', '.join(f'{edge:g}' for edge in metric.edges)}."
    return f"| `{PREFIX}{metric.name}` | {metric.kind} | {metric.unit} | {labels} | {said} |"
