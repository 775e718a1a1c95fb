"""How well the posterior, and what is cheaper, predict points that nothing was fitted to."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..common.tables import Table, Tabled
from ..numerics.monte_carlo import Estimate

__all__ = ["HeldOut", "Score"]

SCORES = {
    "rmse": "RMSE",
    "lppd": "LPPD",
    "lppd_below": "below posterior",
    "crps": "CRPS",
    "coverage_50": "in 50 % band",
    "coverage_90": "in 90 % band",
}


@dataclass(frozen=True, eq=False)
class Score:
    """One predictive distribution on n held-out points.

    ``numbers`` has those of SCORES, means over points with their standard errors: the root mean
    square of y less the mean predicted (see ``HeldOut.measure``); the log of the predictive density
    (nats a point, of y in units of the file), and by how much that is below the posterior's, point
    by point; the continuous ranked probability score; and the shares of points inside the central
    50 % and 90 % of the distribution. ``log_density`` and ``pit`` (n,) are by point.
    """

    name: str
    networks: int  # that it is a mixture of
    numbers: Mapping[str, Estimate]
    log_density: np.ndarray
    pit: np.ndarray
    note: str = ""

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Score:
        """What ``asdict`` gave."""
        numbers = {k: Estimate.from_tree(v) for k, v in tree["numbers"].items()}
        return cls(**{**tree, "numbers": numbers})


@dataclass(frozen=True, eq=False, repr=False)
class HeldOut(Tabled):
    """Scores on points that were held out of scaling, training, tempering and sampling.

    The first is the posterior's. ``noise`` says in words what all of them take the noise for, and
    ``measure`` what they are of where several numbers are said of a point; else it is empty.
    """

    group: ClassVar[str] = "held_out"

    scores: tuple[Score, ...]
    points: int
    noise: str
    measure: str = ""

    @property
    def by_name(self) -> dict[str, Score]:
        return {score.name: score for score in self.scores}

    def score_rows(self) -> Iterator[list[str]]:
        """A line for each, under a heading."""
        yield ["", "networks", *SCORES.values()]
        for score in self.scores:
            cells = (str(score.numbers[n]) if n in score.numbers else "" for n in SCORES)
            yield [score.name, f"{score.networks:,}", *cells]

    def notes(self) -> Iterator[str]:
        """What the table has to be read with, a line each."""
        plural = "" if self.points == 1 else "s"
        yield (
            f"{self.points:,} point{plural}; LPPD is the log predictive density, in nats a point; "
            "± is the standard error over points"
        )
        if self.measure:
            yield self.measure
        yield f"with noise: {self.noise}"
        yield from (f"{score.name}: {score.note}" for score in self.scores if score.note)

    def tables(self) -> list[Table]:
        """The scores, and how to read them."""
        rows, notes = list(self.score_rows()), list(self.notes())
        return [Table(rows, "Held-out points", head=True, notes=notes)]

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict of arrays, numbers and strings."""
        listed = {str(k): asdict(score) for k, score in enumerate(self.scores)}
        more = {"measure": self.measure} if self.measure else {}
        return {"scores": listed, "points": self.points, "noise": self.noise, **more}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> HeldOut:
        """What :meth:`to_tree` gave."""
        listed = tree["scores"]
        scores = tuple(Score.from_tree(listed[str(k)]) for k in range(len(listed)))
        return cls(scores, int(tree["points"]), tree["noise"], tree.get("measure", ""))

    def as_dict(self) -> dict[str, Any]:
        """Plain values for JSON (arrays still numpy)."""
        return self.to_tree() | {"scores": [asdict(score) for score in self.scores]}
