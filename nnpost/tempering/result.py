"""What tempered runs leave."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any, NamedTuple

import numpy as np
from scipy.special import logsumexp

from ..common.errors import RequestError
from ..common.tables import Table, Tabled
from ..numerics.student_mixture import StudentMixture
from .importance import Refined

__all__ = ["NoBasins", "Preference", "TemperedRun", "Tempering"]


class NoBasins(RequestError):
    """The search for basins has left nothing to temper from; the message says what it left."""


class TemperedRun(NamedTuple):
    """One run: its particles at the end of the ladder, and what importance sampling made of it."""

    h: np.ndarray  # (N, H), equally weighted
    log_z: float
    betas: list[float]
    acceptance: list[float]
    refined: Refined | None = None


@dataclass(frozen=True)
class Preference:
    """Where importance sampling is preferred to tempering."""

    effective: float = 100.0  # draws that it has to be worth, in every run
    share: float = 0.0  # of its draws that have to be effective, in the run itself

    def holds(self, runs: Sequence[TemperedRun]) -> bool:
        """Whether it is worth enough in every run."""
        return all(r.refined is not None and r.refined.effective >= self.effective for r in runs)

    def choose(self, runs: Sequence[TemperedRun]) -> list[TemperedRun | Refined]:
        """What each run is taken to have found."""
        if not self.holds(runs):
            return list(runs)
        return [
            r.refined if r.refined is not None and r.refined.efficiency >= self.share else r
            for r in runs
        ]


@dataclass(frozen=True, eq=False)
class Tempering(Tabled):
    """E tempered runs of N particles: independent from the prior, with a mixture in common from
    basins.

    ``theta`` (E, N, P) equally weighted draws from (nearly) the posterior, ``log_z`` (E,) one
    estimate of the log evidence each, ``betas`` (E, L) the ladders and ``acceptance`` (E, L) the
    share of accepted moves on every rung, padded with NaN.

    ``efficiency`` (E,) is the effective share of the last importance draws, NaN where there were
    none. If it gives at least 100 effective draws in every run, ``theta`` and ``log_z`` are by
    importance sampling (from basins, in those runs where a tenth of the draws is effective),
    otherwise by tempering. ``mixtures`` has what was drawn from, on the domain
    D of folded.py; from the prior it is empty where the draws were too few. ``tempered_log_z``
    (E,) is by tempering always. ``start`` says from where, "prior" or "basins".
    """

    theta: np.ndarray
    log_z: np.ndarray
    tempered_log_z: np.ndarray
    efficiency: np.ndarray
    betas: np.ndarray
    acceptance: np.ndarray
    mixtures: tuple[StudentMixture, ...]
    seconds: float
    start: str = "prior"

    @property
    def log_evidence(self) -> float:
        """log of the mean of the E estimates of Z, each of them unbiased or nearly so."""
        return float(logsumexp(self.log_z) - math.log(len(self.log_z)))

    @property
    def error(self) -> float:
        """Standard error of ``log_evidence`` from the spread of the runs; NaN for a single run.

        It knows nothing of what all runs have missed.
        """
        z = np.exp(self.log_z - self.log_evidence)
        return float(np.std(z, ddof=1) / math.sqrt(len(z))) if len(z) > 1 else math.nan

    def rows(self) -> list[tuple[str, str]]:
        """What the tables show, as (name, value)."""
        runs = "  ".join(f"{z:.2f}" for z in self.log_z)
        rungs = np.isfinite(self.betas).sum(axis=1) - 1
        size = f"{len(self.log_z)} of {self.theta.shape[1]} particles from {self.start}"
        steps = f"{rungs.min()} to {rungs.max()} steps"
        return [
            ("tempered runs", f"{size}, {steps}, {self.seconds:.1f} s"),
            ("log evidence", f"{self.log_evidence:.3f} ± {self.error:.3f}   ({runs})"),
        ]

    def to_tree(self) -> dict[str, Any]:
        tree = {f.name: getattr(self, f.name) for f in fields(self)}
        return tree | {"mixtures": {str(e): asdict(m) for e, m in enumerate(self.mixtures)}}

    @classmethod
    def from_tree(cls, tree: Mapping[str, Any]) -> Tempering:
        stored = tree.get("mixtures", {})
        mixtures = tuple(StudentMixture(**stored[str(e)]) for e in range(len(stored)))
        return cls(**{**tree, "mixtures": mixtures})

    def tables(self) -> list[Table]:
        """What it shows."""
        return [Table(self.rows())]
