"""Likelihoods that are Gaussian in the network's outputs, given latent numbers of every point."""

from __future__ import annotations

from typing import NamedTuple, Protocol, runtime_checkable

import numpy as np

from .pointwise import Extra

__all__ = ["Augmentable", "GivenLatents"]


class GivenLatents(NamedTuple):
    """log p(y, λ | f) = Σ_ki (μ_ki f_ki − ½ ω_ki f_ki²) + constant, of T outputs at n points.

    Written as −½ Σ ω (μ/ω − f)² + ``beside``; extra are the likelihood's own E parameters.
    """

    precision: np.ndarray  # (B, T, n)  ω
    moment: np.ndarray  # (B, T, n)  μ
    beside: np.ndarray  # (B,)
    slopes: np.ndarray  # (B, E)  ∂ beside/∂ extra
    powers: np.ndarray  # (T, E)  ∂ log ω_k/∂ extra, where targets μ/ω stay: e.g. −2 for log σ


@runtime_checkable
class Augmentable(Protocol):
    """A :class:`~.pointwise.Pointwise` that is a mixture of Gaussians in f over latent numbers λ.

    Shapes are those of :class:`~.pointwise.Pointwise`; λ has a row for each of B networks.
    """

    @property
    def extras(self) -> tuple[Extra, ...]:
        """Its own parameters, E of them."""

    def draw_latents(
        self,
        f: np.ndarray,
        y: np.ndarray,
        yerr: np.ndarray | None,
        extra: np.ndarray,
        rng: np.random.RandomState,
    ) -> np.ndarray:
        """λ ~ p(λ | y, f, extra), exactly: (B, …)."""

    def given_latents(
        self, latents: np.ndarray, y: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray
    ) -> GivenLatents:
        """The Gaussian that λ leave."""
