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
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..moves.neuron_gibbs import Candidates, NeuronGibbs
from ..moves.units_near_data import UnitsNearData
from ..numerics.bfgs import bfgs
from ..numerics.student_mixture import StudentMixture
from ..posterior.spaces import Folded
from ..posterior.whole import FoldedWhole
from .tempered_run import NoBasins

__all__ = ["Ascent", "Basins", "Search", "pooled", "search", "tops_above"]


@dataclass(frozen=True)
class Ascent:
    """How tops are reached, and which of them are kept."""

    steps: int = 120  # evaluations on the first way up
    enough: float = 1e-2  # nats that a step has to promise
    rounds: int = 3  # of going on with the curvature known
    steps_on: int = 60  # evaluations of each of these
    gain_on: float = 15.0  # nats that these may bring
    sharpest: float = 1e12  # curvature, in units of the prior's, that is told from rounding
    difference: float = 1e-4  # of the finite differences, in the coordinates' own units
    deep: float = 20.0  # nats below the best top from which on tops are dropped
    apart: float = 0.1  # tops nearer than this in every coordinate, in units of asinh(h), are one


@dataclass(frozen=True)
class Search:
    """How much is searched."""

    restarts: int = 500
    from_prior: float = 0.2  # share of the restarts drawn from there
    ascent: Ascent = field(default_factory=Ascent)
    hops: int = 6  # rounds of hopping
    hoppers: int = 200  # networks of each
    hop_steps: int = 70  # evaluations on a hopper's first way up
    favour: float = 0.3  # power of the masses by which tops are chosen to hop from
    split_width: float = 1.0  # how far the two units that share a task are moved apart in b,
    split_jitter: float = 0.2  # and in all coordinates, as a logarithm
    warm: float = 0.05  # power of the likelihood at which the units of hoppers are drawn
    components: int = 300  # heaviest tops that make the mixture


class Basins(NamedTuple):
    """Tops of p̄ in the domain D, the best first."""

    h: np.ndarray  # (T, H)
    log_prob: np.ndarray  # (T,)
    roots: np.ndarray  # (T, H, H)  Cholesky factors of the covariances that the curvatures give
    log_mass: np.ndarray  # (T,)  log of the integral of the Gaussian, Laplace's approximation

    def mixture(self, components: int) -> StudentMixture:
        """A heavy-tailed mixture with the heaviest basins, at most so many, for its components."""
        keep = np.argsort(-self.log_mass)[:components]
        # The square root of the masses: what is heavy is not known well enough to bet on it.
        log_weights = 0.5 * self.log_mass[keep]
        weights = np.exp(log_weights - logsumexp(log_weights))
        return StudentMixture(weights / weights.sum(), self.h[keep], self.roots[keep])


def search(
    folded: Folded,
    rng: np.random.RandomState,
    tuning: Search,
    progress: Callable[[float], None] = lambda share: None,
) -> Basins:
    """Look for the basins of ``folded``; everything depends on the state of ``rng`` alone.

    Some restarts are drawn from the prior, the others have units that switch somewhere in the data.
    ``progress`` is called with the share of the work that is done. Raises NoBasins where no climb
    ends anywhere.
    """
    post = folded.layer.post
    near = UnitsNearData.of(post.data.x, Candidates.steepness, post.net.bias)
    basins = tops_above(folded, _starts(folded, near, tuning, rng), tuning.ascent)
    if len(basins.h) == 0:
        raise NoBasins(
            f"temper.start: none of {tuning.restarts} climbs ended at a finite density, expected "
            "some; use temper.start = 'prior'"
        )
    again = replace(tuning.ascent, steps=tuning.hop_steps)
    for hop in range(tuning.hops):
        progress(hop / tuning.hops)
        h = _hop(folded, basins, near, tuning, rng)
        basins = pooled([basins, tops_above(folded, h, again)], tuning.ascent)
    return basins


def pooled(found: Sequence[Basins], ascent: Ascent) -> Basins:
    """What several searches found, every top once."""
    tops = Basins(*(np.concatenate(part) for part in zip(*found, strict=True)))
    keep = _distinct(tops.h, tops.log_prob, ascent.deep, ascent.apart)
    return Basins(*(part[keep] for part in tops))


def tops_above(folded: Folded, h: np.ndarray, ascent: Ascent) -> Basins:
    """The tops above places h (B, H), every one once, but those that are too low."""
    tops = _ascended(folded, h, ascent, ascent.steps)
    for _ in range(ascent.rounds):
        tops = _ascended(folded, tops.h, ascent, ascent.steps_on, tops.roots)
    return pooled([tops], ascent)


def split_neuron(
    h: np.ndarray,
    blocks: np.ndarray,
    rng: np.random.RandomState,
    width: float,
    jitter: float,
) -> np.ndarray:
    """One unit of each network h (B, H) leaves its task and shares another one's, some way apart.

    ``blocks`` (U, d + 1) holds the coordinates of each unit. The two are moved apart by ``width``
    |n| in b (without biases, in the last weight), and by a factor of exp(``jitter`` n) in all
    coordinates, n standard normal.
    """
    batch, units = len(h), len(blocks)
    gone = rng.randint(units, size=batch)
    kept = (gone + rng.randint(1, max(units, 2), size=batch)) % units
    old = np.take_along_axis(h, blocks[kept], 1)
    q = h.copy()
    gap = width * np.abs(rng.standard_normal(batch))
    for unit, sign in ((gone, 1.0), (kept, -1.0)):
        new = old * np.exp(jitter * rng.standard_normal((batch, 1)))
        new[:, -1] += sign * gap
        np.put_along_axis(q, blocks[unit], new, 1)
    return q


