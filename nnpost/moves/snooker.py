"""The snooker update: steps along the line to another walker."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random, others

__all__ = ["Snooker"]


@dataclass(frozen=True)
class Snooker:
    """A step along the line from z to s: q = s + γ e (e·(z₁ − z₂)), e = (s − z)/|s − z|.

    Ter Braak & Vrugt 2008, Stat. Comput. 18, 435, eq. 3 with its factor (|q − z|/|s − z|)^(d−1);
    emcee 3.1's DESnookerMove has another factor and is biased.
    """

    gamma: float = 1.7

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        z, z1, z2 = others(c, s, rng, 3)
        line = s - z  # |line| e
        square, along = (np.einsum("esd,esd->es", line, v) for v in (line, z1 - z2))
        with np.errstate(divide="ignore", invalid="ignore"):
            step = self.gamma * along / np.maximum(square, np.finfo(float).tiny)  # in lengths
            ratio = np.log(np.abs(1 + step))  # q - z = (1 + step) line
        found = np.isfinite(ratio) & (square > 0)
        return s + step[..., None] * line, np.where(found, (s.shape[2] - 1.0) * ratio, -np.inf)
