"""The Wasserstein-1 distance of two sets of draws."""

from __future__ import annotations

import numpy as np

__all__ = ["wasserstein"]


def wasserstein(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Wasserstein-1 distance of two sets of draws, column by column: (S, m), (D, m) -> (m,).

    The integral of the distance of the two quantile functions, which are steps (Villani 2003,
    Topics in Optimal Transportation, 2.18).
    """
    one, other = np.sort(one, axis=0), np.sort(other, axis=0)
    ends = [np.arange(1, len(v) + 1) / len(v) for v in (one, other)]
    levels = np.union1d(*ends)
    widths = np.diff(levels, prepend=0.0)
    middle = levels - widths / 2
    at = [np.minimum((middle * len(v)).astype(int), len(v) - 1) for v in (one, other)]
    return np.asarray(widths @ np.abs(one[at[0]] - other[at[1]]))
