"""The scales of ReLU neurons, along which nothing but the prior decides."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random

__all__ = ["NeuronScale"]


@dataclass(frozen=True)
class NeuronScale:
    """Every neuron longer or shorter: (w, b) → α (w, b), log α ~ N(0, ``sigma``²), factor Π αᵏ.

    ``blocks`` (U, k) holds the k coordinates of each. A ReLU neuron computes the same after
    (w, b, a) → (αw, αb, a/α), α > 0, so that α is known from the prior alone, and steps of any
    other direction change what the network computes on their way along it. αᵏ is the volume that
    the map stretches by.
    """

    blocks: tuple[tuple[int, ...], ...]
    sigma: float = 0.6

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        blocks = np.array(self.blocks)
        log_scale = self.sigma * rng.standard_normal((*s.shape[:2], len(blocks)))
        q = s.copy()
        q[..., blocks] *= np.exp(log_scale)[..., None]
        return q, blocks.shape[1] * log_scale.sum(axis=2)
