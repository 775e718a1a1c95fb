"""Weighted particles: how many draws they are worth, equal weights, and what a run leaves."""

from __future__ import annotations

import numpy as np
from scipy.special import logsumexp

__all__ = ["log_effective_size", "systematic"]


def systematic(
    log_weights: np.ndarray, rng: np.random.RandomState, size: int | None = None
) -> np.ndarray:
    """Systematic resampling: ``size`` indices, or as many as there are weights w, with expected
    counts size · w/Σw (Kitagawa 1996, J. Comput. Graph. Stat. 5, 1)."""
    weights, size = np.exp(log_weights - logsumexp(log_weights)), size or len(log_weights)
    points = (np.arange(size) + rng.random_sample()) / size
    return np.minimum(np.searchsorted(np.cumsum(weights), points), len(weights) - 1)


def log_effective_size(log_weights: np.ndarray) -> float:
    """log of (Σw)²/Σw², Kish's effective sample size; −inf where there is no weight at all."""
    top = log_weights.max()
    if top == -np.inf:
        return -np.inf
    weights = np.exp(log_weights - top)  # scipy's logsumexp costs several times as much
    return float(2 * np.log(weights.sum()) - np.log(weights @ weights))
