"""What tempered runs leave, as the run file keeps it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, ClassVar

import numpy as np

from ..common.tables import TabledPairs
from ..numerics.student_mixture import StudentMixture

__all__ = ["Tempering"]


@dataclass(frozen=True, eq=False)
class Tempering(TabledPairs):
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

    group: ClassVar[str] = "tempering"

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
        return float(np.logaddexp.reduce(self.log_z) - math.log(len(self.log_z)))

    @property
    def error(self) -> float:
        """Standard error of ``log_evidence`` from the spread of the runs; NaN for a single run.

        It knows nothing of what all runs have missed.
        """
        z = np.exp(self.log_z - self.log_evidence)
        return float(np.std(z, ddof=1) / math.sqrt(len(z))) if len(z) > 1 else math.nan

    def rows(self) -> list[tuple[str, str]]:
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
