"""The Gaussian of the output layer of one network, from the sums over its features."""

from __future__ import annotations

import math

from .compiling import loop
from .features import outside
from .gaussian import backward_solve, factor, forward_solve

__all__ = ["draw", "exponent", "solve"]


@loop
def solve(sums, tau, precisions, mean, cholesky):
    """m and L from the sums. Returns ½ Σ log D − Σ log L_kk, or NaN, like m, if there is no L."""
    count = mean.size
    for j in range(count):
        a = outside(j, count)
        mean[a] = tau * sums[j * (count + 1)]
        for k in range(j + 1):
            b = outside(k, count)
            cholesky[max(a, b), min(a, b)] = tau * sums[j * (count + 1) + 1 + k]
        cholesky[a, a] += precisions[a]
    if not factor(cholesky):
        mean[:] = math.nan
        cholesky[:] = math.nan
        return math.nan
    forward_solve(cholesky, mean)
    backward_solve(cholesky, mean)
    volume = 0.0
    for a in range(count):
        volume -= math.log(cholesky[a, a])
        if precisions[a] > 0.0:
            volume += 0.5 * math.log(precisions[a])
    return volume


@loop
def draw(mean, cholesky, normals, drawn):
    """drawn = m + L⁻ᵀ z."""
    for a in range(drawn.size):
        drawn[a] = normals[a]
    backward_solve(cholesky, drawn)
    for a in range(drawn.size):
        drawn[a] += mean[a]


@loop
def exponent(tau, sse, precisions, mean):
    """−½ (τ SSE + mᵀ D m)."""
    total = tau * sse
    for a in range(mean.size):
        total += precisions[a] * mean[a] * mean[a]
    return -0.5 * total
