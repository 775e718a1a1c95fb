"""The names of the moves, and what they need, for settings that must not import torch."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = [
    "MOVES",
    "PROPOSALS",
    "WARMUP",
    "along_gradients",
    "chosen_moves",
    "uses_gradients",
]

# Proposals over all parameters, by the module and the class: a new one is its file and a line here.
PROPOSALS = {
    "stretch": "stretch.Stretch",
    "de": "differential_evolution.DifferentialEvolution",
    "snooker": "snooker.Snooker",
    "walk": "walk.Walk",
}

MOVES = ("collapsed", *PROPOSALS, "hmc", "hmc-walk", "hmc-side")

MANY = 25  # sampled parameters of "collapsed" above which steps along gradients pay
WARMUP = 200  # steps


def chosen_moves(moves: str, post: Posterior) -> str:
    """The moves that "auto" stands for: "collapsed" where the output layer can be integrated out,
    "hmc" elsewhere."""
    return moves if moves != "auto" else "collapsed" if post.exact_layer else "hmc"


def uses_gradients(moves: str, post: Posterior) -> bool:
    """Whether ``moves`` moves along gradients with any number of walkers.

    Other moves only combine walkers and stay within what an ensemble spans.
    """
    return along_gradients(moves, post.ndim - post.net.n_output)


def along_gradients(moves: str, sampled: int) -> bool:
    """The same for so many parameters in front of the output layer."""
    return moves == "hmc" or (moves == "collapsed" and sampled > MANY)
