"""Mixtures of Student t distributions: fitted to draws, sampled, and evaluated.

They stand in for a posterior that has several bent modes. What uses them corrects for the
difference exactly (by importance weights, or by Metropolis–Hastings), so that a poor fit costs
efficiency and not truth. The fit is expectation–maximisation with fixed degrees of freedom (Peel &
McLachlan 2000, Stat. Comput. 10, 339, eqs. 8 and 15–18).
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np

__all__ = ["Fit", "StudentMixture", "fit_mixture"]

FREEDOM = 5.0  # degrees of freedom: tails heavier than those of a posterior with a Gaussian prior


@dataclass(frozen=True)
class StudentMixture:
    """Σ_k weight_k t(mean_k, L_k L_kᵀ) in d dimensions with ``freedom`` degrees of freedom."""

    weights: np.ndarray  # (K,)
    means: np.ndarray  # (K, d)
    roots: np.ndarray  # (K, d, d)  lower Cholesky factors of the scale matrices
    freedom: float = FREEDOM

    @property
    def ndim(self) -> int:
        return self.means.shape[1]

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log density: (N, d) -> (N,)."""
        return _log_sum(self._joint(x)[0])

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
        k = rng.choice(len(self.weights), p=self.weights, size=size)
        normal = rng.standard_normal((size, self.ndim))
        scale = np.sqrt(self.freedom / rng.chisquare(self.freedom, size))
        return self.means[k] + scale[:, None] * np.einsum("nij,nj->ni", self.roots[k], normal)

    def _joint(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """log(weight_k t_k(x)), (N, K), and the squared distances δ, (N, K)."""
        d, v = self.ndim, self.freedom
        whitening, shift = self._whitening
        z = (x @ whitening - shift).reshape(len(x), len(self.weights), d)
        distance = np.einsum("nki,nki->nk", z, z)
        return self._heights - (v + d) / 2 * np.log1p(distance / v), distance

    @cached_property
    def _whitening(self) -> tuple[np.ndarray, np.ndarray]:
        """All L_k⁻¹ side by side, (d, K·d), and the L_k⁻¹ mean_k, (K·d,)."""
        inverses = np.linalg.inv(self.roots)
        shift = (inverses @ self.means[..., None]).reshape(-1)
        return inverses.transpose(2, 0, 1).reshape(self.ndim, -1), shift

    @cached_property
    def _heights(self) -> np.ndarray:
        """log of every component's density at its mean, times its weight, (K,)."""
        from scipy.special import gammaln  # which whoever reads a stored mixture need not import

        d, v = self.ndim, self.freedom
        volume = np.log(np.diagonal(self.roots, axis1=1, axis2=2)).sum(axis=1)
        constant = gammaln((v + d) / 2) - gammaln(v / 2) - d / 2 * math.log(v * math.pi)
        return np.log(self.weights) + constant - volume


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
        joint, distance = mixture._joint(x)
        share = np.exp(joint - _log_sum(joint)[:, None])
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
    means = (near.T @ x) / mass[:, None]
    spread = (near.T @ squares).reshape(-1, d, d)
    spread -= mass[:, None, None] * means[:, :, None] * means[:, None]
    cov = spread / support[:, None, None] + ridge
    return StudentMixture(support / support.sum(), means, np.linalg.cholesky(cov), freedom)


def _log_sum(values: np.ndarray) -> np.ndarray:
    """log Σ exp over the second axis, (N, K) -> (N,); scipy's is slow on small arrays."""
    top = values.max(axis=1)
    return top + np.log(np.exp(values - top[:, None]).sum(axis=1))


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
