"""Snapshot <-> JSON, checked as a whole.

A worker that refuses a snapshot goes on with the one it has: an old truth is better than a broken one.
"""

from collections.abc import Iterable, Sequence
from itertools import pairwise
from math import isfinite
from typing import Any

import msgspec

from models.population.snapshot import SCHEMA, Churn, Clusters, Edges, Snapshot, SnapshotError

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
    if not 0 < churn.high < churn.medium < 1:
        raise SnapshotError("thresholds of risk must be 0 < high < medium < 1")
