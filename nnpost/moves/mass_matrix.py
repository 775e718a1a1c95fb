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
- the warm-up: :class:`NeuronMassMatrix`, from the slopes of log π, a B for each kind of neuron. It
  is the same for every copy of a network, and any number of walkers will do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from ..common.errors import RequestError
from ..numerics.student_mixture import StudentMixture, fit_mixture
from .leapfrog import Directions
from .proposal import Random, others

__all__ = [
    "Learning", "NeuronMassMatrix", "Preconditioner", "SideDirections", "WalkDirections",
]  # fmt: skip


class Preconditioner(Protocol):
    """Where B comes from; ``halves`` tells whether one half of the walkers moves at a time."""

    halves: bool
    extent: float  # how far the posterior reaches, measured by B

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        """B for the walkers s (E, S, d), from the others c (E, C, d)."""

    def learn(self, x: np.ndarray, grad: np.ndarray) -> None:
        """Take in the places x (E, W, d) after a step of the warm-up, and ∇log π there."""

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
    extent = 1.0

    def learn(self, x: np.ndarray, grad: np.ndarray) -> None:
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


@dataclass(frozen=True)
class Learning:
    """What is made of the warm-up."""

    kinds: int = 10  # of neurons, at most
    rows: int = 32  # steps of all walkers that are looked at, evenly spread
    prior: float = 1.0  # blocks a coordinate that the diagonal is worth when the rest is estimated
    ridge: float = 1e-3  # of the precisions to begin with, which stay


LEARNING = Learning()


@dataclass(frozen=True)
class Kinds:
    """K kinds of blocks of k parameters: how they are told apart, and B for each."""

    mixture: StudentMixture
    roots: np.ndarray  # (K, k, k)

    @classmethod
    def one(cls, scales: np.ndarray) -> Kinds:
        """A single kind with B = diag(scales)."""
        one = StudentMixture(np.ones(1), np.zeros((1, len(scales))), np.diag(scales)[None])
        return cls(one, np.diag(scales)[None])

    @classmethod
    def fitted(
        cls, x: np.ndarray, grad: np.ndarray, count: int, floor: np.ndarray, how: Learning
    ) -> tuple[Kinds, float]:
        """From blocks x (N, k) and slopes there, and how far a kind reaches, measured by its B."""
        mixture = fit_mixture(x, count, np.random.RandomState(0))
        share = mixture.parts(x)[0]
        mass, size = share.sum(axis=0), x.shape[1]
        slopes = np.einsum("nk,ni,nj->kij", share, grad, grad, optimize=True) / mass[:, None, None]
        fisher = slopes * (mass / (mass + how.prior * size))[:, None, None]
        diagonal = np.einsum("kii->ki", slopes)
        np.einsum("kii->ki", fisher)[...] = diagonal + floor
        roots = np.linalg.inv(np.linalg.cholesky(fisher)).transpose(0, 2, 1)
        reach = np.linalg.norm(np.linalg.inv(roots) @ mixture.roots, 2, axis=(1, 2))
        return cls(mixture, roots), float((mixture.weights * reach).sum())

    def draw(self, x: np.ndarray, rng: Random) -> np.ndarray:
        """The kind of every block, drawn: (N, n, k) -> (N, n)."""
        if len(self.roots) == 1:
            return np.zeros(x.shape[:2], dtype=int)
        chance = np.cumsum(self._shares(x), axis=2)
        return np.asarray((chance[..., :-1] < rng.random_sample((*x.shape[:2], 1))).sum(axis=2))

    def log_prob(self, x: np.ndarray, label: np.ndarray) -> np.ndarray:
        """log q of these kinds (N, n) for blocks (N, n, k): (N,)."""
        if len(self.roots) == 1:
            return np.zeros(len(x))
        found = np.take_along_axis(self._shares(x), label[..., None], 2)
        with np.errstate(divide="ignore"):
            return np.asarray(np.log(found).sum(axis=(1, 2)))

    def _shares(self, x: np.ndarray) -> np.ndarray:
        return self.mixture.parts(x.reshape(-1, x.shape[2]))[0].reshape(*x.shape[:2], -1)

    def to_tree(self) -> dict[str, np.ndarray]:
        m = self.mixture
        return {"weight": m.weights, "mean": m.means, "scale": m.roots, "root": self.roots}

    @classmethod
    def from_tree(cls, tree: Mapping[str, np.ndarray]) -> Kinds:
        weights, means, scales, roots = (
            tree[name].copy() for name in ("weight", "mean", "scale", "root")
        )
        return cls(StudentMixture(weights, means, scales), roots)


