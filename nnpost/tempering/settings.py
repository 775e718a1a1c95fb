"""``[temper]``: the settings of the tempered runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Self

from ..common.rules import one_of, whole
from ..common.settings import Section, setting

if TYPE_CHECKING:
    from ..posterior.posterior import Posterior

__all__ = ["TemperSettings"]


@dataclass(frozen=True)
class TemperSettings(Section):
    """``[temper]``, and what :func:`nnpost.temper` is given."""

    title = "temper"
    about = "tempered runs, one for each ensemble: where walkers start, and the evidence"
    particles: int = setting(2000, whole(2), "particles of each run, an even number")
    steps: int = setting(8, whole(1), "moves of every particle after each step of the ladder")
    start: str = setting(
        "auto",
        one_of("auto", "prior", "both", "basins"),
        "temper from the prior, from basins that a search found, or from both; auto: by how sharp "
        "it is",
    )

    def checked_for(self, post: Posterior, nwalkers: int = 0) -> Self:
        """The same, if runs on ``post`` can be made so, and give ``nwalkers`` walkers their starts.

        Raises RequestError for too few particles or an odd number, and for a search for basins
        where there is not exactly one hidden layer; for a start from basins alone where the
        output layer cannot be integrated out.
        """
        moving = post.ndim - post.net.n_output * post.exact_layer
        least = max(4 * moving, 4, nwalkers)
        if self.particles < least or self.particles % 2:
            why = f"four for each of the {moving} parameters that move"
            if nwalkers > 4 * moving:
                why = f"one for each of the {nwalkers} walkers of an ensemble"
            self.refuse(
                "particles",
                f"found {self.particles}, expected an even number of at least {least} ({why})",
            )
        if self.start == "basins" and not post.exact_layer:
            self.refuse(
                "start",
                'found "basins", for which the output layer must be integrated out, and that needs '
                f'{post.exact_layer_needs}; use "both"',
            )
        layers = len(post.net.hidden)
        if self.start in ("basins", "both") and layers != 1:
            self.refuse(
                "start",
                f'found "{self.start}", which needs one hidden layer, and {post.net} has {layers}; '
                'use "prior"',
            )
        return self
