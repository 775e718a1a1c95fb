"""One tempered run from basins: search, fit a mixture, temper from it.

For sharp posteriors of one hidden layer, whose many narrow basins particles from the prior do not
find. What the search misses, the run misses unless its moves find it, and its log Z is then too low
by as much; so each run makes its own search, and runs that disagree give it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np
from scipy.special import logsumexp

from .anneal import anneal, draw_inside
from .basins import search
from .mixture import fit_mixture
from .output_layer import OutputLayer
from .population import DRAWS
from .quotient import Quotient
from .resample import Ended, log_effective_size, systematic

__all__ = ["from_basins"]

FITS, PIECES = 1, 100  # mixtures fitted to what was annealed before, and components of each
EFFICIENT = 0.1  # share of effective draws from which on importance sampling beats tempering
BASINS_SHARE = 0.25  # of the basins' own mixture in what is tempered from


def from_basins(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rng: np.random.RandomState,
    tell: Callable[[float, str], None],
) -> Ended:
    """Search, fit a mixture, temper from it, and fit a mixture to what came out.

    The fits only steer: nothing but the efficiency depends on how good they are.
    """
    exact, quotient = Quotient(layer), Quotient(layer.gathered())
    sweeps = max(1, steps // 4)
    basins = search(quotient, rng, lambda done: tell(0.1 * done, "search"))
    mixture = basins.mixture
    for i in range(FITS):
        tell(0.1 + 0.5 * i / FITS, f"{len(basins.h)} basins")
        first = anneal(quotient, mixture, particles, sweeps, rng)
        mixture = basins.mixture.joined(fit_mixture(first.h, PIECES, rng), BASINS_SHARE)
    tell(0.6, f"{len(basins.h)} basins")
    run = anneal(quotient, mixture, particles, sweeps, rng)
    log_weights = exact.log_prob(run.h) - run.posterior
    log_z = run.log_z + float(logsumexp(log_weights)) - math.log(particles)
    h = run.h[systematic(log_weights, rng)]
    fitted = fit_mixture(h, PIECES, rng)
    tell(1.0, f"log Z {log_z:.1f}")
    q, share = draw_inside(exact, fitted, DRAWS, rng)
    log_weights = exact.log_prob(q) - fitted.log_prob(q)
    efficiency = math.exp(log_effective_size(log_weights)) / DRAWS
    ended = Ended(
        rng, exact.unfold(h, rng), log_z, run.betas, run.acceptance,
        refined_log_z=log_z, efficiency=efficiency, mixture=fitted,
    )  # fmt: skip
    if efficiency < EFFICIENT:
        return ended
    again = q[rng.permutation(systematic(log_weights, rng))[:particles]]
    refined_log_z = float(logsumexp(log_weights)) - math.log(DRAWS) + math.log(share)
    return ended._replace(refined=exact.unfold(again, rng), refined_log_z=refined_log_z)
