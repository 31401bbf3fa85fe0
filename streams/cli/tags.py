"""`profilestream tags` and `members`: the catalogue in force, and what another one would change."""

import time
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

import click
import orjson

from models.catalogue.catalogue import Catalogue
from models.catalogue.difference import Move, unraised
from models.catalogue.tag import About
from streams import catalogues, exporter
from streams.cli.options import Context, pass_context
from streams.screen import plain

_EXAMPLES = 3
_FILE = click.Path(path_type=Path, exists=True, dir_okay=False)


@click.group()
def tags() -> None:
    """The tag catalogue: what tags there are, and how they are changed while everything runs."""


@tags.command("list")
@click.option("--json", "as_json", is_flag=True, help="Print an array.")
@pass_context
def list_tags(context: Context, as_json: bool) -> None:
    """Print the tags in force."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    found = catalogues.rules_in_force(client, config).catalogue
    if as_json:
        click.echo(orjson.dumps([_row(tag.about) for tag in found.tags]))
        return
    click.echo(f"catalogue {found.revision}, {len(found.tags)} tags")
    for tag in found.tags:
        about = tag.about
        names = " / ".join(about.label.values())
        click.echo(f"  {tag.id:<20} {about.kind:<8} {about.owner:<14} {names}")


def _row(about: About) -> dict[str, Any]:
    return {"id": about.id, "version": about.version, "kind": about.kind, "label": about.label,
            "owner": about.owner, "purpose": about.purpose, "members": about.members,
            "rule": about.text}  # fmt: skip


@tags.command()
@pass_context
def show(context: Context) -> None:
    """Print the catalogue in force as the file it came from."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    click.echo(catalogues.rules_in_force(client, config).catalogue.text, nl=False)


@tags.command()
@click.argument("file", type=_FILE)
def check(file: Path) -> None:
    """Say whether FILE can be used, and what is wrong with it where."""
    found = catalogues.compiled(file.read_text(encoding="utf-8"))
    click.echo(f"{file.name}: {len(found.tags)} tags, all of them can be used")


@tags.command()
@click.argument("file", type=_FILE)
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False),
              help="Write every change that would come, a JSON object a line.")  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object.")
@pass_context
def diff(context: Context, file: Path, out: Path | None, as_json: bool) -> None:
    """Say who would enter and leave which tag if FILE came into force now; nothing is changed."""
    config = context.config()
    new = catalogues.compiled(file.read_text(encoding="utf-8"))
    client = exporter.connect(config.redis_url, config.buckets)
    old = catalogues.rules_in_force(client, config).catalogue
    counts: dict[tuple[str, str], int] = Counter()
    examples: dict[tuple[str, str], list[str]] = defaultdict(list)
    lines, customers = [], 0
    for cid, version, found in catalogues.foresee(client, config, new, int(time.time() * 1000)):
        customers += 1
        for move in found:
            key = move.tag, _way(move)
            counts[key] += 1
            if len(examples[key]) < _EXAMPLES:
                examples[key].append(cid)
            if out is not None:
                line = {"customer_id": cid, "profile_version": version, **move._asdict()}
                lines.append(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))
    if out is not None:
        out.write_bytes(b"".join(lines))
    stuck = unraised(old, new)
    if as_json:
        rows = [{"tag": tag, "change": way, "customers": n, "examples": examples[tag, way]}
                for (tag, way), n in counts.items()]  # fmt: skip
        summary = {
            "revision": old.revision,
            "customers": customers,
            "changes": rows,
            "raise_version_of": stuck,
        }
        click.echo(orjson.dumps(summary))
        return
    click.echo("\n".join(_said(old, new, customers, counts, examples, stuck)))


def _said(
    old: Catalogue,
    new: Catalogue,
    customers: int,
    counts: dict[tuple[str, str], int],
    examples: dict[tuple[str, str], list[str]],
    stuck: list[str],
) -> list[str]:
    """The difference for a person."""
    out = [f"{customers:,} customers, against catalogue {old.revision}"]
    added = [tag.id for tag in new.tags if tag.id not in old.by_id]
    gone = [tag.id for tag in old.tags if tag.id not in new.by_id]
    out += [f"  new tags: {', '.join(added)}"] if added else []
    out += [f"  tags that go: {', '.join(gone)}"] if gone else []
    for (tag, way), n in sorted(counts.items()):
        some = ", ".join(map(plain, examples[tag, way]))
        out.append(f"  {tag:<20} {way:<28} {n:>9,} customers, such as {some}")
    out += ["  nobody would enter or leave anything"] if not counts else []
    out += [f"raise the version of {', '.join(stuck)}: the rule changed"] if stuck else []
    return out


def _way(move: Move) -> str:
    """What happens, without whom: entering and leaving by value, changes by both."""
    if move.old is None:
        return "enter" if move.new is True else f"enter {move.new}"
    if move.new is None:
        return "leave" if move.old is True else f"leave {move.old}"
    return f"{move.old} -> {move.new}"


@tags.command()
@click.argument("file", type=_FILE)
@click.option("--no-wait", is_flag=True, help="Do not wait until everyone is judged.")
@click.option("--timeout", default=3600.0, show_default=True, help="Seconds to wait at most.")
@pass_context
def apply(context: Context, file: Path, no_wait: bool, timeout: float) -> None:
    """Put FILE into force: at once for everyone who comes in, within the sweep for all others.

    Workers notice by themselves. Interrupting this command stops nothing.
    """
    config = context.config()
    new = catalogues.compiled(file.read_text(encoding="utf-8"))
    client = exporter.connect(config.redis_url, config.buckets)
    revision = catalogues.apply(client, config.buckets, new)
    click.echo(f"catalogue {revision} is in force: {len(new.tags)} tags")
    deadline_s = time.monotonic() + timeout
    while not no_wait:
        found = catalogues.progress(client, config.buckets, revision)
        if found.done == found.buckets:
            click.echo(f"everyone is judged under it ({found.judged:,} customers)")
            return
        if time.monotonic() > deadline_s:
            raise click.ClickException(
                f"{found.done} of {found.buckets} buckets are done after {timeout:.0f} s; does a worker run?"
            )
        time.sleep(catalogues.POLL_S)


@click.command()
@click.argument("tag")
@click.option("--limit", type=click.IntRange(1), help="Print so many at most.")
@click.option("--count", is_flag=True, help="Print only how many there are.")
@pass_context
def members(context: Context, tag: str, limit: int | None, count: bool) -> None:
    """Print the customers who hold TAG, or a value of it: TAG=VALUE."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    catalogue = catalogues.rules_in_force(client, config).catalogue
    kept = catalogue.sets()
    tag_id, _, value = tag.partition("=")
    names = [name for name in kept if name == tag or (not value and name.startswith(f"{tag_id}="))]
    if not names:
        known = ", ".join(sorted({name.partition("=")[0] for name in kept}))
        raise click.ClickException(f"no sets are kept of '{plain(tag)}'; they are of {known}")
    n = 0
    for name in names:
        for cid in catalogues.members(client, config.buckets, name):
            if limit is not None and n >= limit:
                return
            n += 1
            if not count:
                click.echo(cid)
    if count:
        click.echo(n)
