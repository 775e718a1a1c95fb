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
        line = s - z
        length = np.linalg.norm(line, axis=2)
        e = line / np.maximum(length, np.finfo(float).tiny)[..., None]
        step = self.gamma * np.sum(e * (z1 - z2), axis=2)
        q = s + step[..., None] * e
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio = np.log(np.linalg.norm(q - z, axis=2)) - np.log(length)
        return q, np.where(np.isfinite(ratio), (s.shape[2] - 1.0) * ratio, -np.inf)
