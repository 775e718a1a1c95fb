"""Independence proposals: a fresh network from a mixture fitted beforehand."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics.student_mixture import StudentMixture
from ..posterior.spaces import Folded
from .proposal import Random

__all__ = ["FoldedIndependence"]


@dataclass(frozen=True, eq=False)
class FoldedIndependence:
    """A fresh network from a mixture on the domain D of a folded space, one for each ensemble.

    A draw inside D is turned into one of its copies, so the density of what is proposed is
    m(fold(q)) times the share of the copy's pattern of flips; a draw outside D is not proposed at
    all. Flips of sigmoid units change the density, so their patterns are proposed as often as they
    are among ``seen`` (N, H), draws from the posterior, with some chance left for all.
    """

    mixtures: tuple[StudentMixture, ...]
    folded: Folded
    seen: np.ndarray
    any_pattern: float = 0.05  # share of the proposals that have any pattern

    @cached_property
    def _side_by_side(self) -> StudentMixture:
        return StudentMixture.stacked(self.mixtures)

    @cached_property
    def _shares(self) -> np.ndarray:
        """Of the patterns, (2^U,)."""
        count = self.folded.patterns
        counts = np.bincount(self.folded.pattern(self.seen), minlength=count) + 1e-9
        return (1 - self.any_pattern) * counts / counts.sum() + self.any_pattern / count

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        new = self._side_by_side.draw(s.shape[1], rng)
        inside, here = new.reshape(-1, s.shape[2]), s.reshape(-1, s.shape[2])
        old = self.folded.fold(here).reshape(s.shape)
        both = self._side_by_side.log_prob(np.concatenate([old, new], axis=1))
        factors = both[:, : s.shape[1]] - both[:, s.shape[1] :]
        chance = rng.random_sample(len(here))
        pattern = np.minimum(self._shares.cumsum().searchsorted(chance), len(self._shares) - 1)
        shares = self._shares[self.folded.pattern(here)] / self._shares[pattern]
        factors += np.log(shares).reshape(factors.shape)
        factors[~self.folded.inside(inside).reshape(factors.shape)] = -np.inf
        return self.folded.copy(inside, pattern, rng).reshape(s.shape), factors
