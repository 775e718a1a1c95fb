"""Small symmetric matrices, (K, K) each: Cholesky factors and what is solved with them."""

from __future__ import annotations

import math

from .compiling import loop, summing

__all__ = [
    "backward_solve", "backward_solve_rows", "factor", "forward_solve", "forward_solve_rows",
    "invert",
]  # fmt: skip


@summing
def factor(a):
    """L with L Lᵀ = A in place of the lower triangle of A, zeros above; False if there is none."""
    for j in range(a.shape[0]):
        for k in range(j + 1):
            s = a[j, k]
            for q in range(k):
                s -= a[j, q] * a[k, q]
            if k < j:
                a[j, k] = s / a[k, k]
            elif 0.0 < s < math.inf:
                a[j, j] = math.sqrt(s)
            else:
                return False
        for k in range(j + 1, a.shape[0]):
            a[j, k] = 0.0
    return True


@summing
def forward_solve(lower, v):
    """L⁻¹ v in place of v (K,)."""
    for j in range(v.size):
        s = v[j]
        for q in range(j):
            s -= lower[j, q] * v[q]
        v[j] = s / lower[j, j]


@summing
def backward_solve(lower, v):
    """L⁻ᵀ v in place of v (K,)."""
    for j in range(v.size - 1, -1, -1):
        s = v[j] / lower[j, j]
        v[j] = s
        for q in range(j):
            v[q] -= s * lower[j, q]


@summing
def invert(lower, out):
    """A⁻¹ = L⁻ᵀ L⁻¹ into ``out`` (K, K)."""
    out[:] = 0.0
    for k in range(lower.shape[0]):
        out[k, k] = 1.0
        forward_solve(lower, out[k])
        backward_solve(lower, out[k])


@loop
def forward_solve_rows(lower, rows):
    """L⁻¹ v of many v at once, each a column of ``rows`` (K, T), in place."""
    for a in range(rows.shape[0]):
        for b in range(a):
            entry = lower[a, b]
            for s in range(rows.shape[1]):
                rows[a, s] -= entry * rows[b, s]
        inverse = 1.0 / lower[a, a]
        for s in range(rows.shape[1]):
            rows[a, s] *= inverse


@loop
def backward_solve_rows(lower, rows):
    """L⁻ᵀ v of many v at once, in the same way."""
    for a in range(rows.shape[0] - 1, -1, -1):
        for b in range(a + 1, rows.shape[0]):
            entry = lower[b, a]
            for s in range(rows.shape[1]):
                rows[a, s] -= entry * rows[b, s]
        inverse = 1.0 / lower[a, a]
        for s in range(rows.shape[1]):
            rows[a, s] *= inverse
