"""Restarts trained on a likelihood of any form: the loss is −log p(y | f), by torch's autograd."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..posterior.pointwise_sums import PointwiseData, PointwiseSums
from ..posterior.posterior import Posterior
from .settings import TrainSettings
from .torch_descent import DTYPES, batches_in, optimizer_of

__all__ = ["PointwiseDescent"]


class PointwiseDescent:
    """A :class:`~.descent.Descent`; ``start`` (R, P) ends with the likelihood's own parameters.

    ``sets`` are the data and what is only watched. The losses are summed over the rows before the
    gradient is taken, so a row's gradient is its own.
    """

    def __init__(
        self,
        post: Posterior,
        sets: Sequence[Dataset],
        settings: TrainSettings,
        start: np.ndarray,
        block: int,
    ) -> None:
        self.settings, dtype = settings, DTYPES[settings.dtype]
        self.sets = [_sums(post, data, dtype, block) for data in sets]
        self.theta = torch.tensor(start, dtype=dtype, device=post.device).requires_grad_()
        self.optimizer = optimizer_of(settings, self.theta)

    def advance(self, epochs: int, orders: np.ndarray | None) -> None:
        for index in batches_in(epochs, orders, self.settings.batch_size, self.theta.device):
            self._step(index)

    def _step(self, index: Tensor | None) -> None:
        log_density = self.sets[0].of_batches(self.theta, index)
        size = log_density.shape[1] if self.settings.loss == "mean" else 1
        (self.theta.grad,) = torch.autograd.grad(log_density.sum() / -size, self.theta)
        self.optimizer.step()

    def losses(self) -> np.ndarray:
        """Means of −log p(y | f) over all points of each data set: (sets, R)."""
        theta = self.theta.detach().to("cpu", torch.float64).numpy()
        return np.stack([-sums.log_likelihood(theta) / len(sums.data.x) for sums in self.sets])

    def ends(self) -> np.ndarray:
        ends: np.ndarray = self.theta.detach().to("cpu", torch.float64).numpy()
        return ends


def _sums(post: Posterior, data: Dataset, dtype: torch.dtype, block: int) -> PointwiseSums:
    assert isinstance(post.sums, PointwiseSums)
    points = PointwiseData.of(data.x, data.y, data.yerr, post.device, dtype)
    return PointwiseSums(post.net, post.sums.likelihood, points, block)
