"""Gaussian noise that depends on x: the network says its logarithm, too."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from .gaussian import log_density_of
from .pointwise import WithoutExtras

__all__ = ["Heteroscedastic"]


@dataclass(frozen=True)
class Heteroscedastic(WithoutExtras):
    """y ~ N(f₁, σ²) with log σ = f₂: noise that depends on x; the network has two outputs.

    Where the data bring errors, σ multiplies them.
    """

    outputs: ClassVar[int] = 2
    components: ClassVar[int] = 1
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = True

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        """Any number will do."""

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        mean, log_sigma = f.unbind(-1)
        log_sigma = log_sigma if yerr is None else log_sigma + yerr.log()
        return log_density_of(y - mean, log_sigma)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """f₁"""
        return f[..., 0]

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        sigma = np.exp(f[..., 1])
        scale = sigma if yerr is None else sigma * yerr
        return np.asarray(f[..., 0] + scale * rng.standard_normal(scale.shape))

    def words(self, n: int, weighted: bool) -> str:
        return "Gaussian, log σ the second output"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Heteroscedastic:
        return cls()
