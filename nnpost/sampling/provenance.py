"""How the chain of a run file was made."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar, Self

from ..common.rules import COUNT, SEED, checked

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

    @property
    def spent(self) -> float:
        """The seconds, 0 where they are not known."""
        return 0.0 if math.isnan(self.seconds) else self.seconds

    def differences(self, other: Sampled) -> Iterator[tuple[str, Any, Any]]:
        """Settings that keep ``other`` from being this chain made longer: (name, here, there)."""
        for name, value in asdict(self).items():
            theirs = getattr(other, name)
            if name not in ("nsteps", "discard", "seconds") and value != theirs:
                yield name, value, theirs

    def to_tree(self) -> dict[str, Any]:
        """A plain dict of numbers and strings; seconds that are not known are absent."""
        tree = asdict(self)
        return {k: v for k, v in tree.items() if k != "seconds" or not math.isnan(v)}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Self:
        """What :meth:`to_tree` gave. Raises RequestError for numbers that cannot be."""
        made = cls(**{f.name: tree[f.name] for f in fields(cls) if f.name in tree})
        for name in ("ensembles", "nwalkers", "nsteps", "thin"):
            checked(name, getattr(made, name), COUNT)
        for name in ("discard", "seed"):
            checked(name, getattr(made, name), SEED)
        return made


def burnin(discard: int, thin: int, rows: int) -> int:
    """Rows that results leave out where ``discard`` steps are; at least one row always stays."""
    return min(discard // thin, rows - 1)
