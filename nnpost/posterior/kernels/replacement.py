"""One unit of a network of one hidden layer replaced by others, the output layer integrated out.

Given the other units (and the bias, which has no prior here), with their A = τ F Fᵀ + D = L Lᵀ, a
unit of values φ has the evidence, up to what does not depend on it,

    ½ (τ φ·y − w·z)²/s − ½ log s,   w = L⁻¹ τ F y,   z = L⁻¹ τ F φ,   s = τ|φ|² + 1/s_a² − |z|²

which is the last step of a Cholesky factorisation with the unit put last (Golub & Van Loan 2013,
Matrix Computations, §4.2). So one unit more costs no pass over the others.
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel, loop, summing
from .features import constants, fill
from .forward import finite
from .gaussian import factor, forward_solve, forward_solve_rows
from .points import Points
from .rows import as_rows, as_vector, split
from .shape import Shape
from .vectors import activate, combine, dots, multiply

__all__ = ["KERNELS", "replacement"]


def replacement(
    shape: Shape,
    h: np.ndarray,
    points: Points,
    tau: float | np.ndarray,
    precision: float,
    which: np.ndarray,
    fresh: np.ndarray,
    group: np.ndarray,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """log evidence with unit ``which`` (B,) of networks h (B, ≥H) as it is, (B,), and with each of
    M others instead, (B, M).

    Networks of group g, ``group`` (B,), have the others fresh[g], (G, M, d + 1), the bias last;
    ``precision`` is 1/s_a². Zero in all of a row whose other units have no Cholesky factor, and
    −1e300 where a unit gives no number.
    """
    h, b = as_rows(h, shape.n_hidden), len(h)
    now, new = np.empty(b), np.empty((b, fresh.shape[1]))
    rows = (h, as_vector(tau, b), which.astype(np.int64), group.astype(np.int64), now, new)
    x, y, root, _ = points.arrays(shape)
    shared = (
        np.ascontiguousarray(fresh, np.float64),
        shape.widths,
        shape.code,
        float(precision),
        x,
        y,
        root,
    )
    split(_replacement, threads, points.n * (fresh.shape[1] + shape.units), rows, shared)
    return now, new


@loop
def _values(units, code, x, root, work, out):
    """Values of units (M, d + 1) on one block, times root (1, m)."""
    d = x.shape[0]
    for c in range(units.shape[0]):
        if d == 1:
            activate(code, units[c, 0], units[c, 1], x, 0, work, 1)
        else:
            combine(units[c, d], units[c], 0, 1, x, 0, d, work, 0)
            activate(code, 1.0, 0.0, work, 0, work, 1)
        multiply(work, 1, root, 1, out, c)


@loop
def _others(sums, own, tau, precision, lower, moment):
    """A and τ F y of all features but ``own``, in the order of features.py; False if no factor."""
    count, a = moment.size + 1, 0
    for j in range(count):
        if j == own:
            continue
        moment[a] = tau * sums[j * (count + 1)]
        b = 0
        for k in range(j + 1):
            if k != own:
                lower[a, b] = tau * sums[j * (count + 1) + 1 + k]
                b += 1
        if j > 0:
            lower[a, a] += precision
        a += 1
    return factor(lower)


@summing
def _value(along, free, least):
    """What rounding may take away from s is given back."""
    free = max(free, least)
    value = 0.5 * along * along / free - 0.5 * math.log(free)
    return -1e300 if math.isnan(value) else value


@loop
def _competing(products, own, count, tau, precision, lower, moment, rows, along, free, new):
    """The evidence of all candidates from their ``products`` (M · (K + 2)): φ·y, φ·F, |φ|²."""
    width = count + 2
    for c in range(new.size):
        along[c] = tau * products[c * width]
        free[c] = tau * products[c * width + count + 1] + precision
    a = 0
    for j in range(count):
        if j != own:
            for c in range(new.size):
                rows[a, c] = tau * products[c * width + 1 + j]
            a += 1
    forward_solve_rows(lower, rows)
    for a in range(rows.shape[0]):
        for c in range(new.size):
            along[c] -= moment[a] * rows[a, c]
            free[c] -= rows[a, c] * rows[a, c]
    for c in range(new.size):
        new[c] = _value(along[c], free[c], precision)


@loop
def _present(sums, own, count, tau, precision, lower, moment, k):
    """The evidence of unit ``own``, from the sums over the features."""
    a = 0
    for j in range(count):
        if j != own:
            k[a] = tau * sums[max(j, own) * (count + 1) + 1 + min(j, own)]
            a += 1
    forward_solve(lower, k)
    along = tau * sums[own * (count + 1)]
    free = tau * sums[own * (count + 1) + 1 + own] + precision
    for a in range(k.size):
        along -= moment[a] * k[a]
        free -= k[a] * k[a]
    return _value(along, free, precision)


@kernel
def _replacement(h, tau, which, group, now, new, fresh, sizes, code, precision, x, y, root):
    blocks, m = y.shape
    width = sizes[-2]
    count, size = width + 1, fresh.shape[1]
    features, units, work = np.empty((count + 2, m)), np.empty((width, m)), np.empty((2, m))
    phi, sums = np.empty((size, m)), np.empty(count * (count + 1))
    products = np.empty(size * (count + 2))
    lower, moment, k = np.empty((width, width)), np.empty(width), np.empty(width)
    rows, along, free = np.empty((width, size)), np.empty(size), np.empty(size)
    there = -1
    for w in range(h.shape[0]):
        t, own = h[w], which[w] + 1
        sums[:] = 0.0
        products[:] = 0.0
        for b in range(blocks):
            constants(y[b], root[b], features)
            fill(t, sizes, code, x[b], features, units, work)
            if blocks > 1 or group[w] != there:
                _values(fresh[group[w]], code, x[b], features, work, phi)
                there = group[w]
            for j in range(count):
                dots(features, 1 + j, features, 0, 2 + j, sums, j * (count + 1))
            for c in range(size):
                dots(phi, c, features, 0, count + 1, products, c * (count + 2))
                dots(phi, c, phi, c, 1, products, c * (count + 2) + count + 1)
        precise = tau[w] if finite(t, width * (sizes[0] + 1)) else math.nan
        if _others(sums, own, precise, precision, lower, moment):
            forward_solve(lower, moment)
            now[w] = _present(sums, own, count, precise, precision, lower, moment, k)
            _competing(
                products, own, count, precise, precision, lower, moment, rows, along, free, new[w]
            )
        else:
            now[w] = 0.0
            new[w] = 0.0


KERNELS = {"replaced units": _replacement}
