"""One tempered run from the prior: sequential Monte Carlo in the collapsed space.

(Del Moral, Doucet & Jasra 2006, J. R. Stat. Soc. B 68, 411; adaptive ladder as in Beskos et al.
2016, Ann. Appl. Probab. 26, 1111.) N particles start from the prior of the hidden part; the power
β of the likelihood rises from 0 to 1 so that each step keeps an effective sample size of N/2;
particles are resampled and moved. The sum of the logs of the mean weights is an estimate of log Z
whose exponential is unbiased.

In few dimensions the run is then refined by adaptive importance sampling (population Monte Carlo;
Cappé et al. 2008, Stat. Comput. 18, 447): a mixture is fitted to the particles, folded to one copy,
draws from it are weighted and resampled, and the mixture is fitted again. The mean weight of the
last round is an unbiased estimate of Z too, and a far more precise one where the mixture fits.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from ..moves.proposal import Proposal, decide, halves
from ..moves.registry import collapsed_proposals
from ..numerics.resampling import log_effective_size, systematic
from ..posterior.output_layer import OutputLayer
from .importance import refine
from .result import Ended

__all__ = ["Population", "from_prior"]

REFINED = 8  # dimensions of the collapsed space up to which runs are refined
KEEP = 0.5  # share of the effective sample size that a step of the ladder keeps


def from_prior(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rng: np.random.RandomState,
    tell: Callable[[float, str], None],
) -> Ended:
    """N particles from the prior to the posterior; ``tell(β, text)`` hears how far it is."""
    proposals = collapsed_proposals(layer.post)
    p = Population(layer, particles, rng)
    while p.beta < 1:
        p.climb(proposals, steps)
        tell(p.beta, f"log Z {p.log_z:.1f}")
    ended = Ended(rng, p.h, p.log_z, p.betas, p.acceptance)
    if not 0 < layer.ndim <= REFINED:
        return ended
    r = refine(layer, p.h, rng)
    return ended._replace(
        refined=r.h[:particles], refined_log_z=r.log_z, efficiency=r.efficiency, mixture=r.mixture
    )


class Population:
    """N particles of one tempered run at power ``beta`` of the likelihood."""

    def __init__(self, layer: OutputLayer, size: int, rng: np.random.RandomState) -> None:
        scales = layer.post.scales[layer.hidden_index]
        self.layer, self.rng = layer, rng
        self.h = scales * rng.standard_normal((size, layer.ndim))
        self.beta, self.log_z = 0.0, 0.0
        self.betas, self.acceptance = [0.0], [math.nan]

    def climb(self, proposals: Sequence[tuple[Proposal, float]], steps: int) -> None:
        """Raise β as far as the weights allow, resample, move every particle ``steps`` times."""
        log_weights, beta = self._next_rung()
        self.log_z += float(logsumexp(log_weights) - math.log(len(log_weights)))
        self.h, self.beta = self.h[systematic(log_weights, self.rng)], beta
        density = self.layer.log_prob(self.h, beta)
        weights = np.array([w for _, w in proposals])
        taken, steps = 0.0, steps if self.layer.ndim else 0  # nothing to move without hidden units
        for _ in range(steps):
            choice = self.rng.choice(len(proposals), p=weights / weights.sum())
            taken += self._move(proposals[int(choice)][0], density)
        self.betas.append(beta)
        self.acceptance.append(taken / steps if steps else math.nan)

    def _next_rung(self) -> tuple[np.ndarray, float]:
        statistics = self.layer.statistics(self.h)

        def weights(beta: float) -> np.ndarray:
            new = self.layer.from_statistics(statistics, beta).log_prob.numpy(force=True)
            with np.errstate(invalid="ignore"):
                gain = new - now
            return np.where(np.isfinite(gain), gain, -np.inf)

        now = self.layer.from_statistics(statistics, self.beta).log_prob.numpy(force=True)
        goal = math.log(KEEP * len(now))

        def excess(log_step: float) -> float:
            return log_effective_size(weights(self.beta + math.exp(log_step))) - goal

        last = math.log(1 - self.beta)
        if excess(last) >= 0:
            return weights(1.0), 1.0
        step = math.exp(brentq(excess, -60.0, last, xtol=1e-3))
        return weights(self.beta + step), self.beta + step

    def _move(self, proposal: Proposal, density: np.ndarray) -> float:
        """One move of all particles, in place; returns the share that was accepted."""
        accepted = 0
        for s, c in halves(len(self.h), 1, self.rng):
            q, factors = proposal.propose(self.h[s], self.h[c], self.rng)
            flat = q[0]
            new = self.layer.log_prob(flat, self.beta)
            rows, taken = decide(factors[0] + new - density[s[0]], s, self.rng)
            self.h[rows], density[rows] = flat[taken], new[taken]
            accepted += len(rows)
        return accepted / len(self.h)
