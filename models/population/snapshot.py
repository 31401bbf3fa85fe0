"""The population snapshot: everything that a worker has to know of the others, as one versioned JSON object.

A snapshot is checked as a whole before it is used. A worker that refuses one goes on with the snapshot it
has: an old truth is better than a broken one. Parts for which the panel was too small are absent, and the
fixed thresholds of `Rules` stand in for them.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import msgspec

from models.population.sample import EVERYONE

SCHEMA = 1
Four = tuple[int, int, int, int]
Three = tuple[float, float, float]


class SnapshotError(Exception):
    """A snapshot cannot be used; the message is one sentence that says why."""


class Edges(msgspec.Struct, frozen=True):
    """The four edges between five scores of one measure, each with the band in which a score is held.

    Attributes:
        at: quantiles .2, .4, .6, .8 of the panel, ascending; equal ones where customers tie.
        low: lower end of each band.
        high: upper end of each band.
    """

    at: Four
    low: Four
    high: Four


class Quintiles(msgspec.Struct, frozen=True):
    """Edges of the three measures over customers with an order: silence in ms, orders, minor units."""

    recency_ms: Edges
    frequency: Edges
    monetary_minor: Edges


class Clusters(msgspec.Struct, frozen=True):
    """Centres of customers that are alike, in standardised feature space.

    Attributes:
        algorithm: what found them, with its version.
        features: names of the features, in order.
        transform: name and version of the way from raw values to features.
        mean: of each feature over the panel.
        sd: standard deviation of each.
        clip: standardised features are cut off at +-clip.
        ids: stable number of each cluster.
        names: of each.
        centres: k rows of standardised features.
        weights: share of the panel in each, 0..1.
        margin: another cluster must be nearer by this share of the squared distance, 0..1.
        dwell: evaluations in a row that must say so.
        inertia: mean squared distance to the nearest centre.
        drift: whether the population has lately moved away from its clusters.
    """

    algorithm: str
    features: tuple[str, ...]
    transform: str
    mean: Three
    sd: Three
    clip: float
    ids: tuple[int, ...]
    names: tuple[str, ...]
    centres: tuple[Three, ...]
    weights: tuple[float, ...]
    margin: float = 0.3
    dwell: int = 2
    inertia: float = 0.0
    drift: bool = False


class Churn(msgspec.Struct, frozen=True):
    """BG/NBD of the panel, time in days, and the rule for those who bought once; see `churn`.

    Attributes:
        r: shape of the gamma distribution of buying rates.
        alpha_days: its rate parameter.
        a: of the beta distribution of drop-out after a repeat purchase.
        b: likewise.
        once_odds: odds that a new customer never comes back.
        once_power: shape of the waiting time (Lomax) of those who do.
        once_days: its scale.
        medium: risk is medium once p(alive) is below this share of what it was at the last purchase.
        high: the same for high.
        log_likelihood: of the fit, a customer.
    """

    r: float
    alpha_days: float
    a: float
    b: float
    once_odds: float
    once_power: float
    once_days: float
    medium: float = 0.7
    high: float = 0.4
    log_likelihood: float = 0.0


class Value(msgspec.Struct, frozen=True):
    """Gamma-Gamma of the panel's spending per purchase occasion.

    Attributes:
        p: shape of the spending of one customer.
        q: shape of the distribution of its scale between customers, above 1.
        v_minor: scale of that distribution, minor units.
    """

    p: float
    q: float
    v_minor: float


class Snapshot(msgspec.Struct, frozen=True):
    """One version of the population.

    Attributes:
        version: greater than that of every snapshot before.
        parent: version of the one it came from, 0 = none.
        reason: warm_up, refresh or restart of the clusters.
        event_ms: the instant at which the panel was looked at.
        panel: customers in the panel.
        share: share of all customers that belong to it.
        quintiles: edges of the scores, None where the panel is too small.
        clusters: likewise.
        churn: likewise.
        value: likewise.
        schema: of this object.
    """

    version: int
    parent: int
    reason: str
    event_ms: int
    panel: int
    share: float = EVERYONE
    quintiles: Quintiles | None = None
    clusters: Clusters | None = None
    churn: Churn | None = None
    value: Value | None = None
    schema: int = SCHEMA


_decoder = msgspec.json.Decoder(Snapshot)


def encode(snapshot: Snapshot) -> bytes:
    """JSON bytes.

    Raises:
        SnapshotError: it would be refused.
    """
    check(snapshot)
    return msgspec.json.encode(snapshot)


def decode(blob: bytes, newer_than: int = 0) -> Snapshot:
    """Snapshot of bytes written by `encode`.

    Args:
        blob: JSON.
        newer_than: version in force, which is kept unless this one is newer.

    Raises:
        SnapshotError: the bytes are damaged or of another schema, the version is not newer, or a part is
            unfit.
    """
    try:
        snapshot = _decoder.decode(blob)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise SnapshotError(f"population snapshot cannot be read: {error}") from None
    check(snapshot, newer_than)
    return snapshot


def check(snapshot: Snapshot, newer_than: int = 0) -> None:
    """Look at every part.

    Raises:
        SnapshotError: something about it is unfit.
    """
    if snapshot.schema != SCHEMA:
        raise SnapshotError(f"population snapshot has schema {snapshot.schema}, this version reads {SCHEMA}")
    if snapshot.version <= newer_than:
        raise SnapshotError(f"population snapshot {snapshot.version} is not newer than {newer_than} in force")
    if not all(map(isfinite, _numbers(msgspec.to_builtins(snapshot)))):
        raise SnapshotError("population snapshot has a number that is not finite")
    if not 0 < snapshot.share <= 1:
        raise SnapshotError(f"share of the panel is {snapshot.share}, not in (0, 1]")
    if snapshot.quintiles is not None:
        for name in ("recency_ms", "frequency", "monetary_minor"):
            _check_edges(name, getattr(snapshot.quintiles, name))
    if snapshot.clusters is not None:
        _check_clusters(snapshot.clusters)
    if snapshot.churn is not None:
        _check_churn(snapshot.churn)
    if snapshot.value is not None and not (
        snapshot.value.p > 0 and snapshot.value.q > 1 and snapshot.value.v_minor > 0
    ):
        raise SnapshotError("Gamma-Gamma needs p > 0, q > 1 and v > 0")


def _numbers(part: Any) -> Iterable[float]:
    """Every number in plain data."""
    if isinstance(part, dict):
        part = part.values()
    elif not isinstance(part, (list, tuple)):
        return (part,) if isinstance(part, float) else ()
    return (number for one in part for number in _numbers(one))


def _check_edges(name: str, edges: Edges) -> None:
    for row in (edges.at, edges.low, edges.high):
        if any(one > two for one, two in pairwise(row)):
            raise SnapshotError(f"edges of {name} are not in order")
    if any(not low <= at <= high for low, at, high in zip(edges.low, edges.at, edges.high, strict=True)):
        raise SnapshotError(f"an edge of {name} lies outside its band")


def _check_clusters(clusters: Clusters) -> None:
    k = len(clusters.ids)
    parts: tuple[Sequence[Any], ...] = (clusters.names, clusters.centres, clusters.weights)
    if k == 0 or any(len(part) != k for part in parts):
        raise SnapshotError("ids, names, centres and weights of clusters differ in number, or there are none")
    if len(set(clusters.ids)) != k or len(set(clusters.names)) != k:
        raise SnapshotError("two clusters have the same id or name")
    if min(clusters.weights) <= 0:
        raise SnapshotError("a cluster is empty")
    if min(clusters.sd) <= 0 or clusters.clip <= 0:
        raise SnapshotError("a standard deviation or the clip is not positive")
    if not (0 <= clusters.margin < 1 and clusters.dwell >= 1):
        raise SnapshotError("margin must be in [0, 1) and dwell at least 1")


def _check_churn(churn: Churn) -> None:
    shapes = (churn.r, churn.alpha_days, churn.a, churn.b, churn.once_odds, churn.once_power, churn.once_days)
    if min(shapes) <= 0:
        raise SnapshotError("a parameter of the churn model is not positive")
    if not 0 < churn.high < churn.medium <= 1:
        raise SnapshotError("thresholds of risk must be 0 < high < medium <= 1")