class NeuronMassMatrix:
    """B of a block of parameters from the slopes of log π in blocks of its kind.

    ``groups`` are arrays of coordinates (n, k), which split 0 … d − 1: n blocks of k that neurons
    exchange, as their weights and biases. What is known of all blocks of a group is a mixture of K
    kinds, fitted to the walkers of the warm-up (of all ensembles), and for each kind

        (B Bᵀ)⁻¹ = E[∇log π ∇log πᵀ] over blocks of that kind,

    which is minus the mean curvature there. Neurons of one network can be a hundred times as
    steep as others, and which of them are differs from copy to copy. So before each trajectory
    every block of a walker draws its kind κ with the probability q(κ | x) that the mixture gives
    it. B stays the same on the way; that the end would have drawn the same κ enters the acceptance,
    q(κ | end)/q(κ | start), because what is left invariant is π(x) q(κ | x). ``scales`` (d,) are
    standard deviations to begin with, of one kind.
    """

    halves = False
    _kept: np.ndarray
    _seen: int
    _every: int

    def __init__(
        self, groups: Sequence[np.ndarray], scales: np.ndarray, learning: Learning = LEARNING
    ) -> None:
        self.groups, self.learning, self.extent = list(groups), learning, 1.0
        self.floors = [learning.ridge * (scales[g] ** -2.0).mean(axis=0) for g in self.groups]
        self.kinds = [Kinds.one(np.sqrt((scales[g] ** 2).mean(axis=0))) for g in self.groups]
        self.forget()

    def directions(self, s: np.ndarray, c: np.ndarray, rng: Random) -> Directions:
        x = s.reshape(-1, s.shape[2])
        labels = [k.draw(x[:, g], rng) for k, g in zip(self.kinds, self.groups, strict=True)]
        b = [k.roots[label] for k, label in zip(self.kinds, labels, strict=True)]
        across = [root.swapaxes(-1, -2) for root in b]

        def log_prob(y: np.ndarray) -> np.ndarray:
            flat, total = y.reshape(x.shape), np.zeros(len(x))
            for kinds, group, label in zip(self.kinds, self.groups, labels, strict=True):
                total += kinds.log_prob(flat[:, group], label)
            return total.reshape(y.shape[:2])

        return Directions(
            lambda p: self._apply(p, b), lambda g: self._apply(g, across), s.shape[2], log_prob
        )

    def learn(self, x: np.ndarray, grad: np.ndarray) -> None:
        self._seen += 1
        if self._seen % self._every:
            return
        both = np.stack([x.reshape(-1, x.shape[-1]), grad.reshape(-1, x.shape[-1])])[None]
        self._kept = both if not len(self._kept) else np.concatenate([self._kept, both])
        if len(self._kept) == self.learning.rows:
            self._kept, self._every = self._kept[1::2], 2 * self._every

    def refresh(self) -> None:
        x, grad = self._kept.swapaxes(0, 1).reshape(2, -1, self._kept.shape[-1])
        extents = []
        for i, (group, floor) in enumerate(zip(self.groups, self.floors, strict=True)):
            places, slopes = (v[:, group].reshape(-1, group.shape[1]) for v in (x, grad))
            count = self.learning.kinds if group.size > len(group) > 1 else 1
            self.kinds[i], extent = Kinds.fitted(places, slopes, count, floor, self.learning)
            extents.append(extent)
        self.extent = max(extents)
        self.forget()

    def get_state(self) -> dict[str, np.ndarray]:
        named = {
            f"{name}_{i}": value
            for i, kinds in enumerate(self.kinds)
            for name, value in kinds.to_tree().items()
        }
        return named | {
            "kept": self._kept,
            "seen": np.array([self._seen, self._every]),
            "extent": np.array(self.extent),
        }

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        if "extent" not in state:
            raise RequestError(
                "resume: this chain was tuned by an earlier version, whose steps this one does not "
                "make; run without resume"
            )
        names = [*self.kinds[0].to_tree()]
        self.kinds = [
            Kinds.from_tree({name: state[f"{name}_{i}"] for name in names})
            for i in range(len(self.groups))
        ]
        self._kept, self.extent = state["kept"].copy(), float(state["extent"])
        self._seen, self._every = (int(value) for value in state["seen"])

    def forget(self) -> None:
        self._kept = np.empty((0, 2, 0, 0))  # (rows, place and slope, walkers, d)
        self._seen, self._every = 0, 1

    def _apply(self, v: np.ndarray, matrices: Sequence[np.ndarray]) -> np.ndarray:
        """v (E, S, d), block by block times matrices (E·S, n, k, k)."""
        flat = v.reshape(-1, v.shape[2])
        out = np.empty_like(flat)
        for group, matrix in zip(self.groups, matrices, strict=True):
            out[:, group] = np.einsum("snij,snj->sni", matrix, flat[:, group])
        return out.reshape(v.shape)
