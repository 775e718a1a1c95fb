"""Tempered runs from basins: search, fit a mixture, temper from it.

For sharp posteriors of one hidden layer, whose many narrow basins particles from the prior do not
find. The runs tell each other where to look: all basins that any of them found, and mixtures fitted
to the particles of all, are what each of them is tempered from next (population Monte Carlo; Cappé
et al. 2008, Stat. Comput. 18, 447). Given that, their particles and their estimates of Z are
independent, and unbiased whatever the mixture is. A basin that all searches and all moves miss is
missed, and log Z is then too low by as much; that no other way of starting would tell either.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from functools import partial

import numpy as np
from scipy.special import logsumexp

from ..common.parallel import SideBySide
from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture, fit_mixture
from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer
from .annealing import Annealing, anneal, draw_inside
from .basin_hopping import Basins, pooled, search
from .importance import DRAWS
from .result import Ended

__all__ = ["from_basins"]

STAGES = 5  # times that all particles are annealed; the estimates of Z come from the last
PIECES = 200  # components of the mixture fitted to the particles of all runs
EFFICIENT = 0.1  # share of effective draws from which on importance sampling beats tempering
BASINS_SHARE = 0.25  # of the basins' own mixture in what is tempered from
SEARCH = 0.25  # share of the work, for progress


def from_basins(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rngs: Sequence[np.random.RandomState],
    every: SideBySide,
    tells: Sequence[Callable[[float, str], None]],
) -> list[Ended]:
    """One run for each of ``rngs``: search, then anneal and fit a mixture to all, STAGES times.

    The fits only steer: nothing but the efficiency depends on how good they are.
    """
    exact, quotient = FoldedPosterior(layer), FoldedPosterior(layer.gathered())
    sweeps = max(1, steps // 4)

    def look(e: int) -> Basins:
        return search(quotient, rngs[e], lambda done: tells[e](SEARCH * done, "search"))

    def annealed(number: int, e: int) -> Annealing:
        def hear(beta: float) -> None:
            done = SEARCH + (1 - SEARCH) * (number + beta) / STAGES
            tells[e](done, f"{len(basins.h)} basins")

        return anneal(quotient, mixture, particles, sweeps, rngs[e], hear)

    basins = pooled(every(look))
    mixture = basins.mixture
    for number in range(STAGES):
        runs = every(partial(annealed, number))
        fit = fit_mixture(np.concatenate([run.h for run in runs]), PIECES, rngs[0])
        mixture = basins.mixture.joined(fit, BASINS_SHARE)
    return every(lambda e: _corrected(exact, runs[e], fit, rngs[e], tells[e]))


def _corrected(
    exact: FoldedPosterior,
    run: Annealing,
    mixture: StudentMixture,
    rng: np.random.RandomState,
    tell: Callable[[float, str], None],
) -> Ended:
    """What is annealed to the gathered data, weighed and resampled for all of the data."""
    size = len(run.h)
    log_weights = exact.log_prob(run.h) - run.posterior
    log_z = run.log_z + float(logsumexp(log_weights)) - math.log(size)
    h = run.h[systematic(log_weights, rng)]
    q, share = draw_inside(exact, mixture, DRAWS, rng)
    log_weights = exact.log_prob(q) - mixture.log_prob(q)
    efficiency = math.exp(log_effective_size(log_weights)) / DRAWS
    tell(1.0, f"log Z {log_z:.1f}")
    ended = Ended(
        rng, exact.unfold(h, rng), log_z, run.betas, run.acceptance,
        refined_log_z=log_z, efficiency=efficiency, mixture=mixture,
    )  # fmt: skip
    if efficiency < EFFICIENT:
        return ended
    again = q[rng.permutation(systematic(log_weights, rng))[:size]]
    refined_log_z = float(logsumexp(log_weights)) - math.log(DRAWS) + math.log(share)
    return ended._replace(refined=exact.unfold(again, rng), refined_log_z=refined_log_z)
