"""Basins: which maxima the restarts and the posterior's draws belong to.

The rule. Every restart, and a subsample of the draws, is climbed to a maximum of the log posterior
(``optimum.climb``, which follows the best output layer). Two maxima are one where their log
posteriors agree within 0.01 nats and their curves within 1 % of the posterior's own spread (root
mean square over the data's points). Copies are no basins of their own: a maximum is brought to the
copy nearest to a higher one and climbed again, and where it arrives there the two are one basin.
(The prior tells flips of a sigmoid unit apart, so that each has a maximum of its own.)
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, NamedTuple

import numpy as np

from ..network.align import align
from ..numerics.monte_carlo import Estimate, batches, binomial, share, spread_out
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from ..training.fits import Fits
from ..training.maximise import climb

__all__ = ["Mode", "Modes", "Sorted", "find_modes", "sort_into_modes"]

DRAWS, RESTARTS = 400, 256  # that are climbed, at most
HIGH, NEAR = 0.01, 0.01  # nats, and of the posterior's spread: tops this near to each other are one
PLACES = 8  # of the data, at which curves are compared to tell quickly that they differ
MOST = 12  # basins that are told apart; lower ones are counted together


@dataclass(frozen=True, eq=False)
class Mode:
    """One basin, folded: its top, and the shares of restarts and posterior draws that lead to it.

    ``best_mse`` is the lowest of its restarts as training left them, NaN where it has none. The
    shares' errors are those of the restarts' and of the draws' number.
    """

    theta: np.ndarray  # (P,)
    log_prob: float
    mse: float
    restarts: Estimate
    mass: Estimate
    best_mse: float

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Mode:
        """What ``asdict`` gave."""
        shares = {name: Estimate.from_tree(tree[name]) for name in ("restarts", "mass")}
        return cls(**{**tree, **shares})


@dataclass(frozen=True, eq=False)
class Modes:
    """The basins, the highest first, and in which of them SGD and MAP lie (−1: in none of them).

    ``other_restarts`` and ``other_mass`` are the shares that lead elsewhere: to lower basins than
    the twelve highest, or nowhere.
    """

    basins: tuple[Mode, ...]
    sgd: int
    map: int
    climbed_restarts: int
    climbed_draws: int
    other_restarts: Estimate
    other_mass: Estimate

    @property
    def top(self) -> Mode:
        """The MAP's basin; the highest where the MAP's is not among them."""
        return self.basins[max(self.map, 0)]

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict; the basins by their number."""
        return asdict(self) | {"basins": {str(k): asdict(b) for k, b in enumerate(self.basins)}}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Modes:
        """What :meth:`to_tree` gave."""
        kept = tree.get("basins", {})
        found = tuple(Mode.from_tree(kept[str(k)]) for k in range(len(kept)))
        others = {k: Estimate.from_tree(tree[k]) for k in ("other_restarts", "other_mass")}
        return cls(**{**tree, **others, "basins": found})


class Sorted(NamedTuple):
    """Tops that were told apart, the highest first, and to which one every start leads."""

    theta: np.ndarray  # (K, P)
    log_prob: np.ndarray  # (K,)
    labels: np.ndarray  # (S,), −1 for none of them


def find_modes(
    post: Posterior, fits: Fits, run: Run, top: np.ndarray, spread: np.ndarray
) -> tuple[Modes, np.ndarray]:
    """The basins of restarts and posterior, and which draws (indices) lie in that of ``top``.

    ``spread`` (n,) is the posterior's standard deviation of f at the data's points.
    """
    trained = np.flatnonzero(np.isfinite(fits.mse))
    trained = trained[:: -(-len(trained) // RESTARTS)]
    at = spread_out(len(run.samples), DRAWS, run.nwalkers)
    groups = batches(len(run.chain) - run.burnin, run.nwalkers, run.ensembles)[at]
    starts = np.vstack([top, fits.sgd.theta, fits.theta[trained], run.samples[at]])
    found = sort_into_modes(post, starts, spread)
    home, sgd = (int(label) for label in found.labels[:2])
    own, of_draws = np.split(found.labels[2:], [len(trained)])
    basins = []
    for k, (theta, height) in enumerate(zip(found.theta, found.log_prob, strict=True)):
        members = fits.mse[trained[own == k]]
        lowest = members.min(initial=fits.sgd.mse if k == sgd else np.inf)
        basins.append(
            Mode(
                theta=theta,
                log_prob=float(height),
                mse=float(post.mse(theta)),
                restarts=binomial(own == k),
                mass=share(of_draws == k, groups),
                best_mse=float(lowest) if np.isfinite(lowest) else math.nan,
            )
        )
    others = binomial(own == -1), share(of_draws == -1, groups)
    valleys = Modes(tuple(basins), sgd, home, len(trained), len(at), *others)
    return valleys, at[of_draws == home]


def sort_into_modes(post: Posterior, starts: np.ndarray, spread: np.ndarray) -> Sorted:
    """Climb every start (S, P) and tell the tops apart by the rule at the top of this module."""
    tops, heights = climb(post, starts)
    labels = np.full(len(starts), -1)
    left = np.flatnonzero(np.isfinite(heights))
    kept: list[np.ndarray] = []
    while len(left) and len(kept) < MOST:
        best = tops[left[np.argmax(heights[left])]]
        one = left[_arrive(post, tops[left], heights[left], best, spread)]
        labels[one] = len(kept)
        kept.append(best)
        left = left[labels[left] == -1]
    theta = np.array(kept).reshape(-1, post.ndim)
    return Sorted(theta, post.log_prob(theta), labels)


def _arrive(
    post: Posterior, tops: np.ndarray, heights: np.ndarray, best: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    """Which tops (S, P) are the top ``best``, or lead to it from the copy nearest to it: (S,)."""
    same = _same(post, tops, heights, best, spread)
    others = np.flatnonzero(~same)
    first, back = _alike(post, tops[others], heights[others], spread)
    if len(others):
        again, reached = climb(post, align(post.net, tops[others[first]], best))
        same[others] = _same(post, again, reached, best, spread)[back]
    return same


def _alike(
    post: Posterior, tops: np.ndarray, heights: np.ndarray, spread: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """Restarts and draws share few tops: one of each that differ, and for every top which it is."""
    places = np.unique(np.linspace(0, post.data.n - 1, PLACES).astype(int))
    curves = post.predict(tops, post.data.x[places]) / np.maximum(spread[places], 1e-300) / NEAR
    keys = np.round(np.column_stack([heights / HIGH, curves]))
    _, first, back = np.unique(keys, axis=0, return_index=True, return_inverse=True)
    return first, back.reshape(-1)


def _same(
    post: Posterior, tops: np.ndarray, heights: np.ndarray, best: np.ndarray, spread: np.ndarray
) -> np.ndarray:
    distance = (post.predict(tops) - post.predict(best)) / np.maximum(spread, 1e-300)
    near = np.sqrt(np.mean(distance**2, axis=1)) < NEAR
    return np.asarray(near & (np.abs(heights - post.log_prob(best)) < HIGH))
