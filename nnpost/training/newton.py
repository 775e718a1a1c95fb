"""Newton's method with exact second derivatives, damped, and its last undamped steps."""

from __future__ import annotations

import torch
from torch import Tensor

from .damping import Damping
from .objective import Objective
from .polish import POLISH, Polish

__all__ = ["Quadratic", "newton"]


class Quadratic:
    """The objective's second-order model at B points, in the eigenvectors of its curvature.

    Units of the parameters are taken out by the diagonal. ``distance`` is √(gᵀ(−H)⁻¹g), how far
    the top is in standard deviations of the Gaussian with this curvature; ``least`` the smallest
    eigenvalue of −H, below zero where it curves upwards.
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


def newton(objective: Objective, theta: Tensor, polish: Polish = POLISH) -> Tensor:
    """Damped Newton steps, the output layer following h, (B, P) -> (B, P), never downhill."""
    theta, value = theta.clone(), objective.value(theta)
    damping, idle = Damping(value, polish.damping), torch.zeros_like(value)
    going = torch.arange(len(theta), device=theta.device)
    model = Quadratic(*objective.derivatives(theta))
    for _ in range(polish.newton_steps):
        step, expected = model.step(damping.now[going].unsqueeze(1))
        trial = objective.complete(theta[going] + step)
        reached = objective.value(trial)
        gain = reached - value[going]
        damping.learn(going, gain, expected)
        better = gain > 0
        theta[going] = torch.where(better.unsqueeze(1), trial, theta[going])
        value[going] = torch.where(better, reached, value[going])
        idle[going] = torch.where(gain > polish.newton_gain, 0.0, idle[going] + 1)
        going = going[idle[going] < polish.patience]
        if len(going) == 0:
            break
        model = Quadratic(*objective.derivatives(theta[going]))
    return _settle(objective, theta, value, polish)


def _settle(objective: Objective, theta: Tensor, value: Tensor, polish: Polish) -> Tensor:
    """Full Newton steps as long as they come nearer to the top.

    There the value has lost its meaning to rounding, ε|value|, but the gradient has not: the
    value cannot tell points apart within √ε standard deviations of the top, the gradient can.
    """
    nearest = torch.full_like(value, polish.settled)  # further away the value still guides
    at, best = theta, theta.clone()
    for _ in range(polish.settling):
        model = Quadratic(*objective.derivatives(at))
        level = objective.value(at) >= value - 1e-9 * (1 + value.abs())
        nearer = (model.distance < nearest) & (model.least > 0) & level
        best[nearer], nearest[nearer] = at[nearer], model.distance[nearer]
        at = torch.where(nearer.unsqueeze(1), at + model.step()[0], at)
    return best
