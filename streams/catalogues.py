"""The catalogue of a running deployment: read it, foresee what another would change, put that into force."""

import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any, NamedTuple

from redis.exceptions import RedisError

from models import codec, step
from models.catalogue.catalogue import Catalogue
from models.catalogue.difference import Move, moves, retired, unraised
from models.catalogue.load import CatalogueError, load
from models.population.codec import decode
from models.population.population import Population
from models.population.snapshot import SnapshotError
from models.rules import Rules
from streams import exporter, keys
from streams.config import Config, ConfigError
from streams.store.checks import has_waitaof_in, in_force
from streams.store.contract import InForce, StoreError

POLL_S = 0.2
BARRIER_MS = 3_000


class Progress(NamedTuple):
    """How far a sweep is: buckets done, of how many, and customers judged."""

    done: int
    buckets: int
    judged: int


def read(client: Any) -> InForce:
    """What is in force."""
    found = client.hgetall(keys.CATALOGUE)
    if not found:
        return InForce(0, "")
    return in_force(found, client.hmget(keys.POPULATION, "version", "snapshot"))


def rules_in_force(client: Any, config: Config) -> Rules:
    """The deployment's rules with the catalogue in force; the configured one where none is yet.

    Raises:
        ConfigError: it cannot be read by this version.
    """
    rules, found = config.rules(), read(client)
    if not found.revision:
        return rules
    catalogue = compiled(found.text, found.revision, found.since)
    return replace(rules, catalogue=catalogue, population=population(found))


def population(found: InForce) -> Population | None:
    """The population snapshot in force, None where there is none that this version can read."""
    try:
        return Population(decode(found.snapshot)) if found.population else None
    except SnapshotError:
        return None


def compiled(text: str, revision: int = 0, since: int = 0) -> Catalogue:
    """A catalogue's text, compiled.

    Raises:
        ConfigError: it cannot be used; the message says where and why.
    """
    try:
        return load(text, revision, since)
    except CatalogueError as error:
        raise ConfigError(f"the catalogue cannot be used:\n{error}") from None


def foresee(client: Any, config: Config, new: Catalogue, at_ms: int) -> Iterator[tuple[str, int, list[Move]]]:
    """Every customer, the version of the profile that was looked at, and what would change.

    Changes that time brings anyway by then are not among them. Nothing is written.
    """
    today = rules_in_force(client, config)
    revision = today.catalogue.revision + 1
    to_be = replace(today, catalogue=Catalogue(new.tags, new.text, revision, revision))
    for cid, blob in exporter.states(client, exporter.customer_ids(client), config.buckets):
        state = codec.decode(blob)
        version = state.version
        step.on_wake(state, at_ms, today)
        yield cid, version, moves(state, at_ms, to_be)


def apply(client: Any, buckets: int, new: Catalogue) -> int:
    """Put a catalogue into force, on disk when this returns; gives its revision.

    Raises:
        ConfigError: a rule changed and its version did not, or somebody else was quicker.
        StoreError: the store did not answer.
    """
    now = read(client)
    old = compiled(now.text, now.revision, now.since) if now.revision else Catalogue()
    if stuck := unraised(old, new):
        raise ConfigError(f"rules changed, versions did not: raise the version of {', '.join(stuck)}")
    names = [keys.CATALOGUE, *map(keys.revision, range(buckets))]
    gone = ",".join(retired(old, new, now.retired))
    args = (now.since, new.text, int(time.time() * 1000), gone)
    try:
        pipe = client.pipeline(transaction=False)
        pipe.fcall("ps_apply", len(names), *names, *args)
        if has_waitaof_in(client.info("server")):
            pipe.execute_command("WAITAOF", 1, 0, BARRIER_MS)
        revision = int(pipe.execute()[0])
    except RedisError as error:
        raise StoreError(f"the catalogue was not applied: {type(error).__name__}") from error
    if revision <= now.revision:
        raise ConfigError(f"catalogue {revision} came into force meanwhile: look at the difference again")
    return revision


def progress(client: Any, buckets: int, revision: int) -> Progress:
    """How far the sweep to a revision is."""
    done = client.hgetall(keys.SWEPT)
    count = sum(int(done.get(str(b).encode(), 0)) >= revision for b in range(buckets))
    return Progress(count, buckets, read(client).judged)


def is_swept(client: Any, buckets: int) -> bool:
    """Whether everyone is judged under what is in force."""
    return progress(client, buckets, read(client).revision).done == buckets


def members(client: Any, buckets: int, name: str) -> Iterator[str]:
    """Customers in a set of members, in no order; found by SSCAN, so the server stays responsive."""
    for b in range(buckets):
        yield from (cid.decode() for cid in client.sscan_iter(keys.members(b, name), count=1000))
