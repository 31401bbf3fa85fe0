"""What to ask the store, and what its replies mean: everything of a reader but the waiting.

Theory: a read is a plan, a generator that yields batches of commands, one round trip each (one a node on a
cluster), and is sent their replies. `clients` runs the same plans blocking and with asyncio, so the two
cannot differ. Read `deployment` first: a plan answers only for a deployment that is known and current.
"""

import time
from collections.abc import Generator, Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, TypeAlias, TypeVar
from zlib import crc32

import orjson
from redis.exceptions import BusyLoadingError, RedisError

from .answers import Absent, Answer, Known, Page, Profile, Unknown
from .breaker import Breaker
from .cache import Mirror
from .deployment import (
    CATALOGUE,
    CLOCK,
    META,
    WATERMARKS,
    Command,
    Failure,
    Lag,
    Pulse,
    Sets,
    Settings,
    lags,
    pulse,
    pulse_commands,
    sets_of,
    value,
)
from .documents import SCHEMA, Tag

T = TypeVar("T")
Plan: TypeAlias = Generator[Sequence[Command], list[Any], T]

_ID, _VERSION, _AS_OF = b'{"customer_id":', b',"schema":%d,"version":' % SCHEMA, b',"as_of":"'


def key_of(customer_id: str, buckets: int) -> str:
    """The Redis key of a profile.

    >>> key_of("customer-1", 64)
    'ps:profile:{61}:customer-1'
    """
    return f"ps:profile:{{{crc32(customer_id.encode()) % buckets}}}:{customer_id}"


