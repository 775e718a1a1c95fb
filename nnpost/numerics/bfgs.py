"""Many climbs at once: BFGS with backtracking, batched over the starts.

Nocedal & Wright 2006, Numerical Optimization, algorithm 6.1 with the update 6.17; a step is taken
if it gains (Armijo's rule), and the update is skipped where the curvature along it has the wrong
sign. On a long bent ridge a climb that begins with steepest ascent stalls far below the top, and
one that is told the curvature where it begins does not.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

__all__ = ["bfgs"]

ValueAndGrad = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


def bfgs(
    function: ValueAndGrad,
    x: np.ndarray,
    steps: int,
    enough: float = 1e-4,
    inverse: np.ndarray | None = None,
    longest: float = 2.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Climb ``function`` (B, d) -> (B,), (B, d) from every row of x; the tops and their values.

    ``inverse`` (B, d, d) are inverse Hessians of minus the function where the climbs begin,
    positive definite; without them coordinates should vary alike, and no step is longer than
    ``longest``. A climb ends where the gain that
    a quasi-Newton step expects is below ``enough``, or after ``steps`` evaluations.
    """
    x = x.copy()
    value, grad = function(x)
    batch, d = x.shape
    fresh = np.full(batch, inverse is None)
    longest = longest if inverse is None else math.inf
    if inverse is None:
        steep = 1 + np.linalg.norm(grad, axis=1)
        inverse = np.tile(np.eye(d), (batch, 1, 1)) / steep[:, None, None]
    inverse = inverse.copy()
    shrink = np.ones(batch)
    idle = np.zeros(batch, dtype=int)
    going = np.flatnonzero(np.isfinite(value))
    for _ in range(steps):
        if len(going) == 0:
            break
        g = grad[going]
        step = np.einsum("bij,bj->bi", inverse[going], g)
        length = np.linalg.norm(step, axis=1)
        step *= (shrink[going] * np.minimum(1, longest / (length + 1e-300)))[:, None]
        expected = (step * g).sum(axis=1)
        new, slope = function(x[going] + step)
        gain = new - value[going]
        good = gain > 1e-4 * expected
        rows = going[good]
        change = g[good] - slope[good]  # of the downhill gradient
        _update(inverse, fresh, rows, step[good], change)
        x[rows] += step[good]
        value[rows], grad[rows] = new[good], slope[good]
        shrink[going] = np.where(good, np.minimum(1, 4 * shrink[going]), 0.25 * shrink[going])
        small = np.where(good, gain, expected) < enough
        idle[going] = np.where(small, idle[going] + 1, 0)
        going = going[idle[going] < 3]
    return x, value


def _update(
    inverse: np.ndarray, fresh: np.ndarray, rows: np.ndarray, s: np.ndarray, y: np.ndarray
) -> None:
    curvature = (s * y).sum(axis=1)
    norms = np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
    keep = curvature > 1e-8 * norms
    rows, s, y, curvature = rows[keep], s[keep], y[keep], curvature[keep]
    first = fresh[rows]
    scale = curvature / (y * y).sum(axis=1)
    inverse[rows[first]] = np.eye(s.shape[1]) * scale[first][:, None, None]
    fresh[rows] = False
    h = inverse[rows]
    hy = np.einsum("bij,bj->bi", h, y)
    yhy = (y * hy).sum(axis=1)
    a = (1 + yhy / curvature) / curvature
    ss = a[:, None, None] * s[:, :, None] * s[:, None]
    cross = hy[:, :, None] * s[:, None] / curvature[:, None, None]
    inverse[rows] = h + ss - cross - cross.swapaxes(1, 2)
