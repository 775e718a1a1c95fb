"""Moves of emcee that keep several independent ensembles apart.

A state holds E ensembles of W walkers side by side, walkers of ensemble e in rows e·W … (e+1)·W.
Every move splits each ensemble at random into two halves and proposes new places for one half
from the other half *of the same ensemble* (Foreman-Mackey et al. 2013, PASP 125, 306, §3), all
ensembles and walkers in one vectorised call.

A **proposal** is a small object with ``propose(s, c, rng) -> (q, log_factors)``: places s (E, S, d)
of the walkers to move, c (E, C, d) of the others; q like s, and the log of the Hastings factor
(E, S). :class:`EnsembleMove` makes proposals in the full space; :class:`CollapsedMove` makes the
same proposals in the space without the output layer, which it draws exactly.

The sampler's log density must take many vectors, (B, P) -> (B,), as with emcee's
``vectorize=True``, and must not return NaN: it is called as it is, without the checks of emcee's
``compute_log_prob``, which take half as long as a small network does.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from emcee.moves import Move

from .proposal import Proposal, decide, halves

__all__ = ["EnsembleMove"]


class EnsembleMove(Move):
    """One proposal in the full space, accepted or not for all walkers at once."""

    def __init__(self, proposal: Proposal, ensembles: int = 1) -> None:
        self.proposal = proposal
        self.ensembles = ensembles

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        accepted = np.zeros(len(state.coords), dtype=bool)
        for s, c in halves(len(state.coords), self.ensembles, model.random):
            q, factors = self.proposal.propose(state.coords[s], state.coords[c], model.random)
            flat = q.reshape(-1, q.shape[-1])
            log_prob = model.log_prob_fn(flat)
            ratio = factors.ravel() + log_prob - state.log_prob[s.ravel()]
            rows, taken = decide(ratio, s, model.random)
            state.coords[rows], state.log_prob[rows] = flat[taken], log_prob[taken]
            accepted[rows] = True
        return state, accepted
