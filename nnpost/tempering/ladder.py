"""The ladder of a tempered run: from a density that is easy to draw from to the posterior.

N particles are at power β of a path of densities, from β = 0 to 1. The next power is the one at
which their weights leave a share of the effective sample size; the particles are resampled and
moved there, and so on until β = 1. The sum of the logs of the mean weights estimates the log of the
ratio of the normalising constants at both ends (sequential Monte Carlo; Del Moral, Doucet & Jasra
2006, J. R. Stat. Soc. B 68, 411; ladders chosen on the way as in Beskos et al. 2016, Ann. Appl.
Probab. 26, 1111).

With powers and moves fixed beforehand the exponential of that sum is unbiased, whatever the moves
are. Powers that the particles choose themselves leave it consistent, with a bias that falls as 1/N.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np
from scipy.optimize import brentq
from scipy.special import logsumexp

from ..common.errors import RequestError
from ..numerics.resampling import log_effective_size, systematic

__all__ = ["Ladder", "LogWeights", "Rungs", "follow", "next_rung", "run_ladder"]

LogWeights = Callable[[float], np.ndarray]


@dataclass(frozen=True)
class Ladder:
    """How far apart the rungs are."""

    keep: float = 0.5  # effective sample size that a step leaves, in particles that go on
    tolerance: float = 1e-3  # of the log of a step in β
    shortest: float = -60.0  # log of the shortest step in β


class Rung(NamedTuple):
    """The next power, and the weights that lead there."""

    beta: float
    log_weights: np.ndarray  # (N,)
    log_mean: float  # log of the mean weight: what the step adds to log Z


class Rungs(NamedTuple):
    """All steps of a run: one entry of ``betas`` and ``acceptance`` a power, 0 and 1 included."""

    log_z: float
    betas: list[float]
    acceptance: list[float]  # share of accepted moves; NaN at β = 0


class Particles(Protocol):
    """What goes up a ladder: N particles at the power ``beta`` of a path of densities."""

    beta: float

    def log_weights(self) -> LogWeights:
        """The log weights (N,) of going on to a power, as a function of that power."""

    def go_on(self, chosen: np.ndarray, beta: float) -> None:
        """Those of the rows ``chosen`` alone, at power ``beta``."""

    def move(self, rng: np.random.RandomState) -> float:
        """Move all of them, leaving the density at ``beta`` alone; the share of accepted moves."""


def next_rung(log_weights: LogWeights, beta: float, effective: float, ladder: Ladder) -> Rung:
    """The power above ``beta`` at which the weights are worth ``effective`` draws, or at most 1.

    Where even the shortest step leaves fewer, because others have no weight at all, it is that.
    """

    def excess(log_step: float) -> float:
        return log_effective_size(log_weights(beta + math.exp(log_step))) - math.log(effective)

    last = math.log(1 - beta)
    if last <= ladder.shortest or excess(last) >= 0:
        found = 1.0
    elif excess(ladder.shortest) <= 0:
        found = beta + math.exp(ladder.shortest)
    else:
        found = beta + math.exp(brentq(excess, ladder.shortest, last, xtol=ladder.tolerance))
    weights = log_weights(found)
    return Rung(found, weights, float(logsumexp(weights) - math.log(len(weights))))


def run_ladder(
    particles: Particles,
    size: int,
    rng: np.random.RandomState,
    ladder: Ladder,
    progress: Callable[[float, float], None],
) -> Rungs:
    """Bring ``particles`` to β = 1; from the first rung on there are ``size`` of them.

    ``progress`` is called with β and log Z so far after every rung.
    """
    log_z, betas, acceptance = 0.0, [particles.beta], [math.nan]
    while particles.beta < 1:
        rung = next_rung(particles.log_weights(), particles.beta, ladder.keep * size, ladder)
        if rung.log_mean == -math.inf:
            raise RequestError(
                f"temper: none of {size} particles has a posterior density that numbers can hold, "
                "expected some: bring inputs and target to order one, or make the prior narrower"
            )
        log_z += rung.log_mean
        particles.go_on(systematic(rung.log_weights, rng, size), rung.beta)
        acceptance.append(particles.move(rng))
        betas.append(rung.beta)
        progress(rung.beta, log_z)
    return Rungs(log_z, betas, acceptance)


def follow(
    particles: Particles,
    betas: Sequence[float],
    size: int,
    rng: np.random.RandomState,
    progress: Callable[[float, float], None],
) -> Rungs:
    """:func:`run_ladder` on the powers ``betas`` above zero, which end at 1."""
    log_z, acceptance, start = 0.0, [math.nan], particles.beta
    for beta in betas:
        weights = particles.log_weights()(beta)
        log_z += float(logsumexp(weights) - math.log(len(weights)))
        if log_z == -math.inf:  # nobody is left: an estimate of zero, whatever comes after
            weights = np.zeros(len(weights))
        particles.go_on(systematic(weights, rng, size), beta)
        acceptance.append(particles.move(rng))
        progress(beta, log_z)
    return Rungs(log_z, [start, *betas], acceptance)
