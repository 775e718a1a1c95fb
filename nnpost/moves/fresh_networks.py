"""Many fresh networks from a mixture fitted beforehand, of which one may take a walker's place."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior
from .proposal import Random

__all__ = ["FreshNetworks"]


@dataclass(frozen=True, eq=False)
class FreshNetworks:
    """M draws of a mixture m compete with the present network, for walkers in the domain D.

    One of all is taken with the weight p̃/m, p̃ the ``quick`` posterior: iterated sampling importance
    resampling, which leaves p̃ invariant and is reversible (Tjelmeland 2004, NTNU statistics report
    4/2004; Andrieu, Lee & Vihola 2018, Bernoulli 24, 842). p̃(old)/p̃(new) as Hastings factor makes
    it right for the posterior itself (as in Christen & Fox 2005, J. Comput. Graph. Stat. 14, 795),
    which is nearly always accepted where p̃ is close to it. Draws outside D have no weight.

    A mixture that a few draws in a hundred fit is no proposal of one draw, but of M such.
    """

    mixtures: tuple[StudentMixture, ...]  # one for each ensemble
    quick: FoldedPosterior  # on few points that stand for all
    count: int = 16  # M

    @cached_property
    def _side_by_side(self) -> StudentMixture:
        return StudentMixture.stacked(self.mixtures)

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        ensembles, walkers, d = s.shape
        fresh = self._side_by_side.draw(walkers * self.count, rng)
        every = np.concatenate([s[:, :, None], fresh.reshape(ensembles, walkers, -1, d)], axis=2)
        flat = every.reshape(ensembles, -1, d)
        density = self.quick.log_prob(flat.reshape(-1, d)).reshape(every.shape[:3])
        log_w = density - self._side_by_side.log_prob(flat).reshape(density.shape)
        gumbel = -np.log(-np.log(rng.random_sample(log_w.shape)))
        pick = np.argmax(log_w + gumbel, axis=2)[:, :, None]
        q = np.take_along_axis(every, pick[..., None], axis=2)[:, :, 0]
        chosen = np.take_along_axis(density, pick, axis=2)
        return q, (density[:, :, :1] - chosen)[:, :, 0]
