"""Counts: the network says the log of their rate."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .pointwise import WithoutExtras, no_errors, only

__all__ = ["Poisson"]

MOST = 1e10  # a rate above which counts are drawn from the Gaussian that they then nearly are


@dataclass(frozen=True)
class Poisson(WithoutExtras):
    """y is a count with the rate e^f."""

    outputs: ClassVar[int] = 1
    components: ClassVar[int] = 1
    loss_name: ClassVar[str] = "−log L/n"

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        no_errors("poisson", yerr)
        only(y, (y >= 0) & (y == np.round(y)), "poisson", "counts 0, 1, 2, …")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        return y * f - torch.exp(f) - torch.lgamma(y + 1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The rate."""
        return np.asarray(np.exp(f))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """Above a rate of 1e10 by N(rate, rate), rounded: its distribution function is right to
        1/(6 √(2π rate)) < 1e-6 (Edgeworth's first term), while numpy's draws become too wide and
        end at 9e18. Infinite where the rate is."""
        with np.errstate(over="ignore"):
            rate = self.mean(f, extra)
        small = rate <= MOST
        new = rng.poisson(np.where(small, rate, 0.0)).astype(float)
        large = rate[~small]
        some = np.where(np.isfinite(large), large, 0.0)
        normal = np.round(some + np.sqrt(some) * rng.standard_normal(some.shape))
        new[~small] = np.where(np.isfinite(large), normal, large)
        return new

    def words(self, n: int, weighted: bool) -> str:
        return "Poisson, f the log rate"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Poisson:
        return cls()
