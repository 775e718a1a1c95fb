"""Log densities of all parameters of a network around zero, with their gradients and draws.

Beside independent Gaussians there are Gaussians whose scale is not known, with the scale integrated
out. With w ~ N(0, λ s²) for the n parameters of one group, and 1/λ ~ Gamma(ν/2, ν/2),

    p(w) = Γ((ν+n)/2)/Γ(ν/2) (νπ)^(−n/2) Π 1/s_k · (1 + Σ z_k²/ν)^(−(ν+n)/2),   z_k = w_k/s_k

a t distribution of n dimensions (Kotz & Nadarajah 2004, Multivariate t Distributions, eq. 1.1). A
group of one is Student's t; one group for all weights of a kind, or of an input, is a scale for the
kind or the input that is inferred (automatic relevance determination; MacKay 1994, ASHRAE Trans.
100, 1053; Neal 1996, Bayesian Learning for Neural Networks, §4.1). Nothing is lost: given w,

    1/λ | w ~ Gamma((ν+n)/2, (ν + Σ z²)/2)

and can be drawn exactly. In the same way Laplace's distribution is a mixture over exponential λ.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple, Protocol, TypeVar

import numpy as np
import torch
from torch import Tensor

from .likelihoods.gaussian import LOG_2PI

__all__ = [
    "Laplaces",
    "Normals",
    "PriorDensity",
    "StudentGroups",
    "Together",
    "draw_scales",
    "gaussian_at",
    "restricted",
]

Values = TypeVar("Values", np.ndarray, Tensor)


class PriorDensity(Protocol):
    """A normalised density of K parameters; arrays or tensors (B, K)."""

    def log_prob(self, t: Values) -> Values:
        """(B, K) -> (B,)."""

    def grad(self, t: Values) -> Values:
        """(B, K) -> (B, K)."""

    def draw(self, size: int, rng: Any) -> np.ndarray:
        """Independent draws by numpy's RandomState or Generator: (size, K)."""


class Normals(NamedTuple):
    """The density Π N(t_k; 0, s_k²) of independent parameters, (B, K), arrays or tensors."""

    scales: np.ndarray  # (K,)  s
    slopes: np.ndarray  # (K,)  −1/2s²
    constant: float  # −Σ log s − K/2 log 2π

    @classmethod
    def of(cls, scales: np.ndarray) -> Normals:
        """From s (K,)."""
        size = -float(np.log(scales).sum() + len(scales) / 2 * LOG_2PI)
        return cls(scales, -0.5 / scales**2, size)

    def log_prob(self, t: Values) -> Values:
        """(B, K) -> (B,); a row's does not depend on what else there is, as a product would."""
        return (t * t * _like(t, self.slopes)).sum(-1) + self.constant

    def grad(self, t: Values) -> Values:
        """−t/s²: (B, K) -> (B, K)."""
        return 2 * _like(t, self.slopes) * t

    def draw(self, size: int, rng: Any) -> np.ndarray:
        """s · n, n standard normal: (size, K)."""
        drawn: np.ndarray = self.scales * rng.standard_normal((size, len(self.scales)))
        return drawn


@dataclass(frozen=True, eq=False)
class StudentGroups:
    """Independent groups, each of a t distribution of ``nu`` degrees of freedom; see above.

    ``scales`` (K,) are s, ``groups`` (K,) the number of each parameter's group, from 0 on.
    """

    scales: np.ndarray
    groups: np.ndarray
    nu: float

    @cached_property
    def sizes(self) -> np.ndarray:
        """n of every group, (G,)."""
        return np.bincount(self.groups)

    @cached_property
    def member(self) -> np.ndarray:
        """One where a parameter is of a group, (K, G)."""
        return np.eye(len(self.sizes))[self.groups]

    @cached_property
    def constant(self) -> float:
        """The logarithm of all factors in front."""
        half, nu = 0.5 * self.nu, self.nu
        size = sum(math.lgamma(half + 0.5 * n) - math.lgamma(half) for n in self.sizes)
        scales = float(np.log(self.scales).sum())
        return size - 0.5 * len(self.scales) * math.log(nu * math.pi) - scales

    def log_prob(self, t: Values) -> Values:
        tail = self._half(t) * _log1p(self._spread(t))
        return self.constant - tail.sum(-1)

    def grad(self, t: Values) -> Values:
        pull = 2 * self._half(t) / (self.nu * (1 + self._spread(t)))  # (B, G)
        return -t / _like(t, self.scales**2) * (pull @ _like(t, self.member.T))

    def draw(self, size: int, rng: Any) -> np.ndarray:
        root = np.sqrt(2 / self.nu * rng.standard_gamma(0.5 * self.nu, (size, len(self.sizes))))
        normal = rng.standard_normal((size, len(self.scales)))
        drawn: np.ndarray = self.scales * normal / root[:, self.groups]
        return drawn

    def draw_scales(self, t: np.ndarray, rng: Any) -> np.ndarray:
        """√λ of every group given its parameters, exactly: (B, K) -> (B, G)."""
        gamma = rng.standard_gamma(0.5 * (self.nu + self.sizes), (len(t), len(self.sizes)))
        found: np.ndarray = np.sqrt(0.5 * self.nu * (1 + self._spread(t)) / gamma)
        return found

    def _spread(self, t: Values) -> Values:
        """Σ z²/ν of every group: (B, K) -> (B, G)."""
        z = t / _like(t, self.scales)
        return (z * z) @ _like(t, self.member) / self.nu

    def _half(self, t: Values) -> Values:
        return _like(t, 0.5 * (self.nu + self.sizes))


