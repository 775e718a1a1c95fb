"""The score card: where the SGD fit, and every restart, lies in the posterior, and its tables."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass
from typing import Any, ClassVar

import numpy as np

from ..common.tables import Table, Tabled, plain_label
from ..data.dataset import MISFITS
from ..numerics.monte_carlo import Estimate
from .approximation import Approximation
from .modes import Modes

__all__ = ["MEASURES", "OF_Y", "QUANTILES", "Profile", "ScoreCard", "Spread"]

LEAST_DIP = 1e-9  # relative; a smaller dip is of the arithmetic
QUANTILES = {"q05": 0.05, "median": 0.5, "q95": 0.95}

OF_Y = "y"  # what distances of curves are in units of, but those of several targets
MEASURES = {
    "gap": "log posterior below the MAP, nats",
    "hpd_level": "share of posterior draws above it",
    "mahalanobis": "distance to the MAP, posterior sd",
    "rms_mean_inside": "curve to posterior mean, within data",
    "rms_mean_outside": "curve to posterior mean, beyond",
    "rms_map_inside": "curve to the MAP's, within data",
    "rms_map_outside": "curve to the MAP's, beyond",
    "sd_mean_inside": "to posterior mean in band sd, within",
    "sd_mean_outside": "to posterior mean in band sd, beyond",
    "sd_map_inside": "to the MAP's in band sd, within",
    "sd_map_outside": "to the MAP's in band sd, beyond",
    "coverage_inside": "share inside the 90 % band, within",
    "coverage_outside": "share inside the 90 % band, beyond",
}


@dataclass(frozen=True)
class Spread:
    """Quantiles of one measure over many networks."""

    q05: Estimate
    median: Estimate
    q95: Estimate

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Spread:
        """What ``asdict`` gave."""
        return cls(**{name: Estimate.from_tree(tree[name]) for name in QUANTILES})


@dataclass(frozen=True, eq=False)
class Profile:
    """The log posterior on the straight line from SGD (t = 0) to the MAP (t = 1).

    SGD is in the copy nearest to the MAP. ``barrier`` is by how many nats the line falls below the
    lower of its ends; 0 where it does not. It has no Monte-Carlo error.
    """

    t: np.ndarray
    log_prob: np.ndarray
    mse: np.ndarray

    def __post_init__(self) -> None:
        shapes = {self.t.shape, self.log_prob.shape, self.mse.shape}
        if self.t.ndim != 1 or not len(self.t) or len(shapes) > 1:
            raise ValueError("a profile is three rows of equally many numbers")

    @property
    def barrier(self) -> float:
        lower = min(self.log_prob[0], self.log_prob[-1])
        dip = float(lower - self.log_prob.min())
        return dip if dip > LEAST_DIP * (1 + abs(lower)) else 0.0


@dataclass(frozen=True, eq=False, repr=False)
class ScoreCard(Tabled):
    """Where SGD lies. The keys of ``best``, ``restarts`` and ``draws`` are those of MEASURES.

    ``best`` is the restart with the lowest mse, ``restarts`` the spread over all that did not
    diverge, ``draws`` what draws of the posterior themselves come to, to read the others by.
    ``shift`` (P,) is (SGD − MAP)/sd for every parameter of the folded MAP, sd that of the draws in
    the MAP's basin, ``shift_error`` its error. ``above_all`` is the share of restarts that lie
    above every draw, ``at_constant`` that of those which training left no better than the best
    constant network (None where nobody has asked, and where that is not the mean of y).
    """

    group: ClassVar[str] = "scorecard"

    best: Mapping[str, Estimate]
    restarts: Mapping[str, Spread]
    draws: Mapping[str, Spread]
    above_all: Estimate
    shift: np.ndarray
    shift_error: np.ndarray
    labels: tuple[str, ...]
    profile: Profile
    modes: Modes
    approximations: tuple[Approximation, ...]
    log_evidence: Estimate
    x: np.ndarray
    inside: np.ndarray
    misfit: str  # what tables call mse, as the data set says
    converged: bool
    at_constant: Estimate | None = None
    curve_unit: str = OF_Y  # what distances of curves are in units of

    # -- as tables -----------------------------------------------------------------------------

    def distance_rows(self) -> Iterator[list[str]]:
        """SGD, the restarts and draws of the posterior, measure by measure."""
        yield ["", "SGD", "restarts: median [5 %, 95 %]", "draws: median"]
        for name, text in MEASURES.items():
            if name in self.best:
                crowd, typical = self.restarts[name], self.draws[name]
                middle, low, high = (f"{q.value:.3g}" for q in (crowd.median, crowd.q05, crowd.q95))
                spread = f"{middle} [{low}, {high}]"
                yield [text, str(self.best[name]), spread, str(typical.median)]
        if np.isfinite(self.shift).any():
            i = int(np.nanargmax(np.abs(self.shift)))
            largest = Estimate(float(self.shift[i]), float(self.shift_error[i]))
            yield [
                f"largest shift from the MAP ({plain_label(self.labels[i])}), sd",
                str(largest),
                "",
                "",
            ]
        yield ["restarts above every draw", "", str(self.above_all), ""]
        if self.at_constant is not None:
            yield ["restarts left at a constant network", "", str(self.at_constant), ""]
        yield ["barrier on the line to the MAP, nats", f"{self.profile.barrier:.4g}", "", ""]

    def basin_rows(self) -> Iterator[list[str]]:
        """The modes, the highest first; tables call them basins."""
        yield ["basin", "below the MAP", f"{self.misfit} of its top", "restarts lead here",
               "posterior mass",
               f"best {self.misfit} of its restarts"]  # fmt: skip
        top = self.modes.top.log_prob
        for k, mode in enumerate(self.modes.modes):
            best = "" if math.isnan(mode.best_mse) else f"{mode.best_mse:.4g}"
            below = f"{max(top - mode.log_prob, 0):.2f}"
            shares = (mode.restarts.percent(), mode.mass.percent())
            yield [self.modes.name(k), below, f"{mode.mse:.4g}", *shares, best]
        others = (self.modes.other_restarts, self.modes.other_mass)
        if any(one.value for one in others):
            yield ["others", "", "", *(one.percent() for one in others), ""]

    def approximation_rows(self) -> Iterator[list[str]]:
        """The approximations, within the data's range."""
        yield ["approximation", "draws", "W1 to the posterior", "noise floor", "mean off by (sd)",
               "band width ×", "log Z"]  # fmt: skip
        z = "" if math.isnan(self.log_evidence.value) else str(self.log_evidence)
        yield ["posterior (MCMC)", "", "", "", "", "1", z]
        for one in self.approximations:
            names = ("w1_inside", "floor_inside", "mean_inside", "width_inside")
            cells = [str(one.numbers[n]) if n in one.numbers else "" for n in names]
            log_z = "" if one.log_z is None else f"{one.log_z:.2f}"
            yield [one.name, str(one.draws), *cells, log_z]

    def notes(self) -> Iterator[str]:
        """What the tables have to be read with, a line each."""
        if not self.converged:
            yield "the chain has NOT converged: these numbers are of the draws that there are"
        yield "± is the Monte-Carlo error; `nnpost compare --json` gives those of restarts, too"
        yield (
            f"basins: {self.modes.climbed_restarts} restarts and {self.modes.climbed_draws} "
            "draws climbed to their maxima, copies counted as one"
        )
        if "mahalanobis" not in self.best:
            yield "too few draws in the MAP's basin for a covariance, so no Mahalanobis distance"
        if "rms_mean_outside" not in self.best:
            yield "no places beyond the data to compare curves at"
        if self.curve_unit != OF_Y:
            yield f"distances of curves and W1 are in units of {self.curve_unit}"
        for one in self.approximations:
            if one.note:
                yield f"{one.name}: {one.note}"

    def tables(self) -> list[Table]:
        """Where SGD lies, the modes, and the other approximations; the notes below the last."""
        return [
            Table(list(self.distance_rows()), "Where SGD lies", head=True),
            Table(list(self.basin_rows()), "Basins", head=True),
            Table(
                list(self.approximation_rows()),
                "Other approximations, within the data",
                head=True,
                notes=list(self.notes()),
            ),
        ]

    # -- as trees ------------------------------------------------------------------------------

    def to_tree(self) -> dict[str, Any]:
        """A plain nested dict of arrays, numbers and strings."""
        listed = {str(k): one.to_tree() for k, one in enumerate(self.approximations)}
        told = ("modes", "misfit", "curve_unit", *("at_constant",) * (self.at_constant is None))
        kept = {k: v for k, v in asdict(self).items() if k not in told}
        return kept | {
            "valleys": self.modes.to_tree(),  # files and JSON keep the keys they always had
            "approximations": listed,
            "weighted": self.misfit == MISFITS[True],
            **({} if self.misfit in MISFITS.values() else {"misfit": self.misfit}),
            **({} if self.curve_unit == OF_Y else {"curve_unit": self.curve_unit}),
        }

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> ScoreCard:
        """What :meth:`to_tree` gave."""
        spreads = ("restarts", "draws")
        listed = tree.get("approximations", {})
        read = {
            "best": {k: Estimate.from_tree(v) for k, v in tree["best"].items()},
            **{n: {k: Spread.from_tree(v) for k, v in tree[n].items()} for n in spreads},
            **{k: Estimate.from_tree(tree[k]) for k in ("above_all", "at_constant") if k in tree},
            "labels": tuple(tree["labels"]),
            "profile": Profile(**tree["profile"]),
            "modes": Modes.from_tree(tree["valleys"]),
            "approximations": tuple(
                Approximation.from_tree(listed[str(k)]) for k in range(len(listed))
            ),
            "log_evidence": Estimate.from_tree(tree["log_evidence"]),
            "misfit": str(tree.get("misfit", MISFITS[bool(tree["weighted"])])),
            "converged": bool(tree["converged"]),
        }
        kept = {k: v for k, v in tree.items() if k not in ("valleys", "weighted")}
        return cls(**kept | read)

    def as_dict(self) -> dict[str, Any]:
        """Every number with its error, as plain values for JSON (arrays still numpy)."""
        tree = self.to_tree()
        tree["barrier"] = asdict(Estimate(self.profile.barrier, 0.0))
        tree["shift"] = {"value": self.shift, "error": self.shift_error}
        for name in ("shift_error", "inside"):
            del tree[name]
        tree["valleys"]["basins"] = list(tree["valleys"]["basins"].values())
        tree["approximations"] = [
            {**asdict(a), "log_z": None if a.log_z is None else asdict(Estimate(a.log_z, 0.0))}
            for a in self.approximations
        ]
        return tree
