"""Levenberg and Marquardt's method on the hidden part, start by start, the output layer following.

With weighted features F (K, n) and residuals r, the output layer o is the least squares solution of
[F, D^½/√τ]ᵀ o = [y, 0], and Q has orthonormal columns that span the same. The step solves

    (C + λ S) δ = g,    C = τ KᵀK + D_h,    g = τ Kᵀr − D_h h,    K = J − Q Qᵀ J

with J = ∂f/∂h, weighted, and S the largest diagonal of C so far (Golub & Pereyra 1973, SIAM J.
Numer. Anal. 10, 413; Kaufman 1975, BIT 15, 49). The damping λ is Nielsen's (1999,
IMM-REP-1999-05): a step that gains what was expected of it divides it by three, a failure
multiplies it by 2, the next by 4, 8, …

Where the noise is inferred, log σ is set to its best value after every solution for o: SSE e^u +
u/2s² = n for u = −2 log σ, or σ² = SSE/n where it has no prior.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from .backward import earlier
from .compiling import kernel, loop
from .forward import hidden
from .gaussian import backward_solve, factor, forward_solve
from .jacobian import hidden_rows
from .least_squares import least_squares, project
from .rows import as_rows, as_vector, split
from .shape import LANES, Shape
from .vectors import dots, multiply, slopes

__all__ = ["KERNELS", "Columns", "Effort", "Hill", "climb"]

AT_ONCE = 2**26  # numbers between two looks at anything else


@dataclass(frozen=True, eq=False)
class Columns:
    """n points side by side, then places for the prior of the output layer; the rest is nothing."""

    n: int
    x: np.ndarray  # (d, m)
    y: np.ndarray  # (1, m)  targets times root
    root: np.ndarray  # (1, m)  1/yerr, or ones; zero beyond the points

    @classmethod
    def of(cls, shape: Shape, x: np.ndarray, y: np.ndarray, root: np.ndarray) -> Columns:
        """From x (n, d), the *weighted* targets y (n,) = root · target, and root (n,) = 1/yerr."""
        n = len(x)
        fill = shape.n_output + -(n + shape.n_output) % LANES
        parts = (np.ascontiguousarray(part) for part in (x.T, y[None], root[None]))
        return cls(n, *(np.pad(part, ((0, 0), (0, fill))) for part in parts))


class Hill(NamedTuple):
    """What is climbed: −½ (τ SSE + Σ θ²/s²), and ½ n log τ with it where the noise is inferred."""

    inverse: np.ndarray  # (P,)  1/s, zeros where there is no prior
    tau: float | None  # None where log σ ends theta
    smallest: float = 0.0  # least log σ


class Effort(NamedTuple):
    """When a climb ends: after so many ``steps``, or ``patience`` of them without a ``gain``."""

    damping: float  # the first λ
    steps: int
    patience: int
    gain: float


def climb(
    shape: Shape, theta: np.ndarray, columns: Columns, hill: Hill, effort: Effort, threads: int = 1
) -> np.ndarray:
    """The top above each start, (B, P) -> (B, P); never lower than the start's own best layer.

    The output layer and log σ of the starts do not matter. Starts of no finite value get their best
    layer alone, and no start depends on the others.
    """
    inferred = hill.tau is None
    b, p = len(theta), shape.ndim + inferred
    tops = np.array(as_rows(theta, p)[:, :p])
    scale, state = np.zeros((b, shape.n_hidden)), np.zeros((b, 4))
    shared = (
        shape.widths, shape.code, shape.units, columns.x, columns.y, columns.root, columns.n,
        as_vector(hill.inverse, p), float(hill.tau or 0.0), inferred, float(hill.smallest),
        float(effort.damping), int(effort.patience), float(effort.gain),
    )  # fmt: skip
    step = columns.n * (shape.units + 1) * shape.ndim
    at_once = max(1, AT_ONCE // (max(b, 1) * step))
    for begun in range(0, max(1, effort.steps), at_once):
        limits = begun, min(begun + at_once, effort.steps)
        split(_climb, threads, at_once * step, (tops, scale, state), (*shared, *limits))
    return tops


VALUE, DAMPING, GROWTH, IDLE = range(4)  # of a start's state


@kernel
def _climb(
    theta, scales, state,
    sizes, code, count, x, y, root, n, inverse, tau, inferred, smallest,
    damping, patience, enough, begun, stop,
):  # fmt: skip
    m, width, ndim = x.shape[1], sizes[-2], theta.shape[1]
    many = scales.shape[1]
    points = x, y, root
    rooms = (
        np.empty((count, m)), np.empty((count, m)), np.empty((width + 1, m)),
        np.empty((width + 1, m)), np.empty((many, m)), np.empty((1, m)), np.empty((2, m)),
    )  # fmt: skip
    noise = inferred, tau, smallest
    gradient, step = np.empty(many), np.empty(many)
    curvature, system = np.empty((many, many)), np.empty((many, many))
    trial = np.empty(ndim)
    for w in range(theta.shape[0]):
        t, scale, s = theta[w], scales[w], state[w]
        if begun == 0:
            for _ in range(20 if inferred else 1):
                s[VALUE] = _complete(t, sizes, code, n, points, rooms, inverse, noise)
            s[DAMPING], s[GROWTH], s[IDLE] = damping, 2.0, 0.0
        if many == 0 or not math.isfinite(s[VALUE]):
            continue
        moved = True
        for _ in range(begun, stop):
            if s[IDLE] >= patience:
                break
            if moved:
                _reduce(t, sizes, code, n, points, rooms, inverse, noise, gradient, curvature)
                for i in range(many):
                    scale[i] = max(scale[i], curvature[i, i])
            expected = _step(gradient, curvature, scale, s[DAMPING], system, step)
            trial[:] = t
            for i in range(many):
                trial[i] += step[i]
            value = _complete(trial, sizes, code, n, points, rooms, inverse, noise)
            gain = value - s[VALUE]
            moved = gain > 0.0
            _learn(s, gain, expected)
            s[IDLE] = 0.0 if gain > enough else s[IDLE] + 1.0
            if moved:
                t[:] = trial
                s[VALUE] = value


@loop
def _learn(s, gain, expected):
    """Nielsen's rule."""
    if gain > 0.0:
        ratio = min(gain / max(expected, 1e-300), 1.0)
        s[DAMPING] *= max(1.0 - (2.0 * ratio - 1.0) ** 3, 1.0 / 3.0)
        s[GROWTH] = 2.0
    else:
        s[DAMPING] *= s[GROWTH]
        s[GROWTH] = min(2.0 * s[GROWTH], 1e9)
    s[DAMPING] = min(max(s[DAMPING], 1e-15), 1e30)


