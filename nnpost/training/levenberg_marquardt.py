"""Levenberg and Marquardt's method on the hidden part, the output layer following."""

from __future__ import annotations

import torch
from torch import Tensor

from .damping import Damping
from .objective import Objective
from .polish import POLISH, Polish

__all__ = ["levenberg_marquardt"]


def levenberg_marquardt(objective: Objective, theta: Tensor, polish: Polish = POLISH) -> Tensor:
    """Levenberg–Marquardt in h for every start at once, (B, P) -> (B, P)."""
    theta = objective.complete(theta, rounds=20 if objective.infers_noise else 1)
    if objective.net.n_hidden == 0:
        return theta
    value = objective.value(theta)
    damping, idle = Damping(value, polish.damping), torch.zeros_like(value)
    scale = torch.zeros_like(theta[:, objective.hidden])
    going = torch.isfinite(value).nonzero().squeeze(1)
    for _ in range(polish.steps):
        if len(going) == 0:
            break
        at = theta[going]
        gradient, curvature = objective.reduced(at)
        scale[going] = scale[going].maximum(curvature.diagonal(dim1=1, dim2=2))
        weight = damping.now[going].unsqueeze(1) * scale[going].clamp(min=1e-30)
        step = _solve(curvature + torch.diag_embed(weight), gradient)
        trial = at.clone()
        trial[:, objective.hidden] += step
        trial = objective.complete(trial)
        gain = objective.value(trial) - value[going]
        damping.learn(going, gain, 0.5 * (step * (weight * step + gradient)).sum(1))
        theta[going] = torch.where((gain > 0).unsqueeze(1), trial, at)
        value[going] += torch.where(gain > 0, gain, 0.0)
        idle[going] = torch.where(gain > polish.gain, 0.0, idle[going] + 1)
        going = going[idle[going] < polish.patience]
    return theta


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """A⁻¹ b for a batch of positive definite matrices, zero where one is not."""
    cholesky, failed = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(vector.unsqueeze(2), cholesky).squeeze(2)
    return torch.where((failed > 0).unsqueeze(1), 0.0, solution)
