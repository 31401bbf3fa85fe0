"""`profilestream get`, `explain` and `tail`: what readers of the product would read."""

import io
import sys
import time
from typing import Any
from zoneinfo import ZoneInfo

import click
import orjson
from kafka import KafkaConsumer
from kafka.errors import KafkaError
from rich.console import Console

from models import codec
from models.state import State
from streams import catalogues, exporter, keys
from streams.cli import why
from streams.cli.options import Context, pass_context
from streams.cli.person import person
from streams.config import Config
from streams.screen import plain
from streams.store.contract import Unavailable
from streams.topics import TAG_CHANGES

_PIPE_WIDTH = 100  # columns where there is no terminal


@click.command()
@click.argument("customer_id")
@click.option("--json", "as_json", is_flag=True, help="Print the document on one line.")
@pass_context
def get(context: Context, customer_id: str, as_json: bool) -> None:
    """Print the profile of CUSTOMER_ID on one screen, read the way any client reads it: one HGET."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    doc = _stored(client, config, customer_id)
    if as_json:
        click.echo(doc)
        return
    catalogue = catalogues.rules_in_force(client, config).catalogue  # refuses a zone that is none, too
    _show_what_it_can()
    console = Console(highlight=False)
    if not console.is_terminal:
        console.width = _PIPE_WIDTH
    now_ms = int(time.time() * 1000)
    zone = ZoneInfo(config.zone)
    console.print(person(orjson.loads(doc), now_ms, console.width, zone, catalogue))


@click.command()
@click.argument("customer_id", metavar="CUSTOMER")
@click.argument("tag", required=False)
@click.option("--lang", default="en", show_default=True, help="Language of the labels, such as zh.")
@click.option("--json", "as_json", is_flag=True, help="Print what the document says, as an array.")
@pass_context
def explain(context: Context, customer_id: str, tag: str | None, lang: str, as_json: bool) -> None:
    """Say why CUSTOMER holds a tag or does not, or each that is held: since when, why, and until when."""
    config = context.config()
    client = exporter.connect(config.redis_url, config.buckets)
    rules = catalogues.rules_in_force(client, config)
    blob, private = _both(client, config, customer_id)
    doc = orjson.loads(blob)
    known = why.known(doc, rules.catalogue)
    if tag is not None and tag not in known:
        names = ", ".join(map(plain, known))
        raise click.ClickException(f"tag '{plain(tag)}' is not known; there are {names}")
    if as_json:
        click.echo(orjson.dumps(why.entries(doc, tag)))
        return
    _show_what_it_can()
    now_ms, zone = int(time.time() * 1000), ZoneInfo(config.zone)
    lines = why.explain(doc, now_ms, rules, zone, tag, state=_readable(private), lang=lang)
    click.echo("\n".join(lines))


def _both(client: Any, config: Config, customer_id: str) -> tuple[bytes, bytes | None]:
    """The document, and the private state that it shows."""
    key = keys.profile(keys.bucket(customer_id, config.buckets), customer_id)
    doc, private = client.hmget(key, keys.DOC, keys.STATE)
    if doc is None:
        raise click.ClickException(f"customer '{plain(customer_id)}' is not known")
    return doc, private


def _readable(private: bytes | None) -> State | None:
    """A state, where it is of this version: without it less is said."""
    try:
        return codec.decode(private) if private is not None else None
    except codec.CodecError:
        return None


def _stored(client: Any, config: Config, customer_id: str) -> bytes:
    """The document as any client reads it."""
    doc: bytes | None = client.hget(
        keys.profile(keys.bucket(customer_id, config.buckets), customer_id), keys.DOC
    )
    if doc is None:
        raise click.ClickException(f"customer '{customer_id}' is not known")
    return doc


def _show_what_it_can() -> None:
    """On an output without Unicode."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="replace")


@click.command()
@click.option("--from-start", is_flag=True, help="Begin with the oldest change that Kafka has.")
@click.option("--customer", help="Only this customer.")
@click.option("--tag", help="Only this tag.")
@click.option("--limit", type=int, help="Stop after so many.")
@click.option("--json", "as_json", is_flag=True, help="Print the events as they are.")
@pass_context
def tail(
    context: Context,
    from_start: bool,
    customer: str | None,
    tag: str | None,
    limit: int | None,
    as_json: bool,
) -> None:
    """Follow tag changes as they happen."""
    config = context.config()
    shown = 0
    try:
        consumer = KafkaConsumer(
            TAG_CHANGES,
            bootstrap_servers=config.brokers.split(","),
            auto_offset_reset="earliest" if from_start else "latest",
            bootstrap_timeout_ms=10_000,
        )
        for record in consumer:
            data = orjson.loads(record.value)["data"]
            if (customer and data["customer_id"] != customer) or (tag and data["tag"] != tag):
                continue
            click.echo(record.value if as_json else describe(data))
            shown += 1
            if limit is not None and shown >= limit:
                return
    except (KafkaError, OSError) as error:
        raise Unavailable(f"broker {config.brokers} cannot be read: {type(error).__name__}") from error


def describe(data: dict[str, Any]) -> str:
    """A change in one line for a person."""
    old, new, tag = data["old"], data["new"], data["tag"]
    if old is None:
        what = f"+ {tag}" if new is True else f"+ {tag} = {new}"
    elif new is None:
        what = f"- {tag}" if old is True else f"- {tag} = {old}"
    else:
        what = f"~ {tag}: {old} -> {new}"
    cause = data["cause"]
    other, number = next(iter(cause.items()))
    event = f"{cause['topic']}/{cause['partition']}@{cause['offset']}" if "topic" in cause else ""
    why = event or ("time" if other == "timer" else f"{other} {number}")
    return f"{data['effective_at']}  {data['customer_id']:<16} {what:<44} ({why})"
