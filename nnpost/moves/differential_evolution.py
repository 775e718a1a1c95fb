"""Differential evolution: steps along the difference of two other walkers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random, others

__all__ = ["DifferentialEvolution"]


@dataclass(frozen=True)
class DifferentialEvolution:
    """q = s + γ (z₁ − z₂), with γ scattered by a relative ``sigma``; symmetric.

    Ter Braak 2006, Stat. Comput. 16, 239; γ = 2.38/√(2d) unless ``gamma0`` is given (1 jumps
    between modes). emcee's DEMove.
    """

    sigma: float = 1e-5
    gamma0: float | None = None

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        gamma0 = 2.38 / np.sqrt(2 * s.shape[2]) if self.gamma0 is None else self.gamma0
        gamma = gamma0 * (1 + self.sigma * rng.standard_normal(s.shape[:2]))
        z1, z2 = others(c, s, rng, 2)
        return s + gamma[..., None] * (z1 - z2), np.zeros(s.shape[:2])
