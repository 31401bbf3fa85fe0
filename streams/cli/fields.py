"""`profilestream fields`: what stands in a profile."""

import click

from streams.config import Config


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "json-schema", "tags"]),
    default="md",
    show_default=True,
    help="A page for people, a schema for programs, or the page on tags and rules.",
)
def fields(kind: str) -> None:
    """Print the reference of the profile document: every field, its type, unit and meaning."""
    from models.catalogue.page import page
    from models.reference import field_table
    from models.reference_schema import schema_text

    texts = {"md": field_table, "json-schema": schema_text}
    click.echo(texts[kind]() if kind in texts else page(Config().tags()), nl=False)
