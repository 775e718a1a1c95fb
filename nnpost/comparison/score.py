"""Fill in the score card: density, distance, curves, modes, the barrier on the way to the maximum.

And what other approximations of the posterior come to; each number with its Monte-Carlo error.
"""

from __future__ import annotations

import math

import numpy as np

from ..network.align import align
from ..numerics.monte_carlo import Estimate, binomial, median_error
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from ..training.fits import Fits
from .approximations import approximations
from .constant import left_at_constant
from .distance import Measured, Reference, measure, shifts
from .effort import FULL, Detail
from .find_modes import find_modes
from .result import Comparison
from .scorecard import OF_Y, QUANTILES, Profile, ScoreCard, Spread

__all__ = ["profile_between", "score"]


def score(
    post: Posterior, fits: Fits, run: Run, comparison: Comparison, *, detail: Detail = FULL
) -> ScoreCard:
    """Fill in the score card of a run that has been compared."""
    top = comparison.map
    some, _ = run.some(detail.spread)
    spread = post.curves(some).std(axis=0)
    modes, home = find_modes(post, fits, run, top.theta, spread, detail.modes)
    # One mode: all draws lie in it, and more of them than were climbed can be used.
    whole = modes.map >= 0 and modes.top.mass.value > detail.modes.whole
    reference = Reference.of(run, top.theta, None if whole else home, detail)
    best = measure(reference, fits.sgd.theta[None])
    crowd = measure(reference, fits.theta[np.isfinite(fits.mse)])
    typical = measure(reference, some[:: -(-len(some) // detail.typical)])
    shift = shifts(reference, fits.sgd.theta)
    return ScoreCard(
        best={k: Estimate(float(m.value[0]), float(m.error[0])) for k, m in best.items()},
        restarts={k: spread_of(m) for k, m in crowd.items()},
        draws={k: spread_of(m) for k, m in typical.items()},
        above_all=binomial(crowd["hpd_level"].value == 0),
        shift=shift.value,
        shift_error=shift.error,
        labels=tuple(post.labels),
        profile=profile_between(post, fits.sgd.theta, top.theta, detail.line),
        modes=modes,
        approximations=tuple(approximations(reference, fits, run.seed)),
        log_evidence=_evidence(run),
        x=reference.x,
        inside=reference.inside,
        misfit=post.loss_name,
        converged=run.verdict.converged,
        at_constant=left_at_constant(post, fits.mse),
        curve_unit="each target's standard deviation" if post.data.y_names else OF_Y,
    )


def _evidence(run: Run) -> Estimate:
    error = math.nan if run.tempering is None else run.tempering.error
    return Estimate(run.log_evidence, error)


def spread_of(measured: Measured) -> Spread:
    """Quantiles of R networks; the errors are of their number and of the posterior's draws."""
    value = measured.value
    middle = float(np.nanmedian(measured.error)) if np.isfinite(measured.error).any() else 0.0
    return Spread(
        **{
            name: Estimate(float(np.quantile(value, q)), math.hypot(median_error(value, q), middle))
            for name, q in QUANTILES.items()
        }
    )


def profile_between(
    post: Posterior, start: np.ndarray, end: np.ndarray, points: int = FULL.line
) -> Profile:
    """Along the line from the copy of ``start`` nearest to ``end``."""
    t = np.linspace(0, 1, points)
    line = align(post.net, start, end) * (1 - t[:, None]) + end * t[:, None]
    return Profile(t, post.log_prob(line), post.loss(line))
