"""Compile all kernels ahead of their first use, and say so.

    python -m nnpost.posterior.kernels.ready

does it by hand, for processes that start side by side and would each compile the same.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from . import (
    climb,
    collapsed,
    collapsed_grad,
    curvature,
    descent,
    flips,
    jacobian,
    misfit,
    replacement,
)
from .points import Points
from .shape import Shape

__all__ = ["KERNELS", "make_ready", "uncompiled"]

KERNELS = {
    **misfit.KERNELS,
    **climb.KERNELS,
    **collapsed.KERNELS,
    **collapsed_grad.KERNELS,
    **curvature.KERNELS,
    **descent.KERNELS,
    **flips.KERNELS,
    **jacobian.KERNELS,
    **replacement.KERNELS,
}
NOTICE = "compiling the densities for this machine, once: about a minute"


def uncompiled() -> list[str]:
    """What neither this process has compiled nor an earlier one left on disk."""
    return [name for name, kernel in KERNELS.items() if not (kernel.signatures or kernel.stored())]


def make_ready(say: Callable[[str], None] = lambda _: None) -> None:
    """Compile what has not been compiled yet; ``say`` gets a line if there is anything."""
    if not uncompiled():
        return
    say(NOTICE)
    shape = Shape((1, 1, 1))
    points, theta = Points.of(shape, np.zeros((1, 1))), np.zeros((1, shape.ndim))
    misfit.sse(shape, theta, points)
    misfit.sse_and_grad(shape, theta, points)
    misfit.outputs(shape, theta, points)
    collapsed.collapsed(shape, theta, points, 1.0, np.ones(2), np.zeros((1, 2)))
    collapsed_grad.collapsed_and_grad(shape, theta, points, 1.0, np.ones(2))
    collapsed_grad.expected_grad(shape, theta, points, 1.0, np.zeros((1, 2)), np.zeros((1, 2, 2)))
    one, square = np.zeros(1), np.ones((1, 2, 2))
    flips.flip_terms(one, theta[:, :2], square, np.ones((2, 1)), 1.0)
    flips.flip_moments(square[0, :1, :1], one, theta[:, :2], square, np.ones((2, 1)), 1.0)
    jacobian.hidden_jacobian(shape, theta, points)
    rule = descent.Rule(adam=False, lr=0.1, momentum=0.0, mean=True)
    descent.descend(shape, descent.Moments.at(theta), points, rule, 0, 1)
    columns = climb.Columns.of(shape, np.zeros((1, 1)), np.zeros(1), np.ones(1))
    hill, effort = climb.Hill(np.ones(shape.ndim), 1.0), climb.Effort(1.0, 1, 1, 0.0)
    climb.climb(shape, theta, columns, hill, effort)
    curvature.curvature(shape, theta, points, 1.0, np.ones(2))
    first = np.zeros(1, int)
    replacement.replacement(shape, theta, points, 1.0, 1.0, first, np.ones((1, 1, 2)), first)


if __name__ == "__main__":
    make_ready(print)
