"""What only the order of draws matters to: quantiles, the Wasserstein distance, and their errors.

Draws are *ranked* here: a row a place, each in ascending order, (m, draws). Sorting is what such
numbers cost; ranked draws without some of them are ranked still.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import chain

import numpy as np

from .monte_carlo import left_out_error, with_error, without_each

__all__ = ["jackknife_ranked", "quantiles", "quantiles_with_errors", "wasserstein"]


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
    return _at(ranked, np.repeat(np.array(levels)[:, None], len(ranked), axis=1))


def quantiles_with_errors(
    labels: np.ndarray, values: np.ndarray, levels: tuple[float, ...]
) -> tuple[np.ndarray, np.ndarray]:
    """Quantiles of draws (D, m) in batches ``labels`` (D,), and their errors: (levels, m) each.

    The share of draws below a quantile has a standard error ε by the batches; the quantile's is
    half the way between those of the levels p − ε and p + ε (as in Vehtari et al. 2021, Bayesian
    Anal. 16, 667, appendix B, with the batches for the effective size). A jackknife of the quantile
    itself would tell too small an error: without a batch it moves by few draws or by none.
    """
    ranked = np.sort(values.T)
    found = quantiles(ranked, levels)
    below = values[None] <= found[:, None]
    member = labels == np.unique(labels)[:, None]
    if len(member) < 2:
        return found, np.full(found.shape, np.nan)
    count = member.astype(float) @ below  # (levels, batches, m)
    left = (count.sum(axis=1, keepdims=True) - count) / (len(labels) - member.sum(axis=1))[:, None]
    error = left_out_error(left.swapaxes(0, 1))
    centre = np.array(levels)[:, None]
    low, high = (_at(ranked, np.clip(centre + way * error, 0, 1)) for way in (-1, 1))
    with np.errstate(invalid="ignore"):  # both of them infinite: not known
        return found, (high - low) / 2


def _at(ranked: np.ndarray, levels: np.ndarray) -> np.ndarray:
    """Quantiles of levels (levels, m) of their own for every row: (m, D) -> (levels, m)."""
    place = levels.T * (ranked.shape[1] - 1)
    below = place.astype(int)
    above = np.minimum(below + 1, ranked.shape[1] - 1)
    low, high = (np.take_along_axis(ranked, at, axis=1) for at in (below, above))
    share = place - below
    with np.errstate(over="ignore", invalid="ignore"):
        between = np.where((share > 0) & (low != high), share * (high - low), 0.0)
    return np.asarray((low + between).T)


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
