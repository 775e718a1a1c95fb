"""Importance sampling from a mixture that was fitted to particles.

Given the mixture, the mean weight of new draws is an unbiased estimate of Z.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture
from ..posterior.folded import FoldedPosterior

__all__ = ["Refined", "weigh"]


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


def weigh(
    folded: FoldedPosterior,
    q: np.ndarray,
    mixture: StudentMixture,
    rng: np.random.RandomState,
    share: float,
) -> Refined:
    """Draws q (D, H) of ``mixture``, weighted and resampled in the domain of ``folded``.

    ``share`` is that of all draws of the mixture which q were picked from: those in the domain.
    """
    log_weights = folded.log_prob(q) - mixture.log_prob(q)
    log_z = float(logsumexp(log_weights)) - math.log(len(q)) + math.log(share)
    efficiency = math.exp(log_effective_size(log_weights)) / len(q)
    return Refined(q[rng.permutation(systematic(log_weights, rng))], log_z, efficiency, mixture)
