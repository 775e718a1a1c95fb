"""Mixtures of Student t distributions: fitted to draws, sampled, and evaluated.

They stand in for a posterior that has several bent modes. What uses them corrects for the
difference exactly (by importance weights, or by Metropolis–Hastings), so that a poor fit costs
efficiency and not truth. The fit is expectation–maximisation with fixed degrees of freedom (Peel &
McLachlan 2000, Stat. Comput. 10, 339, eqs. 8 and 15–18).
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import NamedTuple

import numpy as np

__all__ = ["Fit", "StudentMixture", "fit_mixture"]

NEAR = 2**16  # numbers that are worked on at once: half a megabyte
FREEDOM = 5.0  # degrees of freedom: tails heavier than those of a posterior with a Gaussian prior


@dataclass(frozen=True)
class StudentMixture:
    """Σ_k weight_k t(mean_k, L_k L_kᵀ) in d dimensions with ``freedom`` degrees of freedom.

    All arrays may have further axes in front: several mixtures side by side, as :meth:`stacked`
    makes them, drawn from and evaluated together.
    """

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d)
    roots: np.ndarray  # (K, d, d)  lower Cholesky factors of the scale matrices
    freedom: float = FREEDOM

    @classmethod
    def stacked(cls, mixtures: Sequence[StudentMixture]) -> StudentMixture:
        """E mixtures as one with an axis (E,) in front; components of no weight fill them up."""
        most = max(len(m.weights) for m in mixtures)
        fill = [np.r_[: len(m.weights), np.zeros(most - len(m.weights), int)] for m in mixtures]
        pairs = list(zip(mixtures, fill, strict=True))
        weights = np.stack([np.pad(m.weights, (0, most - len(m.weights))) for m in mixtures])
        means, roots = (np.stack([getattr(m, n)[k] for m, k in pairs]) for n in ("means", "roots"))
        return cls(weights, means, roots, mixtures[0].freedom)

    @property
    def ndim(self) -> int:
        return self.means.shape[-1]

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log density: (N, d) -> (N,)."""
        with np.errstate(divide="ignore"):
            parts = [np.log(t.values.sum(axis=-1)) + t.log_scale for t in self._blocks(x)]
        return np.concatenate(parts, axis=-1)

    def log_prob_and_grad(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density of one mixture and its gradient: (N, d) -> (N,), (N, d)."""
        parts = [self._value_and_grad(part) for part in self._cut(x)]
        value, grad = (np.concatenate(part) for part in zip(*parts, strict=True))
        return value, grad

    def _value_and_grad(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """∇log m = −Σ_k share_k (v + d)/(v + δ_k) (L_k L_kᵀ)⁻¹ (x − mean_k)."""
        t, whitening = self._terms(x), self._whitening[0]
        whole = t.values.sum(axis=1)
        pull = t.values * (self.freedom + self.ndim) / (self.freedom + t.distance)
        pull /= whole[:, None]
        along = (t.whitened * pull[:, None]).reshape(len(x), -1)
        return np.log(whole) + t.log_scale, -np.einsum("nm,jm->nj", along, whitening)

    def joined(self, other: StudentMixture, share: float) -> StudentMixture:
        """``share`` of this mixture and 1 − share of another one."""
        return StudentMixture(
            np.r_[share * self.weights, (1 - share) * other.weights],
            np.concatenate([self.means, other.means]),
            np.concatenate([self.roots, other.roots]),
            self.freedom,
        )

    def draw(self, size: int, rng: np.random.RandomState) -> np.ndarray:
        """``size`` independent draws, (size, d)."""
        d, ends = self.ndim, self._ends
        before = np.arange(len(ends))[:, None]  # the draws of mixture e look into [e, e + 1)
        k = ends.ravel().searchsorted(before + rng.random_sample((len(ends), size)), side="right")
        normal = rng.standard_normal((*k.shape, d))
        scale = np.sqrt(self.freedom / rng.chisquare(self.freedom, k.shape))
        step = np.einsum("enij,enj->eni", self.roots.reshape(-1, d, d)[k], normal)
        q = self.means.reshape(-1, d)[k] + scale[..., None] * step
        return q.reshape(*self.weights.shape[:-1], size, d)

    @cached_property
    def _ends(self) -> np.ndarray:
        """Where the share of each component ends, those of mixture e in [e, e + 1]: (E, K)."""
        ends = np.cumsum(self.weights.reshape(-1, self.weights.shape[-1]), axis=1)
        ends[:, -1] = 1.0
        return ends + np.arange(len(ends))[:, None]

    def parts(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The shares of the components in the density at x (N, d), which add up to 1, and the
        squared distances δ from their means: (N, K) each."""
        shares, distances = zip(*((t.values, t.distance) for t in self._blocks(x)), strict=True)
        share = np.concatenate(shares, axis=-2)
        share /= share.sum(axis=-1, keepdims=True)
        return share, np.concatenate(distances, axis=-2)

    def _blocks(self, x: np.ndarray) -> Iterator[_Terms]:
        """The terms at some places after the other: what is known of them stays in the caches."""
        return (self._terms(part) for part in self._cut(x))

    def _cut(self, x: np.ndarray) -> Iterator[np.ndarray]:
        size = max(1, NEAR // self.means[..., 0].size // (self.ndim + 1))
        for first in range(0, max(1, x.shape[-2]), size):
            yield x[..., first : first + size, :]

    def _terms(self, x: np.ndarray) -> _Terms:
        """All weight_k t_k(x), as (1 + δ/v)^(−(v + d)/2) relative to the nearest component's."""
        d, v = self.ndim, self.freedom
        whitening, shift = self._whitening
        z = (x @ whitening - shift).reshape(*x.shape[:-1], d, self.means.shape[-2])
        distance = np.einsum("...ik,...ik->...k", z, z)
        width = 1 + distance / v
        nearest = width.min(axis=-1)
        values = _half_power(nearest[..., None] / width, v + d)
        top, heights = self._heights
        values *= heights[..., None, :]
        return _Terms(values, top[..., None] - (v + d) / 2 * np.log(nearest), distance, z)

    @cached_property
    def _whitening(self) -> tuple[np.ndarray, np.ndarray]:
        """The rows of all L_k⁻¹, the same rows side by side, (d, d·K), and the L_k⁻¹ mean_k."""
        inverses = np.linalg.inv(self.roots)
        shift = (inverses @ self.means[..., None])[..., 0]
        front = self.weights.shape[:-1]
        whitening = np.moveaxis(inverses, -3, -1).swapaxes(-3, -2).reshape(*front, self.ndim, -1)
        return whitening, shift.swapaxes(-1, -2).reshape(*front, 1, -1)

    @cached_property
    def _heights(self) -> tuple[np.ndarray, np.ndarray]:
        """The largest log weight_k t_k(mean_k), and all of them relative to it: (), (K,)."""
        from scipy.special import gammaln  # which whoever reads a stored mixture need not import

        d, v = self.ndim, self.freedom
        volume = np.log(np.diagonal(self.roots, axis1=-2, axis2=-1)).sum(axis=-1)
        constant = gammaln((v + d) / 2) - gammaln(v / 2) - d / 2 * math.log(v * math.pi)
        with np.errstate(divide="ignore"):  # those that fill up
            log_heights = np.log(self.weights) + constant - volume
        top = log_heights.max(axis=-1)
        return top, np.exp(log_heights - top[..., None])


class _Terms(NamedTuple):
    """What the components of a mixture add to its density at N places."""

    values: np.ndarray  # (N, K)  each, over e^log_scale
    log_scale: np.ndarray  # (N,)
    distance: np.ndarray  # (N, K)  δ, the squared distances from the means
    whitened: np.ndarray  # (N, d, K)  L_k⁻¹ (x − mean_k)


def _half_power(x: np.ndarray, m: float) -> np.ndarray:
    """x^(m/2), x ≥ 0; by squaring where m is a whole number, which is several times faster."""
    if m != int(m):
        return np.asarray(x ** (m / 2))
    out = np.sqrt(x) if int(m) % 2 else np.ones_like(x)
    square, left = x, int(m) // 2
    while left:
        if left % 2:
            out *= square
        left //= 2
        if left:
            square = square * square
    return out


@dataclass(frozen=True)
class Fit:
    """How mixtures are fitted."""

    rounds: int = 30  # of expectation and maximisation
    freedom: float = FREEDOM
    ridge: float = 1e-6  # of the draws' own variance, added to every covariance
    rounding: float = 1e-6  # of the draws' distance from zero: less spread than that is none


FIT = Fit()


def fit_mixture(
    x: np.ndarray, components: int, rng: np.random.RandomState, fit: Fit = FIT
) -> StudentMixture:
    """Fit ``components`` t distributions to draws x (N, d), started at spread-out draws.

    Components that no draws support are dropped.
    """
    d, centre = x.shape[1], x.mean(axis=0)
    x = x - centre
    squares = (x[:, :, None] * x[:, None]).reshape(len(x), d * d)
    rounding = (fit.rounding * np.abs(centre)) ** 2 + np.finfo(float).tiny
    ridge = fit.ridge * np.diag(x.var(axis=0) + rounding)
    share = _nearest(x, _spread(x, components, rng))
    distance = np.full(share.shape, float(d))
    mixture = None
    for _ in range(fit.rounds):
        keep = _supported(share, d)
        share, distance = share[:, keep], distance[:, keep]
        share = share / share.sum(axis=1, keepdims=True).clip(1e-300)
        mixture = _maximised(x, squares, share, distance, ridge, fit.freedom)
        share, distance = mixture.parts(x)
    assert mixture is not None
    return replace(mixture, means=mixture.means + centre)


def _supported(share: np.ndarray, d: int) -> np.ndarray:
    """Which components have more than two draws a coordinate, or the largest: (N, K) -> (K,)."""
    support = share.sum(axis=0)
    keep = support > 2 * (d + 1)
    if not keep.any():
        keep[np.argmax(support)] = True
    return np.asarray(keep)


def _maximised(
    x: np.ndarray,
    squares: np.ndarray,
    share: np.ndarray,
    distance: np.ndarray,
    ridge: np.ndarray,
    freedom: float,
) -> StudentMixture:
    """The most likely mixture given the shares (N, K) of components in draws x (N, d)."""
    d = x.shape[1]
    near = share * (freedom + d) / (freedom + distance)
    mass, support = near.sum(axis=0), share.sum(axis=0)
    # Not by BLAS: the order of its sums depends on how many threads it has.
    means = np.einsum("nk,nd->kd", near, x) / mass[:, None]
    spread = np.einsum("nk,nd->kd", near, squares).reshape(-1, d, d)
    spread -= mass[:, None, None] * means[:, :, None] * means[:, None]
    cov = spread / support[:, None, None] + ridge
    return StudentMixture(support / support.sum(), means, np.linalg.cholesky(cov), freedom)


def _spread(x: np.ndarray, count: int, rng: np.random.RandomState) -> np.ndarray:
    """k-means++ seeds (Arthur & Vassilvitskii 2007) in coordinates scaled to unit spread."""
    z = x / (x.std(axis=0) + np.finfo(float).tiny)
    seeds = [rng.randint(len(z))]
    far = np.full(len(z), np.inf)
    for _ in range(count - 1):
        far = np.minimum(far, ((z - z[seeds[-1]]) ** 2).sum(axis=1))
        if far.sum() == 0:
            break
        seeds.append(int(rng.choice(len(z), p=far / far.sum())))
    return np.array(seeds)


def _nearest(x: np.ndarray, seeds: np.ndarray) -> np.ndarray:
    """One-hot shares (N, K): each draw belongs to its nearest seed."""
    z = x / (x.std(axis=0) + np.finfo(float).tiny)
    distance = ((z[:, None] - z[seeds]) ** 2).sum(axis=2)
    return np.eye(len(seeds))[np.argmin(distance, axis=1)]
