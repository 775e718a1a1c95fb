"""What :func:`~.levenberg_marquardt.levenberg_marquardt` does, by compiled kernels: a start after
the other, on all cores. Only imported where numba is there."""

from __future__ import annotations

import torch
from torch import Tensor

from ..common.parallel import kernel_threads
from ..posterior.kernel_engine import first_use
from ..posterior.kernels.climb import Columns, Effort, Hill, climb
from ..posterior.kernels.shape import Shape
from ..posterior.points import WeightedPoints
from .objective import Objective, smallest_log_sigma
from .polish import Polish

__all__ = ["climb_by_kernels"]


def climb_by_kernels(objective: Objective, theta: Tensor, polish: Polish) -> Tensor:
    """The top above each start, (B, P) -> (B, P)."""
    first_use()
    post = objective.post
    shape = Shape(post.net.sizes, post.net.activation)
    points = WeightedPoints.of(post.points)
    columns = Columns.of(shape, points.x.numpy(), points.y.numpy(), points.roots.numpy())
    tau = None if objective.infers_noise else float(post.precision())
    hill = Hill(objective.inverse_scales.numpy(), tau, smallest_log_sigma(post))
    effort = Effort(polish.damping, polish.steps, polish.patience, polish.gain)
    threads = kernel_threads(theta.numel() * columns.n * polish.steps)
    return torch.from_numpy(climb(shape, theta.numpy(), columns, hill, effort, threads))
