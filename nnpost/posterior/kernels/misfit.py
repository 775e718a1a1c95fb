"""Outputs, and the sum of squared residuals with its gradient: Σ r², r = root · (target − f)."""

from __future__ import annotations

import math

import numpy as np

from .backward import accumulate, earlier
from .compiling import kernel, loop
from .forward import finite, hidden, output
from .points import Points
from .rows import as_rows, split
from .shape import Shape
from .vectors import dots, pulls, slopes, squares

__all__ = ["KERNELS", "outputs", "pull", "sse", "sse_and_grad"]


def sse(shape: Shape, theta: np.ndarray, points: Points, threads: int = 1) -> np.ndarray:
    """Σ r², (B, ≥P) -> (B,)."""
    theta = as_rows(theta, shape.ndim)
    out = np.empty(len(theta))
    split(
        _sse,
        threads,
        points.work,
        (theta, out),
        (shape.widths, shape.code, shape.units, *points.arrays(shape)),
    )
    return out


def sse_and_grad(
    shape: Shape, theta: np.ndarray, points: Points, threads: int = 1
) -> tuple[np.ndarray, np.ndarray]:
    """Σ r² and its gradient by backpropagation, (B, ≥P) -> (B,), (B, P)."""
    theta = as_rows(theta, shape.ndim)
    out, grad = np.empty(len(theta)), np.empty((len(theta), shape.ndim))
    shared = (shape.widths, shape.code, shape.units, *points.arrays(shape))
    split(_sse_and_grad, threads, points.work, (theta, out, grad), shared)
    return out, grad


def outputs(shape: Shape, theta: np.ndarray, points: Points, threads: int = 1) -> np.ndarray:
    """f at the points, (B, ≥P) -> (B, n)."""
    theta = as_rows(theta, shape.ndim)
    out = np.empty((len(theta), points.n))
    shared = (shape.widths, shape.code, shape.units, points.arrays(shape)[0], shape.ndim)
    split(_outputs, threads, points.work, (theta, out), shared)
    return out


@kernel
def _sse(theta, out, sizes, code, count, x, y, root, lost):
    blocks, m = y.shape
    units, work = np.empty((count, m)), np.empty((2, m))
    for w in range(theta.shape[0]):
        t = theta[w]
        total = lost
        for k in range(blocks):
            at = hidden(t, sizes, code, x[k], units, work)
            output(t, at, sizes, x[k], units, work, 0)
            total += squares(y[k], root[k], work, 0)
        out[w] = total if finite(t, at + sizes[-2] + 1) else math.nan


@kernel
def _outputs(theta, out, sizes, code, count, x, ndim):
    n, m = out.shape[1], x.shape[2]
    units, work = np.empty((count, m)), np.empty((1, m))
    for w in range(theta.shape[0]):
        t = theta[w]
        for k in range(x.shape[0]):
            at = hidden(t, sizes, code, x[k], units, work)
            output(t, at, sizes, x[k], units, work, 0)
            for i in range(min(m, n - k * m)):
                out[w, k * m + i] = work[0, i]
        if not finite(t, ndim):
            out[w] = math.nan


@kernel
def _sse_and_grad(theta, out, grad, sizes, code, count, x, y, root, lost):
    blocks, m = y.shape
    ndim = grad.shape[1]
    units, delta, work = np.empty((count, m)), np.empty((count, m)), np.empty((2, m))
    for w in range(theta.shape[0]):
        t, g = theta[w], grad[w]
        g[:] = 0.0
        total = lost
        for k in range(blocks):
            total += pull(t, sizes, code, x[k], y[k], root[k], units, delta, work, g)
        known = finite(t, ndim)
        out[w] = total if known else math.nan
        for i in range(ndim):
            g[i] = -2.0 * g[i] if known else math.nan


@loop
def pull(t, sizes, code, x, y, root, units, delta, work, grad):
    """Add −½ ∂/∂θ Σ r² of one block to ``grad`` (P,); returns Σ r²."""
    width, last = sizes[-2], grad.size - 1
    at = hidden(t, sizes, code, x, units, work)
    output(t, at, sizes, x, units, work, 0)
    total = pulls(y, root, work, 0, work, 1)
    if sizes.size == 2:
        grad[last] += dots(work, 1, x, 0, width, grad, at)
        return total
    first = units.shape[0] - width
    grad[last] += dots(work, 1, units, first, width, grad, at)
    for u in range(width):
        slopes(code, t[at + u], work, 1, units, first + u, delta)
    earlier(t, at - width * (sizes[-3] + 1), sizes, code, units, delta, work)
    accumulate(sizes, x, units, delta, grad)
    return total


KERNELS = {"sum of squares": _sse, "its gradient": _sse_and_grad, "outputs": _outputs}
