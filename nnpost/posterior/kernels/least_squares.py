"""Linear least squares by orthogonal columns, as right as they can be where these are collinear.

The columns A (K, m), a row each, are scaled to length one and orthogonalised by Gram and Schmidt's
method, again and again until a pass takes little away, which leaves them orthogonal to rounding
(Daniel, Gragg, Kaufman & Stewart 1976, Math. Comput. 30, 772): A = Q R. The singular values of R
come from Jacobi's rotations of its columns (Demmel & Veselić 1992, SIAM J. Matrix Anal. Appl. 13,
1204). Directions in which the columns are collinear to ten digits get no part of the solution.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import loop, summing
from .vectors import combine, dots

__all__ = ["least_squares", "project"]

COLLINEAR = 1e-10
EPSILON = 2.220446049250313e-16
PASSES = 5  # one or two are usual
SWEEPS = 40  # six or so are usual


@loop
def least_squares(a, target, q, work, solution):
    """argmin |target[0] − Σ o_k a[k]| into ``solution`` (K,), orthonormal columns into q (K, m).

    ``target`` is (1, m), ``work`` (≥1, m) room. A column that is nothing but zeros stays so in q.
    """
    count = a.shape[0]
    norms, along = np.empty(count), np.empty(count)
    triangle, turns = np.zeros((count, count)), np.zeros((count, count))
    for k in range(count):
        norms[k] = max(_length(a, k), 1e-150)
        _scaled(a, k, 1.0 / norms[k], q, k)
        triangle[k, k] = _orthogonalise(q, k, triangle[k], along, work)
        turns[k, k] = 1.0
    along[:] = 0.0
    dots(target, 0, q, 0, count, along, 0)
    _rotate(triangle, turns)
    largest = 0.0
    for k in range(count):
        largest = max(largest, _length(triangle, k))
    solution[:] = 0.0
    for k in range(count):
        size = _length(triangle, k)
        if size > COLLINEAR * largest:
            share = 0.0
            for i in range(count):
                share += triangle[k, i] / size * along[i]
            for i in range(count):
                solution[i] += turns[k, i] * (share / size)
    for k in range(count):
        solution[k] /= norms[k]


@loop
def _orthogonalise(q, k, shares, along, work):
    """Make q[k], of length one, orthogonal to the rows before it and again of length one.

    ``shares`` (K,) takes what it had along each of them; what was left of it is returned. Where
    rounding is all that is left, it is scaled up and made orthogonal too, and if there is none in
    the end, it is zero.
    """
    left = 1.0
    for _ in range(PASSES):
        project(q, k, q, k, along, work)
        for j in range(k):
            shares[j] += left * along[j]
        rest = _length(q, k)
        left *= rest
        _scaled(q, k, 1.0 / max(rest, 1e-150), q, k)
        if rest > 0.7:
            return left
    q[k] = 0.0
    return 0.0


@loop
def project(q, count, out, o, along, work):
    """Take from out[o] its part along the first rows of q; ``along`` (≥count,) is how much."""
    along[:] = 0.0
    dots(out, o, q, 0, count, along, 0)
    combine(0.0, along, 0, 1, q, 0, count, work, 0)
    for i in range(out.shape[1]):
        out[o, i] -= work[0, i]


@summing
def _length(rows, j):
    """√Σ rows[j]²."""
    total = 0.0
    for i in range(rows.shape[1]):
        total += rows[j, i] * rows[j, i]
    return math.sqrt(total)


@loop
def _scaled(rows, j, factor, out, o):
    """out[o] = factor · rows[j]."""
    for i in range(rows.shape[1]):
        out[o, i] = factor * rows[j, i]


@loop
def _rotate(columns, turns):
    """Turn the columns (a row each) until each two are orthogonal, and those of ``turns`` alike."""
    count = columns.shape[0]
    for _ in range(SWEEPS):
        still = True
        for j in range(count - 1):
            for k in range(j + 1, count):
                first = second = both = 0.0
                for i in range(count):
                    first += columns[j, i] * columns[j, i]
                    second += columns[k, i] * columns[k, i]
                    both += columns[j, i] * columns[k, i]
                if abs(both) > EPSILON * count * math.sqrt(first) * math.sqrt(second):
                    still = False
                    half = (second - first) / (2.0 * both)
                    tangent = math.copysign(1.0, half) / (abs(half) + math.hypot(1.0, half))
                    cosine = 1.0 / math.hypot(1.0, tangent)
                    _turn(columns, j, k, cosine, cosine * tangent)
                    _turn(turns, j, k, cosine, cosine * tangent)
        if still:
            return


@loop
def _turn(rows, j, k, cosine, sine):
    for i in range(rows.shape[1]):
        a, b = rows[j, i], rows[k, i]
        rows[j, i] = cosine * a - sine * b
        rows[k, i] = sine * a + cosine * b
