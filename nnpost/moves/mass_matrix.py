"""What preconditions a Hamiltonian move.

A walker at x gets a momentum p ~ N(0, I) and follows x' = B p, p' = Bᵀ ∇log π(x), which keep
log π(x) − ½|p|² (Neal 2011, Handbook of MCMC, ch. 5, with B Bᵀ for the inverse of the mass
matrix). B must not depend on the walkers that move. It comes from

- the other half of the ensemble: :class:`WalkDirections`, B = (z − z̄)/√C, and
  :class:`SideDirections`, B one difference (z_j − z_k)/√2 (Chen 2025, arXiv 2505.02987, §4), which
  are affine invariant, and like every ensemble move stay within the space that the ensemble spans:
  they need more walkers than parameters. A B of this kind says little where walkers stand at
  different copies of a mode: ten tanh units on ten inputs stayed 370 nats below the posterior, and
  the ensembles agreed on it.
- the warm-up: :class:`NeuronMassMatrix`, one covariance for all units of a layer. It is the same
  for every copy of a network, and any number of walkers will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np

from .leapfrog import Directions
from .proposal import Random, others

__all__ = ["NeuronMassMatrix", "Preconditioner", "SideDirections", "WalkDirections"]


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


class WalkDirections(Complement):
    """B = (z − z̄)/√C with all C walkers of the other half: p has C entries."""

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        spread = (c - c.mean(axis=1, keepdims=True)) / np.sqrt(c.shape[1])
        across = spread.transpose(0, 2, 1)
        return Directions(lambda p: p @ spread, lambda g: g @ across, c.shape[1])


class SideDirections(Complement):
    """B = (z_j − z_k)/√2 with two walkers of the other half, drawn for each s: p is a number."""

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        one, other = others(c, s, rng, 2)
        along = (one - other) / np.sqrt(2)
        return Directions(
            lambda p: p * along, lambda g: np.sum(g * along, axis=-1, keepdims=True), 1
        )


class NeuronMassMatrix:
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