def _starts(
    folded: Folded, units: UnitsNearData, tuning: Search, rng: np.random.RandomState
) -> np.ndarray:
    scales = folded.layer.post.scales[folded.layer.hidden_index]
    start = scales * rng.standard_normal((tuning.restarts, folded.ndim))
    near = tuning.restarts - int(tuning.restarts * tuning.from_prior)
    if isinstance(folded, FoldedWhole):  # the rest is not integrated out: it begins small
        start[:near] *= np.minimum(1.0, scales) / scales
        start[:near, folded.layer.own] = folded.layer.start
    fresh = units.draw(near * len(folded.blocks), rng)
    start[:near, folded.inner] = fresh.reshape(near, *folded.inner.shape)
    return start


def _hop(
    folded: Folded,
    basins: Basins,
    near: UnitsNearData,
    tuning: Search,
    rng: np.random.RandomState,
) -> np.ndarray:
    """Good tops, half of them with two units replaced, the others with one unit split; where the
    output layer is not integrated out, all with two units near the data in place of theirs."""
    chance = np.exp(tuning.favour * (basins.log_mass - basins.log_mass.max()))
    h = basins.h[rng.choice(len(chance), p=chance / chance.sum(), size=tuning.hoppers)]
    if isinstance(folded, FoldedWhole):
        return _renewed(folded, _renewed(folded, h, near, rng), near, rng)
    half, units = tuning.hoppers // 2, NeuronGibbs(folded.layer.post)
    for _ in range(2):
        h[:half], _ = units.replace(h[:half], rng, tuning.warm)
    h[half:] = split_neuron(h[half:], folded.blocks, rng, tuning.split_width, tuning.split_jitter)
    return h


def _renewed(
    folded: FoldedWhole, h: np.ndarray, near: UnitsNearData, rng: np.random.RandomState
) -> np.ndarray:
    """h (B, P) with one unit of each drawn near the data, its output weights small."""
    unit, q = rng.randint(len(folded.blocks), size=len(h)), h.copy()
    np.put_along_axis(q, folded.inner[unit], near.draw(len(h), rng), 1)
    outer = folded.layer.output_weights.T[unit]
    scale = np.minimum(1.0, folded.layer.post.scales[outer])
    np.put_along_axis(q, outer, scale * rng.standard_normal(outer.shape), 1)
    return q


def _ascended(
    folded: Folded,
    start: np.ndarray,
    ascent: Ascent,
    steps: int,
    roots: np.ndarray | None = None,
) -> Basins:
    """Places that the ways up from ``start`` lead to, every one once, with their curvatures."""
    inverse = None if roots is None else roots @ roots.swapaxes(1, 2)
    h, height = bfgs(folded.log_prob_and_grad_anywhere, start, steps, ascent.enough, inverse)
    good = np.isfinite(height) & np.isfinite(h).all(axis=1)
    h, height = folded.fold(h[good]), height[good]
    keep = _distinct(h, height, ascent.deep + ascent.gain_on, ascent.apart)
    return _laplace(folded, h[keep], height[keep], ascent)


def _distinct(h: np.ndarray, height: np.ndarray, deep: float, apart: float) -> list[int]:
    """Rows of h, the highest first, not lower than ``deep`` below it nor near to an earlier one."""
    keys, seen = np.arcsinh(h), np.empty_like(h)
    kept: list[int] = []
    for i in np.argsort(-height, kind="stable"):
        if height[i] < height.max() - deep:
            break
        count = len(kept)
        if count and np.abs(seen[:count] - keys[i]).max(axis=1).min() < apart:
            continue
        seen[count] = keys[i]
        kept.append(int(i))
    return kept


def _laplace(folded: Folded, h: np.ndarray, height: np.ndarray, ascent: Ascent) -> Basins:
    """Curvatures by central differences of the gradient, no flatter than the prior."""
    d, difference = folded.ndim, ascent.difference
    eye = difference * np.eye(d)
    beside = np.concatenate([h[:, None] + eye, h[:, None] - eye], axis=1)
    _, slopes = folded.log_prob_and_grad_anywhere(beside.reshape(-1, d))
    up, down = slopes.reshape(len(h), 2, d, d).swapaxes(0, 1)
    curvature = (down - up) / (2 * difference)
    scales = folded.layer.post.scales[folded.layer.hidden_index]
    scaled = 0.5 * (curvature + curvature.swapaxes(1, 2)) * scales * scales[:, None]
    values, vectors = np.linalg.eigh(scaled)
    values = np.clip(values, 1.0, ascent.sharpest)  # in units of the prior
    cov = (vectors / values[:, None]) @ vectors.swapaxes(1, 2) * scales * scales[:, None]
    roots = np.linalg.cholesky(cov + 1e-14 * np.eye(d) * scales**2)
    volume = np.log(np.diagonal(roots, axis1=1, axis2=2)).sum(axis=1)
    return Basins(h, height, roots, height + volume + d / 2 * np.log(2 * np.pi))
