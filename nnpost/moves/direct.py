"""Independent exact draws, where a density leaves nothing to sample."""

from __future__ import annotations

from typing import Any

import numpy as np
from emcee.moves import Move

from ..posterior.density import Density

__all__ = ["DirectMove"]


class DirectMove(Move):
    """Every walker drawn anew, for a ``density`` of no parameters.

    That of a network without a hidden layer and with given noise is one: its posterior is the
    Gaussian of the output layer.
    """

    def __init__(self, density: Density) -> None:
        self.density = density

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        drawn = self.density.complete(self.density.split(state.coords), model.random)
        state.coords[...], state.log_prob[...] = drawn.theta, drawn.log_prob
        return state, np.ones(len(state.coords), dtype=bool)
