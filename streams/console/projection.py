"""Cluster centres on a plane, spanned by the two directions in which they differ most, weighed by their size.

Principal components of a handful of points in three dimensions: the covariance matrix is 3 x 3, and Jacobi's
rotations find its axes exactly enough in a few sweeps, in plain Python. Axes point so that the first feature
with weight in them grows to the right and upwards; so a picture does not flip from one snapshot to the next.
"""

from collections.abc import Sequence
from math import atan2, cos, sin

Vector = Sequence[float]
_SWEEPS = 30


def plane(points: Sequence[Vector], weights: Sequence[float]) -> list[tuple[float, float]]:
    """Points of any dimension on their two main axes, the weighted mean at (0, 0).

    >>> [(round(x, 6), round(y, 6)) for x, y in plane([(1, 0, 0), (3, 0, 0)], [1, 1])]
    [(-1.0, 0.0), (1.0, 0.0)]
    """
    if not points:
        return []
    total = sum(weights) or 1.0
    n = len(points[0])
    mean = [sum(w * p[i] for p, w in zip(points, weights, strict=True)) / total for i in range(n)]
    around = [[p[i] - mean[i] for i in range(n)] for p in points]
    matrix = [
        [sum(w * p[i] * p[j] for p, w in zip(around, weights, strict=True)) / total for j in range(n)]
        for i in range(n)
    ]
    axes = [_pointed(axis) for axis in main_axes(matrix)[:2]]
    axes += [[0.0] * n] * (2 - len(axes))
    first, second = axes
    return [(_dot(p, first), _dot(p, second)) for p in around]


def main_axes(matrix: Sequence[Vector]) -> list[list[float]]:
    """Eigenvectors of a symmetric matrix, the one of the greatest eigenvalue first."""
    n = len(matrix)
    a = [list(map(float, row)) for row in matrix]
    v = [[float(i == j) for j in range(n)] for i in range(n)]
    for _ in range(_SWEEPS):
        for p in range(n - 1):
            for q in range(p + 1, n):
                if abs(a[p][q]) > 1e-15:
                    _rotate(a, v, p, q)
    order = sorted(range(n), key=lambda i: -a[i][i])
    return [[row[i] for row in v] for i in order]


def _rotate(a: list[list[float]], v: list[list[float]], p: int, q: int) -> None:
    """One of Jacobi's rotations: makes a[p][q] nothing."""
    angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p])
    c, s = cos(angle), sin(angle)
    for k in range(len(a)):
        a[k][p], a[k][q] = c * a[k][p] - s * a[k][q], s * a[k][p] + c * a[k][q]
    for k in range(len(a)):
        a[p][k], a[q][k] = c * a[p][k] - s * a[q][k], s * a[p][k] + c * a[q][k]
    for row in v:
        row[p], row[q] = c * row[p] - s * row[q], s * row[p] + c * row[q]


def _pointed(axis: list[float]) -> list[float]:
    lead = max(axis, key=abs)
    return axis if lead >= 0 else [-one for one in axis]


def _dot(a: Vector, b: Vector) -> float:
    return sum(x * y for x, y in zip(a, b, strict=True))
