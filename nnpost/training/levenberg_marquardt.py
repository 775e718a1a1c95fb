"""Levenberg and Marquardt's method on the hidden part, the output layer following."""

from __future__ import annotations

import torch
from torch import Tensor

from .damping import ENOUGH, PATIENCE, Damping
from .objective import Objective

__all__ = ["levenberg_marquardt"]

CLIMB_STEPS = 300  # at most


def levenberg_marquardt(hill: Objective, theta: Tensor) -> Tensor:
    """Levenberg–Marquardt in h for every start at once, (B, P) -> (B, P)."""
    theta = hill.complete(theta, rounds=20 if hill.infers_noise else 1)
    if hill.net.n_hidden == 0:
        return theta
    value = hill.value(theta)
    damping, idle = Damping(value), torch.zeros_like(value)
    scale = torch.zeros_like(theta[:, hill.hidden])
    going = torch.isfinite(value).nonzero().squeeze(1)
    for _ in range(CLIMB_STEPS):
        if len(going) == 0:
            break
        at = theta[going]
        gradient, curvature = hill.reduced(at)
        scale[going] = scale[going].maximum(curvature.diagonal(dim1=1, dim2=2))
        weight = damping.now[going].unsqueeze(1) * scale[going].clamp(min=1e-30)
        step = _solve(curvature + torch.diag_embed(weight), gradient)
        trial = at.clone()
        trial[:, hill.hidden] += step
        trial = hill.complete(trial)
        gain = hill.value(trial) - value[going]
        damping.learn(going, gain, 0.5 * (step * (weight * step + gradient)).sum(1))
        theta[going] = torch.where((gain > 0).unsqueeze(1), trial, at)
        value[going] += torch.where(gain > 0, gain, 0.0)
        idle[going] = torch.where(gain > ENOUGH[0], 0.0, idle[going] + 1)
        going = going[idle[going] < PATIENCE]
    return theta


def _solve(matrix: Tensor, vector: Tensor) -> Tensor:
    """A⁻¹ b for a batch of positive definite matrices, zero where one is not."""
    cholesky, failed = torch.linalg.cholesky_ex(matrix)
    solution = torch.cholesky_solve(vector.unsqueeze(2), cholesky).squeeze(2)
    return torch.where((failed > 0).unsqueeze(1), 0.0, solution)
