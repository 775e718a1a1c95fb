"""Restarts trained by compiled kernels. Only imported where numba is there."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..common.parallel import kernel_threads
from ..data.dataset import Dataset
from ..network.mlp import MLP
from ..posterior.kernel_engine import first_use
from ..posterior.kernels.descent import Moments, Rule, descend
from ..posterior.kernels.misfit import sse
from ..posterior.kernels.points import Points
from ..posterior.kernels.shape import Shape
from .batches import Batches
from .descent import Portion
from .settings import TrainSettings

__all__ = ["KernelDescent"]


class KernelDescent:
    """A :class:`~.descent.Descent`; ``sets`` are the data and what is only watched.

    No bit depends on how many threads there are, nor on the other restarts.
    """

    def __init__(
        self, net: MLP, sets: Sequence[Dataset], settings: TrainSettings, start: np.ndarray
    ) -> None:
        first_use()
        self.shape = Shape(net.sizes, net.activation)
        self.sets = [_points(self.shape, data) for data in sets]
        self.rule = Rule(
            settings.optimizer == "adam", settings.lr, settings.momentum, settings.loss == "mean"
        )
        self.size = settings.batch_size or sets[0].n
        self.moments, self.steps = Moments.at(start), 0

    @staticmethod
    def portion(net: MLP, batches: Batches, block: int) -> Portion:
        """Rows and epochs of one call, some tenths of a second long at the most."""
        numbers, most = batches.points * (sum(net.hidden) + 1), 32 * block
        rows = max(1, most // numbers)
        return Portion(rows, max(1, most // (rows * numbers)))

    def advance(self, epochs: int, orders: np.ndarray | None) -> None:
        points = self.sets[0]
        taken = points.n if orders is None else orders.shape[2]
        threads = self._threads(epochs * taken)
        self.steps = descend(
            self.shape, self.moments, points, self.rule, self.steps, epochs, orders, self.size,
            threads,
        )  # fmt: skip

    def losses(self) -> np.ndarray:
        theta = self.moments.theta
        return np.stack([sse(self.shape, theta, p, self._threads(p.n)) / p.n for p in self.sets])

    def ends(self) -> np.ndarray:
        return self.moments.theta

    def _threads(self, points: int) -> int:
        return kernel_threads(len(self.moments.theta) * points * (self.shape.units + 1))


def _points(shape: Shape, data: Dataset) -> Points:
    root = None if data.yerr is None else 1 / data.yerr
    return Points.of(shape, data.x, data.y if root is None else data.y * root, root)