@dataclass(frozen=True, eq=False)
class Laplaces:
    """Π exp(−√2 |t_k|/s_k)/(√2 s_k), of standard deviations s (K,)."""

    scales: np.ndarray

    def log_prob(self, t: Values) -> Values:
        size = float(np.log(self.scales).sum()) + 0.5 * len(self.scales) * math.log(2)
        return -(abs(t) * _like(t, math.sqrt(2) / self.scales)).sum(-1) - size

    def grad(self, t: Values) -> Values:
        sign = torch.sign(t) if isinstance(t, Tensor) else np.sign(t)
        return -sign * _like(t, math.sqrt(2) / self.scales)

    def draw(self, size: int, rng: Any) -> np.ndarray:
        drawn: np.ndarray = rng.laplace(size=(size, len(self.scales))) * self.scales / math.sqrt(2)
        return drawn


@dataclass(frozen=True, eq=False)
class Together:
    """Independent parts, each a density of the parameters at its places among all K."""

    parts: Sequence[tuple[np.ndarray, PriorDensity]]

    def log_prob(self, t: Values) -> Values:
        total = 0 * t[:, 0]
        for places, density in self.parts:
            total = total + density.log_prob(t[:, places])
        return total

    def grad(self, t: Values) -> Values:
        out = t * 0
        for places, density in self.parts:
            out[:, places] = density.grad(t[:, places])
        return out

    def draw(self, size: int, rng: Any) -> np.ndarray:
        out = np.empty((size, sum(len(places) for places, _ in self.parts)))
        for places, density in self.parts:
            out[:, places] = density.draw(size, rng)
        return out


def gaussian_at(density: PriorDensity, places: np.ndarray) -> bool:
    """Whether the parameters at these places are independent Gaussians, whatever the others are."""
    if isinstance(density, Together):
        parts = [(np.isin(places, own), part) for own, part in density.parts]
        return all(isinstance(part, Normals) for inside, part in parts if inside.any())
    return isinstance(density, Normals)


def restricted(density: PriorDensity, places: np.ndarray) -> PriorDensity:
    """That of the parameters at rising ``places`` alone, where all others are Gaussian."""
    if isinstance(density, Normals):
        return Normals.of(density.scales[places])
    assert isinstance(density, Together)
    parts: list[tuple[np.ndarray, PriorDensity]] = []
    for own, part in density.parts:
        kept = np.isin(own, places)
        if isinstance(part, Normals):
            part = Normals.of(part.scales[kept])
        else:
            assert kept.all()
        parts.append((np.searchsorted(places, own[kept]), part))
    return Together(parts)


def draw_scales(density: PriorDensity, t: np.ndarray, rng: Any) -> np.ndarray:
    """Those of the t distributed groups among the parts of a density: (B, K) -> (B, G)."""
    assert isinstance(density, Together)
    places, groups = next(part for part in density.parts if isinstance(part[1], StudentGroups))
    assert isinstance(groups, StudentGroups)
    return groups.draw_scales(t[:, places], rng)


def _like(t: Values, values: np.ndarray) -> Values:
    return torch.as_tensor(values, device=t.device) if isinstance(t, Tensor) else values


def _log1p(t: Values) -> Values:
    return torch.log1p(t) if isinstance(t, Tensor) else np.log1p(t)
