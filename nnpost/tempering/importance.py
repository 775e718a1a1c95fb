"""Adaptive importance sampling: tempered particles refined by a mixture fitted to them.

Population Monte Carlo (Cappé et al. 2008, Stat. Comput. 18, 447): a mixture is fitted to the
particles, folded to one copy, draws from it are weighted and resampled, and the mixture is fitted
again. The draws of the last round are new, so that given its mixture, and therefore altogether,
their mean weight is an unbiased estimate of Z.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture, fit_mixture
from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer

__all__ = ["Importance", "Refined", "refine", "weigh"]


@dataclass(frozen=True)
class Importance:
    """How much adaptive importance sampling is made."""

    rounds: int = 3
    draws: int = 4000  # of each round
    components: int = 24  # of the mixture


class Refined(NamedTuple):
    """What D importance draws from a mixture have become."""

    h: np.ndarray  # (D, H), equally weighted, in random order
    log_z: float
    efficiency: float  # effective draws, as a share of D
    mixture: StudentMixture  # on the domain D of folded.py

    @property
    def effective(self) -> float:
        """How many draws of the posterior the weighted ones were worth."""
        return self.efficiency * len(self.h)


def refine(
    layer: OutputLayer, h: np.ndarray, rng: np.random.RandomState, tuning: Importance
) -> Refined:
    """Adaptive importance sampling of the summed copies (folded.py), started at h (N, H)."""
    folded = FoldedPosterior(layer)
    h = folded.fold(h)
    for _ in range(tuning.rounds):
        mixture = fit_mixture(h, tuning.components, rng)
        found = weigh(folded, mixture.draw(tuning.draws, rng), mixture, rng)
        h = found.h
    return found._replace(h=folded.unfold(h, rng))


def weigh(
    folded: FoldedPosterior,
    q: np.ndarray,
    mixture: StudentMixture,
    rng: np.random.RandomState,
    share: float = 1.0,
) -> Refined:
    """Draws q (D, H) of ``mixture``, weighted and resampled in the domain of ``folded``.

    ``share`` is that of all draws of the mixture which q were picked from: those in the domain.
    """
    log_weights = folded.log_prob(q) - mixture.log_prob(q)
    log_z = float(logsumexp(log_weights)) - math.log(len(q)) + math.log(share)
    efficiency = math.exp(log_effective_size(log_weights)) / len(q)
    return Refined(q[rng.permutation(systematic(log_weights, rng))], log_z, efficiency, mixture)
