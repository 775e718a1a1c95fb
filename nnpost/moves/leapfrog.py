"""The leapfrog integrator, for all walkers in one call."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

__all__ = ["Arrival", "Directions", "Gradient", "Place", "leapfrog"]

Gradient = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


class Place(NamedTuple):
    """Where walkers are: x (E, S, d), log π (E, S) and ∇log π (E, S, d)."""

    x: np.ndarray
    density: np.ndarray
    grad: np.ndarray


class Arrival(NamedTuple):
    """The end of a trajectory: the place, the momenta (E, S, m), and what kinetic energy they have
    gained (E, S)."""

    place: Place
    p: np.ndarray
    kinetic: np.ndarray


class Directions(NamedTuple):
    """B as two maps: ``push`` p (E, S, m) -> B p (E, S, d), ``pull`` g (E, S, d) -> Bᵀ g.

    Where B itself was drawn, ``log_prob`` is the log of the chance to draw it at x (E, S, d).
    """

    push: Callable[[np.ndarray], np.ndarray]
    pull: Callable[[np.ndarray], np.ndarray]
    size: int  # m
    log_prob: Callable[[np.ndarray], np.ndarray] = lambda x: np.zeros(x.shape[:2])


def leapfrog(
    start: Place,
    p: np.ndarray,
    step: np.ndarray,
    count: int,
    gradient: Gradient,
    b: Directions,
) -> Arrival:
    """``count`` steps of size ``step`` (E, S, 1) from ``start`` with momenta p (E, S, m).

    Reversible and volume preserving. ``gradient`` takes (E·S, d), all walkers in one call. A
    trajectory that leaves what floats can hold ends with log π = −inf.
    """
    (x, density, grad), shape = start, start.x.shape
    with np.errstate(over="ignore", invalid="ignore"):
        q = p + 0.5 * step * b.pull(grad)
        for left in reversed(range(count)):
            x = x + step * b.push(q)
            flat_density, flat_grad = gradient(x.reshape(-1, shape[-1]))
            density, grad = flat_density.reshape(shape[:2]), flat_grad.reshape(shape)
            q = q + (step if left else 0.5 * step) * b.pull(grad)
        kinetic = 0.5 * ((q**2).sum(axis=2) - (p**2).sum(axis=2))
    return Arrival(Place(x, density, grad), q, kinetic)
