"""Derivatives of the output at every point by the hidden part, ∂f(x_i)/∂h, by the chain rule."""

from __future__ import annotations

import math

import numpy as np

from .backward import earlier
from .compiling import kernel, loop
from .forward import finite, hidden
from .points import Points
from .rows import as_rows, split
from .shape import Shape
from .vectors import slopes

__all__ = ["KERNELS", "hidden_jacobian", "hidden_rows"]


def hidden_jacobian(
    shape: Shape, theta: np.ndarray, points: Points, threads: int = 1
) -> np.ndarray:
    """∂f/∂h of the outputs as they are, no weights in them: (B, ≥P) -> (B, H, n)."""
    theta = as_rows(theta, shape.ndim)
    out = np.empty((len(theta), shape.n_hidden, points.n))
    shared = (shape.widths, shape.code, shape.units, points.arrays(shape)[0], shape.ndim)
    split(_hidden_jacobian, threads, shape.n_hidden * points.n, (theta, out), shared)
    return out


@kernel
def _hidden_jacobian(theta, out, sizes, code, count, x, ndim):
    n, m = out.shape[2], x.shape[2]
    width = sizes[-2]
    units, delta, work = np.empty((count, m)), np.empty((count, m)), np.ones((1, m))
    one = np.ones((1, m))
    for w in range(theta.shape[0]):
        t, j = theta[w], out[w]
        for k in range(x.shape[0]):
            lo, hi = k * m, min(n, k * m + m)
            at = hidden(t, sizes, code, x[k], units, work)
            if count > 0:
                for u in range(width):
                    slopes(code, t[at + u], one, 0, units, count - width + u, delta)
                earlier(t, at - width * (sizes[-3] + 1), sizes, code, units, delta, work)
                hidden_rows(sizes, x[k], units, delta, j, lo, hi)
        if not finite(t, ndim):
            j[:] = math.nan


@loop
def hidden_rows(sizes, x, units, delta, out, lo, hi):
    """Columns lo to hi of the hidden layers' rows: delta times what goes in, and delta."""
    rows, first = x, 0
    at, start = 0, 0
    one = np.ones((1, hi - lo))
    for layer in range(sizes.size - 2):
        inputs, width = sizes[layer], sizes[layer + 1]
        bias = at + inputs * width
        for u in range(width):
            for i in range(inputs):
                _store(delta, start + u, rows, first + i, out, at + u * inputs + i, lo, hi)
            _store(delta, start + u, one, 0, out, bias + u, lo, hi)
        rows, first = units, start
        at = bias + width
        start += width


@loop
def _store(left, a, right, b, out, o, lo, hi):
    """out[o, lo:hi] = left[a] · right[b]."""
    row = out[o, lo:hi]
    for i in range(row.size):
        row[i] = left[a, i] * right[b, i]


KERNELS = {"Jacobian": _hidden_jacobian}
