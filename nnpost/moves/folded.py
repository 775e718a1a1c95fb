"""Proposals that know nothing of copies, for walkers in the domain that holds one of each."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..posterior.folded import FoldedPosterior
from .proposal import Proposal, Random

__all__ = ["Folded"]


@dataclass(frozen=True, eq=False)
class Folded:
    """A ``proposal`` that treats all copies of a network alike, folded into the domain D.

    What it proposes outside D stands for its copy inside. That is right for a proposal that, from a
    copy of s, proposes the same copy of q with the same probability and the same factor: summed
    over the copies of q, the probability of q from s depends on neither copy.
    """

    proposal: Proposal
    domain: FoldedPosterior

    def propose(self, s: np.ndarray, c: np.ndarray, rng: Random) -> tuple[np.ndarray, np.ndarray]:
        q, factors = self.proposal.propose(s, c, rng)
        return self.domain.fold(q.reshape(-1, q.shape[2])).reshape(q.shape), factors
