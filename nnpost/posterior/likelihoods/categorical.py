"""Classes 0 … K − 1: the network says K numbers, of which softmax makes probabilities."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
import torch
from scipy.special import softmax
from torch import Tensor

from ...common.rules import checked
from ..rules import CLASSES
from .pointwise import WithoutExtras, no_errors, only

__all__ = ["Categorical"]


@dataclass(frozen=True)
class Categorical(WithoutExtras):
    """y is one of K classes 0 … K − 1, by softmax: P(k) = e^(f_k)/Σ_j e^(f_j), f the K outputs.

    A number that is added to all outputs changes nothing; only the prior holds it.
    """

    classes: int
    loss_name: ClassVar[str] = "log loss"

    def __post_init__(self) -> None:
        checked("likelihood classes", self.classes, CLASSES)

    @property
    def outputs(self) -> int:
        return self.classes

    @property
    def components(self) -> int:
        return self.classes

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        no_errors("categorical", yerr)
        right = (y >= 0) & (y < self.classes) & (y == np.round(y))
        only(y, right, "categorical", f"the classes 0 … {self.classes - 1}")

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        log_share = torch.log_softmax(f, -1)
        index = y.long().expand(f.shape[:-1]).unsqueeze(-1)
        return log_share.gather(-1, index).squeeze(-1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """The probabilities of all classes, (B, n, K)."""
        return np.asarray(softmax(f, axis=-1))

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        gumbel = rng.gumbel(size=f.shape)
        return np.argmax(f + gumbel, axis=-1).astype(float)

    def words(self, n: int, weighted: bool) -> str:
        return f"{self.classes} classes by softmax"

    def to_tree(self) -> dict[str, Any]:
        return {"classes": self.classes}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Categorical:
        return cls(int(tree["classes"]))
