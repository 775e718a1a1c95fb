"""The basins of a sharp posterior: many restarts, polished, folded, and hopped between.

Restarts of the collapsed density p̄ (folded.py) are climbed as one batch. Then, over and over, good
tops have two of their units replaced by units drawn at a higher temperature (neuron_gibbs.py), or
one of them put beside another one to share its task, and are climbed again (basin hopping; Wales &
Doye 1997, J. Phys. Chem. A 101, 5111): sharp posteriors of networks are built of units, and a good
network differs from a better one in a few of them. Ridges are long and bent, and a climb that knows
nothing of their curvature stalls nats below the top, so every climb goes on from where it stalled
with the curvature that it has there, some times over. A Gaussian fitted to the curvature of every
top gives a mixture that is broad where the posterior is; it only has to be a fair start, because
what uses it corrects for it exactly.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..moves.neuron_gibbs import NeuronGibbs
from ..numerics.bfgs import bfgs
from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior

__all__ = ["Basins", "around", "pooled", "search", "split"]

RESTARTS, CLIMB = 500, 120  # climbs at the beginning, and evaluations of each
HOPS, HOPPERS, HOP_CLIMB = 6, 200, 70  # rounds of hopping, climbs of each
WIDTH, JITTER = 1.0, 0.2  # of what a split unit is moved by, in b, and as a factor
WARM = 0.05  # power of the likelihood at which the units of hoppers are drawn
DEEP = 20.0  # nats below the best top from which on tops are dropped
MOST = 300  # tops that make the mixture
ROUNDS, RIDGE_CLIMB = 3, 60  # of climbing on with the curvature known, evaluations of each
STALLED = 15.0  # nats that these may gain
APART = 0.1  # tops nearer than this in every coordinate, in units of asinh(h), are one
STEP = 1e-4  # of the finite differences, in the coordinates' own units


class Basins(NamedTuple):
    """Tops of p̄ in the domain D, the best first."""

    h: np.ndarray  # (T, H)
    log_prob: np.ndarray  # (T,)
    roots: np.ndarray  # (T, H, H)  Cholesky factors of the covariances that the curvatures give
    log_mass: np.ndarray  # (T,)  log of the integral of the Gaussian, Laplace's approximation

    @property
    def mixture(self) -> StudentMixture:
        """A heavy-tailed mixture with the heaviest basins for its components."""
        keep = np.argsort(-self.log_mass)[:MOST]
        # The square root of the masses: what is heavy is not known well enough to bet on it.
        log_weights = 0.5 * self.log_mass[keep]
        weights = np.exp(log_weights - logsumexp(log_weights))
        return StudentMixture(weights / weights.sum(), self.h[keep], self.roots[keep])


def search(
    quotient: FoldedPosterior,
    rng: np.random.RandomState,
    progress: Callable[[float], None] = lambda share: None,
) -> Basins:
    """Look for the basins of ``quotient``; everything depends on the state of ``rng`` alone.

    A fifth of the restarts are drawn from the prior, the others have units that switch somewhere
    in the data. ``progress`` is called with the share of the work that is done.
    """
    post = quotient.layer.post
    warm = NeuronGibbs(post, beta=WARM)
    scales = post.scales[quotient.layer.hidden_index]
    start = scales * rng.standard_normal((RESTARTS, quotient.ndim))
    near = RESTARTS - RESTARTS // 5
    units = warm.near(near * len(quotient.blocks), rng)
    start[:near, quotient.blocks] = units.reshape(near, *quotient.blocks.shape)
    basins = around(quotient, start)
    for hop in range(HOPS):
        progress(hop / HOPS)
        chance = np.exp(0.3 * (basins.log_mass - basins.log_mass.max()))
        h = basins.h[rng.choice(len(chance), p=chance / chance.sum(), size=HOPPERS)]
        half = HOPPERS // 2
        for _ in range(2):
            h[:half], _ = warm.replace(h[:half], rng)
        h[half:] = split(h[half:], quotient.blocks, rng)
        basins = pooled([basins, around(quotient, h, HOP_CLIMB)])
    return basins


def pooled(found: Sequence[Basins]) -> Basins:
    """What several searches found, every top once."""
    tops = Basins(*(np.concatenate(part) for part in zip(*found, strict=True)))
    keep = _distinct(tops.h, tops.log_prob, DEEP)
    return Basins(*(part[keep] for part in tops))


def around(quotient: FoldedPosterior, h: np.ndarray, steps: int = CLIMB) -> Basins:
    """The tops above places h (B, H), every one once, but those that are too low."""
    tops = _climbed(quotient, h, steps)
    for _ in range(ROUNDS):
        tops = _climbed(quotient, tops.h, RIDGE_CLIMB, tops.roots)
    return pooled([tops])


def split(h: np.ndarray, blocks: np.ndarray, rng: np.random.RandomState) -> np.ndarray:
    """One unit of each network h (B, H) leaves its task and shares another one's, some way apart.

    ``blocks`` (U, d + 1) holds the coordinates of each unit.
    """
    batch, units = len(h), len(blocks)
    gone = rng.randint(units, size=batch)
    kept = (gone + rng.randint(1, max(units, 2), size=batch)) % units
    old = np.take_along_axis(h, blocks[kept], 1)
    q = h.copy()
    apart = WIDTH * np.abs(rng.standard_normal(batch))
    for unit, sign in ((gone, 1.0), (kept, -1.0)):
        new = old * np.exp(JITTER * rng.standard_normal((batch, 1)))
        new[:, -1] += sign * apart
        np.put_along_axis(q, blocks[unit], new, 1)
    return q


def _climbed(
    quotient: FoldedPosterior, start: np.ndarray, steps: int, roots: np.ndarray | None = None
) -> Basins:
    """Places that climbs from ``start`` lead to, every one once, with their curvatures."""
    inverse = None if roots is None else roots @ roots.swapaxes(1, 2)
    h, height = bfgs(quotient.log_prob_and_grad, start, steps, 1e-2, inverse)
    good = np.isfinite(height) & np.isfinite(h).all(axis=1)
    h, height = quotient.fold(h[good]), height[good]
    keep = _distinct(h, height, DEEP + STALLED)
    return _laplace(quotient, h[keep], height[keep])


def _distinct(h: np.ndarray, height: np.ndarray, deep: float) -> list[int]:
    """Rows of h, the highest first, not lower than ``deep`` below it nor near to an earlier one."""
    keys, seen = np.arcsinh(h), np.empty_like(h)
    kept: list[int] = []
    for i in np.argsort(-height, kind="stable"):
        if height[i] < height.max() - deep:
            break
        count = len(kept)
        if count and np.abs(seen[:count] - keys[i]).max(axis=1).min() < APART:
            continue
        seen[count] = keys[i]
        kept.append(int(i))
    return kept


def _laplace(quotient: FoldedPosterior, h: np.ndarray, height: np.ndarray) -> Basins:
    """Curvatures by central differences of the gradient, no flatter than the prior."""
    d = quotient.ndim
    eye = STEP * np.eye(d)
    around = np.concatenate([h[:, None] + eye, h[:, None] - eye], axis=1)
    _, slopes = quotient.log_prob_and_grad(around.reshape(-1, d))
    up, down = slopes.reshape(len(h), 2, d, d).swapaxes(0, 1)
    curvature = (down - up) / (2 * STEP)
    scales = quotient.layer.post.scales[quotient.layer.hidden_index]
    scaled = 0.5 * (curvature + curvature.swapaxes(1, 2)) * scales * scales[:, None]
    values, vectors = np.linalg.eigh(scaled)
    values = np.clip(values, 1.0, 1e12)  # in units of the prior
    cov = (vectors / values[:, None]) @ vectors.swapaxes(1, 2) * scales * scales[:, None]
    roots = np.linalg.cholesky(cov + 1e-14 * np.eye(d) * scales**2)
    volume = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return Basins(h, height, roots, height + volume + d / 2 * np.log(2 * np.pi))
