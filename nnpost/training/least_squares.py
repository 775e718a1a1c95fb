"""Batched linear least squares that stays accurate where columns are nearly collinear."""

from __future__ import annotations

import torch
from torch import Tensor

__all__ = ["LeastSquares"]


class LeastSquares:
    """min |y − A o|² for a batch, A (B, m, K), y (B, m), by QR with the columns scaled.

    Directions in which the features are collinear to ten digits get no part of the solution.
    """

    def __init__(self, matrix: Tensor, target: Tensor) -> None:
        norms = matrix.norm(dim=1, keepdim=True).clamp(min=1e-150)
        self.q, r = torch.linalg.qr(matrix / norms)
        u, s, vt = torch.linalg.svd(r.nan_to_num(0.0, 0.0, 0.0))  # LAPACK refuses NaN
        inverse = torch.where(s > 1e-10 * s[:, :1], 1 / s.clamp(min=1e-150), 0.0)
        moment = u.mT @ (self.q.mT @ target.unsqueeze(2))
        solution = vt.mT @ (inverse.unsqueeze(2) * moment)
        self.solution = (solution / norms.mT).squeeze(2)
        self.residual = target - (matrix @ self.solution.unsqueeze(2)).squeeze(2)
