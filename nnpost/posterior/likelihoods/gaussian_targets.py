"""Several targets of one network, each with Gaussian noise of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np
from torch import Tensor

from ...common.errors import RequestError
from ...common.rules import checked
from ..rules import CLASSES
from .augmentable import GivenLatents
from .gaussian import LOG_2PI, log_density_of
from .pointwise import Extra, no_errors

__all__ = ["GaussianTargets"]


@dataclass(frozen=True)
class GaussianTargets:
    """Several targets, each with Gaussian noise of its own: y_k ~ N(f_k, σ_k²), y (n, k).

    The log σ of each is inferred, and ends theta.
    """

    targets: int
    loss_name: ClassVar[str] = "−log L/n"
    scales_with_y: ClassVar[bool] = True

    def __post_init__(self) -> None:
        checked("likelihood targets", self.targets, CLASSES)

    @property
    def outputs(self) -> int:
        return self.targets

    @property
    def components(self) -> int:
        return self.targets

    @property
    def extras(self) -> tuple[Extra, ...]:
        return tuple(Extra(rf"$\log\,\sigma_{{{k}}}$") for k in range(1, self.targets + 1))

    def start(self, y: np.ndarray, yerr: np.ndarray | None) -> np.ndarray:
        size = y.std(axis=0)
        return np.log(np.where(size > 0, size, 1.0))

    def check(self, y: np.ndarray, yerr: np.ndarray | None) -> None:
        no_errors("gaussians", yerr)
        if y.ndim != 2 or y.shape[1] != self.targets:
            raise RequestError(
                f"likelihood: found y of shape {y.shape}, expected (n, {self.targets}), a column "
                "for each target; give nnpost.Dataset(x, y, y_names=(…))"
            )

    def log_density(self, f: Tensor, y: Tensor, yerr: Tensor | None, extra: Tensor) -> Tensor:
        return log_density_of(y - f, extra.unsqueeze(1)).sum(-1)

    def mean(self, f: np.ndarray, extra: np.ndarray) -> np.ndarray:
        """f, (B, n, k)."""
        return f

    def draw(
        self, f: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray, rng: np.random.Generator
    ) -> np.ndarray:
        """(B, n, k)"""
        return np.asarray(f + np.exp(extra)[:, None] * rng.standard_normal(f.shape))

    def draw_latents(
        self,
        f: np.ndarray,
        y: np.ndarray,
        yerr: np.ndarray | None,
        extra: np.ndarray,
        rng: np.random.RandomState,
    ) -> np.ndarray:
        """None are needed: (B, 0)."""
        return np.empty((len(f), 0))

    def given_latents(
        self, latents: np.ndarray, y: np.ndarray, yerr: np.ndarray | None, extra: np.ndarray
    ) -> GivenLatents:
        """What it is already: y_k ~ N(f_k, σ_k²)."""
        precision = np.exp(-2 * extra)[..., None] * np.ones(len(y))
        beside = -len(y) * (extra + 0.5 * LOG_2PI).sum(axis=1)
        slopes = np.full(extra.shape, -float(len(y)))
        return GivenLatents(precision, precision * y.T, beside, slopes, -2 * np.eye(self.targets))

    def words(self, n: int, weighted: bool) -> str:
        return f"{self.targets} targets, each Gaussian, σ inferred"

    def to_tree(self) -> dict[str, Any]:
        return {"targets": self.targets}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> GaussianTargets:
        return cls(int(tree["targets"]))
