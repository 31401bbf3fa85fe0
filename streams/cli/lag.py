"""`profilestream lag`: how far the workers are behind, asked from outside."""

import click
import orjson

from streams import admin
from streams.cli.options import Context, pass_context


@click.command()
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@click.option("--max", "most", type=int, help="Exit with 2 where the total lag is above this.")
@pass_context
def lag(context: Context, as_json: bool, most: int | None) -> None:
    """Records not yet committed, by partition. Works when every worker is dead."""
    rows = admin.lag(context.config())
    total = sum(row.lag for row in rows)
    if as_json:
        parts = [{**row._asdict(), "lag": row.lag} for row in rows]
        click.echo(orjson.dumps({"total": total, "partitions": parts}))
    else:
        for row in rows:
            committed = "-" if row.committed is None else str(row.committed)
            name = f"{row.topic}/{row.partition}"
            click.echo(f"{name:12} committed {committed:>10}  end {row.end:>10}  lag {row.lag:>8}")
        click.echo(f"total lag {total}")
    if most is not None and total > most:
        raise SystemExit(2)
