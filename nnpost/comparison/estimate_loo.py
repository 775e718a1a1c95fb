"""PSIS-LOO and WAIC of a run, by arviz-stats, from the log density of every point and draw."""

from __future__ import annotations

import math

import numpy as np

from ..numerics.monte_carlo import Estimate
from ..prediction.scores import log_mean_density
from ..sampling.run import Run
from .effort import FULL, Detail
from .leave_one_out import LeaveOneOut

__all__ = ["leave_one_out", "smoothed"]

POINTS = 500  # whose densities are held at once
LARGEST_K = 0.7  # that is good with any number of draws


def leave_one_out(run: Run, *, detail: Detail = FULL) -> LeaveOneOut:
    """Estimate how well the posterior would predict each of its points without it."""
    data, (theta, _) = run.post.data, run.some(detail.targets)
    size, known = len(theta), run.verdict.ess["log_prob"]
    effective = min(1.0, float(known or size) / size)
    parts: list[tuple[np.ndarray, ...]] = []
    for k in range(0, data.n, POINTS):
        some = data.part(slice(k, k + POINTS))
        density = run.post.pointwise_log_likelihood(theta, some)
        density = data.scaling.log_density_to_file(density)
        elpd, pareto_k = smoothed(density, effective)
        known_too = log_mean_density(density)
        parts.append((elpd, pareto_k, known_too, density.var(axis=0, ddof=1)))
    elpd, pareto_k, lppd, variance = (np.concatenate(part) for part in zip(*parts, strict=True))
    return LeaveOneOut(
        loo=total(elpd),
        p_loo=float((lppd - elpd).sum()),
        waic=total(lppd - variance),
        p_waic=float(variance.sum()),
        good_k=min(1 - 1 / math.log10(max(size, 2)), LARGEST_K),
        draws=size,
        elpd=elpd,
        pareto_k=pareto_k,
        variance=variance,
    )


def smoothed(density: np.ndarray, effective: float) -> tuple[np.ndarray, np.ndarray]:
    """elpd and Pareto's k of points (n,) from their log densities (draws, n).

    Where the largest weights of a point are all the same there is no tail to smooth: the plain
    harmonic mean is taken, whose weights are bounded, and k is 0.
    """
    from arviz_stats.base import array_stats

    try:
        with np.errstate(all="ignore"):  # weights too uneven for floats have a k that says so
            elpd, pareto_k, _ = array_stats.loo(
                density.T, chain_axis=None, draw_axis=-1, r_eff=effective
            )
        return np.asarray(elpd), np.asarray(pareto_k)
    except ValueError:
        if density.shape[1] > 1:
            each = [smoothed(density[:, k : k + 1], effective) for k in range(density.shape[1])]
            elpds, ks = zip(*each, strict=True)
            return np.concatenate(elpds), np.concatenate(ks)
        return -log_mean_density(-density), np.zeros(1)


def total(values: np.ndarray) -> Estimate:
    """The sum over points (n,), and its standard error."""
    n = len(values)
    error = math.sqrt(n) * float(values.std(ddof=1)) if n > 1 else math.nan
    return Estimate(float(values.sum()), error)
