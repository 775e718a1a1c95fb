"""From starts to the tops above them: compiled kernels, or torch; BFGS where the likelihood is not
Gaussian, and the output layer has no closed form to follow h by."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common.parallel import SideBySide
from ..common.tensors import BLOCK, as_tensor
from ..numerics.bfgs import bfgs
from ..posterior.engine import without_kernels
from .levenberg_marquardt import levenberg_marquardt
from .objective import Objective
from .polish import Polish

__all__ = ["climb"]


def climb(objective: Objective, theta: Tensor, polish: Polish) -> Tensor:
    """The top that Levenberg and Marquardt's method, or BFGS, reaches from each start,
    (B, P) -> (B, P)."""
    post = objective.post
    if not post.least_squares:
        tops, _ = bfgs(objective.value_and_grad, theta.numpy(force=True), polish.steps, polish.gain)
        return as_tensor(tops, post.device)
    if without_kernels(post.net, post.device):
        parts = theta.split(max(1, BLOCK // (post.data.n * post.ndim)))
        return torch.cat(
            SideBySide(len(parts))(lambda i: levenberg_marquardt(objective, parts[i], polish))
        )
    from .kernel_climb import climb_by_kernels

    return climb_by_kernels(objective, theta, polish)
