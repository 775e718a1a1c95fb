"""SGD and Adam on many restarts, in bounded memory, with their loss curves."""

from __future__ import annotations

import time
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

__all__ = ["Trained", "Work", "run_restarts", "trainer_for"]


@dataclass(frozen=True)
class Work:
    """How much is done in one go, and how much is kept. No end point depends on it.

    ``block`` bounds the numbers that are held at once, and ``records`` is the most rows that a loss
    curve has, so that long runs keep small files.
    """

    block: int = BLOCK
    records: int = 500
    commit: float = 1e11  # multiplications between two commits: a minute or two of one core
    commits: int = 20  # at most, as each writes all that there is

    def rows_kept(self, one: int) -> int:
        """Restarts, of so many multiplications each, that are trained between two commits."""
        return max(1, int(self.commit // one))


class Trained(NamedTuple):
    """Where R restarts ended, and their losses after T of the epochs.

    ``theta`` (R, P without log σ); ``loss`` (T, R), and ``validation_loss`` (T, R) where there
    were data for it, are means of ((f − y)/yerr)² over all points; ``epochs`` (T,). ``seconds`` is
    how long that took.
    """

    theta: np.ndarray
    loss: np.ndarray
    validation_loss: np.ndarray | None
    epochs: np.ndarray
    seconds: float = 0.0


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
    before: Trained | None = None,
    keep: Callable[[Trained], None] | None = None,
) -> Trained:
    """Train the rows of ``start`` (R, P), each as it would go alone, in bounded memory.

    ``before`` has the first of them, where they were trained before. ``keep`` is called now and
    then with all that are trained, if others are to follow.
    """
    sets = [data for data in (post.data, validation) if data is not None]
    recorded = recorded_epochs(settings.epochs, work.records)
    portion, begin = trainer_for(post, settings, sets, work.block)
    found = [] if before is None else [before]
    first = 0 if before is None else len(before.theta)
    rows = min(portion.rows, work.rows_kept(settings.epochs * len(post.data.y) * post.net.ndim))
    blocks = [range(at, min(at + rows, len(start))) for at in range(first, len(start), rows)]
    every = -(-len(blocks) // work.commits)
    total = len(blocks) * settings.epochs
    numbers = portion.rows * (settings.batch_size or post.data.n) * (max(post.net.sizes) + 1)
    with threads_for(numbers), open_progress(progress, "train") as progress:
        for k, restarts in enumerate(blocks):

            def advance(epochs: int, done: int = k * settings.epochs) -> None:
                progress(done + epochs, total, "")

            begun = time.perf_counter()
            descent = begin(start[restarts.start : restarts.stop])
            batches = Batches(settings, seed, restarts, post.data.n)
            losses = _run_block(descent, batches, recorded, portion.epochs, advance)
            seen = losses[1] if validation is not None else None
            ends, seconds = descent.ends(), time.perf_counter() - begun
            found.append(Trained(ends, losses[0], seen, recorded, seconds))
            if keep is not None and (k + 1) % every == 0 and k + 1 < len(blocks):
                keep(joined(found))
    return joined(found)


def joined(parts: Sequence[Trained]) -> Trained:
    """Restarts of several parts of one training, one after the other."""
    seen = [part.validation_loss for part in parts if part.validation_loss is not None]
    return Trained(
        np.concatenate([part.theta for part in parts]),
        np.concatenate([part.loss for part in parts], axis=1),
        np.concatenate(seen, axis=1) if seen else None,
        parts[0].epochs,
        sum(part.seconds for part in parts),
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
