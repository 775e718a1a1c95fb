"""Many starts at once: BFGS with backtracking, batched over the starts.

Nocedal & Wright 2006, Numerical Optimization, algorithm 6.1 with the update 6.17; a step is taken
if it gains (Armijo's rule), and the update is skipped where the curvature along it has the wrong
sign. On a long bent ridge an ascent that begins with steepest ascent stalls far below the top, and
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
    """Maximise ``function`` (B, d) -> (B,), (B, d) from every row of x; the tops and their values.

    ``inverse`` (B, d, d) are inverse Hessians of minus the function at those rows,
    positive definite; without them coordinates should vary alike, and no step is longer than
    ``longest``. A row is done with where the gain that a quasi-Newton step expects is below
    ``enough``, or after ``steps`` evaluations.
    """
    iterates = _Iterates(function, x, inverse, longest)
    going = np.flatnonzero(np.isfinite(iterates.value))
    idle = np.zeros(len(x), dtype=int)  # steps in a row that have gained little
    for _ in range(steps):
        if len(going) == 0:
            break
        small = iterates.step(going) < enough
        idle[going] = np.where(small, idle[going] + 1, 0)
        going = going[idle[going] < 3]
    return iterates.x, iterates.value


class _Iterates:
    """B points on their way: place, value, gradient, inverse Hessian and step length of each."""

    def __init__(
        self, function: ValueAndGrad, x: np.ndarray, inverse: np.ndarray | None, longest: float
    ) -> None:
        self.function, self.x = function, x.copy()
        self.value, self.grad = function(self.x)
        self.fresh = np.full(len(x), inverse is None)  # the inverse Hessian is a guess
        self.longest = longest if inverse is None else math.inf
        if inverse is None:
            steep = 1 + np.linalg.norm(self.grad, axis=1)
            inverse = np.tile(np.eye(x.shape[1]), (len(x), 1, 1)) / steep[:, None, None]
        self.inverse, self.shrink = inverse.copy(), np.ones(len(x))

    def step(self, going: np.ndarray) -> np.ndarray:
        """A step of the points ``going``: what each has gained, or what a step not taken promised.

        A step that does not gain is shortened, and one that does makes the next one longer again.
        """
        step, promised = self._promising(going)
        new, slope = self.function(self.x[going] + step)
        gain = new - self.value[going]
        good = gain > 1e-4 * promised
        rows = going[good]
        self._update(rows, step[good], self.grad[rows] - slope[good])
        self.x[rows] += step[good]
        self.value[rows], self.grad[rows] = new[good], slope[good]
        shrink = self.shrink[going]
        self.shrink[going] = np.where(good, np.minimum(1, 4 * shrink), 0.25 * shrink)
        return np.where(good, gain, promised)

    def _promising(self, going: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Quasi-Newton steps, and what they would gain on a plane."""
        g = self.grad[going]
        step = np.einsum("bij,bj->bi", self.inverse[going], g)
        length = np.linalg.norm(step, axis=1)
        step *= (self.shrink[going] * np.minimum(1, self.longest / (length + 1e-300)))[:, None]
        return step, (step * g).sum(axis=1)

    def _update(self, rows: np.ndarray, s: np.ndarray, y: np.ndarray) -> None:
        """Nocedal & Wright's 6.17 after steps s that changed the downhill gradient by y."""
        curvature = (s * y).sum(axis=1)
        norms = np.linalg.norm(s, axis=1) * np.linalg.norm(y, axis=1)
        keep = curvature > 1e-8 * norms
        rows, s, y, curvature = rows[keep], s[keep], y[keep], curvature[keep]
        first = self.fresh[rows]
        scale = curvature / (y * y).sum(axis=1)
        self.inverse[rows[first]] = np.eye(s.shape[1]) * scale[first][:, None, None]
        self.fresh[rows] = False
        h = self.inverse[rows]
        hy = np.einsum("bij,bj->bi", h, y)
        yhy = (y * hy).sum(axis=1)
        a = (1 + yhy / curvature) / curvature
        ss = a[:, None, None] * s[:, :, None] * s[:, None]
        cross = hy[:, :, None] * s[:, None] / curvature[:, None, None]
        self.inverse[rows] = h + ss - cross - cross.swapaxes(1, 2)
