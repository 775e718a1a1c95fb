"""Differential evolution of one neuron at a time."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random, others

__all__ = ["NeuronDE"]


@dataclass(frozen=True)
class NeuronDE:
    """Differential evolution of one unit: only the coordinates of one block move.

    ``blocks`` (U, k) holds the coordinates of each unit. The unit that moves and the two units
    whose difference moves it are drawn independently, since units are exchangeable; symmetric.
    """

    blocks: tuple[tuple[int, ...], ...]
    sigma: float = 1.0

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        blocks, d = np.array(self.blocks), s.shape[2]
        z1, z2 = others(c, s, rng, 2).reshape(2, -1, d)
        rows = np.arange(len(z1))[:, None]
        units = (len(blocks) * rng.random_sample((3, len(rows)))).astype(np.intp)
        moved, first, second = blocks[units]  # (E·S, k) each
        gamma0 = 2.38 / np.sqrt(2 * blocks.shape[1])
        gamma = gamma0 * np.exp(self.sigma * rng.standard_normal((len(rows), 1)))
        q = s.reshape(-1, d).copy()
        q[rows, moved] += gamma * (z1[rows, first] - z2[rows, second])
        return q.reshape(s.shape), np.zeros(s.shape[:2])
