"""The data as tensors on a posterior's device: all points, or few that stand for them."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from ..common.tensors import as_tensor
from ..data.dataset import Dataset
from ..data.quadrature import quadrature

__all__ = ["Points", "WeightedPoints"]


class Points(NamedTuple):
    """Inputs, targets in units of y, and 1/yerr, or None without errors."""

    x: Tensor  # (n, d)
    y: Tensor  # (n,)
    weights: Tensor | None  # (n,)

    @classmethod
    def of(cls, data: Dataset, device: str) -> Points:
        """Copies of what the network sees."""
        x, y = (torch.tensor(part, dtype=torch.float64, device=device) for part in (data.x, data.y))
        if data.yerr is None:
            return cls(x, y, None)
        return cls(x, y, torch.tensor(1 / data.yerr, dtype=torch.float64, device=device))

    def weighted(self, values: Tensor) -> Tensor:
        """``values`` (..., n) over yerr."""
        return values if self.weights is None else values * self.weights


class WeightedPoints(NamedTuple):
    """Points whose targets are weighted already, for sums over the data alone.

    ``lost`` is what Σ y²/yerr² of the data has beyond Σ y² here.
    """

    x: Tensor  # (m, d)
    y: Tensor  # (m,)  y/yerr
    root: Tensor | None  # (m,)  1/yerr, or None for ones
    lost: float = 0.0

    @classmethod
    def of(cls, points: Points) -> WeightedPoints:
        """All points."""
        return cls(points.x, points.weighted(points.y), points.weights)

    @classmethod
    def few(cls, data: Dataset, device: str = "cpu") -> WeightedPoints:
        """Few points that stand for many (quadrature.py)."""
        q = quadrature(data)
        x, y, root = (as_tensor(part, device) for part in (q.x, q.y, q.root))
        return cls(x, y, root, q.lost)

    def weighted(self, values: Tensor) -> Tensor:
        """``values`` (..., m) times ``root``."""
        return values if self.root is None else values * self.root

    @property
    def roots(self) -> Tensor:
        """``root``, or ones: (m,)."""
        return torch.ones_like(self.y) if self.root is None else self.root
