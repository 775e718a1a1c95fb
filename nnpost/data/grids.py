"""Inputs at which curves are compared and shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["grid", "prediction_grid"]

STEPS = 120  # of the grid for one input, over twice the range of the data
POINTS = 200  # of the data, where there are several inputs


def grid(x: np.ndarray) -> np.ndarray:
    """Inputs at which predictions are told, (m, d)."""
    if x.shape[1] > 1:
        return x[:: -(-len(x) // POINTS)]
    low, high = float(x.min()), float(x.max())
    reach = (high - low) / 2 or 0.5 * max(1.0, abs(low))  # all at one place: some way around it
    return np.linspace(low - reach, high + reach, STEPS + 1)[:, None]


GRID = 16  # places at which predictions are judged


def prediction_grid(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Where predictions are judged: (n, d) -> (at most 16, d).

    Sixteen even steps across the data's range for one input, else data points evenly spread
    through the table.
    """
    if x.shape[1] == 1:
        return np.linspace(x.min(), x.max(), GRID)[:, None]
    return x[np.unique(np.linspace(0, len(x) - 1, GRID).astype(int))]
