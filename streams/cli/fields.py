"""`profilestream fields`: what stands in a profile."""

import click

from streams.config import Config


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "json-schema", "tags", "export"]),
    default="md",
    show_default=True,
    help="A page for people, a schema for programs, or the pages on tags and on exports.",
)
def fields(kind: str) -> None:
    """Print the reference of the profile document: every field, its type, unit and meaning."""
    from models.catalogue.page import page
    from models.reference import field_table
    from models.reference_schema import schema_text
    from streams.export import page as export

    texts = {"md": field_table, "json-schema": schema_text}
    pages = {"tags": page, "export": export.page}
    click.echo(texts[kind]() if kind in texts else pages[kind](Config().tags()), nl=False)
