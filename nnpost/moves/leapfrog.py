"""The leapfrog integrator, for all walkers in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Directions", "Place", "leapfrog"]

Gradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Place(NamedTuple):
    """Where walkers are: x (E, S, d), log π (E, S) and ∇log π (E, S, d)."""

    x: np.ndarray
    density: np.ndarray
    grad: np.ndarray


class Directions(NamedTuple):
    """B as two maps: ``push`` p (E, S, m) -> B p (E, S, d), ``pull`` g (E, S, d) -> Bᵀ g."""

    push: Callable[[np.ndarray], np.ndarray]
    pull: Callable[[np.ndarray], np.ndarray]
    size: int  # m


def leapfrog(
    start: Place,
    p: np.ndarray,
    step: np.ndarray,
    count: int,
    gradient: Gradient,
    b: Directions,
) -> tuple[Place, np.ndarray]:
    """``count`` steps of size ``step`` (E, S, 1) from ``start`` with momenta p (E, S, m).

    Reversible and volume preserving. ``gradient`` takes (E·S, d), all walkers in one call. A
    trajectory that leaves what floats can hold ends with log π = −inf.
    """
    (x, density, grad), shape = start, start.x.shape
    with np.errstate(over="ignore", invalid="ignore"):
        p = p + 0.5 * step * b.pull(grad)
        for left in reversed(range(count)):
            x = x + step * b.push(p)
            flat_density, flat_grad = gradient(x.reshape(-1, shape[-1]))
            density, grad = flat_density.reshape(shape[:2]), flat_grad.reshape(shape)
            p = p + (step if left else 0.5 * step) * b.pull(grad)
    return Place(x, density, grad), p
