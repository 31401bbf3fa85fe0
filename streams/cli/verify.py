"""`profilestream verify`: is every live profile what its events say it must be?"""

import time
from pathlib import Path

import click
import orjson

from models.calendar import iso
from streams import recorded, verifier
from streams.cli.options import Context, pass_context
from streams.config import instant_ms

SHOWN = 20


@click.command()
@click.argument("files", nargs=-1, type=click.Path(path_type=Path, exists=True, dir_okay=False))
@click.option("--as-of", help="Compare at this instant (ISO-8601) instead of now or the newest event.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@pass_context
def verify(context: Context, files: tuple[Path, ...], as_of: str | None, as_json: bool) -> None:
    """Recompute every profile from its raw events, by other code, and compare; exit with 1 where they differ.

    The events come from the input topics, oldest to newest, or from FILES (JSON lines) where those hold
    everything that was ever sent. Nothing is written anywhere.
    """
    config = context.config()
    at_ms = instant_ms(as_of) if as_of else None
    started_s = time.monotonic()
    live = verifier.read_live(config)
    facts = recorded.from_files(files, config) if files else recorded.from_topics(config)
    facts.notes += verifier.notes(live.rules)
    if at_ms is None:
        at_ms = facts.newest_ms() if config.clock == "event" else int(time.time() * 1000)
    verdict = verifier.judge(config, live, facts, at_ms)
    shown = [(cid, lines) for cid, lines in verdict.differences.items()][:SHOWN]
    summary = {
        "differences": verdict.total,
        "customers_differing": len(verdict.differences),
        "profiles": verdict.compared,
        "as_of": iso(at_ms),
        "records": dict(facts.read),
        "refused": facts.refused,
        "pending": verdict.pending,
        "evaluated_later": verdict.later,
        "not_yet_judged": verdict.unjudged,
        "notes": facts.notes,
        "seconds": round(time.monotonic() - started_s, 3),
    }
    if as_json:
        click.echo(orjson.dumps({**summary, "first": dict(shown)}))
    else:
        _print(verdict, facts, at_ms, shown)
    if verdict.total:
        raise SystemExit(1)


def _print(
    verdict: verifier.Verdict, facts: recorded.Facts, at_ms: int, shown: list[tuple[str, list[str]]]
) -> None:
    for note in facts.notes:
        click.echo(f"note: {note}")
    for cid, lines in shown:
        click.echo(f"{cid}")
        for line in lines:
            click.echo(f"    {line}")
    if len(verdict.differences) > len(shown):
        click.echo(f"... and {len(verdict.differences) - len(shown)} customers more")
    where = ", ".join(f"{name} {n:,}" for name, n in facts.read.items()) or "none"
    click.echo(
        f"records read  {sum(facts.read.values()):,} ({where}); {facts.refused:,} refused by the contract"
    )
    if verdict.pending:
        click.echo(f"on their way  {verdict.pending:,} records are not applied yet and were left out")
    click.echo(f"compared      {verdict.compared:,} profiles as of {iso(at_ms)}")
    if verdict.later:
        click.echo(
            f"              {verdict.later:,} of them are evaluated later already and were compared there"
        )
    if verdict.unjudged:
        click.echo(
            f"              {verdict.unjudged:,} of them are not judged yet under what is in force: "
            "their stored documents were not looked at"
        )
    customers = len(verdict.differences)
    click.echo(
        f"differences   {verdict.total:,}"
        + (f" in {customers:,} customers (expected != found)" if customers else "")
    )
