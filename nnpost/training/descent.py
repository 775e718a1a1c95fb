"""A block of restarts on its way, whatever takes their steps: compiled kernels, or torch."""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["Descent", "Portion"]


class Portion(NamedTuple):
    """How much is done in one go: so many restarts side by side, so many epochs of them."""

    rows: int
    epochs: int


class Descent(Protocol):
    """R restarts on their way, each as it would go alone."""

    def advance(self, epochs: int, orders: np.ndarray | None) -> None:
        """Train on for some epochs, the points of whose steps are ``orders`` (batches.py)."""

    def losses(self) -> np.ndarray:
        """Means of ((f − y)/yerr)² over all points of each data set: (sets, R)."""

    def ends(self) -> np.ndarray:
        """Where they are now, float64: (R, P without log σ)."""
