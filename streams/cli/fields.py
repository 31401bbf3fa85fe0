"""`profilestream fields`: what stands in a profile."""

import click


@click.command()
@click.option(
    "--format",
    "kind",
    type=click.Choice(["md", "json-schema"]),
    default="md",
    show_default=True,
    help="A page for people, or a schema for programs.",
)
def fields(kind: str) -> None:
    """Print the reference of the profile document: every field, its type, unit and meaning."""
    from models.reference import field_table
    from models.reference_schema import schema_text

    click.echo(field_table() if kind == "md" else schema_text(), nl=False)
