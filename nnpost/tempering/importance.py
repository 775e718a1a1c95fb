"""Adaptive importance sampling: a tempered population refined by a mixture fitted to it.

Population Monte Carlo (Cappé et al. 2008, Stat. Comput. 18, 447): a mixture is fitted to the
particles, folded to one copy, draws from it are weighted and resampled, and the mixture is fitted
again. The mean weight of the last round estimates Z without bias, given its mixture.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..numerics.resampling import log_effective_size, systematic
from ..numerics.student_mixture import StudentMixture, fit_mixture
from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer

__all__ = ["Refined", "refine"]

ROUNDS, DRAWS, COMPONENTS = 3, 4000, 24  # of adaptive importance sampling


class Refined(NamedTuple):
    """What the last round of adaptive importance sampling left."""

    h: np.ndarray  # (DRAWS, H), equally weighted, in random order
    log_z: float
    efficiency: float
    mixture: StudentMixture


def refine(layer: OutputLayer, h: np.ndarray, rng: np.random.RandomState) -> Refined:
    """Adaptive importance sampling of the summed copies (folded.py), started at h (N, H)."""
    quotient = FoldedPosterior(layer)
    h = quotient.fold(h)
    for _ in range(ROUNDS):
        mixture = fit_mixture(h, COMPONENTS, rng)
        q = mixture.draw(DRAWS, rng)
        log_weights = quotient.log_prob(q) - mixture.log_prob(q)
        h = q[rng.permutation(systematic(log_weights, rng))]
    log_z = float(logsumexp(log_weights) - math.log(DRAWS))
    efficiency = math.exp(log_effective_size(log_weights)) / DRAWS
    return Refined(quotient.unfold(h, rng), log_z, efficiency, mixture)
