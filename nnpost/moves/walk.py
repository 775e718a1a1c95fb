"""The walk move: steps with the covariance of the other walkers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random

__all__ = ["Walk"]


@dataclass(frozen=True)
class Walk:
    """q = s + Σ_j n_j (z_j − z̄)/√C with standard normal n over the whole other half; symmetric.

    Goodman & Weare 2010, eq. 11 with S the whole complement, times ``scale`` (2.38/√d by default).
    """

    scale: float | None = None

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        scale = 2.38 / np.sqrt(s.shape[2]) if self.scale is None else self.scale
        normal = rng.standard_normal((*s.shape[:2], c.shape[1])) / np.sqrt(c.shape[1])
        spread = c - c.mean(axis=1, keepdims=True)
        return s + scale * (normal @ spread), np.zeros(s.shape[:2])