class Core:
    """The plans, and what is remembered from one to the next. Safe to share between threads.

    Args:
        settings: see `Settings`.
        mirror: profiles remembered until the server says that they changed; None = none are.
    """

    def __init__(self, settings: Settings, mirror: Mirror | None = None) -> None:
        self._settings = settings
        self._mirror = mirror
        self._pulse: Pulse | None = None
        self._sets: Sets | None = None
        self._breaker = Breaker(settings)

    def check(self) -> Plan[Unknown | None]:
        """Plan: whether the store can be read, and is current; None = yes.

        Raises:
            WrongDeployment: it is not the one that is meant.
        """
        self._pulse = None
        try:
            yield from self._current()
        except Failure as failure:
            return failure.unknown
        return None

    def get_many(self, customer_ids: Iterable[str]) -> Plan[dict[str, Answer[Profile]]]:
        """Plan: an answer for each customer."""
        ids = list(dict.fromkeys(customer_ids))
        try:
            return (yield from self._read(ids))
        except Failure as failure:
            return dict.fromkeys(ids, failure.unknown)

    def get(self, customer_id: str) -> Plan[Answer[Profile]]:
        """Plan: one customer's profile."""
        try:
            return (yield from self._read((customer_id,)))[customer_id]
        except Failure as failure:
            return failure.unknown

    def tags(self, customer_id: str) -> Plan[Answer[dict[str, Tag]]]:
        """Plan: what is held, by tag."""
        answer = yield from self.get(customer_id)
        if not isinstance(answer, Known):
            return answer
        try:
            tags = orjson.loads(answer.value.raw)["tags"]
            if all("value" in entry for entry in tags.values()):
                return Known(tags, answer.as_of, answer.age_s)
        except (orjson.JSONDecodeError, LookupError, TypeError, AttributeError):
            pass
        return Unknown("damaged", "the document has no tags")

    def has_tag(self, customer_id: str, tag: str, wanted: str | float | None) -> Plan[Answer[bool]]:
        """Plan: whether a tag is held, with this value if one is given."""
        answer = yield from self.tags(customer_id)
        if not isinstance(answer, Known):
            return answer
        if entry := answer.value.get(tag):
            return answer.map(lambda _: wanted is None or entry["value"] == wanted)
        try:  # a misspelt tag is held by nobody, which is no answer
            sets = yield from self._catalogue()
        except Failure as failure:
            return failure.unknown
        return answer.map(lambda _: False) if tag in sets.tags else Unknown("no_such_tag", tag)

    def members(self, tag: str, wanted: str | None, cursor: str, count: int) -> Plan[Answer[Page]]:
        """Plan: some members of a set, about `count`."""
        name = tag if wanted is None else f"{tag}={wanted}"
        b, at = map(int, (cursor or "0:0").split(":"))
        found: dict[bytes, None] = {}
        try:
            now = yield from self._current()
            # A flag has one set, a category one for each value: an empty page must not be a wrong name.
            if (yield from self._catalogue()).kept.get(tag) != ("flag" if wanted is None else "category"):
                return Unknown("no_such_set", name)
            while b < now.buckets and len(found) < count:
                (reply,) = yield from self._ask([("SSCAN", f"ps:members:{{{b}}}:{name}", at, "COUNT", count)])
                at, some = int(value(reply)[0]), value(reply)[1]
                found.update(dict.fromkeys(some))
                b += at == 0
            yield from self._confirm(now)
        except Failure as failure:
            return failure.unknown
        page = Page([cid.decode() for cid in found], f"{b}:{at}" if b < now.buckets else None)
        return _dated(page, now)

    def lag(self) -> Plan[Answer[dict[str, Lag]]]:
        """Plan: how far the store is behind, by "topic/partition"; answered however far that is."""
        try:
            now = yield from self._young()
            clock, stored = yield from self._ask([("HGETALL", CLOCK), ("HGETALL", WATERMARKS)])
            return _dated(lags(value(clock), value(stored)), now)
        except Failure as failure:
            return failure.unknown

    def _read(self, ids: Sequence[str]) -> Plan[dict[str, Answer[Profile]]]:
        now = self._pulse or (yield from self._young())
        keys = [key_of(cid, now.buckets) for cid in ids]
        raws, now = yield from (
            self._mirrored(self._mirror, keys, now) if self._mirror else self._fetch(keys, now)
        )
        age_s = self._age_s(now)
        return {cid: _judge(cid, raw, age_s) for cid, raw in zip(ids, raws, strict=True)}

    def _fetch(self, keys: Sequence[str], now: Pulse) -> Plan[tuple[list[Any], Pulse]]:
        """Documents, with the pulse where that is due: one round trip."""
        commands: list[Command] = [("HGET", key, "doc") for key in keys]
        if self._is_due(now):
            commands += pulse_commands(now.buckets)
        if not commands:
            return [], now
        replies = yield from self._ask(commands)
        if len(replies) > len(keys):
            now, replies = self._learn(replies[len(keys) :]), replies[: len(keys)]
        if None in replies:
            yield from self._confirm(now)
        return replies, now

    def _mirrored(self, mirror: Mirror, keys: Sequence[str], now: Pulse) -> Plan[tuple[list[Any], Pulse]]:
        """What is remembered, and the rest from the store."""
        found = mirror.known(keys)
        missing = [key for key in keys if key not in found]
        tickets = mirror.tickets(missing)
        replies, now = yield from self._fetch(missing, now)
        mirror.put(tickets, replies)
        found |= zip(missing, replies, strict=True)
        return [found[key] for key in keys], now

    def _confirm(self, now: Pulse) -> Plan[None]:
        """That nobody is there counts only in the deployment that was looked at, not once it is emptied."""
        (epoch,) = yield from self._ask([("HGET", META, "epoch")])
        if value(epoch) != now.epoch:
            self._pulse = None
            raise Failure("changed", "the store was emptied or replaced while it was read")

    def _current(self) -> Plan[Pulse]:
        """A young pulse, of a store that is current."""
        now = yield from self._young()
        self._age_s(now)
        return now

    def _young(self) -> Plan[Pulse]:
        """A pulse taken lately."""
        now = self._pulse
        if now is not None and not self._is_due(now):
            return now
        if now is None:  # only then is it known how many buckets may have something due
            now = self._learn((yield from self._ask(pulse_commands(0))))
        return self._learn((yield from self._ask(pulse_commands(now.buckets))))

    def _is_due(self, now: Pulse) -> bool:
        return time.monotonic() - now.taken_s >= self._settings.pulse_s

    def _learn(self, replies: Sequence[Any]) -> Pulse:
        self._pulse = None  # whatever goes wrong here, nothing is answered from what was known before
        self._pulse = now = pulse(replies, self._settings.buckets)
        return now

    def _age_s(self, now: Pulse) -> float | None:
        """How old what is read now may be; a failure where that is too old."""
        age_s, most_s = now.age_s(), self._settings.max_age_s
        if most_s is not None:
            if age_s is None:
                raise Failure("no_clock", "no worker says how far it is")
            if age_s > most_s:
                raise Failure("stale", f"current to {age_s:.1f} s ago, asked for {most_s:g}", age_s)
        return age_s

    def _catalogue(self) -> Plan[Sets]:
        """The tags in force; the text is read only where the revision is another one."""
        now = yield from self._young()
        if self._sets is None or self._sets.revision != now.revision:
            (reply,) = yield from self._ask([("HMGET", CATALOGUE, "revision", "text")])
            self._sets = sets_of(*value(reply))
        return self._sets

    def _ask(self, commands: Sequence[Command]) -> Plan[list[Any]]:
        """Replies to commands, errors of single ones among them; tried again within the budget."""
        failure: Failure | None = None
        for attempt in range(1 + self._settings.retries):
            if not self._breaker.allows(is_retry=attempt > 0):
                break
            try:
                replies = yield commands
            except BusyLoadingError:
                failure = Failure("loading", "the server reads its file after a restart")
            except (RedisError, OSError) as error:
                failure = Failure("unreachable", type(error).__name__)
            else:
                self._breaker.succeeded()
                return replies
            self._breaker.failed()
        raise failure or Failure("resting", "it failed repeatedly and is left alone for a moment")


def _judge(customer_id: str, raw: Any, age_s: float | None) -> Answer[Profile]:
    """What a reply to `HGET key doc` says of a customer."""
    if raw is None:
        return Absent(age_s)
    if isinstance(raw, Exception):
        return Unknown("refused", type(raw).__name__)
    try:
        # As it is written today: one look at the head instead of parsing all of it.
        start = _ID + orjson.dumps(customer_id) + _VERSION
        if raw.startswith(start) and raw.endswith(b"}"):
            n = len(start)
            at = raw.find(_AS_OF, n, n + 32) + len(_AS_OF)
            if at > n:
                as_of = datetime.fromisoformat(raw[at : at + 24].decode())
                return Known(Profile(customer_id, raw), as_of, age_s)
        doc = orjson.loads(raw)
        if doc["schema"] > SCHEMA:
            return Unknown("newer_schema", f"it has schema {doc['schema']}, this reader knows {SCHEMA}")
        if doc["customer_id"] == customer_id:
            return Known(Profile(customer_id, raw), datetime.fromisoformat(doc["as_of"]), age_s)
    except (ValueError, LookupError, TypeError):
        pass
    return Unknown("damaged", "what is stored is no profile of this customer")


def _dated(what: T, now: Pulse) -> Answer[T]:
    at_s = time.time() if now.current_ms is None else now.current_ms / 1000
    return Known(what, datetime.fromtimestamp(at_s, UTC), now.age_s())
