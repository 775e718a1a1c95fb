"""Modes: which maxima the restarts and the posterior's draws belong to.

The rule. Every restart, and a subsample of the draws, is climbed to a maximum of the log posterior
(``maximise.tops_from``, which follows the best output layer). Two maxima are one where their log
posteriors agree within 0.01 nats and their curves within 1 % of the posterior's own spread (root
mean square over the data's points). Copies are no modes of their own: a maximum is brought to the
copy nearest to a higher one and climbed again, and where it arrives there the two are one mode.
(The prior tells flips of a sigmoid unit apart, so that each has a maximum of its own.)
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..network.align import align
from ..network.symmetry import fold
from ..numerics.monte_carlo import binomial, chain_batches, share, spread_out
from ..posterior.posterior import Posterior
from ..sampling.run import Run
from ..training.fits import Fits
from ..training.maximise import tops_from
from .effort import FULL, ModesDetail
from .modes import Mode, Modes

__all__ = ["find_modes"]


class Sorted(NamedTuple):
    """Tops that were told apart, the highest first, and to which one every start leads."""

    theta: np.ndarray  # (K, P)
    log_prob: np.ndarray  # (K,)
    labels: np.ndarray  # (S,), −1 for none of them


def find_modes(
    post: Posterior,
    fits: Fits,
    run: Run,
    top: np.ndarray,
    spread: np.ndarray,
    detail: ModesDetail = FULL.modes,
) -> tuple[Modes, np.ndarray]:
    """The modes of restarts and posterior, and which draws (indices) lie in that of ``top``.

    ``spread`` (n,) is the posterior's standard deviation of f at the data's points.
    """
    trained = np.flatnonzero(np.isfinite(fits.mse))
    trained = trained[:: -(-len(trained) // detail.restarts)]
    draws = run.get_chain(discard=run.burnin, flat=True)
    at = spread_out(len(draws), detail.draws, run.nwalkers)
    groups = chain_batches(len(run.chain) - run.burnin, run.nwalkers, run.ensembles)[at]
    starts = np.vstack([top, fits.sgd.theta, fits.theta[trained], draws[at]])
    tops = Tops(post, spread, detail).sort(starts)
    home, sgd = (int(label) for label in tops.labels[:2])
    own, of_draws = np.split(tops.labels[2:], [len(trained)])
    modes = []
    for k, (theta, height) in enumerate(zip(tops.theta, tops.log_prob, strict=True)):
        members = fits.mse[trained[own == k]]
        lowest = members.min(initial=fits.sgd.mse if k == sgd else np.inf)
        modes.append(
            Mode(
                theta=fold(post.net, theta),
                log_prob=float(height),
                mse=float(post.loss(theta)),
                restarts=binomial(own == k),
                mass=share(of_draws == k, groups),
                best_mse=float(lowest) if np.isfinite(lowest) else math.nan,
            )
        )
    others = binomial(own == -1), share(of_draws == -1, groups)
    found = Modes(tuple(modes), sgd, home, len(trained), len(at), *others)
    return found, at[of_draws == home]


@dataclass(frozen=True, eq=False)
class Tops:
    """The rule at the top of this module, for one posterior.

    ``spread`` (n,) is the posterior's standard deviation of f at the data's points.
    """

    post: Posterior
    spread: np.ndarray
    detail: ModesDetail = FULL.modes

    def sort(self, starts: np.ndarray) -> Sorted:
        """Climb every start (S, P) and tell the tops apart."""
        tops, heights = tops_from(self.post, starts)
        labels = np.full(len(starts), -1)
        left = np.flatnonzero(np.isfinite(heights))
        kept: list[np.ndarray] = []
        while len(left) and len(kept) < self.detail.most:
            best = tops[left[np.argmax(heights[left])]]
            one = left[self._arrive(tops[left], heights[left], best)]
            labels[one] = len(kept)
            kept.append(best)
            left = left[labels[left] == -1]
        theta = np.array(kept).reshape(-1, self.post.ndim)
        return Sorted(theta, self.post.log_prob(theta), labels)

    def _arrive(self, tops: np.ndarray, heights: np.ndarray, best: np.ndarray) -> np.ndarray:
        """Which tops (S, P) are ``best``, or lead to it from the copy nearest to it: (S,)."""
        same = self._same(tops, heights, best)
        others = np.flatnonzero(~same)
        first, back = self._alike(tops[others], heights[others])
        if len(others):
            again, reached = tops_from(self.post, align(self.post.net, tops[others[first]], best))
            same[others] = self._same(again, reached, best)[back]
        return same

    def _alike(self, tops: np.ndarray, heights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Restarts and draws share few tops: one of each that differ, and for every top which."""
        data, rule = self.post.data.raw, self.detail
        places = np.unique(np.linspace(0, data.n - 1, rule.places).astype(int))
        spread = np.maximum(self.spread.reshape(data.n, -1)[places].ravel(), 1e-300)
        curves = self.post.curves(tops, data.x[places]) / spread / rule.near
        keys = np.round(np.column_stack([heights / rule.high, curves]))
        _, first, back = np.unique(keys, axis=0, return_index=True, return_inverse=True)
        return first, back.reshape(-1)

    def _same(self, tops: np.ndarray, heights: np.ndarray, best: np.ndarray) -> np.ndarray:
        """Which of the tops (S, P) agree with ``best`` in height and in curve: (S,)."""
        post, rule = self.post, self.detail
        distance = (post.curves(tops) - post.curves(best)) / np.maximum(self.spread, 1e-300)
        near = np.sqrt(np.mean(distance**2, axis=1)) < rule.near
        return np.asarray(near & (np.abs(heights - post.log_prob(best)) < rule.high))
