"""What a proposal is, and what all moves share: halves of ensembles, partners, Metropolis' rule.

A state of emcee holds E independent ensembles of W walkers side by side, those of ensemble e in
rows e·W … (e+1)·W. Every ensemble is split at random into two halves, and new places for one half
are proposed from the other half *of the same ensemble* (Foreman-Mackey et al. 2013, PASP 125, 306,
§3), for all ensembles and walkers in one vectorised call.

A **proposal** is a small frozen object with ``propose(s, c, rng) -> (q, log_factors)``:

- s (E, S, d), the places of the walkers to move, and c (E, C, d), those of the other half;
- rng, the numpy RandomState of emcee's sampler, from which all randomness comes;
- q (E, S, d), the proposed places, and (E, S) the log of the Hastings factor
  p(q → s)/p(s → q), 0 where the proposal is symmetric and −inf where q must not be taken.

It knows nothing of the density: :class:`~.ensemble.EnsembleMove` accepts or refuses, in whatever
space the walkers are moved, and a tempered run does so at its own temperature. A new one is a file
in this folder and a line in ``names.py``.
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..common.errors import RequestError

__all__ = ["Indices", "Proposal", "Random", "decide", "halves", "others"]

Random = np.random.RandomState  # what emcee hands to its moves
Indices = tuple[np.ndarray, np.ndarray]


class Proposal(Protocol):
    """Where a walker may go next, seen from the other half of its ensemble."""

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        """s (E, S, d), c (E, C, d) -> q (E, S, d), log factors (E, S)."""


def halves(walkers: int, ensembles: int, rng: Random) -> list[Indices]:
    """Split each ensemble at random, both ways round: rows (E, S) to move, rows (E, C) to use."""
    width, rest = divmod(walkers, ensembles)
    if rest or width % 2:
        raise RequestError(
            f"found {walkers} walkers in {ensembles} ensembles, expected the same even number "
            "of walkers in each"
        )
    order = np.argsort(rng.random_sample((ensembles, width)), axis=1)
    rows = order + width * np.arange(ensembles)[:, None]
    first, second = rows[:, : width // 2], rows[:, width // 2 :]
    return [(first, second), (second, first)]


def others(c: np.ndarray, s: np.ndarray, rng: Random, count: int) -> np.ndarray:
    """``count`` different members of c (E, C, d) for every walker of s: (count, E, S, d)."""
    ensembles, size, d = c.shape
    if size < count:
        raise RequestError(
            f"an ensemble has {2 * size} walkers, this move needs at least {2 * count}"
        )
    chance = rng.random_sample((count, *s.shape[:2]))
    left = size - np.arange(count)  # how many there are to choose from, for each in turn
    picks = (chance * left[:, None, None]).astype(np.intp)
    for k in range(1, count):
        for earlier in np.sort(picks[:k], axis=0) if k > 1 else picks[:1]:
            picks[k] += picks[k] >= earlier
    picks += size * np.arange(ensembles)[:, None]
    return c.reshape(-1, d).take(picks, axis=0)


def decide(ratio: np.ndarray, s: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Metropolis' rule: the rows of the state that change, and which proposals they take."""
    with np.errstate(divide="ignore"):
        taken = np.log(rng.random_sample(len(ratio))) < ratio
    return s.ravel()[taken], taken
