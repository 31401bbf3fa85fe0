"""Live profiles against a second, independent computation from the raw events (`streams.oracle`).

Every event is held in memory (`streams.recorded`): meant for test deployments, samples and incidents.

Theory
    A running deployment is never finished, so what a profile must be needs a cut. The watermarks are read
    first, then the profiles, each with the offsets applied to it, then the topics. Of a customer's events
    those count that are below the watermark of their partition, because the pipeline promised them, or
    not above the offset in the profile, because it says so itself. What is neither is still on its way.
    A profile that is already evaluated later than asked is compared at its own instant: events cannot be
    taken out of it again.
    Under a population snapshot the oracle computes scores, segment, p(alive), risk and value out of the same
    snapshot; `oracle_population` says what it takes as told.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any, NamedTuple

import msgspec
import orjson
from redis.exceptions import RedisError

from models import codec, document, step
from models.rules import Rules
from models.view import View
from streams import catalogues, exporter, keys
from streams.config import Config
from streams.oracle import OracleSettings, compare, recompute
from streams.recorded import Fact, Facts
from streams.store.contract import StoreError, StoreUnfit


class Live(NamedTuple):
    """What the store holds: watermarks, customer -> (state bytes, stored document), and what is in force."""

    watermarks: dict[str, int]
    profiles: dict[str, tuple[bytes, bytes]]
    rules: Rules


@dataclass(slots=True)
class Verdict:
    """What came out: customer -> differences, and what was compared how.

    Attributes:
        compared: profiles.
        unjudged: of them, not yet judged under what is in force: their stored documents were not looked at.
        pending: records that are on their way.
        later: profiles that are evaluated later than asked.
    """

    compared: int = 0
    unjudged: int = 0
    pending: int = 0
    later: int = 0
    differences: dict[str, list[str]] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """Differences in all customers."""
        return sum(map(len, self.differences.values()))


def read_live(config: Config) -> Live:
    """Watermarks and every profile.

    Raises:
        StoreError: the store does not answer.
        StoreUnfit: it belongs to a deployment with another number of buckets.
    """
    client = exporter.connect(config.redis_url)
    try:
        buckets = client.hget(keys.META, "buckets")
        if buckets is not None and int(buckets) != config.buckets:
            filled = (
                f"the store was filled with {int(buckets)} buckets, the configuration says {config.buckets}"
            )
            raise StoreUnfit(filled)
        stored = client.hgetall(keys.WATERMARKS).items()
        rules = catalogues.rules_in_force(client, config)
        marks = {source.decode(): int(value.partition(b":")[0] or 0) for source, value in stored}
        profiles: dict[str, tuple[bytes, bytes]] = {}
        ids = exporter.customer_ids(client)
        for start in range(0, len(ids), exporter.CHUNK):
            chunk = ids[start : start + exporter.CHUNK]
            pipe = client.pipeline(transaction=False)
            for cid in chunk:
                pipe.hmget(keys.profile(keys.bucket(cid, config.buckets), cid), keys.STATE, keys.DOC)
            found = zip(chunk, pipe.execute(), strict=True)
            profiles |= {cid: (state or b"", doc or b"") for cid, (state, doc) in found}
    except (RedisError, OSError) as error:
        raise StoreError(f"the store does not answer: {type(error).__name__}") from error
    finally:
        client.close()
    return Live(marks, profiles, rules)


def judge(config: Config, live: Live, facts: Facts, at_ms: int) -> Verdict:
    """Compare everyone at an instant."""
    verdict = Verdict()
    numbers = settings(config, live.rules)
    for cid in sorted({*facts.by_customer, *live.profiles}):
        found = _one(numbers, live, facts.by_customer.get(cid, []), cid, at_ms, verdict)
        if found:
            verdict.differences[cid] = found
    return verdict


def _one(
    numbers: OracleSettings,
    live: Live,
    facts: list[Fact],
    cid: str,
    at_ms: int,
    verdict: Verdict,
) -> list[str]:
    blob, stored = live.profiles.get(cid, (b"", b""))
    rules = live.rules
    try:
        state = codec.decode(blob) if blob else None
    except codec.CodecError as error:
        return [f"(state): {error}"]
    applied = state.offsets if state is not None else {}
    counted = [fact.event for fact in facts if _due(fact, live.watermarks, applied)]
    verdict.pending += len(facts) - len(counted)
    if state is None:
        wanted = recompute(counted, at_ms, settings=numbers).get(cid)
        return [] if wanted is None else [f"(profile): {len(counted)} events ask for one, there is none"]
    verdict.compared += 1
    out: list[str] = []
    if state.revision == rules.catalogue.revision:
        out = _damage(stored, document.document(View(state, state.as_of_ms, rules), cid, 0))
    else:
        verdict.unjudged += 1
    verdict.later += state.as_of_ms > at_ms
    at_ms = max(at_ms, state.as_of_ms)
    step.on_wake(state, at_ms, rules)
    found = document.document(View(state, at_ms, rules), cid, 0)
    wanted = recompute(counted, at_ms, settings=_told(numbers, found)).get(cid)
    if wanted is None:
        return [*out, "(profile): no event explains it"]
    return out + compare(wanted, found)


def _told(numbers: OracleSettings, found: dict[str, Any]) -> OracleSettings:
    """With what only the past of this customer decides."""
    rfm = found.get("rfm", {})
    if numbers.population is None or "r" not in rfm:
        return numbers
    announced: dict[str, Any] = {"scores": (rfm["r"], rfm["f"], rfm["m"])}
    if "cluster" in found:
        announced["cluster"] = found["cluster"]
    if "risk_changes_at" in found.get("churn", {}):
        announced["risk_changes_at"] = found["churn"]["risk_changes_at"]
    return replace(numbers, announced=announced)


def notes(rules: Rules) -> list[str]:
    """What a reader must know of the comparison under what is in force."""
    if rules.population is None:
        return []
    said = (
        f"population {rules.population.version} is in force: the cluster, and scores held within its bands,"
    )
    return [f"{said} are taken from the profile"]


def _due(fact: Fact, watermarks: Mapping[str, int], applied: Mapping[str, int]) -> bool:
    source, offset, _ = fact
    return not source or offset < watermarks.get(source, 0) or offset <= applied.get(source, -1)


def _damage(stored: bytes, wanted: dict[str, Any]) -> list[str]:
    """How the document that readers get differs from what the state says it is."""
    try:
        found = dict(_leaves(orjson.loads(stored)))
    except orjson.JSONDecodeError:
        return ["(doc): not JSON"]
    every = dict(_leaves(wanted))
    paths = [path for path in dict.fromkeys([*every, *found]) if path != "updated_at"]
    return [
        f"doc.{path}: {every.get(path, 'absent')!r} != {found.get(path, 'absent')!r}"
        for path in paths
        if every.get(path) != found.get(path)
    ]


def _leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if not isinstance(value, dict):
        yield path, value
        return
    for name, inner in value.items():
        yield from _leaves(inner, f"{path}.{name}" if path else name)


def settings(config: Config, rules: Rules) -> OracleSettings:
    """The oracle's numbers of a deployment."""
    snapshot = msgspec.to_builtins(rules.population.snapshot) if rules.population is not None else None
    numbers = {
        one.name: getattr(config, one.name) for one in fields(OracleSettings) if hasattr(config, one.name)
    }
    return OracleSettings(catalogue_text=rules.catalogue.text, population=snapshot, **numbers)
