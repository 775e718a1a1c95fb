"""What is sampled: a log density on a space of its own, and how full vectors come of its points.

:class:`~.posterior.Posterior` itself is that of all P parameters.
:class:`~.output_layer.OutputLayer` has integrated the output layer out, and
:class:`~.folded.FoldedPosterior` has summed the copies of a network too; what they left out is
drawn exactly, given the rest. Where the output layer cannot be integrated out,
:class:`~.whole.Whole` and :class:`~.whole.FoldedWhole` take their places (spaces.py). Moves and
anything else that samples need no more than this.
"""

from __future__ import annotations

from typing import NamedTuple, Protocol

import numpy as np

__all__ = ["Density", "Drawn"]


class Drawn(NamedTuple):
    """Full vectors, and the two log densities that belong to them."""

    theta: np.ndarray  # (B, P)
    density: np.ndarray  # (B,)  of the point that was completed, in its own space
    log_prob: np.ndarray  # (B,)  log posterior of theta


class Density(Protocol):
    """A log density of d = ``ndim`` numbers, −inf where there is nothing, never NaN."""

    @property
    def ndim(self) -> int:
        """d"""

    def split(self, theta: np.ndarray) -> np.ndarray:
        """The point of the space that full vectors belong to: (B, P) -> (B, d), a copy."""

    def log_prob(self, x: np.ndarray) -> np.ndarray:
        """Log density: (B, d) -> (B,)."""

    def log_prob_and_grad(self, x: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Log density and its gradient, zero where there is none: (B, d) -> (B,), (B, d)."""

    def complete(
        self, x: np.ndarray, rng: np.random.RandomState, density: np.ndarray | None = None
    ) -> Drawn:
        """Full vectors for x (B, d), all else drawn given x; ``density`` (B,) where it is known."""
