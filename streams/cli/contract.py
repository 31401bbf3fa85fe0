"""`profilestream contract`: what producers and readers rely upon, as files."""

import click


@click.command()
@click.argument("file", required=False)
def contract(file: str | None) -> None:
    """Print a FILE of the published contract, or the names of all of them."""
    from streams.published import FILES

    if file is None:
        click.echo("\n".join(FILES))
    elif file not in FILES:
        raise click.ClickException(f"there is no '{file}'; there are {', '.join(FILES)}")
    else:
        click.echo(FILES[file](), nl=False)
