"""Independence proposals: a fresh network from a mixture fitted beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior
from .proposal import Random

__all__ = ["FoldedIndependence"]


@dataclass(frozen=True, eq=False)
class FoldedIndependence:
    """A fresh network from a mixture on the domain D of FoldedPosterior, one for each ensemble.

    A draw inside D is turned into one of its copies at random, so the density of what is proposed
    is m(fold(q)) up to a constant, at every copy; a draw outside D is not proposed at all.
    """

    mixtures: tuple[StudentMixture, ...]
    folded: FoldedPosterior

    @cached_property
    def _side_by_side(self) -> StudentMixture:
        return StudentMixture.stacked(self.mixtures)

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        new = self._side_by_side.draw(s.shape[1], rng)
        flat = new.reshape(-1, s.shape[2])
        old = self.folded.fold(s.reshape(flat.shape)).reshape(s.shape)
        both = self._side_by_side.log_prob(np.concatenate([old, new], axis=1))
        factors = both[:, : s.shape[1]] - both[:, s.shape[1] :]
        factors[~self.folded.inside(flat).reshape(factors.shape)] = -np.inf
        return self.folded.any_copy(flat, rng).reshape(s.shape), factors
