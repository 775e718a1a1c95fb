"""Moves of emcee along a network's symmetries: other parameters, the same function.

They connect places between which other moves find no way, and do nothing else, so they are mixed
with moves that do: ``emcee.EnsembleSampler(..., moves=[(EnsembleMove(Stretch(), E), 0.8),
(JumpMove(net), 0.2)])``. No walker looks at another, so ensembles stay independent.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from emcee.moves import Move

from ..network.mlp import MLP
from ..network.relu_scale import resample_orbits
from ..network.symmetry import jump
from ..posterior.posterior import Posterior
from .proposal import decide

__all__ = ["JumpMove", "OrbitMove"]


class JumpMove(Move):
    """Every walker to a random copy of itself: units exchanged and flipped (``symmetry.jump``).

    A jump preserves volume and is as likely as its reverse, so the ratio of the posteriors
    decides. It is one but for sigmoid flips, which change the output bias c and so the prior.
    """

    def __init__(self, net: MLP) -> None:
        self.net = net

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        q = jump(self.net, state.coords, model.random)
        log_prob = model.log_prob_fn(q)
        _, taken = decide(log_prob - state.log_prob, np.arange(len(q)), model.random)
        state.coords[taken], state.log_prob[taken] = q[taken], log_prob[taken]
        return state, taken


class OrbitMove(Move):
    """An exact draw of the scale of every ReLU unit given all else (``orbit.resample_orbits``)."""

    def __init__(self, post: Posterior) -> None:
        self.post = post

    def propose(self, model: Any, state: Any) -> tuple[Any, np.ndarray]:
        q = resample_orbits(self.post.net, state.coords, self.post.scales, model.random)
        log_prob = model.log_prob_fn(q)
        taken = np.isfinite(log_prob)  # beyond floating point the old scale stays
        state.coords[taken], state.log_prob[taken] = q[taken], log_prob[taken]
        return state, taken
