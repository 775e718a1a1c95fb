"""SGD and Adam on many restarts at once."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..common.parallel import threads_for
from ..common.progress import Progress, open_progress
from ..common.tensors import BLOCK
from ..data.dataset import Dataset
from ..network.mlp import MLP
from ..posterior.posterior import Posterior
from .settings import TrainSettings

__all__ = ["Work", "epoch_steps", "run_restarts"]

DTYPES = {"float32": torch.float32, "float64": torch.float64}


@dataclass(frozen=True)
class Work:
    """How much is done in one go, and how much is kept. No end point depends on it.

    ``block`` bounds the numbers in one pass through the networks, ``lot`` is for how many epochs
    windows are drawn together, and ``records`` is the most rows that a loss curve has, so that
    long runs keep small files.
    """

    block: int = BLOCK
    lot: int = 1000
    records: int = 500


class Trained(NamedTuple):
    """Where R restarts ended, and their losses after T of the epochs.

    ``theta`` (R, P without log σ); ``loss`` (T, R), and ``validation_loss`` (T, R) where there
    were data for it, are means of ((f − y)/yerr)² over all points; ``epochs`` (T,).
    """

    theta: np.ndarray
    loss: np.ndarray
    validation_loss: np.ndarray | None
    epochs: np.ndarray


def recorded_epochs(epochs: int, records: int) -> np.ndarray:
    """The epochs whose losses are kept, evenly spread, first and last among them: (T,)."""
    return np.unique(np.linspace(1, epochs, min(epochs, records)).round().astype(np.int64))


def epoch_steps(
    settings: TrainSettings, seed: int, restarts: range, n: int, lot: int
) -> Iterator[list[np.ndarray] | None]:
    """For every epoch the points of its steps, each (restarts, b), or None for all n of them.

    Those of one restart depend on ``seed`` and its number alone.
    """
    if settings.batch_size is None:
        return (None for _ in range(settings.epochs))
    # The third number keeps these streams apart from those of the starting vectors.
    streams = [np.random.default_rng([seed, restart, 1]) for restart in restarts]
    if settings.batches == "windows":
        return _windows(streams, settings.epochs, settings.batch_size, n, lot)
    return _shuffled(streams, settings.epochs, settings.batch_size, n)


def _shuffled(
    streams: list[np.random.Generator], epochs: int, size: int, n: int
) -> Iterator[list[np.ndarray]]:
    cuts = range(size, n, size)
    for _ in range(epochs):
        yield np.split(np.stack([rng.permutation(n) for rng in streams]), cuts, axis=1)


def _windows(
    streams: list[np.random.Generator], epochs: int, size: int, n: int, lot: int
) -> Iterator[list[np.ndarray]]:
    window = np.arange(size)
    for at in range(0, epochs, lot):
        starts = [rng.integers(0, n - size, lot, endpoint=True) for rng in streams]
        for start in np.stack(starts, 1)[: epochs - at]:
            yield [start[:, None] + window]


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
        """Mean of ((f − y)/yerr)² over all points, +inf where it is not finite: (R,)."""
        total = torch.zeros(len(theta), dtype=torch.float64, device=theta.device)
        size = max(1, block // (len(theta) * max(net.sizes)))
        for at in range(0, len(self.y), size):
            cut = slice(at, at + size)
            r = (net.forward(theta, self.x[cut]) - self.y[cut]) * self.weights[cut]
            total += r.square().sum(1)
        mean = (total / len(self.y)).numpy(force=True)
        return np.where(np.isfinite(mean), mean, np.inf)


def run_restarts(
    post: Posterior,
    settings: TrainSettings,
    seed: int,
    start: np.ndarray,
    validation: Dataset | None = None,
    progress: Progress | bool = False,
    work: Work = Work(),
) -> Trained:
    """Train the rows of ``start`` (R, P), each as it would go alone, in bounded memory."""
    dtype, n, widest = DTYPES[settings.dtype], post.data.n, max(post.net.sizes)
    sets = [_Points(d, post.device, dtype) for d in (post.data, validation) if d is not None]
    points = settings.batch_size or n
    rows = max(1, min(work.block // (points * widest), 8 * work.block // n, len(start)))
    blocks = [range(at, min(at + rows, len(start))) for at in range(0, len(start), rows)]
    total = len(blocks) * settings.epochs
    ends, curves = [], []
    with threads_for(rows * points * (widest + 1)), open_progress(progress, "train") as progress:
        for k, restarts in enumerate(blocks):

            def advance(epochs: int, done: int = k * settings.epochs) -> None:
                progress(done + epochs, total, "")

            chosen = start[restarts.start : restarts.stop]
            theta = torch.tensor(chosen, dtype=dtype, device=post.device)
            steps = epoch_steps(settings, seed, restarts, n, work.lot)
            curves.append(_run_block(post.net, settings, sets, theta, steps, work, advance))
            ends.append(theta.detach().to("cpu", torch.float64).numpy())
    losses = np.concatenate(curves, axis=2)
    return Trained(
        np.concatenate(ends),
        losses[0],
        losses[1] if validation is not None else None,
        recorded_epochs(settings.epochs, work.records),
    )


def _run_block(
    net: MLP,
    settings: TrainSettings,
    sets: list[_Points],
    theta: Tensor,
    steps: Iterator[list[np.ndarray] | None],
    work: Work,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Train the rows of ``theta`` in place; their loss curves (sets, T, rows)."""
    optimizer, data = _optimizer(settings, theta.requires_grad_()), sets[0]
    recorded, curves = set(recorded_epochs(settings.epochs, work.records).tolist()), []
    for epoch, indices in enumerate(steps, 1):
        for index in [None] if indices is None else map(torch.from_numpy, indices):
            outputs, r = data.residuals(net, theta, index)
            slope = 2 / r.shape[1] if settings.loss == "mean" else 2.0
            (theta.grad,) = torch.autograd.grad(outputs, theta, r.mul_(slope))
            optimizer.step()
        if epoch in recorded:
            with torch.no_grad():
                curves.append([points.loss(net, theta, work.block) for points in sets])
        advance(epoch)
    return np.array(curves).swapaxes(0, 1)


def _optimizer(settings: TrainSettings, theta: Tensor) -> torch.optim.Optimizer:
    if settings.optimizer == "adam":
        return torch.optim.Adam([theta], lr=settings.lr)
    return torch.optim.SGD([theta], lr=settings.lr, momentum=settings.momentum)
