"""One tempered run from basins: search, fit a mixture, temper from it.

For sharp posteriors of one hidden layer, whose many narrow basins particles from the prior do not
find. What the search misses, the run misses unless its moves find it, and its log Z is then too low
by as much; so each run makes its own search, and runs that disagree give it away.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import numpy as np

from .anneal import anneal, draw_inside, settle
from .basins import search
from .mixture import fit_mixture
from .output_layer import OutputLayer
from .quotient import Quotient
from .resample import Ended, log_effective_size, systematic

__all__ = ["from_basins"]

DRAWS = 4000  # of a mixture, to be weighted
FITS, PIECES = 2, 60  # fits of a mixture to draws from the basins, and components of each
BASINS_SHARE = 0.25  # of the basins' own mixture in what is tempered from
SETTLE = 3  # times as many sweeps at the end of the ladder as on a rung of it


def from_basins(
    layer: OutputLayer,
    particles: int,
    steps: int,
    rng: np.random.RandomState,
    from_prior: bool,
    tell: Callable[[float, str], None],
) -> Ended:
    """Search, fit a mixture, temper from it, and fit a mixture to what came out.

    The fits only steer: nothing but the efficiency depends on how good they are.
    """
    quotient = Quotient(layer)
    sweeps = max(1, steps // 2)
    basins = search(quotient, rng, from_prior, lambda done: tell(0.5 * done, "search"))
    mixture = basins.mixture
    for i in range(FITS):
        tell(0.5 + 0.1 * i, f"{len(basins.h)} basins")
        h, _ = draw_inside(quotient, mixture, DRAWS, rng)
        log_weights = _softened(quotient.log_prob(h) - mixture.log_prob(h))
        h = h[systematic(log_weights, rng)[rng.permutation(DRAWS)[:particles]]]
        h = settle(quotient, mixture, h, sweeps, rng)
        mixture = basins.mixture.joined(fit_mixture(h, PIECES, rng), BASINS_SHARE)
    tell(0.7, f"{len(basins.h)} basins")
    run = anneal(quotient, mixture, particles, sweeps, rng)
    h = settle(quotient, mixture, run.h, SETTLE * sweeps, rng)
    fitted = fit_mixture(h, PIECES, rng)
    tell(1.0, f"log Z {run.log_z:.1f}")
    q, _ = draw_inside(quotient, fitted, DRAWS, rng)
    size = log_effective_size(quotient.log_prob(q) - fitted.log_prob(q))
    return Ended(
        rng, quotient.unfold(h, rng), run.log_z, run.betas, run.acceptance,
        efficiency=math.exp(size) / DRAWS, mixture=fitted,
    )  # fmt: skip


def _softened(log_weights: np.ndarray) -> np.ndarray:
    """The highest power, among those of 0.8, at which the weights keep a tenth of the draws."""
    while log_effective_size(log_weights) < math.log(0.1 * len(log_weights)):
        log_weights = 0.8 * log_weights
    return log_weights
