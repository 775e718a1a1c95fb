"""Gradients in the hidden part, with the output layer integrated out or averaged over.

For an output layer of mean m and covariance C the expected misfit is Σ r² + tr(C F Fᵀ) with
r = y − Fᵀm, and −τ/2 times that has the derivative τ (m rᵀ − C F) with respect to F; then it goes
back through F(h). With C = A⁻¹ it is that of the logarithm in ``collapsed``, by the envelope
theorem.
"""

from __future__ import annotations

import math

import numpy as np

from .backward import accumulate, earlier
from .collapsed import shared_by_all
from .compiling import kernel, loop
from .features import constants, fill, gather, inside, misfit, refilled, rooms
from .forward import finite
from .gaussian import invert
from .points import Points
from .results import EvidenceGrad
from .rows import as_rows, as_vector, split
from .shape import Shape
from .solve import exponent, solve
from .vectors import combine, multiply, slopes

__all__ = ["KERNELS", "collapsed_and_grad", "expected_grad"]


def collapsed_and_grad(
    shape: Shape,
    h: np.ndarray,
    points: Points,
    tau: float | np.ndarray,
    precisions: np.ndarray,
    threads: int = 1,
) -> EvidenceGrad:
    """h (B, ≥H), τ one number or (B,), the diagonal of D (K,) -> EvidenceGrad."""
    h, b = as_rows(h, shape.n_hidden), len(h)
    out = EvidenceGrad(np.empty(b), np.empty((b, shape.n_hidden)), np.empty(b), np.empty(b))
    rows = (h, as_vector(tau, b), *out)
    split(_collapsed_and_grad, threads, points.work, rows, shared_by_all(shape, points, precisions))
    return out


def expected_grad(
    shape: Shape,
    h: np.ndarray,
    points: Points,
    tau: float | np.ndarray,
    mean: np.ndarray,
    covariance: np.ndarray,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of −τ/2 E[Σ r²] in h, (B, H), and Σ r² of the mean, (B,).

    h is (B, ≥H), τ one number or (B,), ``mean`` (B, K) and ``covariance`` (B, K, K) are those of
    the output layer.
    """
    h, b, k = as_rows(h, shape.n_hidden), len(h), shape.n_output
    grad, sse = np.empty((b, shape.n_hidden)), np.empty(b)
    if mean.shape != (b, k) or covariance.shape != (b, k, k):
        raise ValueError(
            f"found moments of shapes {mean.shape} and {covariance.shape}, expected "
            f"{(b, k)} and {(b, k, k)}"
        )
    flat = as_rows(covariance.reshape(b, k * k), k * k)
    rows = (h, as_vector(tau, b), as_rows(mean, k), flat.reshape(b, k, k), grad, sse)
    shared = (shape.widths, shape.code, shape.units, shape.n_hidden, *points.arrays(shape))
    split(_expected_grad, threads, points.work, rows, shared)
    return grad, sse


@loop
def _pull(inverse, tau, mean, pull, layer):
    """Row u of ``pull`` (U, K + 1): what the features and r count in τ (m rᵀ − C F) for unit u.

    Puts m into ``layer`` (1, K), in the order of the features.
    """
    inside(mean, 1.0, layer, 0)
    for u in range(pull.shape[0]):
        inside(inverse[u], -tau, pull, u)
        pull[u, mean.size] = tau * mean[u]


@loop
def _back(t, sizes, code, ndim, x, features, units, pull, delta, work, grad):
    """Add to ``grad`` what ``pull`` of one block is, through all layers."""
    if units.shape[0] == 0:
        return
    width, last = sizes[-2], units.shape[0] - sizes[-2]
    for u in range(width):
        combine(0.0, pull[u], 0, 1, features, 1, features.shape[0] - 1, work, 0)
        multiply(work, 0, features, 1, work, 1)
        slopes(code, 1.0, work, 1, units, last + u, delta)
    earlier(t, ndim - width * (sizes[-3] + 1), sizes, code, units, delta, work)
    accumulate(sizes, x, units, delta, grad)


@kernel
def _collapsed_and_grad(
    h, tau, evidence, grad, sse, freedom,
    sizes, code, total, ndim, precisions, x, y, root, lost,
):  # fmt: skip
    count = precisions.size
    features, units, work = rooms(total, sizes, y, root)
    delta = np.empty(units.shape[1:])
    sums, layer = np.empty(count * (count + 1)), np.empty((1, count))
    mean, cholesky, inverse = np.empty(count), np.empty((count, count)), np.empty((count, count))
    pull = np.empty((sizes[-2], count + 1))
    for w in range(h.shape[0]):
        t, g = h[w], grad[w]
        g[:] = 0.0
        gather(t, sizes, code, x, y, root, features, units, work, sums)
        precision = tau[w] if finite(t, ndim) else math.nan
        volume = solve(sums, precision, precisions, mean, cholesky)
        invert(cholesky, inverse)
        _pull(inverse, precision, mean, pull, layer)
        total_sse = lost
        for k in range(y.shape[0]):
            slot = refilled(k, t, sizes, code, x, y, root, features, units, work)
            total_sse += misfit(layer[0], features[slot], work)
            _back(t, sizes, code, ndim, x[k], features[slot], units[slot], pull, delta, work, g)
        free = float(count)
        for a in range(count):
            free -= precisions[a] * inverse[a, a]
        sse[w], freedom[w] = total_sse, free
        evidence[w] = volume + exponent(precision, total_sse, precisions, mean)
        if math.isnan(evidence[w]):
            g[:] = math.nan


@kernel
def _expected_grad(
    h, tau, mean, covariance, grad, sse, sizes, code, total, ndim, x, y, root, lost
):  # fmt: skip
    count, m = mean.shape[1], x.shape[2]
    features, units, work = np.empty((count + 2, m)), np.empty((total, m)), np.empty((2, m))
    delta, layer, pull = (
        np.empty((total, m)),
        np.empty((1, count)),
        np.empty((count - 1, count + 1)),
    )
    for w in range(h.shape[0]):
        t, g = h[w], grad[w]
        g[:] = 0.0
        precision = tau[w] if finite(t, ndim) else math.nan
        _pull(covariance[w], precision, mean[w], pull, layer)
        total_sse = lost
        for k in range(y.shape[0]):
            constants(y[k], root[k], features)
            fill(t, sizes, code, x[k], features, units, work)
            total_sse += misfit(layer[0], features, work)
            _back(t, sizes, code, ndim, x[k], features, units, pull, delta, work, g)
        known = math.isfinite(total_sse) and not math.isnan(precision)
        sse[w] = total_sse if known else math.nan
        if not known:
            g[:] = math.nan


KERNELS = {
    "its gradient in the hidden part": _collapsed_and_grad,
    "expected gradient": _expected_grad,
}
