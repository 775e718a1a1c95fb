"""``[sample]``: the settings of a chain."""

from __future__ import annotations

from dataclasses import dataclass, replace

from ..common.settings import (
    Section,
    one_of,
    setting,
    whole,
)
from ..moves.names import MOVES

__all__ = ["SampleSettings"]

STARTS = ("tempered", "fits", "prior", "ball")


@dataclass(frozen=True)
class SampleSettings(Section):
    """``[sample]``: ensembles of walkers, their moves, and where they start."""

    title = "sample"
    moves: str = setting("collapsed", one_of(*MOVES))
    start: str = setting("tempered", one_of(*STARTS))
    ensembles: int = setting(4, whole(1))
    nwalkers: int | None = setting(None, whole(2))
    nsteps: int = setting(5000, whole(1))
    discard: int | None = setting(None, whole(0))
    thin: int = setting(1, whole(1))

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.discard is not None and self.discard >= self.nsteps:
            self.refuse(
                "discard",
                f"found {self.discard}, expected fewer than sample.nsteps = {self.nsteps}",
            )
        if self.thin > self.nsteps:
            self.refuse(
                "thin", f"found {self.thin}, expected at most sample.nsteps = {self.nsteps}"
            )

    def resolved(self, ndim: int, spanning: bool = True) -> SampleSettings:
        """The same with the number of walkers chosen and checked for ``ndim`` parameters.

        ``spanning`` tells whether the walkers must span the space of the parameters.
        """
        least = 2 * ndim if spanning else 2
        if self.nwalkers is None:
            return replace(self, nwalkers=max(32, least) if spanning else 8)
        if self.nwalkers < least or self.nwalkers % 2:
            why = f" (twice the {ndim} parameters)" if spanning else ""
            self.refuse(
                "nwalkers",
                f"found {self.nwalkers}, expected an even number of at least {least}{why}; use "
                f"{max(least, self.nwalkers + self.nwalkers % 2)}",
            )
        return self
