"""Where networks stand in a posterior: in density, in distance, and as curves.

Everything is measured against one :class:`Reference`, what a run says of its posterior, and comes
with the Monte-Carlo error that the run's finite length leaves (monte_carlo.py).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from ..data.grids import grid
from ..network.align import align
from ..network.symmetry import fold_like
from ..numerics.covariance import mahalanobis, mcd
from ..numerics.monte_carlo import (
    chain_batches,
    left_out_error,
    spread_out,
    with_error,
    without_each,
)
from ..numerics.ranked import jackknife_ranked, quantiles
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from .effort import FULL, Detail
from .scorecard import MEASURES

__all__ = ["Measured", "Reference", "measure", "shifts"]


class Measured(NamedTuple):
    """One measure of R networks: values (R,), their errors (R,)."""

    value: np.ndarray
    error: np.ndarray


@dataclass(frozen=True, eq=False)
class Reference:
    """What the draws of a run say, in the form that distances are measured with.

    ``near`` (M, P) are draws of the MAP's mode, each in the copy nearest to the MAP ``top``;
    ``x`` (m, d) the inputs at which curves are compared (a grid over twice the data's range for
    one input, data points for several), ``inside`` (m·C,) whether what is said of them, C numbers
    each, is within the data's range, ``curves`` (D, m·C) what some draws say. ``groups``,
    ``near_groups`` and ``curve_groups`` are the batches of all draws, and of those. ``unit``
    (m·C,) is what distances of curves are measured in: y itself, or of several targets each one's
    standard deviation in the fitted data.
    """

    post: Posterior
    top: np.ndarray
    log_prob: np.ndarray
    groups: np.ndarray
    near: np.ndarray
    near_groups: np.ndarray
    x: np.ndarray
    inside: np.ndarray
    unit: np.ndarray
    curves: np.ndarray
    curve_groups: np.ndarray
    effective: float
    detail: Detail

    @classmethod
    def of(
        cls, run: Run, top: np.ndarray, home: np.ndarray | None, detail: Detail = FULL
    ) -> Reference:
        """From a run; ``home`` are the draws known to lie in the MAP's mode, None for all."""
        post = run.post
        groups = chain_batches(len(run.chain) - run.burnin, run.nwalkers, run.ensembles)
        most = detail.near.draws(post.ndim)
        draws = run.get_chain(discard=run.burnin, flat=True)
        near = spread_out(len(draws), most, run.nwalkers) if home is None else home
        some = spread_out(len(draws), detail.curves, run.nwalkers)
        own = post.data.raw.x
        x, low, high = grid(own), own.min(axis=0), own.max(axis=0)
        known = run.verdict.ess["log_prob"]
        one = post.data.spreads if post.data.y_names else np.ones(post.components)
        return cls(
            post=post,
            top=top,
            log_prob=run.sample_log_prob,
            groups=groups,
            near=align(post.net, draws[near], top),
            near_groups=groups[near],
            x=x,
            inside=np.repeat(
                ((x >= low - 1e-12) & (x <= high + 1e-12)).all(axis=1), post.components
            ),
            unit=np.tile(one, len(x)),
            curves=post.curves(draws[some], x),
            curve_groups=groups[some],
            effective=min(float(known or np.inf), float(len(draws))),
            detail=detail,
        )

    @cached_property
    def covariances(self) -> list[np.ndarray]:
        """Robust ones (P, P): of all of ``near``, and of them without each batch in turn."""
        left = (self.near[kept] for kept in without_each(self.near_groups))
        return [mcd(draws)[1] for draws in (self.near, *left)]


def measure(reference: Reference, theta: np.ndarray) -> dict[str, Measured]:
    """All of MEASURES that apply, for networks theta (R, P).

    Without places beyond the data (several inputs) there is no measure there; without enough draws
    in the MAP's mode no Mahalanobis distance.
    """
    found = {**_density(reference, theta), **_distance(reference, theta)}
    return {k: found[k] for k in MEASURES if k in found} | _curves(reference, theta)


def shifts(reference: Reference, theta: np.ndarray) -> Measured:
    """(theta − MAP)/sd for every parameter after alignment, sd robust, for one network: (P,).

    Parameters are those of the MAP folded, as all that is shown. NaN where too few draws lie in
    the MAP's mode.
    """
    net, top = reference.post.net, reference.top
    difference = fold_like(net, align(net, theta, top) - top, top)
    if _too_few(reference):
        return Measured(np.full(len(difference), np.nan), np.full(len(difference), np.nan))
    fold_of, least = fold_like(net, np.eye(len(top)), top), np.finfo(float).tiny  # rows: of a unit
    folded = (fold_of.T @ cov @ fold_of for cov in reference.covariances)
    return Measured(
        *with_error(difference / np.sqrt(np.maximum(np.diag(cov), least)) for cov in folded)
    )


def _density(reference: Reference, theta: np.ndarray) -> dict[str, Measured]:
    heights = reference.post.log_prob(theta)
    names = np.unique(reference.groups)
    ranked = [np.sort(reference.log_prob[reference.groups == name]) for name in names]
    above = np.array([len(r) - np.searchsorted(r, heights, side="right") for r in ranked])
    sizes = np.array([[len(r)] for r in ranked])
    level = above.sum(axis=0) / sizes.sum()
    error = np.full(len(theta), np.nan)
    if len(names) > 1:
        error = left_out_error((above.sum(axis=0) - above) / (sizes.sum() - sizes))
    gap = float(reference.post.log_prob(reference.top)) - heights
    return {
        "gap": Measured(gap, np.zeros(len(gap))),
        # of draws that all agree none says how often others would not
        "hpd_level": Measured(level, np.fmax(error, 1 / reference.effective)),
    }


def _distance(reference: Reference, theta: np.ndarray) -> dict[str, Measured]:
    if _too_few(reference):
        return {}
    difference = align(reference.post.net, theta, reference.top) - reference.top
    found = with_error(mahalanobis(difference, cov) for cov in reference.covariances)
    return {"mahalanobis": Measured(*found)}


def _too_few(reference: Reference) -> bool:
    return len(reference.near) < reference.detail.near.fewest * reference.post.ndim


def _curves(reference: Reference, theta: np.ndarray) -> dict[str, Measured]:
    f = reference.post.curves(theta, reference.x)
    top = reference.post.curves(reference.top, reference.x)
    parts = {"inside": reference.inside, "outside": ~reference.inside}
    parts = {name: part for name, part in parts.items() if part.any()}

    def distances(curves: np.ndarray) -> np.ndarray:
        mean, sd = curves.mean(axis=1), np.maximum(curves.std(axis=1), 1e-300)
        low, high = quantiles(curves, (0.05, 0.95))
        rows = []
        for part in parts.values():
            for unit in (reference.unit, sd):
                rows += [_rms(((f - centre) / unit)[:, part]) for centre in (mean, top)]
            rows.append(((f >= low) & (f <= high))[:, part].mean(axis=1))
        return np.array(rows)

    some = slice(None, None, reference.detail.every)
    value, error = jackknife_ranked(distances, reference.curve_groups[some], reference.curves[some])
    kinds = ("rms_mean", "rms_map", "sd_mean", "sd_map", "coverage")
    names = [f"{kind}_{part}" for part in parts for kind in kinds]
    found = {n: Measured(v, e) for n, v, e in zip(names, value, error, strict=True)}
    return {name: found[name] for name in MEASURES if name in found}


def _rms(values: np.ndarray) -> np.ndarray:
    return np.asarray(np.sqrt(np.mean(values**2, axis=-1)))
