"""Flips of units, which only the prior of the output bias notices: the sum over all of them.

With the output layer's Gaussian N(m, A⁻¹), A = L Lᵀ, found *without* a prior of the bias, a copy
that stands for the bias u·o (u one column of ``flips``) and gives that the variance s² has

    log p = base + log N(u·m; 0, s² + |L⁻¹u|²) + ½ log 2π

and an output layer of mean m − A⁻¹u (u·m)/w and covariance A⁻¹ − A⁻¹u uᵀA⁻¹/w, w = s² + |L⁻¹u|²:
a rank-one correction each (Sherman & Morrison 1950, Ann. Math. Stat. 21, 124).
"""

from __future__ import annotations

import math

import numpy as np

from .compiling import kernel, loop, summing
from .gaussian import backward_solve_rows, forward_solve_rows, invert
from .rows import split

__all__ = ["KERNELS", "flip_moments", "flip_terms"]


def flip_terms(
    base: np.ndarray,
    mean: np.ndarray,
    cholesky: np.ndarray,
    flips: np.ndarray,
    variance: float,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """log Σ p, (B,), and log p of every flip, (B, T), from ``base`` (B,), m (B, K), L (B, K, K).

    ``flips`` is (K, T). What is not finite counts as −inf.
    """
    out = np.empty(len(base)), np.empty((len(base), flips.shape[1]))
    split(_flip_terms, threads, flips.size, (base, mean, cholesky, *out), (flips, float(variance)))
    return out


def flip_moments(
    terms: np.ndarray,
    log_sum: np.ndarray,
    mean: np.ndarray,
    cholesky: np.ndarray,
    flips: np.ndarray,
    variance: float,
    threads: int = 1,
) -> tuple[np.ndarray, np.ndarray]:
    """Mean (B, K) and covariance (B, K, K) of the output layer over all flips, each counted with
    its probability exp(terms − log_sum); NaN where none is finite."""
    out = np.empty_like(mean), np.empty_like(cholesky)
    rows = (terms, log_sum, mean, cholesky, *out)
    split(_flip_moments, threads, flips.size, rows, (flips, float(variance)))
    return out


@loop
def _projections(mean, flips, half, variance, along, width):
    """u·m and s² + |L⁻¹u|² of all flips."""
    along[:] = 0.0
    width[:] = variance
    for a in range(half.shape[0]):
        m = mean[a]
        for s in range(half.shape[1]):
            along[s] += m * flips[a, s]
            width[s] += half[a, s] * half[a, s]


@summing
def _log_sum(terms):
    top = -math.inf
    for s in range(terms.size):
        top = max(top, terms[s])
    if top == -math.inf:
        return top
    total = 0.0
    for s in range(terms.size):
        total += math.exp(terms[s] - top)
    return top + math.log(total)


@summing
def _weighted(weights, left, a, right, b):
    """Σ_s weights · left[a] · right[b]."""
    total = 0.0
    for s in range(weights.size):
        total += weights[s] * left[a, s] * right[b, s]
    return total


@kernel
def _flip_terms(base, mean, cholesky, log_sum, terms, flips, variance):
    half, along, width = np.empty(flips.shape), np.empty(terms.shape[1]), np.empty(terms.shape[1])
    for w in range(base.size):
        half[:] = flips
        forward_solve_rows(cholesky[w], half)
        _projections(mean[w], flips, half, variance, along, width)
        for s in range(width.size):
            term = base[w] - 0.5 * (along[s] * along[s] / width[s] + math.log(width[s]))
            terms[w, s] = term if math.isfinite(term) else -math.inf
        log_sum[w] = _log_sum(terms[w])


@kernel
def _flip_moments(terms, log_sum, mean, cholesky, out, covariance, flips, variance):
    count, size = flips.shape
    half, along, width = np.empty((count, size)), np.empty(size), np.empty(size)
    share, ones = np.empty(size), np.ones((1, size))
    for w in range(log_sum.size):
        half[:] = flips
        forward_solve_rows(cholesky[w], half)
        _projections(mean[w], flips, half, variance, along, width)
        backward_solve_rows(cholesky[w], half)
        for s in range(size):
            share[s] = math.exp(terms[w, s] - log_sum[w])
            along[s] /= width[s]
        shift = _shifts(half, along, share, ones, out[w])
        invert(cholesky[w], covariance[w])
        for s in range(size):  # what the spread of the means adds, and each narrowing takes away
            width[s] = share[s] / width[s]
        for a in range(count):
            for b in range(a + 1):
                gain = _weighted(share, shift, a, shift, b) - _weighted(width, half, a, half, b)
                covariance[w, a, b] += gain
                covariance[w, b, a] = covariance[w, a, b]
        for a in range(count):
            out[w, a] += mean[w, a]


@loop
def _shifts(half, along, share, ones, mean):
    """How far each flip's mean is from the mean of all, (K, T); that goes into ``mean`` (K,)."""
    shift = np.empty(half.shape)
    for a in range(half.shape[0]):
        for s in range(half.shape[1]):
            shift[a, s] = -half[a, s] * along[s]
        mean[a] = _weighted(share, shift, a, ones, 0)
        for s in range(half.shape[1]):
            shift[a, s] -= mean[a]
    return shift


KERNELS = {"sum over flips": _flip_terms, "moments over flips": _flip_moments}
