"""What a proposal is, and what all of them share: halves of ensembles, partners, Metropolis' rule.

A **proposal** is a small object with ``propose(s, c, rng) -> (q, log_factors)``: places s (E, S, d)
of the walkers to move, c (E, C, d) of the others of the same ensemble; q like s, and the log of the
Hastings factor (E, S).
"""

from __future__ import annotations

from typing import Protocol

import numpy as np

from ..common.errors import RequestError

__all__ = ["Proposal", "decide", "halves", "others"]

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


def others(c: np.ndarray, s: np.ndarray, rng: Random, count: int) -> list[np.ndarray]:
    """``count`` different members of c (E, C, d) for every walker of s, (E, S, d) each."""
    ensembles, size = c.shape[:2]
    if size < count:
        raise RequestError(
            f"an ensemble has {2 * size} walkers, this move needs at least {2 * count}"
        )
    picks = [rng.randint(size, size=s.shape[:2])]
    for taken in range(1, count):
        pick = rng.randint(size - taken, size=s.shape[:2])
        for earlier in np.sort(picks, axis=0):
            pick = pick + (pick >= earlier)
        picks.append(pick)
    row = np.arange(ensembles)[:, None]
    return [c[row, pick] for pick in picks]


def decide(ratio: np.ndarray, s: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
    """Metropolis' rule: the rows of the state that change, and which proposals they take."""
    with np.errstate(divide="ignore"):
        taken = np.log(rng.random_sample(len(ratio))) < ratio
    return s.ravel()[taken], taken
