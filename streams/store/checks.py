"""Is this server fit to hold profiles? Asked at every start and by `profilestream doctor`."""

from collections.abc import Sequence
from hashlib import sha256
from importlib.resources import files
from secrets import token_hex
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from redis.exceptions import ResponseError

from streams import keys
from streams.store.contract import InForce

LIBRARY = files("streams.store").joinpath("lua/profilestream.lua").read_text(encoding="utf-8")
LIBRARY_HASH = sha256(LIBRARY.encode()).hexdigest()[:16]
LAYOUT = "1"  # version of the key layout


class Finding(NamedTuple):
    """One thing found wrong.

    Attributes:
        name: short code.
        fatal: True where the store must not be used.
        sentence: what is wrong and what to do.
    """

    name: str
    fatal: bool
    sentence: str


def address(url: str) -> str:
    """Host and port of a URL, without credentials: fit for messages."""
    parts = urlsplit(url)
    return f"{parts.hostname}:{parts.port or 6379}"


def info_field(reply: Any, name: str) -> str:
    """A field of an INFO reply as it comes off the wire."""
    text = reply.decode() if isinstance(reply, bytes) else str(reply)
    for line in text.splitlines():
        key, _, value = line.partition(":")
        if key == name:
            return value.strip()
    return ""


def identity(reply: Any) -> str:
    """Which server this is: the run id changes at a restart, the replication id at a fail-over and back."""
    if isinstance(reply, dict):
        return f"{reply['run_id']}/{reply['master_replid']}"
    return f"{info_field(reply, 'run_id')}/{info_field(reply, 'master_replid')}"


async def inspect(client: Any, buckets: int) -> list[Finding]:
    """Everything that is wrong with a server, most serious first; empty where it is fit."""
    info = await client.info("everything")
    out = []
    version = str(info.get("redis_version", "0"))
    if int(version.split(".", maxsplit=1)[0]) < 7:
        out.append(Finding("version", True, f"the store is version {version}; Redis 7.0 or Valkey is needed"))
    if info.get("role") != "master":
        out.append(Finding("role", True, "the store is a replica; profiles are written to the primary"))
    policy = info.get("maxmemory_policy", "noeviction")
    if policy != "noeviction":
        text = f"maxmemory-policy is {policy}, which deletes profiles at will; set it to noeviction"
        out.append(Finding("eviction", True, text))
    if not info.get("aof_enabled"):
        text = "appendonly is off, a restart would lose profiles; set appendonly yes"
        out.append(Finding("aof", True, text))
    meta = {k.decode(): v.decode() for k, v in (await client.hgetall(keys.META)).items()}
    if meta.get("buckets", str(buckets)) != str(buckets):
        text = f"the store was filled with {meta['buckets']} buckets, the configuration says {buckets}"
        out.append(Finding("buckets", True, text))
    if meta.get("layout", LAYOUT) != LAYOUT:
        text = f"the store has key layout {meta['layout']}, this version knows {LAYOUT}"
        out.append(Finding("layout", True, text))
    if not has_waitaof_in(info):
        text = f"Redis {version} has no WAITAOF: durability before a Kafka commit is waited for by time"
        out.append(Finding("waitaof", False, text))
    return out


def has_waitaof_in(info: dict[str, Any]) -> bool:
    """Whether the server of this INFO can say what is on disk."""
    version = str(info.get("redis_version", "0"))
    return "valkey_version" in info or tuple(map(int, version.split(".")[:2])) >= (7, 2)


async def load_functions(client: Any) -> None:
    """Load our function library unless this very text is loaded already."""
    stored = await client.hget(keys.META, "library")
    try:
        listed = await client.execute_command("FUNCTION", "LIST", "LIBRARYNAME", "profilestream")
    except ResponseError:
        listed = []
    if not listed or stored is None or stored.decode() != LIBRARY_HASH:
        await client.execute_command("FUNCTION", "LOAD", "REPLACE", LIBRARY)
        await client.hset(keys.META, "library", LIBRARY_HASH)


async def register(client: Any, buckets: int) -> tuple[str, bool]:
    """Read the deployment's facts, writing them where there are none.

    Returns:
        The epoch (identity of this data set) and whether it existed.
    """
    existed = bool(await client.hexists(keys.META, "epoch"))
    pipe = client.pipeline(transaction=True)
    pipe.hsetnx(keys.META, "epoch", token_hex(8))
    pipe.hsetnx(keys.META, "buckets", str(buckets))
    pipe.hsetnx(keys.META, "layout", LAYOUT)
    pipe.hget(keys.META, "epoch")
    return (await pipe.execute())[3].decode(), existed


def in_force(found: dict[bytes, bytes], population: Sequence[bytes | None]) -> InForce:
    """What is in force, of the `ps:catalogue` hash, and version and snapshot of `ps:population`."""
    version, snapshot = population
    made = InForce(0, "", population=int(version or 0), snapshot=snapshot or b"")
    if b"text" not in found:
        return made
    retired = tuple(name for name in found[b"retired"].decode().split(",") if name)
    return made._replace(
        revision=int(found[b"revision"]),
        text=found[b"text"].decode(),
        since=int(found[b"since"]),
        applied_ms=int(found[b"applied"]),
        retired=retired,
        judged=int(found.get(b"judged", 0)),
    )
