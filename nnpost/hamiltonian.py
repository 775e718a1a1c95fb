"""The parts of a Hamiltonian move: the integrator, what preconditions it, and its step size.

A walker at x gets a momentum p ~ N(0, I) and follows x' = B p, p' = Bᵀ ∇log π(x), which keep
log π(x) − ½|p|² (Neal 2011, Handbook of MCMC, ch. 5, with B Bᵀ for the inverse of the mass
matrix). B must not depend on the walkers that move. It comes from

- the other half of the ensemble: :class:`Walk`, B = (z − z̄)/√C, and :class:`Side`, B one
  difference (z_j − z_k)/√2 (Chen 2025, arXiv 2505.02987, §4), which are affine invariant, and
  like every ensemble move stay within the space that the ensemble spans: they need more walkers
  than parameters. A B of this kind says little where walkers stand at different copies of a mode:
  ten tanh units on ten inputs stayed 370 nats below the posterior, and the ensembles agreed on it.
- the warm-up: :class:`UnitMetric`, one covariance for all units of a layer. It is the same for
  every copy of a network, and any number of walkers will do.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from .moves import Random, others
from .posterior import Posterior

__all__ = ["Directions", "Place", "Side", "StepSize", "UnitMetric", "Walk", "groups", "leapfrog"]

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


class Preconditioner(Protocol):
    """Where B comes from; ``halves`` tells whether one half of the walkers moves at a time."""

    halves: bool

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        """B for the walkers s (E, S, d), from the others c (E, C, d)."""

    def learn(self, x: np.ndarray) -> None:
        """Take in the places x (E, W, d) after a step of the warm-up."""

    def refresh(self) -> None:
        """Build B anew from what was learnt since the last time, and begin to learn anew."""

    def forget(self) -> None:
        """Begin to learn anew, and leave B as it is."""

    def get_state(self) -> dict[str, np.ndarray]:
        """What was learnt, as named arrays."""

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from :meth:`get_state`."""


