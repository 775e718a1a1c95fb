"""Nielsen's rule for the damping of many ascents at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Damping"]


class Damping:
    """One damping for each of B ascents: less after a good step, more after a bad one.

    Nielsen's rule: a step that gains what was expected of it divides the damping by three, a
    failure multiplies it by 2, the next by 4, 8, …
    """

    def __init__(self, like: Tensor, first: float) -> None:
        self.now, self.growth = torch.full_like(like, first), torch.full_like(like, 2.0)

    def learn(self, rows: Tensor, gain: Tensor, expected: Tensor) -> None:
        ratio = (gain / expected.clamp(min=1e-300)).clamp(0, 1)
        shrink = (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
        good, growth = gain > 0, self.growth[rows]
        now = self.now[rows] * torch.where(good, shrink, growth)
        self.now[rows] = now.clamp(1e-15, 1e30)
        self.growth[rows] = torch.where(good, 2.0, 2 * growth).clamp(max=1e9)
