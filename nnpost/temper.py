"""Tempered populations: independent starts for every ensemble, and the evidence.

Sequential Monte Carlo from prior to posterior in the collapsed space (Del Moral, Doucet & Jasra
2006, J. R. Stat. Soc. B 68, 411; adaptive ladder as in Beskos et al. 2016, Ann. Appl. Probab. 26,
1111). N particles start from the prior of the hidden part; the power β of the likelihood rises
from 0 to 1 so that each step keeps an effective sample size of N/2; particles are resampled and
moved. The sum of the logs of the mean weights is an estimate of log Z whose exponential is
unbiased. One independent run for each ensemble: they agree, or visibly do not.

In few dimensions each run is then refined by adaptive importance sampling (population Monte Carlo;
Cappé et al. 2008, Stat. Comput. 18, 447): a mixture is fitted to the particles, draws from it are
weighted and resampled, and the mixture is fitted again. The mean weight of the last round is an
unbiased estimate of Z too, and a far more precise one where the mixture fits.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from .errors import RequestError
from .mixture import StudentMixture, fit_mixture
from .moves import Proposal, collapsed_proposals, decide, halves
from .output_layer import OutputLayer
from .posterior import Posterior
from .progress import Progress, silent

__all__ = ["Tempering", "temper"]

REFINED = 8  # dimensions of the collapsed space up to which runs are refined
ROUNDS, DRAWS, COMPONENTS = 3, 4000, 24  # of adaptive importance sampling
EFFECTIVE = 100  # importance draws that an estimate of Z must be worth
KEEP = 0.5  # share of the effective sample size that a step of the ladder keeps


@dataclass(frozen=True, eq=False)
class Tempering:
    """E independent tempered runs of N particles.

    ``theta`` (E, N, P) equally weighted draws from (nearly) the posterior, ``log_z`` (E,) one
    estimate of the log evidence each, ``betas`` (E, L) the ladders and ``acceptance`` (E, L) the
    share of accepted moves on every rung, padded with NaN.

    ``efficiency`` (E,) is the effective share of the last importance draws, NaN where there were
    none. If it gives at least 100 effective draws in every run, ``log_z`` is by importance
    sampling and ``mixtures`` has what was drawn from; otherwise ``log_z`` is by tempering and
    ``mixtures`` is empty. ``tempered_log_z`` (E,) is by tempering always.
    """

    theta: np.ndarray
    log_z: np.ndarray
    tempered_log_z: np.ndarray
    efficiency: np.ndarray
    betas: np.ndarray
    acceptance: np.ndarray
    mixtures: tuple[StudentMixture, ...]
    seconds: float

    @property
    def log_evidence(self) -> float:
        """log of the mean of the E estimates of Z, which are unbiased."""
        return float(logsumexp(self.log_z) - math.log(len(self.log_z)))

    @property
    def error(self) -> float:
        """Standard error of ``log_evidence`` from the spread of the runs; NaN for a single run."""
        z = np.exp(self.log_z - self.log_evidence)
        return float(np.std(z, ddof=1) / math.sqrt(len(z))) if len(z) > 1 else math.nan

    def __repr__(self) -> str:
        runs = "  ".join(f"{z:.2f}" for z in self.log_z)
        rungs = np.isfinite(self.betas).sum(axis=1) - 1
        return (
            f"tempered runs   {len(self.log_z)} of {self.theta.shape[1]} particles, "
            f"{rungs.min()} to {rungs.max()} steps, {self.seconds:.1f} s\n"
            f"log evidence    {self.log_evidence:.3f} ± {self.error:.3f}   ({runs})"
        )

    def to_tree(self) -> dict[str, Any]:
        tree = {f.name: getattr(self, f.name) for f in fields(self)}
        return tree | {"mixtures": {str(e): asdict(m) for e, m in enumerate(self.mixtures)}}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Tempering:
        stored = tree.get("mixtures", {})
        mixtures = tuple(StudentMixture(**stored[str(e)]) for e in range(len(stored)))
        return cls(**{**tree, "mixtures": mixtures})


def temper(
    post: Posterior,
    ensembles: int = 4,
    particles: int = 2000,
    steps: int = 8,
    seed: int = 0,
    progress: Progress = silent,
) -> Tempering:
    """Run one tempered population for each ensemble.

    Args:
        ensembles: E, the number of independent runs.
        particles: N of each run, even.
        steps: moves of every particle after each step of the ladder.
        seed: run e depends on (seed, e) alone.
        progress: called as ``progress(done, total, text)``.

    Raises:
        RequestError: fewer than one ensemble, too few particles, an odd number, or no steps.
    """
    layer = OutputLayer(post)
    least = 4 * max(layer.ndim, 1)
    if particles < least or particles % 2:
        raise RequestError(
            f"temper.particles: found {particles}, expected an even number of at least {least}"
        )
    if ensembles < 1 or steps < 1:
        name, value = ("ensembles", ensembles) if ensembles < 1 else ("steps", steps)
        raise RequestError(f"temper.{name}: found {value}, expected at least 1")
    began = time.perf_counter()
    proposals = collapsed_proposals(post)
    runs = []
    for e in range(ensembles):
        rng = np.random.RandomState(np.random.SeedSequence([seed, e]).generate_state(8))
        population = Population(layer, particles, rng)
        while population.beta < 1:
            population.climb(proposals, steps)
            progress(e + population.beta, ensembles, f"log Z {population.log_z:.1f}")
        runs.append(population)
    refined = [refine(layer, p.h, p.rng) for p in runs] if layer.ndim <= REFINED else []
    efficiency = np.array([r.efficiency for r in refined] or [math.nan] * ensembles)
    tempered = np.array([p.log_z for p in runs])
    good = bool((efficiency * DRAWS >= EFFECTIVE).all())
    places = [r.h[:particles] for r in refined] if good else [p.h for p in runs]
    pairs = zip(places, runs, strict=True)
    return Tempering(
        theta=np.stack([layer.draw(h, p.rng).theta for h, p in pairs]),
        log_z=np.array([r.log_z for r in refined]) if good else tempered,
        tempered_log_z=tempered,
        efficiency=efficiency,
        betas=_padded([p.betas for p in runs]),
        acceptance=_padded([p.acceptance for p in runs]),
        mixtures=tuple(r.mixture for r in refined) if good else (),
        seconds=time.perf_counter() - began,
    )


class Refined(NamedTuple):
    """What the last round of adaptive importance sampling left."""

    h: np.ndarray  # (DRAWS, H), equally weighted, in random order
    log_z: float
    efficiency: float
    mixture: StudentMixture


def refine(layer: OutputLayer, h: np.ndarray, rng: np.random.RandomState) -> Refined:
    """Adaptive importance sampling in the collapsed space, started at particles h (N, H)."""
    for _ in range(ROUNDS):
        mixture = fit_mixture(h, COMPONENTS, rng)
        q = mixture.draw(DRAWS, rng)
        log_weights = layer.log_prob(q) - mixture.log_prob(q)
        h = q[rng.permutation(systematic(log_weights, rng))]
    log_z = float(logsumexp(log_weights) - math.log(DRAWS))
    efficiency = math.exp(log_effective_size(log_weights)) / DRAWS
    return Refined(h, log_z, efficiency, mixture)


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
        taken = 0.0
        for _ in range(steps):
            choice = self.rng.choice(len(proposals), p=weights / weights.sum())
            taken += self._move(proposals[int(choice)][0], density)
        self.betas.append(beta)
        self.acceptance.append(taken / steps)

    def _next_rung(self) -> tuple[np.ndarray, float]:
        statistics = self.layer.statistics(self.h)

        def weights(beta: float) -> np.ndarray:
            new = self.layer.from_statistics(statistics, beta).log_prob.numpy(force=True)
            return new - now

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


def systematic(log_weights: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """Systematic resampling: indices (N,) with expected counts N w/Σw (Kitagawa 1996)."""
    weights = np.exp(log_weights - logsumexp(log_weights))
    points = (np.arange(len(weights)) + rng.random_sample()) / len(weights)
    return np.minimum(np.searchsorted(np.cumsum(weights), points), len(weights) - 1)


def log_effective_size(log_weights: np.ndarray) -> float:
    """log of (Σw)²/Σw², Kish's effective sample size."""
    return float(2 * logsumexp(log_weights) - logsumexp(2 * log_weights))


def _padded(rows: Sequence[Sequence[float]]) -> np.ndarray:
    out = np.full((len(rows), max(map(len, rows))), np.nan)
    for i, row in enumerate(rows):
        out[i, : len(row)] = row
    return out
