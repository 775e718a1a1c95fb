"""What only the order of draws matters to: quantiles, the Wasserstein distance, and their errors.

Draws are *ranked* here: a row a place, each in ascending order, (m, draws). Sorting is what such
numbers cost; ranked draws without some of them are ranked still.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np

from .monte_carlo import with_error, without_each

__all__ = ["jackknife_ranked", "quantiles", "wasserstein"]


def jackknife_ranked(
    statistic: Callable[[np.ndarray], np.ndarray], labels: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray]:
    """As :func:`~.monte_carlo.jackknife`, for a statistic of ranked draws.

    ``values`` are draws (D, m) in any order, and ``labels`` (D,) their batches.
    """
    rows = values.T
    order = np.argsort(rows, axis=1)
    ranked = np.take_along_axis(rows, order, axis=1)
    left = (ranked[kept[order]].reshape(len(rows), -1) for kept in without_each(labels))
    return with_error(statistic(some) for some in chain([ranked], left))


def quantiles(ranked: np.ndarray, levels: tuple[float, ...]) -> np.ndarray:
    """Of every row, as numpy.quantile has them: (m, D) -> (levels, m)."""
    place = np.array(levels) * (ranked.shape[1] - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, ranked.shape[1] - 1)
    low, high = ranked[:, below], ranked[:, above]
    return np.asarray((low + (place - below) * (high - low)).T)


def wasserstein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Wasserstein-1 distance of two sets of ranked draws, row by row: (m, S), (m, D) -> (m,).

    The integral of the distance of the two quantile functions, which are steps (Villani 2003,
    Topics in Optimal Transportation, 2.18).
    """
    sizes = one.shape[1], other.shape[1]
    levels = np.union1d(*(np.arange(1, size + 1) / size for size in sizes))
    widths = np.diff(levels, prepend=0.0)
    middle = levels - widths / 2
    at = [np.minimum((middle * size).astype(int), size - 1) for size in sizes]
    return np.asarray(np.abs(one[:, at[0]] - other[:, at[1]]) @ widths)