class Complement:
    """B from the other half alone, nothing to learn."""

    halves = True

    def learn(self, x: np.ndarray) -> None:
        """Nothing."""

    def refresh(self) -> None:
        """Nothing."""

    def forget(self) -> None:
        """Nothing."""

    def get_state(self) -> dict[str, np.ndarray]:
        return {}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Nothing."""


class Walk(Complement):
    """B = (z − z̄)/√C with all C walkers of the other half: p has C entries."""

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        spread = (c - c.mean(axis=1, keepdims=True)) / np.sqrt(c.shape[1])
        across = spread.transpose(0, 2, 1)
        return Directions(lambda p: p @ spread, lambda g: g @ across, c.shape[1])


class Side(Complement):
    """B = (z_j − z_k)/√2 with two walkers of the other half, drawn for each s: p is a number."""

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        one, other = others(c, s, rng, 2)
        along = (one - other) / np.sqrt(2)
        return Directions(
            lambda p: p * along, lambda g: np.sum(g * along, axis=-1, keepdims=True), 1
        )


class UnitMetric:
    """B Bᵀ = the covariance of a unit's parameters, pooled over units and walkers of an ensemble.

    ``groups`` are arrays of coordinates (n, k), which split 0 … d − 1: n blocks of k that share
    one k × k covariance. Pooled, it is the same whatever order the units stand in (and for tanh,
    whatever their signs). Each ensemble has its own, learnt from its walkers over a stretch of
    the warm-up; ``scales`` (d,) are standard deviations to begin with.
    """

    halves = False
    prior = 10.0  # blocks that the diagonal is worth when the off-diagonal is estimated

    def __init__(
        self, groups: Sequence[np.ndarray], scales: np.ndarray, ensembles: int = 1
    ) -> None:
        self.groups, self.ensembles = list(groups), ensembles
        starts = [np.diag(np.sqrt((scales[g] ** 2).mean(axis=0))) for g in self.groups]
        self.roots = [np.repeat(root[None], ensembles, axis=0) for root in starts]
        self.forget()

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        across = [root.transpose(0, 2, 1) for root in self.roots]
        return Directions(
            lambda p: self._apply(p, across), lambda g: self._apply(g, self.roots), s.shape[2]
        )

    def learn(self, x: np.ndarray) -> None:
        for i, group in enumerate(self.groups):
            blocks = x[..., group].reshape(self.ensembles, -1, group.shape[1])
            self._sums[i] = self._sums[i] + blocks.sum(axis=1)
            self._squares[i] = self._squares[i] + blocks.transpose(0, 2, 1) @ blocks
        self._count += x.shape[1]

    def refresh(self) -> None:
        for i, group in enumerate(self.groups):
            size = self._count * len(group)
            mean = self._sums[i] / size
            cov = self._squares[i] / size - mean[:, :, None] * mean[:, None, :]
            diagonal = np.einsum("eii->ei", cov)
            floor = 1e-8 * np.einsum("eii->ei", self.roots[i]) ** 2
            shrunk = cov * (size / (size + self.prior * group.shape[1]))
            np.einsum("eii->ei", shrunk)[...] = np.maximum(diagonal, floor)
            self.roots[i] = np.linalg.cholesky(shrunk)
        self.forget()

    def get_state(self) -> dict[str, np.ndarray]:
        lists = {"root": self.roots, "sum": self._sums, "square": self._squares}
        named = {f"{name}_{i}": a for name, arrays in lists.items() for i, a in enumerate(arrays)}
        return named | {"count": np.array(self._count)}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for i in range(len(self.groups)):
            self.roots[i] = state[f"root_{i}"].copy()
            self._sums[i], self._squares[i] = state[f"sum_{i}"].copy(), state[f"square_{i}"].copy()
        self._count = int(state["count"])

    def forget(self) -> None:
        widths = [group.shape[1] for group in self.groups]
        self._sums = [np.zeros((self.ensembles, k)) for k in widths]
        self._squares = [np.zeros((self.ensembles, k, k)) for k in widths]
        self._count = 0

    def _apply(self, v: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """v (E, S, d), block by block, as row vectors times matrices (E, k, k)."""
        out = np.empty_like(v)
        for group, matrix in zip(self.groups, matrices, strict=True):
            rows = v[..., group].reshape(len(v), -1, group.shape[1])
            out[..., group] = (rows @ matrix).reshape(*v.shape[:2], *group.shape)
        return out


def groups(post: Posterior) -> list[np.ndarray]:
    """Coordinates of theta by what a permutation of units exchanges, as (n, k) arrays.

    Units of the first hidden layer share one covariance of their weights and bias. In later
    layers the weights are exchanged by both layers' units, so all of them share one variance, and
    so do the biases, and the output weights.
    """
    index = np.arange(post.ndim)
    layers = post.net.layers(index)
    (w, b), rest = layers[0], layers[1:]
    found = [np.concatenate([w, b[:, None]], axis=1)]
    found += [part.reshape(-1, 1) for layer in rest for part in layer]
    return [*found, index[post.net.ndim :, None]] if post.likelihood.infers_noise else found


@dataclass
class StepSize:
    """Step sizes by dual averaging to a given acceptance, then frozen.

    Hoffman & Gelman 2014, J. Mach. Learn. Res. 15, 1593, §3.2.1, with their μ = log 10ε₀,
    γ = 0.05, t₀ = 10, κ = 0.75. ``log`` may have any shape, (E, 1) to begin with.
    """

    log: np.ndarray
    target: float = 0.8

    def __post_init__(self) -> None:
        self.restart()

    def restart(self) -> None:
        """Begin anew from the present step."""
        self.centre = self.log + np.log(10)
        self.smooth, self.error, self.count = self.log.copy(), np.zeros_like(self.log), 0

    def learn(self, acceptance: np.ndarray) -> None:
        """Take in acceptance probabilities, of a shape that ``log`` can take."""
        self.count += 1
        rate, weight = 1 / (self.count + 10), self.count**-0.75
        self.error = (1 - rate) * self.error + rate * (self.target - acceptance)
        self.log = self.centre - np.sqrt(self.count) / 0.05 * self.error
        self.smooth = weight * self.log + (1 - weight) * self.smooth

    def settle(self) -> None:
        """Take the smoothed average from now on, one for all walkers of an ensemble."""
        self.log = np.median(self.smooth, axis=1, keepdims=True)

    def get_state(self) -> dict[str, np.ndarray]:
        names = ("log", "centre", "smooth", "error", "count")
        return {f"step_{name}": np.array(getattr(self, name)) for name in names}

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        for name in ("log", "centre", "smooth", "error"):
            setattr(self, name, state[f"step_{name}"].copy())
        self.count = int(state["step_count"])
