"""How much the data can outweigh the prior: what decides how a posterior is to be searched."""

from __future__ import annotations

import torch

from ..common.errors import RequestError
from .points import WeightedPoints
from .posterior import Posterior

__all__ = ["gain_of_a_perfect_fit"]


def gain_of_a_perfect_fit(post: Posterior, log_sigma: float | None = None) -> float:
    """Nats of log likelihood from the best constant to a network that meets every point.

    τ/2 · Σ (y − c)²/yerr², half the weighted χ² about the best constant c = Σ (y/yerr²) / Σ 1/yerr²
    (without errors, that about the mean). ``log_sigma`` is the log noise at which it is asked for,
    where the noise is inferred. Raises RequestError where that is missing.
    """
    if post.infers_noise and log_sigma is None:
        raise RequestError(
            "log_sigma: found None, expected the log noise of a fit, since the noise is inferred"
        )
    given = None if log_sigma is None else torch.tensor([log_sigma], dtype=torch.float64)
    points = WeightedPoints.of(post.points)
    roots = points.roots
    constant = (roots @ points.y) / (roots @ roots)
    return 0.5 * float(post.precision(given)) * float((points.y - constant * roots).square().sum())
