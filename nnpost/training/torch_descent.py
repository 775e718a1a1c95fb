"""Restarts trained by torch: what runs on a GPU and in float32, and the oracle of the kernel.

The restarts are the rows of one leaf tensor (R, P). The losses are summed over the rows before the
gradient is taken, so a row's gradient is its own, and torch's SGD and Adam act on each number by
itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from ..data.dataset import Dataset
from ..network.mlp import MLP
from .batches import Batches
from .descent import Portion
from .settings import TrainSettings

__all__ = ["DTYPES", "TorchDescent", "batches_in", "optimizer_of"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}


class TorchDescent:
    """A :class:`~.descent.Descent` on ``device``; ``sets`` are the data and what is only watched.

    No pass through the networks takes much more than ``block`` numbers.
    """

    def __init__(
        self,
        net: MLP,
        sets: Sequence[Dataset],
        settings: TrainSettings,
        start: np.ndarray,
        device: str,
        block: int,
    ) -> None:
        self.net, self.settings, self.block = net, settings, block
        dtype = DTYPES[settings.dtype]
        self.sets = [_Points(data, device, dtype) for data in sets]
        self.theta = torch.tensor(start, dtype=dtype, device=device).requires_grad_()
        self.optimizer = optimizer_of(settings, self.theta)

    @staticmethod
    def portion(net: MLP, batches: Batches, block: int) -> Portion:
        """As many rows as fit into ``block``, and no more epochs than their orders do."""
        rows = max(1, min(block // (batches.size * max(net.sizes)), 8 * block // batches.n))
        return Portion(rows, max(1, 8 * block // (rows * batches.points)))

    def advance(self, epochs: int, orders: np.ndarray | None) -> None:
        for index in batches_in(epochs, orders, self.settings.batch_size, self.theta.device):
            self._step(index)

    def _step(self, index: Tensor | None) -> None:
        outputs, r = self.sets[0].residuals(self.net, self.theta, index)
        slope = 2 / r.shape[1] if self.settings.loss == "mean" else 2.0
        (self.theta.grad,) = torch.autograd.grad(outputs, self.theta, r.mul_(slope))
        self.optimizer.step()

    def losses(self) -> np.ndarray:
        with torch.no_grad():
            return np.stack([data.loss(self.net, self.theta, self.block) for data in self.sets])

    def ends(self) -> np.ndarray:
        ends: np.ndarray = self.theta.detach().to("cpu", torch.float64).numpy()
        return ends


class _Points:
    """A data set on the device in the dtype of training."""

    def __init__(self, data: Dataset, device: str, dtype: torch.dtype) -> None:
        def move(values: np.ndarray) -> Tensor:
            return torch.tensor(values, dtype=dtype, device=device)

        self.x, self.y = move(data.x), move(data.y)
        self.weights = move(np.ones(data.n) if data.yerr is None else 1 / data.yerr)

    def residuals(self, net: MLP, theta: Tensor, index: Tensor | None) -> tuple[Tensor, Tensor]:
        """Outputs with their graph, and (f − y)/yerr² without: (R, b) each."""
        if index is None:
            outputs = net.forward(theta, self.x)
            return outputs, (outputs.detach() - self.y) * self.weights.square()
        outputs = torch.func.vmap(net.forward)(theta, self.x[index])
        r = outputs.detach() - self.y[index]
        return outputs, r * self.weights[index].square()

    def loss(self, net: MLP, theta: Tensor, block: int) -> np.ndarray:
        """Mean of ((f − y)/yerr)² over all points: (R,)."""
        total = torch.zeros(len(theta), dtype=torch.float64, device=theta.device)
        size = max(1, block // (len(theta) * max(net.sizes)))
        for at in range(0, len(self.y), size):
            cut = slice(at, at + size)
            r = (net.forward(theta, self.x[cut]) - self.y[cut]) * self.weights[cut]
            total += r.square().sum(1)
        mean: np.ndarray = (total / len(self.y)).numpy(force=True)
        return mean


def batches_in(
    epochs: int, orders: np.ndarray | None, size: int | None, device: torch.device
) -> Iterator[Tensor | None]:
    """The points of every step, (R, size) on ``device``, from orders (R, epochs, n); None stands
    for all points, once an epoch, where there are no ``orders``."""
    for epoch in range(epochs):
        if orders is None:
            yield None
            continue
        order = torch.from_numpy(orders[:, epoch])
        for index in order.split(size or len(order), dim=1):
            yield index.to(device)


def optimizer_of(settings: TrainSettings, theta: Tensor) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam([theta], lr=settings.lr)
    return torch.optim.SGD([theta], lr=settings.lr, momentum=settings.momentum)
