"""A chain beside what is found around all maxima (tempering/around_maxima.py): see ``Survey``."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..data.grids import prediction_grid
from ..diagnostics.survey import Compared, Region, Survey
from ..numerics.monte_carlo import chain_batches, jackknife, spread_out
from ..posterior.posterior import Posterior
from ..tempering.around_maxima import AroundMaxima, around_maxima
from ..training.fits import Fits

__all__ = ["Draws", "look_around", "survey"]


@dataclass(frozen=True)
class Effort:
    """How much of a run is looked at."""

    fits: int = 20  # best restarts from which maxima are climbed to,
    best: int = 10  # best draws,
    others: int = 30  # and draws that are spread over the chain
    draws: int = 4000  # that are compared, and that mixtures are fitted to


EFFORT = Effort()


@dataclass(frozen=True, eq=False)
class Draws:
    """Some draws of a chain, spread over its rows and walkers, and their batches."""

    theta: np.ndarray  # (D, P)
    log_prob: np.ndarray  # (D,)
    batches: np.ndarray  # (D,)

    @classmethod
    def of(cls, chain: np.ndarray, log_prob: np.ndarray, ensembles: int) -> Draws:
        """Of a chain (N, W, P) without its burn-in, and its log_prob (N, W)."""
        rows, walkers, ndim = chain.shape
        at = spread_out(rows * walkers, EFFORT.draws, walkers)
        batches = chain_batches(rows, walkers, ensembles)
        return cls(chain.reshape(-1, ndim)[at], log_prob.reshape(-1)[at], batches[at])


def look_around(post: Posterior, fits: Fits | None, draws: Draws) -> AroundMaxima | None:
    """Weighted draws around the maxima above the fits and draws of a run, and others."""
    rising = np.argsort(draws.log_prob)
    starts = [draws.theta[rising[-EFFORT.best :]], draws.theta[:: 1 + len(rising) // EFFORT.others]]
    if fits is not None:
        top = np.argsort(-fits.log_prob, kind="stable")[: EFFORT.fits]
        starts += [fits.map.theta[None], fits.theta[top[np.isfinite(fits.log_prob[top])]]]
    return around_maxima(post, np.concatenate(starts), draws=draws.theta)


def survey(post: Posterior, around: AroundMaxima, draws: Draws) -> Survey:
    """The chain's shares of draws and means beside those by importance sampling."""
    known = np.flatnonzero(np.isfinite(around.log_weights))
    h, weights = around.h[known], around.weights[known]
    return Survey(
        log_z=around.log_z,
        error=around.error,
        effective=around.effective,
        pareto_k=around.pareto_k,
        regions=tuple(_regions(around, h, weights, draws)),
        means=tuple(_means(post, around, h, weights, draws)),
    )


def _regions(
    around: AroundMaxima, h: np.ndarray, weights: np.ndarray, draws: Draws
) -> list[Region]:
    here, drawn = around.nearest(h), around.nearest(around.folded.split(draws.theta))
    numbers = np.arange(len(around.tops.h))
    shares, errors = _weighted_means(here[:, None] == numbers, weights)
    found, found_errors = _chain_means(drawn[:, None] == numbers, draws)
    with np.errstate(divide="ignore"):
        log_z = np.log(shares) + around.log_z
    tops = around.tops
    columns = (tops.log_prob, log_z, tops.log_mass, shares, errors, found, found_errors)
    rows = zip(np.stack(columns, axis=1).tolist(), around.reached.tolist(), strict=True)
    return [Region(*[*row, known]) for row, known in rows]


def _means(
    post: Posterior, around: AroundMaxima, h: np.ndarray, weights: np.ndarray, draws: Draws
) -> list[Compared]:
    x = prediction_grid(post.data.raw.x)
    whole = around.folded.complete(h, np.random.RandomState(0))
    usable = np.isfinite(whole.log_prob)
    here = np.c_[whole.log_prob, post.curves(whole.theta, x)][usable]
    one = _weighted_means(here, weights[usable] / weights[usable].sum())
    other = _chain_means(np.c_[draws.log_prob, post.curves(draws.theta, x)], draws)
    places = [f"f({', '.join(f'{v:.3g}' for v in row)})" for row in x]
    names = ["log_prob", *(place for place in places for _ in range(post.components))]
    columns = zip(names, *one, *other, strict=True)
    return [Compared(name, *(float(v) for v in values)) for name, *values in columns]


def _weighted_means(values: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Σ w v and its standard error, at least what the heaviest draw decides: (D, K) -> (K,)."""
    mean = weights @ values
    gap = values - mean
    return mean, np.maximum(
        np.sqrt(weights**2 @ gap**2), (weights[:, None] * np.abs(gap)).max(axis=0)
    )


def _chain_means(values: np.ndarray, draws: Draws) -> tuple[np.ndarray, np.ndarray]:
    """The means of (D, K) and their standard errors by batches of the chain."""
    return jackknife(lambda v: v.mean(axis=0), draws.batches, values.astype(float))
