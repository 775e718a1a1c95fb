"""Inputs at which curves are compared and shown."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

__all__ = ["grid", "prediction_grid"]


def grid(x: np.ndarray, steps: int = 120, points: int = 200) -> np.ndarray:
    """Inputs at which predictions are told, (m, d), for data at x (n, d).

    For one input ``steps`` even steps over twice the range of the data, else every so many of the
    data, at most ``points``.
    """
    if x.shape[1] > 1:
        return x[:: -(-len(x) // points)]
    low, high = float(x.min()), float(x.max())
    margin = (high - low) / 2 or 0.5 * max(1.0, abs(low))  # all at one place: some way around it
    return np.linspace(low - margin, high + margin, steps + 1)[:, None]


def prediction_grid(x: NDArray[np.float64], places: int = 16) -> NDArray[np.float64]:
    """Where predictions are judged: (n, d) -> (at most ``places``, d).

    Even steps across the data's range for one input, else data points evenly spread through the
    table.
    """
    if x.shape[1] == 1:
        return np.linspace(x.min(), x.max(), places)[:, None]
    return x[np.unique(np.linspace(0, len(x) - 1, places).astype(int))]