@loop
def _step(gradient, curvature, scale, damping, system, step):
    """δ, or zero where the system is not positive definite; returns what it should gain."""
    system[:] = curvature
    for i in range(step.size):
        system[i, i] += damping * max(scale[i], 1e-30)
    step[:] = 0.0
    if factor(system):
        step[:] = gradient
        forward_solve(system, step)
        backward_solve(system, step)
    expected = 0.0
    for i in range(step.size):
        expected += step[i] * (damping * max(scale[i], 1e-30) * step[i] + gradient[i])
    return 0.5 * expected


@loop
def _complete(t, sizes, code, n, points, rooms, inverse, noise):
    """Give h its best output layer, then the best noise for that; the value there."""
    inferred, tau, smallest = noise
    if inferred:
        tau = math.exp(-2.0 * t[t.size - 1])
    sse = _solve(t, sizes, code, n, points, rooms, inverse, tau)
    value = 0.0
    if inferred:
        t[t.size - 1] = _log_sigma(sse, n, inverse[t.size - 1], smallest)
        tau = math.exp(-2.0 * t[t.size - 1])
        value = -n * t[t.size - 1]
    value -= 0.5 * tau * sse
    for i in range(t.size):
        value -= 0.5 * (t[i] * inverse[i]) ** 2
    return value


@loop
def _solve(t, sizes, code, n, points, rooms, inverse, tau):
    """The best output layer of t, with features, their orthonormal columns and r; returns Σ r²."""
    x, y, root = points
    units, _, a, q, _, r, work = rooms
    width = a.shape[0] - 1
    at = hidden(t, sizes, code, x, units, work)
    for u in range(width):
        if sizes.size == 2:
            multiply(x, u, root, 0, a, u)
        else:
            multiply(units, units.shape[0] - width + u, root, 0, a, u)
    a[width] = root[0]
    for j in range(width + 1):
        a[j, n + j] = inverse[at + j] / math.sqrt(tau)
    layer = t[at : at + width + 1]
    least_squares(a, y, q, work, layer)
    r[0] = y[0]
    sse = 0.0
    for j in range(width + 1):
        for i in range(r.shape[1]):
            r[0, i] -= layer[j] * a[j, i]
    for i in range(n):
        sse += r[0, i] * r[0, i]
    return sse


@loop
def _log_sigma(sse, n, inverse, smallest):
    """The best log σ: with k = 1/2ns², Newton's method on u − log(n/SSE) − log(1 − k u) = 0."""
    free = -math.log(max(sse, 1e-300) / n)
    u = free
    if inverse > 0.0:
        k = 0.5 * inverse * inverse / n
        u = min(max(free, 0.0), (1.0 - 1e-12) / k)
        for _ in range(60):
            step = (u - free - math.log1p(-k * u)) / (1.0 + k / (1.0 - k * u))
            u -= step
            if not abs(step) > 1e-15 * (1.0 + abs(u)):
                break
    return -0.5 * u if -0.5 * u > smallest else smallest


@loop
def _reduce(t, sizes, code, n, points, rooms, inverse, noise, gradient, curvature):
    """g and C at t."""
    inferred, tau, _ = noise
    if inferred:
        tau = math.exp(-2.0 * t[t.size - 1])
    x, _, root = points
    units, delta, a, q, jac, r, work = rooms
    width, many = a.shape[0] - 1, gradient.size
    layer, along, row = t.copy(), np.empty(width + 1), np.empty(many)
    _solve(layer, sizes, code, n, points, rooms, inverse, tau)
    for u in range(width):
        slopes(code, layer[many + u], root, 0, units, units.shape[0] - width + u, delta)
    earlier(layer, many - width * (sizes[-3] + 1), sizes, code, units, delta, work)
    hidden_rows(sizes, x, units, delta, jac, 0, x.shape[1])
    for j in range(many):
        project(q, width + 1, jac, j, along, work)
        row[:] = 0.0
        dots(jac, j, jac, 0, j + 1, row, 0)
        for k in range(j + 1):
            curvature[j, k] = curvature[k, j] = tau * row[k]
        precision = inverse[j] * inverse[j]
        curvature[j, j] += precision
        row[0] = 0.0
        dots(r, 0, jac, j, 1, row, 0)
        gradient[j] = tau * row[0] - precision * t[j]


KERNELS = {"climb": _climb}
