"""The output layer integrated out: its Gaussian given the hidden part, and what is left of h.

With features F (K, n), the last row ones, weighted like the targets y, and A = τ F Fᵀ + D = L Lᵀ,

    m = A⁻¹ τ F y,    o = m + L⁻ᵀ z ~ N(m, A⁻¹) for z ~ N(0, I)
    log ∫ exp(−τ/2 |y − Fᵀo|²) N(o; 0, D⁻¹) do
        = −½ (τ |y − Fᵀm|² + mᵀ D m) − Σ log L_kk + ½ Σ log D_kk

(Bayesian linear regression: Bishop 2006, Pattern Recognition and Machine Learning, eqs. 3.53, 3.54
and 3.86; the linear parameters of a nonlinear least squares problem: Golub & Pereyra 1973, SIAM J.
Numer. Anal. 10, 413.) The sum of squares is that of the residuals, which loses no digits where
features are collinear. A power β of the likelihood is a factor of τ, and a precision D_kk = 0 is no
prior at all: it counts nothing in the last sum.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from .compiling import kernel
from .features import gather, inside, misfit, refilled, rooms
from .forward import finite
from .points import Points
from .results import OutputGaussian
from .rows import as_rows, as_vector, split
from .shape import Shape
from .solve import draw, exponent, solve

__all__ = ["KERNELS", "collapsed", "shared_by_all"]


def collapsed(
    shape: Shape,
    h: np.ndarray,
    points: Points,
    tau: float | np.ndarray,
    precisions: np.ndarray,
    normals: np.ndarray | None = None,
    threads: int = 1,
) -> OutputGaussian:
    """h (B, ≥H), τ one number or (B,), the diagonal of D (K,), z (B, K) -> OutputGaussian."""
    h, b, k = as_rows(h, shape.n_hidden), len(h), shape.n_output
    mean, cholesky = np.empty((b, k)), np.empty((b, k, k))
    evidence, sse, drawn_sse = np.empty(b), np.empty(b), np.empty(b)
    if normals is None:  # the mean stands for the draw
        z, drawn = mean[:, :0].copy(), mean
    else:
        z, drawn = as_rows(normals, k), np.empty((b, k))
        if len(z) != b:
            raise ValueError(f"found normals for {len(z)} rows, expected {b}")
    rows = (h, as_vector(tau, b), z, evidence, mean, cholesky, sse, drawn, drawn_sse)
    split(_collapsed, threads, points.work, rows, shared_by_all(shape, points, precisions))
    return OutputGaussian(evidence, mean, cholesky, sse, drawn, drawn_sse)


def shared_by_all(shape: Shape, points: Points, precisions: np.ndarray) -> tuple[Any, ...]:
    """What kernels of the collapsed density take beside the rows."""
    d = as_vector(precisions, shape.n_output)
    return shape.widths, shape.code, shape.units, shape.n_hidden, d, *points.arrays(shape)


@kernel
def _collapsed(
    h, tau, normals, evidence, mean, cholesky, sse, drawn, drawn_sse,
    sizes, code, total, ndim, precisions, x, y, root, lost,
):  # fmt: skip
    count = precisions.size
    features, units, work = rooms(total, sizes, y, root)
    sums, layers = np.empty(count * (count + 1)), np.empty((2, count))
    for w in range(h.shape[0]):
        t = h[w]
        gather(t, sizes, code, x, y, root, features, units, work, sums)
        precision = tau[w] if finite(t, ndim) else math.nan
        volume = solve(sums, precision, precisions, mean[w], cholesky[w])
        inside(mean[w], 1.0, layers, 0)
        if normals.shape[1] > 0:
            draw(mean[w], cholesky[w], normals[w], drawn[w])
            inside(drawn[w], 1.0, layers, 1)
        first = second = lost
        for k in range(y.shape[0]):
            slot = refilled(k, t, sizes, code, x, y, root, features, units, work)
            first += misfit(layers[0], features[slot], work)
            if normals.shape[1] > 0:
                second += misfit(layers[1], features[slot], work)
        sse[w] = first
        drawn_sse[w] = second if normals.shape[1] > 0 else first
        evidence[w] = volume + exponent(precision, first, precisions, mean[w])


KERNELS = {"collapsed density": _collapsed}
