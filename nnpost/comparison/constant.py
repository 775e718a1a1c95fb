"""The best constant: what a network comes to that has learned nothing of x."""

from __future__ import annotations

import numpy as np

from ..data.dataset import Dataset
from ..numerics.monte_carlo import Estimate, binomial
from ..posterior.posterior import Posterior

__all__ = ["constant_misfit", "left_at_constant"]

NO_BETTER = 0.99  # of the constant's misfit: from here on a network has learned nothing


def constant_misfit(data: Dataset) -> float:
    """The mean square of y about its weighted mean, over yerr² where data bring errors: what
    ``mse`` of the best constant is, in units of the file. ``data`` has one target."""
    raw = data.raw
    weight = np.ones(raw.n) if raw.yerr is None else raw.yerr**-2.0
    middle = np.average(raw.y, weights=weight)
    return float(np.mean((raw.y - middle) ** 2 * weight))


def left_at_constant(post: Posterior, mse: np.ndarray) -> Estimate | None:
    """The share of restarts that ended with the best constant's misfit or worse, by ``mse`` (R,).

    None where the likelihood is not a Gaussian one of one target, which has another best constant.
    """
    if not post.gaussian or post.components > 1:
        return None
    return binomial(mse >= NO_BETTER * constant_misfit(post.data))
