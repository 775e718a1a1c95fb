"""Gradient and curvature of the collapsed density of one hidden layer, from one set of sums.

With the output layer o ~ N(m, V) given h, J_j (d + 1, n) the derivatives of the values of unit j by
its weights and bias, F the features and r = y − Fᵀm,

    gradient of unit j    τ (m_j J_j r − J_j Fᵀ V_j)
    curvature of j and k  τ (m_j m_k + V_jk) J_j P J_kᵀ,   P = 1 − τ Fᵀ V F

the second the Gauss–Newton curvature of variable projection (Golub & Pereyra 1973, SIAM J. Numer.
Anal. 10, 413), averaged over the output layer.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel, loop
from .features import constants, fill, inside
from .forward import finite
from .gaussian import backward_solve, factor, forward_solve, invert
from .points import Points
from .results import Curvature
from .rows import as_rows, as_vector, split
from .shape import Shape
from .vectors import dots, multiply, slopes

__all__ = ["KERNELS", "curvature"]


def curvature(
    shape: Shape,
    h: np.ndarray,
    points: Points,
    tau: float | np.ndarray,
    precisions: np.ndarray,
    threads: int = 1,
) -> Curvature:
    """h (B, ≥H), τ one number or (B,), prior precisions (K,) of the output layer, 0 for none."""
    h, b, size = as_rows(h, shape.n_hidden), len(h), shape.n_hidden
    out = Curvature(np.empty((b, size)), np.empty((b, size, size)), np.empty(b))
    d = as_vector(precisions, shape.n_output)
    shared = (shape.widths, shape.code, d, *points.arrays(shape))
    split(_curvature, threads, 4 * points.work, (h, as_vector(tau, b), *out), shared)
    return out


@loop
def _derivatives(code, x, units, rows, slope, first):
    """J of all units on one block, unit by unit, from row ``first`` of ``rows`` on."""
    for u in range(units.shape[0]):
        slopes(code, 1.0, rows, 1, units, u, slope)
        for k in range(x.shape[0]):
            multiply(slope, u, x, k, rows, first)
            first += 1
        for i in range(slope.shape[1]):
            rows[first, i] = slope[u, i]
        first += 1


@loop
def _gathered(t, sizes, code, x, y, root, rows, units, slope, work, sums):
    """``sums`` (R, R), lower triangle: over the points of products of the rows y, F and J."""
    count = sizes[-2] + 1
    sums[:] = 0.0
    for b in range(y.shape[0]):
        constants(y[b], root[b], rows)
        fill(t, sizes, code, x[b], rows, units, work)
        _derivatives(code, x[b], units, rows, slope, count + 1)
        for r in range(rows.shape[0]):
            dots(rows, r, rows, 0, r + 1, sums[r], 0)


@loop
def _place(p, width, inputs):
    """Where in h the derivative p of J is: that of a weight, or of a bias."""
    u, k = p // (inputs + 1), p % (inputs + 1)
    return u * inputs + k if k < inputs else width * inputs + u


@loop
def _filled(sums, tau, mean, v, projected, inputs, grad, metric):
    """Gradient and metric from the sums, the mean (K,) and V (K, K), ones first."""
    count = mean.size
    width, first = count - 1, count + 1
    for p in range(projected.shape[0]):
        own = p // (inputs + 1) + 1
        rest = sums[first + p, 0]
        across = 0.0
        for c in range(count):
            rest -= sums[first + p, 1 + c] * mean[c]
            across += sums[first + p, 1 + c] * v[c, own]
        grad[_place(p, width, inputs)] = tau * (mean[own] * rest - across)
        for b in range(count):
            total = 0.0
            for c in range(count):
                total += sums[first + p, 1 + c] * v[c, b]
            projected[p, b] = tau * total
        for q in range(p + 1):
            other = q // (inputs + 1) + 1
            total = sums[first + p, first + q]
            for b in range(count):
                total -= projected[p, b] * sums[first + q, 1 + b]
            total *= tau * (mean[own] * mean[other] + v[own, other])
            at, to = _place(p, width, inputs), _place(q, width, inputs)
            metric[at, to] = total
            metric[to, at] = total


@loop
def _misfit(sums, mean, v, lost):
    """E[Σ r²] over the output layer."""
    total = sums[0, 0] + lost
    for a in range(mean.size):
        total -= 2.0 * mean[a] * sums[1 + a, 0]
        for b in range(mean.size):
            gram = sums[1 + max(a, b), 1 + min(a, b)]
            total += (mean[a] * mean[b] + v[a, b]) * gram
    return total


@kernel
def _curvature(h, tau, grad, metric, sse, sizes, code, precisions, x, y, root, lost):
    m, width, inputs = y.shape[1], sizes[-2], sizes[0]
    count, size = width + 1, grad.shape[1]
    rows, units = np.empty((1 + count + size, m)), np.empty((width, m))
    slope, work = np.empty((width, m)), np.empty((2, m))
    sums, d = np.empty((1 + count + size, 1 + count + size)), np.empty((1, count))
    lower, v, mean = np.empty((count, count)), np.empty((count, count)), np.empty(count)
    projected = np.empty((size, count))
    inside(precisions, 1.0, d, 0)
    for w in range(h.shape[0]):
        t = h[w]
        _gathered(t, sizes, code, x, y, root, rows, units, slope, work, sums)
        precise = tau[w] if finite(t, size) else math.nan
        for a in range(count):
            mean[a] = precise * sums[1 + a, 0]
            for b in range(a + 1):
                lower[a, b] = precise * sums[1 + a, 1 + b]
            lower[a, a] += d[0, a]
        if factor(lower):
            forward_solve(lower, mean)
            backward_solve(lower, mean)
            invert(lower, v)
            _filled(sums, precise, mean, v, projected, inputs, grad[w], metric[w])
            sse[w] = _misfit(sums, mean, v, lost)
        else:
            grad[w] = math.nan
            metric[w] = math.nan
            sse[w] = math.nan


KERNELS = {"curvature": _curvature}
