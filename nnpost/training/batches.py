"""Which points the steps of training see."""

from __future__ import annotations

import numpy as np

from .settings import TrainSettings

__all__ = ["Batches"]


class Batches:
    """The points of every step of some ``restarts``, one epoch after the other.

    Those of one restart depend on ``seed`` and its number alone, however many epochs are drawn at a
    time. An epoch takes ``points`` of the n, ``size`` of them a step.
    """

    def __init__(self, settings: TrainSettings, seed: int, restarts: range, n: int) -> None:
        self.size = settings.batch_size or n
        self.windows = settings.batches == "windows"
        self.points = self.size if self.windows else n
        self.n = n
        self.streams = None
        if settings.batch_size is not None:
            # The third number keeps these streams apart from those of the starting vectors.
            self.streams = [np.random.default_rng([seed, restart, 1]) for restart in restarts]

    def draw(self, epochs: int) -> np.ndarray | None:
        """Those of the next epochs, (restarts, epochs, points); None for all n in one step each."""
        if self.streams is None:
            return None
        drawn = np.empty((len(self.streams), epochs, self.points), dtype=np.int64)
        drawn[:] = np.arange(self.points)
        for rows, rng in zip(drawn, self.streams, strict=True):
            if self.windows:
                rows += rng.integers(0, self.n - self.size, (epochs, 1), endpoint=True)
            else:
                rng.permuted(rows, axis=1, out=rows)
        return drawn
