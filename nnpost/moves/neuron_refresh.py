"""One neuron drawn anew from the prior, or mirrored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .proposal import Random

__all__ = ["NeuronRefresh"]


@dataclass(frozen=True, eq=False)
class NeuronRefresh:
    """One unit anew: drawn from its prior, or (every other time) mirrored, (w, b) → −(w, b).

    ``scales`` (U, k) are the prior's standard deviations of ``blocks``. The factor of a draw is
    prior(s)/prior(q); a mirror is symmetric. Few are accepted, but they reach a place that no
    smooth path leads to, as where a ReLU unit looks the other way.
    """

    blocks: np.ndarray
    scales: np.ndarray

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        unit = rng.randint(len(self.blocks), size=s.shape[:2])
        place, scale = self.blocks[unit], self.scales[unit]
        old = np.take_along_axis(s, place, 2)
        mirrored = rng.random_sample(unit.shape) < 0.5
        new = np.where(mirrored[..., None], -old, scale * rng.standard_normal(old.shape))
        q = s.copy()
        np.put_along_axis(q, place, new, 2)
        return q, 0.5 * ((new / scale) ** 2 - (old / scale) ** 2).sum(axis=2)
