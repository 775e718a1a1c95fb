"""Independence proposals: a fresh network from a mixture fitted beforehand."""

from __future__ import annotations

from dataclasses import dataclass

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

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        q, factors = np.empty_like(s), np.empty(s.shape[:2])
        for e, m in enumerate(self.mixtures):
            new = m.draw(s.shape[1], rng)
            ratio = m.log_prob(self.folded.fold(s[e])) - m.log_prob(new)
            factors[e] = np.where(self.folded.inside(new), ratio, -np.inf)
            q[e] = self.folded.any_copy(new, rng)
        return q, factors
