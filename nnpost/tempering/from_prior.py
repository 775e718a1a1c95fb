"""One tempered run from the prior: sequential Monte Carlo in the collapsed space.

N particles start from the prior of the hidden part, and the power β of the likelihood rises from 0
to 1 on the ladder of ladder.py. The steps of the moves are taken from the other half of the moving
particles, and the ladder from all of them, so exp(log Z) is consistent and nearly, but not exactly,
unbiased: in many dimensions, with few moves, it can be far off.

In few dimensions the run is then refined by importance sampling (importance.py), whose mean weight
is an unbiased estimate of Z, and a far more precise one where the mixture fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from ..moves.proposal import Proposal, decide, halves
from ..moves.registry import collapsed_proposals
from ..posterior.output_layer import OutputLayer
from .importance import Importance, refine
from .ladder import Ladder, LogWeights, run_ladder
from .tempered_run import Preference, TemperedRun

__all__ = ["FromPrior", "from_prior"]


@dataclass(frozen=True)
class FromPrior:
    """How runs from the prior are made."""

    ladder: Ladder = field(default_factory=Ladder)
    refined: int = 8  # dimensions of the collapsed space up to which runs are refined
    importance: Importance = field(default_factory=Importance)
    preference: Preference = field(default_factory=Preference)


def from_prior(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rng: np.random.RandomState,
    progress: Callable[[float, str], None],
    tuning: FromPrior,
) -> TemperedRun:
    """N particles from the prior to the posterior, each moved ``steps`` times a rung.

    ``progress`` is called with β and a few words.
    """
    p = PriorParticles(layer, particles, steps, rng)
    rungs = run_ladder(
        p, particles, rng, tuning.ladder, lambda beta, z: progress(beta, f"log Z {z:.1f}")
    )
    few = 0 < layer.ndim <= tuning.refined
    refined = refine(layer, p.h, rng, tuning.importance) if few else None
    return TemperedRun(p.h, *rungs, refined)


class PriorParticles:
    """N particles of the density p(y | h)^β p(h), from the prior, where β is 0.

    They are :class:`~nnpost.tempering.ladder.Particles`, and make ``steps`` moves at each β.
    """

    def __init__(
        self, layer: OutputLayer, size: int, steps: int, rng: np.random.RandomState
    ) -> None:
        scales = layer.post.scales[layer.hidden_index]
        self.layer = layer
        self.steps = steps if layer.ndim else 0  # nothing to move without hidden units
        self.proposals, weights = zip(*collapsed_proposals(layer.post), strict=True)
        self.chances = np.array(weights) / sum(weights)
        self.h = scales * rng.standard_normal((size, layer.ndim))
        self.beta = 0.0

    def log_weights(self) -> LogWeights:
        """From sufficient statistics of the output layer: no pass over the data a power."""
        log_prob = self.layer.by_power(self.layer.statistics(self.h))
        now = log_prob(self.beta)

        def gain(beta: float) -> np.ndarray:
            with np.errstate(invalid="ignore"):
                found = log_prob(beta) - now
            return np.where(np.isfinite(found), found, -np.inf)

        return gain

    def go_on(self, chosen: np.ndarray, beta: float) -> None:
        self.h, self.beta = self.h[chosen], beta

    def move(self, rng: np.random.RandomState) -> float:
        density = self.layer.log_prob(self.h, self.beta)
        taken = 0.0
        for _ in range(self.steps):
            choice = rng.choice(len(self.proposals), p=self.chances)
            taken += self._step(self.proposals[int(choice)], density, rng)
        return taken / self.steps if self.steps else math.nan

    def _step(self, proposal: Proposal, density: np.ndarray, rng: np.random.RandomState) -> float:
        """One step of all particles, in place; the share that was accepted."""
        accepted = 0
        for s, c in halves(len(self.h), 1, rng):
            q, factors = proposal.propose(self.h[s], self.h[c], rng)
            flat = q[0]
            new = self.layer.log_prob(flat, self.beta)
            rows, taken = decide(factors[0] + new - density[s[0]], s, rng)
            self.h[rows], density[rows] = flat[taken], new[taken]
            accepted += len(rows)
        return accepted / len(self.h)
