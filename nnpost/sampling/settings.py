"""``[sample]``: the settings of a chain."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Self

from ..common.rules import one_of, whole
from ..common.settings import Section, setting
from ..moves.names import MOVES, chosen_moves, uses_gradients

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = ["SampleSettings"]

NSTEPS = 5000  # where nothing is said of them
WALKERS = 8  # of each ensemble: a covariance pooled over units needs no more to span the space


@dataclass(frozen=True)
class SampleSettings(Section):
    """``[sample]``, and what :func:`nnpost.sample` is given."""

    title = "sample"
    about = "independent ensembles of walkers, how they move and where they start"
    moves: str = setting(
        "auto",
        one_of("auto", *MOVES),
        "how walkers move; collapsed draws the output layer exactly; auto: that, or hmc where that "
        "layer cannot be integrated out or several inputs have 13 to 25 parameters in front of it",
    )
    start: str = setting(
        "tempered",
        one_of("tempered", "fits", "prior", "ball"),
        "tempered runs, ends of training, prior draws, or a ball of 1e-4 around zero",
    )
    ensembles: int = setting(4, whole(1), "independent ensembles; a verdict needs 4")
    nwalkers: int | None = setting(
        None,
        whole(2),
        "walkers of each ensemble, even and at least twice the parameters, or, where moves use "
        "gradients, at least 2; left out, 32 or twice the parameters, or 8",
    )
    nsteps: int | None = setting(
        None,
        whole(1),
        f"steps of every walker, and no more; left out, {NSTEPS}, after which data of your own are "
        "sampled on until the verdict holds or a budget is spent",
    )
    discard: int | None = setting(
        None, whole(0), "first steps that results leave out; left out, a fifth of nsteps"
    )
    thin: int = setting(1, whole(1), "keep one row for every so many steps")

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.discard is not None and self.discard >= self.steps:
            self.refuse(
                "discard",
                f"found {self.discard}, expected fewer than sample.nsteps = {self.steps}",
            )
        if self.thin > self.steps:
            self.refuse("thin", f"found {self.thin}, expected at most sample.nsteps = {self.steps}")

    @property
    def steps(self) -> int:
        """Steps of every walker, whether they were asked for or not."""
        return NSTEPS if self.nsteps is None else self.nsteps

    @property
    def discarded(self) -> int:
        """How many steps at the beginning results leave out."""
        return self.steps // 5 if self.discard is None else self.discard

    @property
    def shape(self) -> tuple[int, int]:
        """Ensembles, and walkers of each, once :meth:`resolved` has chosen them."""
        assert self.nwalkers is not None
        return self.ensembles, self.nwalkers

    @property
    def rows(self) -> int:
        """How many rows are kept: one for every ``thin`` steps."""
        return self.steps // self.thin

    def resolved(self, post: Posterior) -> Self:
        """The same with moves, walkers and steps written out, if ``post`` can be sampled so.

        Moves that only combine walkers stay within what an ensemble spans, and twice as many
        walkers as parameters are sure to span everything. Moves along gradients need no such
        number, since their momenta point anywhere.

        Raises RequestError for too few walkers, for an odd number, and for "collapsed" where the
        output layer cannot be integrated out.
        """
        moves, nsteps = chosen_moves(self.moves, post), self.steps
        if moves == "collapsed" and not post.collapses:
            self.refuse(
                "moves",
                'found "collapsed", which integrates the output layer out, and that needs '
                f'{post.collapse_needs}; use "hmc"',
            )
        spanning = not uses_gradients(moves, post)
        least = 2 * post.ndim if spanning else 2
        if self.nwalkers is None:
            nwalkers = max(32, least) if spanning else WALKERS
            return replace(self, moves=moves, nwalkers=nwalkers, nsteps=nsteps)
        if self.nwalkers < least or self.nwalkers % 2:
            why = f" (twice the {post.ndim} parameters)" if spanning else ""
            self.refuse(
                "nwalkers",
                f"found {self.nwalkers}, expected an even number of at least {least}{why}; use "
                f"{max(least, self.nwalkers + self.nwalkers % 2)}",
            )
        return replace(self, moves=moves, nsteps=nsteps)
