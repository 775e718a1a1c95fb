"""SGD and Adam on many restarts, in bounded memory, with their loss curves."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from ..common.parallel import threads_for
from ..common.progress import Progress, open_progress
from ..common.tensors import BLOCK
from ..data.dataset import Dataset
from ..posterior.engine import without_kernels
from ..posterior.posterior import Posterior
from .batches import Batches
from .descent import Descent, Portion
from .pointwise_descent import PointwiseDescent
from .settings import TrainSettings
from .torch_descent import TorchDescent

__all__ = ["Work", "run_restarts", "trainer_for"]


@dataclass(frozen=True)
class Work:
    """How much is done in one go, and how much is kept. No end point depends on it.

    ``block`` bounds the numbers that are held at once, and ``records`` is the most rows that a loss
    curve has, so that long runs keep small files.
    """

    block: int = BLOCK
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
    sets = [data for data in (post.data, validation) if data is not None]
    recorded = recorded_epochs(settings.epochs, work.records)
    portion, begin = trainer_for(post, settings, sets, work.block)
    blocks = [
        range(at, min(at + portion.rows, len(start))) for at in range(0, len(start), portion.rows)
    ]
    total, ends, curves = len(blocks) * settings.epochs, [], []
    numbers = portion.rows * (settings.batch_size or post.data.n) * (max(post.net.sizes) + 1)
    with threads_for(numbers), open_progress(progress, "train") as progress:
        for k, restarts in enumerate(blocks):

            def advance(epochs: int, done: int = k * settings.epochs) -> None:
                progress(done + epochs, total, "")

            descent = begin(start[restarts.start : restarts.stop])
            batches = Batches(settings, seed, restarts, post.data.n)
            curves.append(_run_block(descent, batches, recorded, portion.epochs, advance))
            ends.append(descent.ends())
    losses = np.concatenate(curves, axis=2)
    return Trained(
        np.concatenate(ends), losses[0], losses[1] if validation is not None else None, recorded
    )


def trainer_for(
    post: Posterior, settings: TrainSettings, sets: Sequence[Dataset], block: int
) -> tuple[Portion, Callable[[np.ndarray], Descent]]:
    """How much is trained at a time, and what begins from rows of starts: kernels, or torch."""
    net, batches = post.net, Batches(settings, 0, range(0), post.data.n)
    if not post.gaussian:
        portion = TorchDescent.portion(net, batches, block)
        return portion, lambda rows: PointwiseDescent(post, sets, settings, rows, block)
    if settings.dtype == "float32" or without_kernels(net, post.device):
        portion = TorchDescent.portion(net, batches, block)
        return portion, lambda rows: TorchDescent(net, sets, settings, rows, post.device, block)
    from .kernel_descent import KernelDescent

    portion = KernelDescent.portion(net, batches, block)
    return portion, lambda rows: KernelDescent(net, sets, settings, rows)


def _run_block(
    descent: Descent,
    batches: Batches,
    recorded: np.ndarray,
    most: int,
    advance: Callable[[int], None],
) -> np.ndarray:
    """Train to the last of the ``recorded`` epochs; the loss curves (sets, T, rows)."""
    done, curves = 0, []
    for epoch in recorded.tolist():
        while done < epoch:
            epochs = min(epoch - done, most)
            descent.advance(epochs, batches.draw(epochs))
            done += epochs
            advance(done)
        curves.append(descent.losses())
    losses = np.array(curves).swapaxes(0, 1)
    return np.where(np.isfinite(losses), losses, np.inf)
