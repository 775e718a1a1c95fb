"""How the chain of a run file was made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

__all__ = ["Sampled", "burnin"]


@dataclass(frozen=True)
class Sampled:
    """How the chain of a run file was made: the settings, and the seconds that it took.

    ``discard`` is the steps that results leave out, ``thin`` the steps from one row to the next
    (before a thinned copy was made), ``seconds`` NaN where they are not known.
    """

    group: ClassVar[str] = "sampling"

    ensembles: int
    nwalkers: int  # of every ensemble
    nsteps: int
    discard: int
    thin: int
    moves: str
    start: str
    seed: int
    seconds: float = math.nan

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of numbers and strings."""
        return asdict(self)

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`to_tree` gave."""
        return cls(**{f.name: tree[f.name] for f in fields(cls) if f.name in tree})


def burnin(discard: int, thin: int, rows: int) -> int:
    """Rows that results leave out where ``discard`` steps are; at least one row always stays."""
    return min(discard // thin, rows - 1)
