"""Centre and covariance of the bulk of some draws, whatever the others do.

The minimum covariance determinant (Rousseeuw & Van Driessen 1999, Technometrics 41, 212): the
three quarters of the draws that are nearest to their own mean, in their own covariance, found by
concentration steps from the medians.
"""

from __future__ import annotations

import numpy as np
from scipy.stats import chi2

__all__ = ["mahalanobis", "mcd"]


def mcd(x: np.ndarray, kept: float = 0.75, steps: int = 50) -> tuple[np.ndarray, np.ndarray]:
    """Centre (P,) and covariance (P, P) of draws x (N, P), scaled to be exact for a Gaussian.

    Of the share ``kept`` of the draws, by at most so many concentration steps: each lowers the
    determinant, and few are needed.
    """
    count, size = int(np.ceil(kept * len(x))), x.shape[1]
    centre = np.median(x, axis=0)
    width = 1.4826 * np.median(np.abs(x - centre), axis=0)
    cov = np.diag(np.where(width > 0, width, x.std(axis=0) + np.finfo(float).tiny) ** 2)
    core = np.empty(0, dtype=int)
    for _ in range(steps):
        nearest = np.sort(np.argpartition(mahalanobis(x - centre, cov), count - 1)[:count])
        if np.array_equal(nearest, core):
            break
        core = nearest
        centre, cov = x[core].mean(axis=0), np.cov(x[core].T).reshape(size, size)
    share = count / len(x)
    return centre, cov * share / chi2.cdf(chi2.ppf(share, size), size + 2)


def mahalanobis(difference: np.ndarray, cov: np.ndarray) -> np.ndarray:
    """√(dᵀ C⁻¹ d) for rows of differences (N, P), in directions that C knows: (N,)."""
    scale = np.sqrt(np.maximum(np.diag(cov), np.finfo(float).tiny))
    values, vectors = np.linalg.eigh(cov / scale / scale[:, None])
    known = values > 1e-12 * values[-1]
    z = (difference / scale) @ vectors[:, known] / np.sqrt(values[known])
    return np.asarray(np.sqrt((z * z).sum(axis=1)))
