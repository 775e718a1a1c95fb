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
        blocks = np.array(self.blocks)
        z1, z2 = others(c, s, rng, 2)
        moved, first, second = (blocks[rng.randint(len(blocks), size=s.shape[:2])] for _ in "abc")
        gamma0 = 2.38 / np.sqrt(2 * blocks.shape[1])
        gamma = gamma0 * np.exp(self.sigma * rng.standard_normal(s.shape[:2]))
        difference = np.take_along_axis(z1, first, 2) - np.take_along_axis(z2, second, 2)
        q = s.copy()
        here = np.take_along_axis(s, moved, 2)
        np.put_along_axis(q, moved, here + gamma[..., None] * difference, 2)
        return q, np.zeros(s.shape[:2])
