"""Moves in the space without the output layer, which is drawn exactly."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from emcee.moves import Move

from ..posterior.output_layer import OutputLayer
from .proposal import Proposal, decide, halves

__all__ = ["CollapsedMove", "DirectMove"]


class DirectMove(Move):
    """Independent exact draws, for networks whose posterior is the Gaussian of the output layer."""

    def __init__(self, layer: OutputLayer) -> None:
        self.layer = layer

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        draws = self.layer.draw(self.layer.split(state.coords), model.random)
        state.coords[...], state.log_prob[...] = draws.theta, draws.log_prob
        return state, np.ones(len(state.coords), dtype=bool)


class CollapsedMove(Move):
    """Proposals for everything but the output layer, which is drawn from p(o | h, y).

    Drawing o' exactly makes the Hastings ratio that of the collapsed posterior p(y, h')/p(y, h),
    so this is an ordinary Metropolis–Hastings move on the full posterior (Liu 1994,
    JASA 89, 958). At each step one of ``proposals`` is drawn with its weight.

    The collapsed density of the current places is kept between steps; ``get_state`` and
    ``set_state`` let a stored run continue with the same bits.
    """

    def __init__(
        self,
        layer: OutputLayer,
        proposals: Sequence[tuple[Proposal, float]],
        ensembles: int = 1,
    ) -> None:
        self.layer = layer
        self.proposals = [proposal for proposal, _ in proposals]
        weights = np.array([weight for _, weight in proposals], dtype=float)
        self.weights = weights / weights.sum()
        self.ensembles = ensembles
        self._h = np.empty((0, layer.ndim))
        self._density = np.empty(0)

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        h, density = self._current(state.coords)
        accepted = np.zeros(len(h), dtype=bool)
        proposal = self.proposals[int(model.random.choice(len(self.weights), p=self.weights))]
        for s, c in halves(len(h), self.ensembles, model.random):
            q, factors = proposal.propose(h[s], h[c], model.random)
            new = self.layer.draw(q.reshape(-1, q.shape[-1]), model.random)
            ratio = factors.ravel() + new.collapsed - density[s.ravel()]
            # A draw of o is part of the proposal: where it has no density, neither has q.
            ratio[~np.isfinite(new.log_prob)] = -np.inf
            rows, taken = decide(ratio, s, model.random)
            state.coords[rows], state.log_prob[rows] = new.theta[taken], new.log_prob[taken]
            h[rows], density[rows] = self.layer.split(new.theta[taken]), new.collapsed[taken]
            accepted[rows] = True
        return state, accepted

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        return {"h": self._h, "density": self._density}

    def set_state(self, state: dict[str, np.ndarray]) -> None:
        self._h, self._density = state["h"].copy(), state["density"].copy()

    def _current(self, coords: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        h = self.layer.split(coords)
        if not np.array_equal(h, self._h):
            self._h, self._density = h, self.layer.log_prob(h)
        return self._h, self._density
