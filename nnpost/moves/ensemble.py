"""Proposals accepted or not, for all walkers of independent ensembles at once, over any density."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Any

import numpy as np
from emcee.moves import Move

from ..posterior.density import Density, Drawn
from .proposal import Proposal, Random, decide, halves
from .walkers import Walkers

__all__ = ["EnsembleMove"]

LogDensity = Callable[[np.ndarray], np.ndarray]
Complete = Callable[[np.ndarray, Random], Drawn]


class EnsembleMove(Move):
    """One of some proposals at each step, drawn with its weight, in the space of a ``density``.

    What the space leaves out of a vector is drawn anew with every proposal. That makes the
    Hastings ratio the one of the density in the space alone, and the whole an ordinary
    Metropolis–Hastings move on the posterior (Liu 1994, JASA 89, 958).

    ``proposals`` is one, or pairs of one and its weight. Without a ``density`` the walkers move
    under the log density of emcee's own sampler, which may be any function of the user's,

        emcee.EnsembleSampler(E * W, d, log_prob, moves=EnsembleMove(Stretch(), E), vectorize=True)

    (B, d) -> (B,). It is called as it is, without emcee's checks, which take half as long as a
    small network does: it must not return NaN.
    """

    def __init__(
        self,
        proposals: Proposal | Sequence[tuple[Proposal, float]],
        ensembles: int = 1,
        density: Density | None = None,
    ) -> None:
        pairs = proposals if isinstance(proposals, Sequence) else [(proposals, 1.0)]
        self.proposals = [proposal for proposal, _ in pairs]
        weights = np.array([weight for _, weight in pairs], dtype=float)
        self.weights = weights / weights.sum()
        self.ensembles, self.density = ensembles, density
        self._walkers: Walkers | None = None
        if density is not None:
            self._walkers = Walkers(("h", "density"), lambda x: (density.log_prob(x),))

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        x, density = self._places(state)
        over = self.density
        complete: Complete = over.complete if over else partial(_whole, model.log_prob_fn)
        accepted = np.zeros(len(x), dtype=bool)
        proposal = self._choose(model.random)
        for s, c in halves(len(x), self.ensembles, model.random):
            q, factors = proposal.propose(x[s], x[c], model.random)
            flat = q.reshape(-1, q.shape[-1])
            new = complete(flat, model.random)
            ratio = factors.ravel() + new.density - density[s.ravel()]
            # What is drawn is part of the proposal: where it has no density, neither has q.
            ratio[~np.isfinite(new.log_prob)] = -np.inf
            rows, taken = decide(ratio, s, model.random)
            state.coords[rows], state.log_prob[rows] = new.theta[taken], new.log_prob[taken]
            if over:
                x[rows], density[rows] = flat[taken], new.density[taken]
            accepted[rows] = True
        return state, accepted

    def get_state(self) -> dict[str, np.ndarray]:
        """What must be stored beside the walkers for a bit-for-bit continuation."""
        return {} if self._walkers is None else self._walkers.get_state()

    def set_state(self, state: Mapping[str, np.ndarray]) -> None:
        """Continue from :meth:`get_state`."""
        if self._walkers is not None:
            self._walkers.set_state(state)

    def _places(self, state: Any) -> Sequence[np.ndarray]:
        """Where the walkers are in the space, and their log densities there."""
        if self.density is None or self._walkers is None:
            return state.coords, state.log_prob
        return self._walkers.at(self.density.split(state.coords))

    def _choose(self, rng: Random) -> Proposal:
        if len(self.proposals) == 1:
            return self.proposals[0]
        return self.proposals[int(rng.choice(len(self.weights), p=self.weights))]


def _whole(log_prob: LogDensity, x: np.ndarray, rng: Random) -> Drawn:
    """Nothing is left to draw where x is all there is."""
    density = log_prob(x)
    return Drawn(x, density, density)
