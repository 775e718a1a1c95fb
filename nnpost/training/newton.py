"""Newton's method with exact second derivatives, damped, and its last undamped steps."""

from __future__ import annotations

import torch
from torch import Tensor

from .damping import ENOUGH, PATIENCE, Damping
from .objective import Objective

__all__ = ["Quadratic", "newton"]

NEWTON_STEPS = 150  # at most


class Quadratic:
    """The hill's second-order model at B points, in the eigenvectors of its curvature.

    Units of the parameters are taken out by the diagonal. ``distance`` is √(gᵀ(−H)⁻¹g), how far
    the top is in standard deviations of the Gaussian with this curvature; ``least`` the smallest
    eigenvalue of −H, below zero where the hill curves upwards.
    """

    def __init__(self, gradient: Tensor, curvature: Tensor) -> None:
        down = -0.5 * (curvature + curvature.mT)
        self.scale = down.diagonal(dim1=1, dim2=2).abs().clamp(min=1e-150).rsqrt()
        scaled = self.scale.unsqueeze(2) * down * self.scale.unsqueeze(1)
        self.values, self.vectors = torch.linalg.eigh(scaled.nan_to_num(0.0, 0.0, 0.0))
        self.along = self._rotate(self.vectors.mT, self.scale * gradient)
        self.firm = self.values.abs().clamp(min=1e-15)
        self.least = self.values[:, 0]
        self.distance = (self.along.square() / self.firm).sum(1).sqrt()

    def step(self, damping: float | Tensor = 0.0) -> tuple[Tensor, Tensor]:
        """(|−H| + damping)⁻¹ g, uphill whatever the curvature; and the gain expected of it."""
        c = self.along / (self.firm + damping)
        gain = (c * self.along - 0.5 * c.square() * self.values).sum(1)
        return self.scale * self._rotate(self.vectors, c), gain

    @staticmethod
    def _rotate(matrix: Tensor, vector: Tensor) -> Tensor:
        return (matrix @ vector.unsqueeze(2)).squeeze(2)


def newton(hill: Objective, theta: Tensor) -> Tensor:
    """Damped Newton steps, the output layer following h, (B, P) -> (B, P), never downhill."""
    theta, value = theta.clone(), hill.value(theta)
    damping, idle = Damping(value), torch.zeros_like(value)
    going = torch.arange(len(theta), device=theta.device)
    model = Quadratic(*hill.derivatives(theta))
    for _ in range(NEWTON_STEPS):
        step, expected = model.step(damping.now[going].unsqueeze(1))
        trial = hill.complete(theta[going] + step)
        reached = hill.value(trial)
        gain = reached - value[going]
        damping.learn(going, gain, expected)
        better = gain > 0
        theta[going] = torch.where(better.unsqueeze(1), trial, theta[going])
        value[going] = torch.where(better, reached, value[going])
        idle[going] = torch.where(gain > ENOUGH[1], 0.0, idle[going] + 1)
        going = going[idle[going] < PATIENCE]
        if len(going) == 0:
            break
        model = Quadratic(*hill.derivatives(theta[going]))
    return _settle(hill, theta, value)


def _settle(hill: Objective, theta: Tensor, value: Tensor) -> Tensor:
    """Full Newton steps as long as they come nearer to the top.

    There the value has lost its meaning to rounding, ε|value|, but the gradient has not: the
    value cannot tell points apart within √ε standard deviations of the top, the gradient can.
    """
    nearest = torch.full_like(value, 1e-3)  # further away the value still guides
    at, best = theta, theta.clone()
    for _ in range(6):
        model = Quadratic(*hill.derivatives(at))
        level = hill.value(at) >= value - 1e-9 * (1 + value.abs())
        nearer = (model.distance < nearest) & (model.least > 0) & level
        best[nearer], nearest[nearer] = at[nearer], model.distance[nearer]
        at = torch.where(nearer.unsqueeze(1), at + model.step()[0], at)
    return best
