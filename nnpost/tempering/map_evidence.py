"""Have all tempered runs overlooked the highest mode?

Independent runs that end in the same wrong mode agree with each other, and neither R-hat nor the
spread of their log Z can tell. Training has found the maximum of the posterior by another way, and
importance sampling around it gives an estimate of the whole evidence that is unbiased however bad
the draws are: most often too small, and by Markov's inequality e^5 times too large in fewer than
exp(-5) = 0.7 % of all cases. If it comes out so far above what tempering found, tempering is wrong.
"""

from __future__ import annotations

import math

import numpy as np
from scipy.special import logsumexp

from ..posterior.folded import FoldedPosterior
from ..posterior.output_layer import OutputLayer
from ..posterior.posterior import Posterior
from .basin_hopping import Ascent, tops_above

__all__ = ["log_z_around"]


def log_z_around(
    post: Posterior, theta: np.ndarray, seed: int = 0, draws: int = 1000
) -> float | None:
    """log of an unbiased estimate of Z from ``draws`` of a t distribution around theta (P,).

    It stands on the top of the collapsed density behind theta, with the curvature there for its
    precision. None where there is nothing to draw, or no top.
    """
    folded = FoldedPosterior(OutputLayer(post))
    if folded.ndim == 0 or not post.net.hidden:
        return None
    h = folded.layer.split(np.asarray(theta, dtype=float)[None])
    top = tops_above(folded, h, Ascent())
    if len(top.h) == 0:
        return None
    mixture = top.mixture(len(top.h))
    q = mixture.draw(draws, np.random.RandomState(seed))
    log_weights = folded.log_prob(q) - mixture.log_prob(q)
    return float(logsumexp(log_weights) - math.log(draws))
