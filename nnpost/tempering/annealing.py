"""From a mixture to the posterior, by sequential Monte Carlo: equal-weight draws, and Z exactly.

Where a posterior is sharp and has many basins, the prior is too far away to temper from. A mixture
m that has been fitted to its basins is near. The particles start from m, restricted to the domain
D of folded.py, and go through

    m(h)^(1−β) p̄(h)^β,   β from 0 to 1,   h ∈ D

by the same ladder as in from_prior.py: each step keeps half of the effective sample size. The
product of the mean weights, times the share of m inside D, estimates Z, because m is normalised
(Neal 2001, Stat. Comput. 11, 125; Del Moral, Doucet & Jasra 2006).

D holds one copy of every network, so permutations and flips are dealt with exactly: what is
proposed outside D is folded into it, which is right because the proposals treat all copies alike.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from ..common.errors import RequestError
from ..moves.manifold_mala import ManifoldMALA
from ..moves.neuron_gibbs import NeuronGibbs
from ..moves.proposal import decide
from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior

__all__ = ["Annealing", "Moves", "anneal", "draw_inside"]

KEEP = 0.5  # effective sample size that a step of the ladder keeps, as a share of the particles
FRESH = 20  # draws of the mixture for every particle: they cost little beside what follows
STEPS = 5  # along the curvature in each sweep
SHARING = 25  # networks that compete with the same fresh units
LEAST_POWER = 0.05  # of the likelihood in the curvature that steps follow
LEAST_INSIDE = 1e-3  # share of the mixture inside D below which drawing goes no further


@dataclass
class Annealing:
    """N particles between mixture and posterior."""

    quotient: FoldedPosterior
    mixture: StudentMixture | None  # None where β is 1
    h: np.ndarray  # (N, H), all inside D
    posterior: np.ndarray  # (N,)  log p̄
    start: np.ndarray  # (N,)  log m
    beta: float = 0.0
    log_z: float = 0.0
    betas: list[float] = field(default_factory=lambda: [0.0])
    acceptance: list[float] = field(default_factory=lambda: [math.nan])

    def density(self) -> np.ndarray:
        return self.beta * self.posterior + (1 - self.beta) * self.start

    def take(self, rows: np.ndarray, new: _Places, chosen: np.ndarray) -> None:
        self.h[rows], self.posterior[rows] = new.h[chosen], new.posterior[chosen]
        self.start[rows] = new.start[chosen]

    def places(self, h: np.ndarray) -> _Places:
        """Densities of h (B, H); m counts for nothing outside D, nor where β is 1."""
        posterior, start = self.quotient.log_prob(h), np.zeros(len(h))
        inside = np.isfinite(posterior)
        if self.beta < 1 and self.mixture is not None:
            start[inside] = self.mixture.log_prob(h[inside])
        value = self.beta * posterior + (1 - self.beta) * start
        return _Places(h, posterior, start, np.where(inside, value, -np.inf))


class _Places(NamedTuple):
    h: np.ndarray
    posterior: np.ndarray
    start: np.ndarray
    density: np.ndarray


def anneal(
    quotient: FoldedPosterior,
    mixture: StudentMixture,
    particles: int,
    sweeps: int,
    rng: np.random.RandomState,
    tell: Callable[[float], None] = lambda beta: None,
) -> Annealing:
    """Bring ``particles`` draws of ``mixture`` to the posterior, ``sweeps`` sweeps a rung.

    ``tell`` is called with β before every sweep.
    """
    h, share = draw_inside(quotient, mixture, FRESH * particles, rng)
    run = Annealing(quotient, mixture, h, quotient.log_prob(h), mixture.log_prob(h))
    run.log_z = math.log(share)
    moves = Moves(quotient)
    while run.beta < 1:
        _climb(run, particles, rng)
        taken = []
        for _ in range(sweeps):
            tell(run.beta)
            taken.append(moves.sweep(run, rng))
        run.betas.append(run.beta)
        run.acceptance.append(float(np.mean(taken)))
    return run


def draw_inside(
    quotient: FoldedPosterior, mixture: StudentMixture, size: int, rng: np.random.RandomState
) -> tuple[np.ndarray, float]:
    """``size`` draws of the mixture inside D, and an unbiased estimate of its share in there.

    Drawing until size + 1 are inside after n draws, size/(n − 1) is unbiased (Haldane 1945,
    Biometrika 33, 222).
    """
    found, drawn = [], 0
    count = 0
    while count <= size:
        h = mixture.draw(4 * size, rng)
        rows = np.flatnonzero(quotient.inside(h))
        if count + len(rows) > size:
            last = rows[size - count]
            found.append(h[rows[: size - count]])
            drawn += int(last) + 1
            break
        found.append(h[rows])
        count, drawn = count + len(rows), drawn + len(h)
        if drawn * LEAST_INSIDE > size:
            raise RequestError(
                f"temper.start: {count} of {drawn} draws from the basins have units in order, "
                f"expected more than one in a thousand; use temper.start = 'prior'"
            )
    return np.concatenate(found), size / (drawn - 1)


def _climb(run: Annealing, particles: int, rng: np.random.RandomState) -> None:
    """Raise β as far as the weights allow, and resample ``particles``."""
    gap = run.posterior - run.start
    goal = math.log(KEEP * particles)

    def excess(step: float) -> float:
        return log_effective_size(step * gap) - goal

    last = 1 - run.beta
    step = last if excess(last) >= 0 else brentq(excess, 1e-9, last, xtol=1e-4)
    step = last if step > last - 1e-3 else max(step, 1e-4)
    log_weights = step * gap
    run.log_z += float(logsumexp(log_weights) - math.log(len(gap)))
    run.beta = 1.0 if step == last else run.beta + step
    i = systematic(log_weights, rng, particles)
    run.h, run.posterior, run.start = run.h[i], run.posterior[i], run.start[i]


class Moves:
    """One sweep: a unit of each network replaced, then steps along the curvature.

    Both treat all copies of a network alike, so a place outside D may stand for its copy inside.
    """

    def __init__(self, quotient: FoldedPosterior) -> None:
        post = quotient.layer.post
        self.replacement = NeuronGibbs(post, sharing=SHARING)
        self.curved = ManifoldMALA(post)

    def sweep(self, run: Annealing, rng: np.random.RandomState) -> float:
        """All moves once, in place; the share of accepted steps."""
        self._replace(run, rng)
        return self._walk(run, rng)

    def _replace(self, run: Annealing, rng: np.random.RandomState) -> None:
        q, log_ratio = self.replacement.replace(run.h, rng)
        moved = np.flatnonzero((q != run.h).any(axis=1))
        new = run.places(run.quotient.fold(q[moved]))
        ratio = new.density - log_ratio[moved] - run.density()[moved]
        rows, chosen = decide(ratio, moved, rng)
        run.take(rows, new, chosen)

    def _walk(self, run: Annealing, rng: np.random.RandomState) -> float:
        h, taken, row = run.h.copy(), 0, np.arange(len(run.h))
        beta = max(run.beta, LEAST_POWER)
        here = self.curved.geometry(h, beta)
        for _ in range(STEPS):
            step = self.curved.step(h, here, rng, beta)
            new = run.places(run.quotient.fold(step.q))
            rows, chosen = decide(step.factor + new.density - run.density(), row, rng)
            run.take(rows, new, chosen)
            h[rows] = step.q[chosen]
            for mine, other in zip(here, step.geometry, strict=True):
                mine[rows] = other[chosen]
            taken += len(rows)
        return taken / (STEPS * len(h))
