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
    "usual_moves",
]

# Proposals over all parameters, by the module and the class: a new one is its file and a line here.
PROPOSALS = {
    "stretch": "stretch.Stretch",
    "de": "differential_evolution.DifferentialEvolution",
    "snooker": "snooker.Snooker",
    "walk": "walk.Walk",
}

MOVES = ("collapsed", *PROPOSALS, "hmc", "hmc-walk", "hmc-side")

SEVERAL = 12  # sampled parameters of several inputs above which walkers alone do not mix
MANY = 25  # sampled parameters of "collapsed" above which steps along gradients pay
WARMUP = 200  # steps


def chosen_moves(moves: str, post: Posterior) -> str:
    """The moves that "auto" stands for: of :func:`usual_moves`, and "collapsed" where the output
    layer can be integrated out given latent numbers of the points."""
    if moves != "auto":
        return moves
    if post.collapses and not post.exact_layer:
        return "collapsed"
    return usual_moves(post.exact_layer, post.net.inputs, post.net.ndim - post.net.n_output)


def usual_moves(exact: bool, inputs: int, sampled: int) -> str:
    """Moves where none are asked for: "collapsed" where the output layer can be integrated out
    (``exact``), "hmc" elsewhere, and where there are several inputs and more than a few parameters
    in front of the output layer, but not so many that "collapsed" goes along gradients itself.

    Weights of one unit on several inputs turn together, which moves of an ensemble do not follow:
    two units on ten inputs (diabetes of scikit-learn) had an autocorrelation time of 4,165 steps
    with "collapsed" and of 24 with "hmc" (benchmarks/own_data.py).
    """
    followed = inputs == 1 or sampled <= SEVERAL or along_gradients("collapsed", sampled, exact)
    return "collapsed" if exact and followed else "hmc"


def uses_gradients(moves: str, post: Posterior) -> bool:
    """Whether ``moves`` moves along gradients with any number of walkers.

    Other moves only combine walkers and stay within what an ensemble spans.
    """
    return along_gradients(moves, post.ndim - post.net.n_output, post.exact_layer)


def along_gradients(moves: str, sampled: int, exact: bool) -> bool:
    """The same for so many parameters in front of an output layer that is, or is not, integrated
    out without latent numbers."""
    return moves == "hmc" or (moves == "collapsed" and (sampled > MANY or not exact))
