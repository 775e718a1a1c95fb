"""Units of several steepnesses that switch where the data are."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp

from .proposal import Random

__all__ = ["UnitsNearData"]


@dataclass(frozen=True, eq=False)
class UnitsNearData:
    """w ~ N(0, (s/spread)²) with one of some ``steepness`` s, and b so that −b/w is among the data.

    ``middle`` and ``spread`` (d,) are those of the inputs. Without ``bias`` a unit is w alone.
    """

    middle: np.ndarray
    spread: np.ndarray
    steepness: tuple[float, ...]
    bias: bool = True

    @classmethod
    def of(cls, x: np.ndarray, steepness: tuple[float, ...], bias: bool = True) -> UnitsNearData:
        """Near inputs x (n, d)."""
        spread = x.std(axis=0)
        return cls(x.mean(axis=0), np.where(spread > 0, spread, 1.0), steepness, bias)

    def draw(self, size: int, rng: Random) -> np.ndarray:
        """(size, d + 1), the bias last, or (size, d) without."""
        steepness = np.array(self.steepness)
        steep = steepness[rng.randint(len(steepness), size=size)]
        w = rng.standard_normal((size, len(self.middle))) * (steep[:, None] / self.spread)
        if not self.bias:
            return w
        b = self._width(w) * rng.standard_normal(size) - w @ self.middle
        return np.c_[w, b]

    def log_density(self, units: np.ndarray, log_share: float = 0.0) -> np.ndarray:
        """Without the factor (2π)^(−k/2), of ``log_share`` of all: (..., k) -> (...), k = d + 1, or
        d without biases."""
        steep, d = np.array(self.steepness), len(self.middle)
        w = units[..., :d]
        z = ((w * self.spread) ** 2).sum(axis=-1)[..., None]
        log_w = logsumexp(-0.5 * z / steep**2 - d * np.log(steep), axis=-1)
        log_w += np.log(self.spread).sum() - math.log(len(steep))
        found: np.ndarray = log_share + log_w
        if self.bias:
            width = self._width(w)
            log_b = -0.5 * ((units[..., d] + w @ self.middle) / width) ** 2 - np.log(width)
            found = found + log_b
        return found

    def _width(self, w: np.ndarray) -> np.ndarray:
        return np.sqrt(1 + 1.5 * ((w * self.spread) ** 2).sum(axis=-1))
