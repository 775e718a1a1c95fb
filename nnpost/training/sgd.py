"""SGD and Adam on many restarts at once."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..common.errors import RequestError, choose
from ..common.parallel import threads_for
from ..common.progress import Progress, open_progress
from ..common.tensors import BLOCK
from ..data.dataset import Dataset
from ..network.mlp import MLP
from ..posterior.posterior import Posterior

__all__ = ["Recipe", "run_restarts", "whole_number"]

OPTIMIZERS = ("adam", "sgd")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
RECORDS = 500  # rows of a loss curve at most, so that long runs keep small files
WINDOWS = 1000  # epochs whose windows are drawn in one go


def whole_number(name: str, value: Any, least: int = 1) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise RequestError(f"training: {name} = {value!r}, expected a whole number ≥ {least}")


@dataclass(frozen=True)
class Recipe:
    """How one training run goes, whichever restart it is."""

    optimizer: str
    lr: float
    epochs: int
    batch_size: int | None
    momentum: float
    seed: int
    loss: str
    batches: str
    dtype: str

    def check(self, data: Dataset) -> None:
        """Refuse by name what cannot be used."""
        choose("optimizer", self.optimizer, OPTIMIZERS)
        choose("loss", self.loss, ("mean", "sum"))
        choose("batches", self.batches, ("shuffled", "windows"))
        choose("dtype", self.dtype, DTYPES)
        whole_number("epochs", self.epochs)
        whole_number("seed", self.seed, least=0)
        if not (math.isfinite(self.lr) and self.lr > 0):
            raise RequestError(f"training: lr = {self.lr!r}, expected a positive number")
        if not 0 <= self.momentum < 1:
            raise RequestError(f"training: momentum = {self.momentum!r}, expected 0 ≤ momentum < 1")
        if self.momentum and self.optimizer == "adam":
            raise RequestError(
                f"training: momentum = {self.momentum:g} with optimizer 'adam', which has its own; "
                "leave momentum out or take optimizer 'sgd'"
            )
        self._check_batches(data)

    def _check_batches(self, data: Dataset) -> None:
        if self.batch_size is None:
            if self.batches == "windows":
                raise RequestError("training: batches = 'windows' needs batch_size, points a step")
            return
        whole_number("batch_size", self.batch_size)
        if self.batch_size > data.n:
            raise RequestError(
                f"training: batch_size = {self.batch_size}, but the data '{data.name}' have "
                f"{data.n} points; give at most {data.n}, or leave it out to use all of them"
            )

    @property
    def recorded(self) -> np.ndarray:
        """The epochs whose losses are kept, evenly spread, first and last among them: (T,)."""
        rows = min(self.epochs, RECORDS)
        return np.unique(np.linspace(1, self.epochs, rows).round().astype(np.int64))

    def make(self, theta: Tensor) -> torch.optim.Optimizer:
        if self.optimizer == "adam":
            return torch.optim.Adam([theta], lr=self.lr)
        return torch.optim.SGD([theta], lr=self.lr, momentum=self.momentum)

    def steps(self, first: int, rows: int, n: int) -> Iterator[list[np.ndarray] | None]:
        """For every epoch the points of its steps, each (rows, b), or None for all of them."""
        if self.batch_size is None:
            yield from (None for _ in range(self.epochs))
            return
        # The third number keeps these streams apart from those of the starting vectors.
        streams = [np.random.default_rng([self.seed, first + r, 1]) for r in range(rows)]
        if self.batches == "windows":
            yield from self._windows(streams, n)
            return
        cuts = range(self.batch_size, n, self.batch_size)
        for _ in range(self.epochs):
            yield np.split(np.stack([rng.permutation(n) for rng in streams]), cuts, axis=1)

    def _windows(self, streams: list[np.random.Generator], n: int) -> Iterator[list[np.ndarray]]:
        assert self.batch_size is not None
        run = np.arange(self.batch_size)
        for at in range(0, self.epochs, WINDOWS):
            last = n - self.batch_size
            starts = [rng.integers(0, last, WINDOWS, endpoint=True) for rng in streams]
            for start in np.stack(starts, 1)[: self.epochs - at]:
                yield [start[:, None] + run]


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

    def loss(self, net: MLP, theta: Tensor) -> np.ndarray:
        """Mean of ((f − y)/yerr)² over all points, +inf where it is not finite: (R,)."""
        total = torch.zeros(len(theta), dtype=torch.float64, device=theta.device)
        size = max(1, BLOCK // (len(theta) * max(net.sizes)))
        for at in range(0, len(self.y), size):
            cut = slice(at, at + size)
            r = (net.forward(theta, self.x[cut]) - self.y[cut]) * self.weights[cut]
            total += r.square().sum(1)
        mean = (total / len(self.y)).numpy(force=True)
        return np.where(np.isfinite(mean), mean, np.inf)


def run_restarts(
    post: Posterior,
    recipe: Recipe,
    start: np.ndarray,
    validation: Dataset | None,
    progress: Progress | bool,
) -> tuple[np.ndarray, np.ndarray]:
    """End points (R, P without log σ) and loss curves (1 or 2, T, R), in bounded memory."""
    dtype, n = DTYPES[recipe.dtype], post.data.n
    sets = [_Points(d, post.device, dtype) for d in (post.data, validation) if d is not None]
    points = recipe.batch_size or n
    rows = max(1, min(BLOCK // (points * max(post.net.sizes)), 8 * BLOCK // n, len(start)))
    ends, curves = [], []
    blocks = range(0, len(start), rows)
    numbers = rows * points * (max(post.net.sizes) + 1)
    with threads_for(numbers), open_progress(progress, "train") as progress:
        for k, first in enumerate(blocks):

            def advance(epochs: int, done: int = k * recipe.epochs) -> None:
                progress(done + epochs, len(blocks) * recipe.epochs, "")

            theta = torch.tensor(start[first : first + rows], dtype=dtype, device=post.device)
            curves.append(_run_block(post.net, recipe, sets, theta, first, advance))
            ends.append(theta.detach().to("cpu", torch.float64).numpy())
    return np.concatenate(ends), np.concatenate(curves, axis=2)


def _run_block(
    net: MLP,
    recipe: Recipe,
    sets: list[_Points],
    theta: Tensor,
    first: int,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Train the rows of ``theta`` in place; their loss curves (sets, T, rows)."""
    optimizer, data = recipe.make(theta.requires_grad_()), sets[0]
    recorded, curves = set(recipe.recorded.tolist()), []
    steps = recipe.steps(first, len(theta), len(data.y))
    for epoch, batches in enumerate(steps, 1):
        for index in [None] if batches is None else map(torch.from_numpy, batches):
            outputs, r = data.residuals(net, theta, index)
            slope = 2 / r.shape[1] if recipe.loss == "mean" else 2.0
            (theta.grad,) = torch.autograd.grad(outputs, theta, r.mul_(slope))
            optimizer.step()
        if epoch in recorded:
            with torch.no_grad():
                curves.append([points.loss(net, theta) for points in sets])
        advance(epoch)
    return np.array(curves).swapaxes(0, 1)
