"""From a mixture to the posterior, by sequential Monte Carlo.

Where a posterior is sharp and has many basins, the prior is too far away to temper from. A mixture
m that has been fitted to its basins is near. The particles start from m, restricted to the domain
D of folded.py, and go through

    m(h)^(1−β) p̄(h)^β,   β from 0 to 1,   h ∈ D

on the ladder of ladder.py. The product of the mean weights, times the share of m inside D,
estimates Z, because m is normalised (annealed importance sampling; Neal 2001, Stat. Comput. 11,
125). The moves look at no other particle, so that the ladder is all that keeps it from being
unbiased exactly.

D holds one copy of every network, so permutations and flips are dealt with exactly: what is
proposed outside D is folded into it, which is right because the proposals treat all copies alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from ..moves.manifold_mala import ManifoldMALA
from ..moves.neuron_gibbs import NeuronGibbs
from ..moves.proposal import decide
from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior
from .ladder import Ladder, LogWeights, Rungs, run_ladder
from .tempered_run import NoBasins

__all__ = ["Annealed", "Annealing", "MixtureParticles", "anneal", "draw_inside"]


@dataclass(frozen=True)
class Annealing:
    """How particles are brought from a mixture to the posterior."""

    ladder: Ladder = field(default_factory=Ladder)
    fresh: int = 20  # draws of the mixture for every particle: they cost little beside the rest
    least_inside: float = 1e-3  # share of the mixture inside D below which drawing ends
    steps: int = 5  # along the curvature in each sweep
    sharing: int = 25  # networks that compete with the same fresh units
    least_power: float = 0.05  # of the likelihood in the curvature that steps follow


class Annealed(NamedTuple):
    """Particles that have arrived."""

    h: np.ndarray  # (N, H)
    posterior: np.ndarray  # (N,)  log p̄
    rungs: Rungs  # log Z has the share of the mixture inside D in it


def anneal(
    folded: FoldedPosterior,
    mixture: StudentMixture,
    particles: int,
    sweeps: int,
    rng: np.random.RandomState,
    tuning: Annealing,
    progress: Callable[[float], None] = lambda beta: None,
) -> Annealed:
    """Bring ``particles`` draws of ``mixture`` to the posterior, ``sweeps`` sweeps a rung.

    ``progress`` is called with β after every rung. Raises NoBasins where too little of the
    mixture is inside D.
    """
    h, share = draw_inside(folded, mixture, tuning.fresh * particles, rng, tuning.least_inside)
    p = MixtureParticles(folded, mixture, h, sweeps, tuning)
    rungs = run_ladder(p, particles, rng, tuning.ladder, lambda beta, _: progress(beta))
    return Annealed(p.h, p.posterior, rungs._replace(log_z=rungs.log_z + math.log(share)))


def draw_inside(
    folded: FoldedPosterior,
    mixture: StudentMixture,
    size: int,
    rng: np.random.RandomState,
    least: float = 1e-3,
) -> tuple[np.ndarray, float]:
    """``size`` draws of the mixture inside D, and an unbiased estimate of its share in there.

    Drawing until size + 1 are inside after n draws, size/(n − 1) is unbiased (Haldane 1945,
    Biometrika 33, 222). Raises NoBasins where the share is below ``least``.
    """
    found, drawn = [], 0
    count = 0
    while count <= size:
        h = mixture.draw(4 * size, rng)
        rows = np.flatnonzero(folded.inside(h))
        if count + len(rows) > size:
            last = rows[size - count]
            found.append(h[rows[: size - count]])
            drawn += int(last) + 1
            break
        found.append(h[rows])
        count, drawn = count + len(rows), drawn + len(h)
        if drawn * least > size:
            raise NoBasins(
                f"temper.start: {count} of {drawn} draws from the basins have units in order, "
                f"expected more than one in {1 / least:,.0f}; use temper.start = 'prior'"
            )
    return np.concatenate(found), size / (drawn - 1)


class Densities(NamedTuple):
    """Networks, and the log densities at both ends of the path."""

    h: np.ndarray  # (B, H)
    posterior: np.ndarray  # (B,)  log p̄
    start: np.ndarray  # (B,)  log m


class MixtureParticles:
    """N particles of the density m^(1−β) p̄^β on D, h (N, H) draws of m there, where β is 0.

    They are :class:`~nnpost.tempering.ladder.Particles`. A sweep replaces a unit of each network,
    then makes steps along the curvature. Both treat all copies of a network alike, so a place
    outside D may stand for its copy inside.
    """

    def __init__(
        self,
        folded: FoldedPosterior,
        mixture: StudentMixture,
        h: np.ndarray,
        sweeps: int,
        tuning: Annealing,
    ) -> None:
        self.folded, self.mixture, self.sweeps, self.tuning = folded, mixture, sweeps, tuning
        self.beta = 0.0
        self.h, self.posterior, self.start = self._densities(h)
        post = folded.layer.post
        self.replacement = NeuronGibbs(post, sharing=tuning.sharing)
        self.curved = ManifoldMALA(post)

    def log_weights(self) -> LogWeights:
        gap, beta = self.posterior - self.start, self.beta
        return lambda new: (new - beta) * gap

    def go_on(self, chosen: np.ndarray, beta: float) -> None:
        self.beta = beta
        self.h, self.posterior, self.start = (
            part[chosen] for part in (self.h, self.posterior, self.start)
        )

    def move(self, rng: np.random.RandomState) -> float:
        """The share is of the steps along the curvature."""
        return float(np.mean([self._sweep(rng) for _ in range(self.sweeps)]))

    def _sweep(self, rng: np.random.RandomState) -> float:
        self._replace(rng)
        return self._follow(rng)

    def _replace(self, rng: np.random.RandomState) -> None:
        q, log_ratio = self.replacement.replace(self.h, rng)
        moved = np.flatnonzero((q != self.h).any(axis=1))
        self._decide(self.folded.fold(q[moved]), -log_ratio[moved], moved, rng)

    def _follow(self, rng: np.random.RandomState) -> float:
        h, taken, row = self.h.copy(), 0, np.arange(len(self.h))
        power = max(self.beta, self.tuning.least_power)
        here = self.curved.geometry(h, power)
        for _ in range(self.tuning.steps):
            step = self.curved.step(h, here, rng, power)
            rows, chosen = self._decide(self.folded.fold(step.q), step.factor, row, rng)
            h[rows] = step.q[chosen]
            for mine, other in zip(here, step.geometry, strict=True):
                mine[rows] = other[chosen]
            taken += len(rows)
        return taken / (self.tuning.steps * len(h))

    def _decide(
        self, q: np.ndarray, factor: np.ndarray, rows: np.ndarray, rng: np.random.RandomState
    ) -> tuple[np.ndarray, np.ndarray]:
        """Metropolis' rule for q (B, H), proposed to the particles ``rows`` (B,), in place."""
        new = self._densities(q)
        now = self._at(self.posterior[rows], self.start[rows])
        ratio = factor + self._at(new.posterior, new.start) - now
        taken, chosen = decide(ratio, rows, rng)
        for mine, other in zip((self.h, self.posterior, self.start), new, strict=True):
            mine[taken] = other[chosen]
        return taken, chosen

    def _at(self, posterior: np.ndarray, start: np.ndarray) -> np.ndarray:
        """Log densities at β; −inf outside D, where log p̄ is that."""
        return np.where(
            np.isfinite(posterior), self.beta * posterior + (1 - self.beta) * start, -np.inf
        )

    def _densities(self, h: np.ndarray) -> Densities:
        """m counts for nothing outside D, nor where β is 1."""
        posterior, start = self.folded.log_prob(h), np.zeros(len(h))
        inside = np.isfinite(posterior)
        if self.beta < 1:
            start[inside] = self.mixture.log_prob(h[inside])
        return Densities(h, posterior, start)
