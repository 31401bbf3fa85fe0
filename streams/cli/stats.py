"""`profilestream stats`: the numbers of a deployment."""

from collections.abc import Iterator
from typing import Any

import click
import orjson

from streams import catalogues, exporter, statistics
from streams.cli.options import Context, pass_context
from streams.screen import plain


@click.command()
@click.option("--tags", "every_tag", is_flag=True, help="Count every tag by value: looks at every profile.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@pass_context
def stats(context: Context, every_tag: bool, as_json: bool) -> None:
    """Print how many profiles, members and alerts there are, and what feedback says of them."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    sets = sorted(catalogues.rules_in_force(client, config).catalogue.sets())
    numbers = statistics.collect(client, config.buckets, sets, every_tag=every_tag)
    click.echo(orjson.dumps(numbers) if as_json else "\n".join(_told(numbers)))


def _told(numbers: dict[str, Any]) -> Iterator[str]:
    """The numbers for a person."""
    yield f"{numbers['profiles']:,} profiles"
    yield from _section("members", ((name, f"{n:>12,}") for name, n in numbers["members"].items() if n))
    for tag, values in numbers.get("tags", {}).items():
        yield from _section(f"tag {plain(tag)}", ((value, f"{n:>12,}") for value, n in values.items()))
    for name, found in numbers["alerts"].items():
        yield from _section(f"alerts of {plain(name)}", _rows(found))
    yield from _section("feedback", _rows(numbers["feedback"]))


def _section(title: str, rows: Any) -> Iterator[str]:
    found = [f"  {plain(name):<44} {value}" for name, value in rows]
    if found:
        yield from ("", title, *found)


def _rows(numbers: dict[str, Any], path: str = "") -> Iterator[tuple[str, str]]:
    """Nested numbers as names with blanks between, one a line; what is zero is left out."""
    for name, value in numbers.items():
        if isinstance(value, dict):
            yield from _rows(value, f"{path}{name} " if name not in ("rules", "tags") else path)
        elif isinstance(value, float):
            yield f"{path}{name}", f"{value:>12.3f}"
        elif value:
            yield f"{path}{name}", f"{value:>12,}"
