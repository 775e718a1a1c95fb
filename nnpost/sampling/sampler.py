"""emcee's sampler with a lighter loop, in which a step's random numbers depend on its number alone.

emcee copies the whole state of its generator after every step, which takes as long as the densities
of a small network do. Here step t has a generator of its own: Philox (Salmon et al. 2011, Parallel
random numbers: as easy as 1, 2, 3, SC11), whose key the chain's first random state gives, and whose
counter begins with t. A chain that knows that state and its own length goes on bit for bit,
whatever an interrupted step had used up.
"""

from __future__ import annotations

from collections.abc import Iterator

import emcee
import numpy as np
from emcee.model import Model

from ..storage.backend import RandomState

__all__ = ["Sampler", "StepRandom"]


class StepRandom:
    """The generators of all steps of a chain, by the random state (MT19937) that it begins with."""

    def __init__(self, first: RandomState) -> None:
        chain = np.random.RandomState()
        chain.set_state(first)
        self._bits = np.random.Philox(key=chain.randint(2**64, size=2, dtype=np.uint64))
        self._state = self._bits.state
        self._counter = self._state["state"]["counter"]

    def at(self, step: int) -> np.random.RandomState:
        """That of a step, for as long as no other is asked for."""
        self._counter[:] = 0, step, 0, 0  # every step has 2⁶⁴ blocks of numbers
        self._bits.state = self._state
        return np.random.RandomState(self._bits)


class Sampler(emcee.EnsembleSampler):
    """emcee's, of one move: ``random_state`` stays the one that the chain began with."""

    def sample(
        self, initial_state: emcee.State, iterations: int, thin_by: int = 1
    ) -> Iterator[emcee.State]:
        """Make and keep so many rows more, one for every ``thin_by`` steps.

        ``initial_state`` has its log densities and the random state of the chain. The state that is
        given after each row is always the same object.
        """
        state = emcee.State(initial_state, copy=True)
        self.random_state = state.random_state
        (move,), random = self._moves, StepRandom(state.random_state)
        first = self.backend.iteration * thin_by
        self.backend.grow(iterations, None)
        for step in range(first, first + iterations * thin_by):
            model = Model(self.log_prob_fn, self.compute_log_prob, map, random.at(step))
            state, accepted = move.propose(model, state)
            if (step + 1) % thin_by == 0:
                self.backend.save_step(state, accepted)
                yield state
