"""Hundreds of restarts of SGD or Adam, trained together as one batch, and the maxima behind them.

The restarts are the rows of one leaf tensor (R, P). The losses are summed over the rows before
the gradient is taken, so a row's gradient is its own, and torch's SGD and Adam act on each number
by itself: every restart moves exactly as it would alone. Its start and its mini-batches are drawn
from (seed, restart), so it is also the same whatever R is.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from .data import Dataset
from .errors import RequestError, choose
from .fits import Fits
from .hill import conditional_log_sigma
from .network import MLP
from .optimum import Optimum, evaluate, maximise
from .posterior import BLOCK, Posterior
from .progress import Progress, told
from .threads import threads_for

__all__ = ["Fits", "train"]

OPTIMIZERS = ("adam", "sgd")
DTYPES = {"float32": torch.float32, "float64": torch.float64}
RECORDS = 500  # rows of a loss curve at most, so that long runs keep small files
WINDOWS = 1000  # epochs whose windows are drawn in one go
BEST, SPREAD = 16, 8  # starts of the search for the maxima: best by each measure, and any others


def train(
    post: Posterior,
    restarts: int = 256,
    optimizer: str = "adam",
    lr: float = 0.03,
    epochs: int = 1000,
    batch_size: int | None = None,
    momentum: float = 0.0,
    seed: int = 0,
    loss: str = "mean",
    batches: str = "shuffled",
    init: str = "torch",
    dtype: str = "float64",
    validation: Dataset | None = None,
    progress: Progress | bool = False,
) -> Fits:
    """Train ``restarts`` networks on the posterior's data, then climb to the MAP and the MLE.

    ``loss`` is "mean" or "sum" over the points of a step of r² (of (r/yerr)² where the data bring
    errors); the prior plays no part in it. ``optimizer`` is "adam" or "sgd" (with ``momentum``),
    with torch's defaults for the rest.

    ``batch_size=None`` uses all points at every step. Otherwise ``batches="shuffled"`` makes an
    epoch of one pass over the points in random order, the last batch being what is left over,
    and ``batches="windows"`` makes an epoch of one step on a random run of ``batch_size``
    neighbouring points.

    ``init`` is that of ``MLP.initial``. ``dtype`` is "float64" or "float32", for training only.
    ``validation`` adds its loss curves. ``progress`` is True for a bar, or is
    called as ``progress(done, total, text)``.

    Raises RequestError for settings that cannot be used, and where every restart diverged.
    """
    begun = time.perf_counter()
    recipe = _Recipe(optimizer, lr, epochs, batch_size, momentum, seed, loss, batches, dtype)
    recipe.check(post.data)
    _whole("restarts", restarts)
    if validation is not None:
        _check_validation(post.data, validation)
    start = post.net.initial(restarts, seed, init)
    ends, curves = _run(post, recipe, start, validation, progress)
    theta, mse = _end_points(post, ends)
    if not np.isfinite(mse).any():
        raise RequestError(
            f"training: all {restarts} restarts diverged at lr = {lr:g}; give a lower lr"
        )
    log_prob = post.log_prob(theta)
    top, likeliest = _maxima(post, theta[_promising(mse, log_prob)])
    return Fits(
        theta=theta,
        mse=mse,
        log_prob=log_prob,
        loss=curves[0],
        validation_loss=curves[1] if validation is not None else None,
        epochs=recipe.recorded,
        sgd=evaluate(post, theta[np.argmin(mse)], "sgd"),
        map=top,
        mle=likeliest,
        seconds=time.perf_counter() - begun,
    )


def _whole(name: str, value: Any, least: int = 1) -> None:
    whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
    if not whole or value < least:
        raise RequestError(f"training: {name} = {value!r}, expected a whole number ≥ {least}")


def _check_validation(data: Dataset, validation: Dataset) -> None:
    if validation.inputs != data.inputs:
        raise RequestError(
            f"validation data '{validation.name}' have {validation.inputs} inputs, the training "
            f"data '{data.name}' {data.inputs}; give both the same"
        )
    if (validation.yerr is None) != (data.yerr is None):
        raise RequestError(
            f"only one of training data '{data.name}' and validation data '{validation.name}' "
            "brings errors of y, so their losses cannot be compared; give yerr for both or none"
        )


@dataclass(frozen=True)
class _Recipe:
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
        _whole("epochs", self.epochs)
        _whole("seed", self.seed, least=0)
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
        _whole("batch_size", self.batch_size)
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


def _run(
    post: Posterior,
    recipe: _Recipe,
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
    with threads_for(numbers), told(progress, "train") as tell:
        for k, first in enumerate(blocks):

            def advance(epochs: int, done: int = k * recipe.epochs) -> None:
                tell(done + epochs, len(blocks) * recipe.epochs, "")

            theta = torch.tensor(start[first : first + rows], dtype=dtype, device=post.device)
            curves.append(_run_block(post.net, recipe, sets, theta, first, advance))
            ends.append(theta.detach().to("cpu", torch.float64).numpy())
    return np.concatenate(ends), np.concatenate(curves, axis=2)


def _run_block(
    net: MLP,
    recipe: _Recipe,
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


def _end_points(post: Posterior, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Full vectors (R, P), with log σ where it is inferred, and their mse (R,)."""
    theta = ends
    if post.likelihood.infers_noise:
        theta = np.hstack([ends, np.zeros((len(ends), 1))])
    mse = post.mse(theta)
    mse = np.where(np.isfinite(mse), mse, np.inf)
    if post.likelihood.infers_noise:
        theta[:, -1] = conditional_log_sigma(post, torch.from_numpy(mse) * post.data.n)
    return theta, mse


def _maxima(post: Posterior, starts: np.ndarray) -> tuple[Optimum, Optimum]:
    """MAP and MLE from the same starts; each is also looked for from the other."""
    top = maximise(post, starts, "posterior")
    likeliest = maximise(post, np.vstack([starts, top.theta]), "likelihood")
    again = maximise(post, np.stack([top.theta, likeliest.theta]), "posterior")
    if again.log_prob > top.log_prob + 1e-9:
        top = again
        likeliest = maximise(post, np.stack([top.theta, likeliest.theta]), "likelihood")
    return top, likeliest


def _promising(mse: np.ndarray, log_prob: np.ndarray) -> np.ndarray:
    """Restarts from which the maxima are sought: the best by either measure, and a spread.

    Restarts that ended at copies of one network agree in mse and log posterior, or nearly; one
    of them is enough.
    """
    chosen: list[int] = []
    for value in (mse, -log_prob):
        finite = np.flatnonzero(np.isfinite(value))
        order = finite[np.argsort(value[finite], kind="stable")]
        gaps = np.diff(value[order], prepend=-np.inf)
        distinct = order[gaps > 1e-6 * (1 + np.abs(value[order]))]
        spread = distinct[np.linspace(0, len(distinct) - 1, SPREAD).astype(int)]
        chosen += [*distinct[:BEST], *spread]
    return np.unique(chosen)
