"""Labels 0 and 1: the network says their log odds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor

from .pointwise import WithoutExtras, no_errors, only

__all__ = ["Bernoulli"]


@dataclass(frozen=True)
class Bernoulli(WithoutExtras):
    """y is 1 with the probability 1/(1 + e^(−f)), and 0 else: two classes, f their log odds."""

    outputs: ClassVar[int] = 1
    components: ClassVar[int] = 1
    loss_name: ClassVar[str] = "log loss"

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        no_errors("bernoulli", yerr)
        only(y, (y == 0) | (y == 1), "bernoulli", "the labels 0 and 1")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        return torch.nn.functional.logsigmoid((2 * y - 1) * f)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The probability of a 1."""
        return 0.5 * (1 + np.tanh(0.5 * f))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        return (rng.random(f.shape) < self.mean(f, extra)).astype(float)

    def words(self, n: int, weighted: bool) -> str:
        return "Bernoulli, f the log odds"

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Bernoulli:
        return cls()
