"""Nielsen's rule for the damping of many climbs at once."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["Damping"]

ENOUGH = 1e-7, 1e-10  # gains that are worth another step of either stage, in nats
PATIENCE = 8  # steps in a row without one before a climb ends


class Damping:
    """One damping for each of B climbs: less after a good step, more after a bad one.

    Nielsen's rule: a step that gains what was expected of it divides the damping by three, a
    failure multiplies it by 2, the next by 4, 8, …
    """

    def __init__(self, like: Tensor) -> None:
        self.now, self.growth = torch.full_like(like, 1e-2), torch.full_like(like, 2.0)

    def learn(self, rows: Tensor, gain: Tensor, expected: Tensor) -> None:
        ratio = (gain / expected.clamp(min=1e-300)).clamp(0, 1)
        shrink = (1 - (2 * ratio - 1) ** 3).clamp(min=1 / 3)
        good, growth = gain > 0, self.growth[rows]
        now = self.now[rows] * torch.where(good, shrink, growth)
        self.now[rows] = now.clamp(1e-15, 1e30)
        self.growth[rows] = torch.where(good, 2.0, 2 * growth).clamp(max=1e9)
